//! Tests of route patterns: which of them match a path, and which of those comes first.

use proptest::prelude::*;

use super::*;
use crate::path::CanonicalPath;

fn path(raw: &str) -> CanonicalPath {
    CanonicalPath::parse(raw).unwrap()
}

fn table(routes: &[&str]) -> RouteTable<String> {
    RouteTable::build(routes.iter().map(|text| (Pattern::parse(text).unwrap(), (*text).to_owned())))
}

#[test]
fn granting_routes_match_exactly() {
    for (route, request, expected) in [
        ("GET /api/me", "GET /api/me", true),
        ("GET /api/me", "HEAD /api/me", true),
        ("HEAD /api/me", "GET /api/me", false),
        ("GET /api/me", "get /api/me", false),
        ("GET /api/me", "POST /api/me", false),
        ("GET|POST /api/me", "POST /api/me", true),
        ("ANY /api/me", "PROPFIND /api/me", true),
        ("* /api/me", "PROPFIND /api/me", true),
        ("GET /api/me", "GET /API/me", false),
        ("GET /api/me", "GET /api/me/", false),
        ("GET /api/me", "GET //api/me", false),
        ("GET /api/me", "GET /api/me.json", false),
        ("GET /api/me", "GET /api/me;x", false),
        ("GET /api/me/", "GET /api/me/", true),
        ("GET /", "GET /", true),
        ("GET /", "GET /x", false),
        ("GET /users/{id}", "GET /users/7", true),
        ("GET /users/{id}", "GET /users/", false),
        ("GET /users/{id}", "GET /users", false),
        ("GET /users/{id}", "GET /users/7/8", false),
        ("GET /users/*", "GET /users/7", true),
        ("GET /a/*.js", "GET /a/x.js", true),
        ("GET /a/*.js", "GET /a/.js", true),
        ("GET /a/*.js", "GET /a/x.json", false),
        ("GET /a/*.js", "GET /a/b/x.js", false),
        ("GET /a/x*y*z", "GET /a/xyz", true),
        ("GET /a/x*y*z", "GET /a/x1y2y3z", true),
        ("GET /a/x*y*z", "GET /a/xz", false),
        ("GET /a/x*x", "GET /a/x", false),
        ("GET /x/**", "GET /x", true),
        ("GET /x/**", "GET /x/", true),
        ("GET /x/**", "GET /x/a/b//c", true),
        ("GET /x/**", "GET /xy", false),
        ("GET /x/**", "GET /public/../x/y", true),
        ("* /**", "GET /", true),
        ("* /**", "GET /any/thing", true),
        ("GET /a%20b", "GET /a%20b", true),
        ("GET /mail/{address}", "GET /mail/a%40b.example", true),
    ] {
        let (method, raw) = request.split_once(' ').unwrap();
        assert_eq!(table(&[route]).exact(method, &path(raw)).is_some(), expected, "{route} on {request}");
    }
}

#[test]
fn restricting_routes_match_what_lenient_routers_accept() {
    for (route, request, expected) in [
        ("GET /leads", "GET /LEADS", true),
        ("GET /leads", "GET /leads/", true),
        ("GET /leads", "GET //leads", true),
        ("GET /leads", "GET /leads.json", true),
        ("GET /leads", "GET /leads;v=1", true),
        ("GET /leads", "GET /leads;v=1/", true),
        ("GET /leads", "get /leads", true),
        ("GET /leads", "head /leads", true),
        ("GET /leads", "GET /lead", false),
        ("GET /leads", "GET /leads/1", false),
        ("GET /Leads.csv", "GET /leads.CSV", true),
        ("GET /leads/", "GET /leads", true),
        ("GET /a/{id}/b", "GET /a//b", false),
        ("GET /a/{id}/b", "GET /a//7//B.json", true),
        ("POST /{id}/export", "POST /;x/7;y/export", true),
        ("GET /a/*.PDF", "GET /a/x;y.pdf", true),
        ("GET /a/*.pdf", "GET /a/x.pdf;y", true),
        ("GET /x/**", "GET /X", true),
        ("GET /a%20b", "GET /A%20B", true),
        ("GET /%C3%A9t%C3%A9", "GET /\u{c9}T\u{c9}", true),
        ("GET /key", "GET /\u{212a}ey", true),
        ("* /**", "GET //", true),
        ("GET /", "GET //", true),
    ] {
        let (method, raw) = request.split_once(' ').unwrap();
        assert_eq!(table(&[route]).loose(method, &path(raw)).is_some(), expected, "{route} on {request}");
    }
}

#[test]
fn the_most_specific_route_wins() {
    let routes = [
        "* /**",
        "ANY /api/**",
        "GET /api/**",
        "ANY /api/{id}",
        "ANY /api/*.js",
        "ANY /api/x*.js",
        "ANY /api/me",
        "GET /api/me",
        "ANY /api/{id}/files/**",
        "ANY /api/me/{what}",
        "HEAD /api/head",
        "GET /api/head",
    ];
    let forward = table(&routes);
    let mut reversed = routes;
    reversed.reverse();
    let backward = table(&reversed);
    for (request, expected) in [
        ("GET /api/me", "GET /api/me"),
        ("HEAD /api/me", "GET /api/me"),
        ("HEAD /api/head", "HEAD /api/head"),
        ("GET /api/head", "GET /api/head"),
        ("POST /api/me", "ANY /api/me"),
        ("GET /api/7", "ANY /api/{id}"),
        ("GET /api/a.js", "ANY /api/*.js"),
        ("GET /api/xa.js", "ANY /api/x*.js"),
        ("GET /api/me/files", "ANY /api/me/{what}"),
        ("GET /api/me/files/x", "ANY /api/{id}/files/**"),
        ("GET /api/7/files", "ANY /api/{id}/files/**"),
        ("GET /api/7/other", "GET /api/**"),
        ("POST /api/7/other", "ANY /api/**"),
        ("GET /api", "GET /api/**"),
        ("GET /other", "* /**"),
    ] {
        let (method, raw) = request.split_once(' ').unwrap();
        let raw = path(raw);
        for table in [&forward, &backward] {
            assert_eq!(
                table.exact(method, &raw).map(|found| found.value().as_str()),
                Some(expected),
                "{request}"
            );
            assert_eq!(
                table.loose(method, &raw).map(|found| found.value().as_str()),
                Some(expected),
                "{request}"
            );
        }
    }
}

#[test]
fn the_most_specific_of_all_loose_forms_wins() {
    let table = table(&["GET /x/{id}", "GET /x/export"]);
    let raw = path("/x/export.json");
    let all: Vec<&str> = table.loose_all("GET", &raw).iter().map(|found| found.value().as_str()).collect();
    assert_eq!(all, ["GET /x/export", "GET /x/{id}"]);
    assert_eq!(table.loose("GET", &raw).unwrap().value(), "GET /x/export");
    assert_eq!(table.exact("GET", &raw).unwrap().value(), "GET /x/{id}");
    assert_eq!(table.exact_all("GET", &path("/x/export")).len(), 2);
}

#[test]
fn places_are_captured_decoded() {
    let table = table(&["POST /api/{kind}/users/{id}"]);
    let raw = path("/api/Staff/users/anna%40example.com");
    let found = table.exact("POST", &raw).unwrap();
    assert_eq!(found.params().collect::<Vec<_>>(), [("kind", "Staff"), ("id", "anna@example.com")]);
    let raw = path("//API/Staff;v=1//users/;x/Anna%40example.com;y");
    let found = table.loose("POST", &raw).unwrap();
    assert_eq!(found.params().collect::<Vec<_>>(), [("kind", "Staff"), ("id", "Anna@example.com")]);
    assert_eq!(found.param("id"), Some("Anna@example.com"));
    assert_eq!(found.param("other"), None);
}

#[test]
fn routes_that_could_never_match_are_errors() {
    for (text, offset, message, help) in [
        ("", 0, "begins with its method", "GET /api/me"),
        ("/api/me", 0, "begins with its method", "`ANY /api/me`"),
        ("GET", 3, "begins with `/`", "`GET /`"),
        ("GET api/me", 4, "begins with `/`", "`GET /api/me`"),
        ("GET  ", 5, "begins with `/`", "`GET /`"),
        ("get /api", 0, "`get` is not in upper case", "`GET`"),
        ("GET|post /api", 4, "`post` is not in upper case", "`POST`"),
        ("PSOT /api", 0, "`PSOT` is not a method", "`POST`"),
        ("FROBNICATE /api", 0, "is not a method", "ANY"),
        ("GET|ANY /api", 4, "`ANY` stands alone", "leave out"),
        ("GET| /api", 4, "`` is not a method", ""),
        ("any /api", 0, "`any` is not in upper case", "`ANY`"),
        ("GET /a/**/b", 7, "at the end", "{name}"),
        ("GET /a/b**", 8, "whole segments", "one `*`"),
        ("GET /a/{id", 7, "not closed", "{name}"),
        ("GET /a/id}", 9, "a whole segment", "{name}"),
        ("GET /a/x{id}", 8, "a whole segment", "{name}"),
        ("GET /a/{}", 8, "is not a name", "digits"),
        ("GET /a/{*rest}", 8, "is not a name", "`**`"),
        ("GET /{id}/{id}", 10, "stands twice", "its own name"),
        ("GET /a/:id", 7, "only itself", "`{id}`"),
        ("GET /a/../b", 4, "not canonical", "`/b`"),
        ("GET /%61", 4, "not canonical", "`/a`"),
        ("GET /a%3ab", 4, "not canonical", "`/a%3Ab`"),
        ("GET /a?b=c", 4, "`?`", "refused"),
        ("GET /a b", 4, "space", "refused"),
        ("GET /a%2Fb", 4, "encoded slash", "refused"),
        ("GET /../a", 4, "above the root", "refused"),
    ] {
        let error = Pattern::parse(text).expect_err(text);
        assert_eq!(error.offset, offset, "{text}: {error}");
        assert!(error.message.contains(message), "{text}: {error}");
        assert!(error.help.as_deref().unwrap_or_default().contains(help), "{text}: {:?}", error.help);
    }
}

#[test]
fn overlaps_are_found_on_both_sides() {
    for (a, b, expected) in [
        ("GET /a", "GET /a", true),
        ("GET /a", "POST /a", false),
        ("GET /a", "HEAD /a", true),
        ("GET /a", "ANY /A/", true),
        ("GET /a/{x}", "GET /a/b", true),
        ("GET /a/{x}", "GET /{y}/b", true),
        ("GET /a/{x}", "GET /b/{x}", false),
        ("GET /a/*.js", "GET /a/x*", true),
        ("GET /a/*.js", "GET /a/*.css", false),
        ("GET /a/x*", "GET /a/y*", false),
        ("GET /a/*.js", "GET /a/b.js", true),
        ("GET /a/*.js", "GET /a/b.css", false),
        ("GET /a/**", "GET /a", true),
        ("GET /a/**", "GET /{x}/b/c", true),
        ("GET /a/**", "GET /b/**", false),
        ("GET /a/{x}", "GET /a/{x}/b", false),
    ] {
        let [first, second] = [a, b].map(|text| Pattern::parse(text).unwrap());
        assert_eq!(first.overlaps(&second), expected, "{a} and {b}");
        assert_eq!(second.overlaps(&first), expected, "{b} and {a}");
    }
    let table = table(&["ANY /public/**", "GET /api/me", "GET /public/{x}"]);
    let pairs: Vec<_> = table.overlaps().map(|(a, b)| (a.0.as_str(), b.0.as_str())).collect();
    assert_eq!(pairs, [("GET /public/{x}", "ANY /public/**")]);
}

proptest! {
    #[test]
    fn what_matches_exactly_matches_loosely(
        route in "(GET|ANY|HEAD) (/(a|B|a%20B|\\*|\\{x\\}|a\\*|\\*.J|%C3%89|;v|)){1,3}(/\\*\\*)?",
        raw in "(/(a|B|a%20B|aB|b.J|%C3%89|\u{c9}|;v|a;v.J|)){1,4}",
    ) {
        fuzz_route(format!("{route}\n{raw}").as_bytes());
    }
}

#[test]
fn seeded_noise_keeps_the_promises() {
    let alphabet = [
        "GET ", "|", "ANY ", "/", "{x}", "*", "**", "a", "A", "%41", "%C3", "\n", "\n/", ".js", ";", "{",
        "\u{e9}", " ",
    ];
    let mut seed: u64 = 0x5eed;
    for _ in 0..20_000 {
        let mut text = String::from("GET /");
        for _ in 0..10 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(alphabet[(seed >> 33) as usize % alphabet.len()]);
        }
        fuzz_route(text.as_bytes());
    }
}

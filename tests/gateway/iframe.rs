//! iframe.yaml: who may embed the app.

use crate::harness::{Builder, Gateway, Persona, Response, lines_with};

const ANCESTORS: &str = "frame-ancestors 'self' https://crm.example.com https://*.creatio.com";

#[tokio::test]
async fn the_hosts_go_into_the_apps_own_policy_and_the_old_header_goes() {
    let gateway = hosts("").start().await;
    for persona in Persona::ALL {
        let client = gateway.client().sign_in(persona).await;
        let behind = client.behind().get("/").await;
        let page = client.get("/").await;
        page.assert_passed(200);
        assert_eq!(behind.header("x-frame-options"), Some("DENY"));
        assert_eq!(page.header("x-frame-options"), None);
        let own = behind.header("content-security-policy").unwrap();
        assert!(own.ends_with("frame-ancestors 'none'"), "{own}");
        let expected = own.replace("frame-ancestors 'none'", ANCESTORS);
        assert_eq!(page.header("content-security-policy"), Some(expected.as_str()));
    }
}

#[tokio::test]
async fn every_policy_of_an_answer_gets_the_directive() {
    let gateway = hosts("").start().await;
    let client = gateway.client().sign_in(Persona::SuperAdmin).await;
    let two = client.get("/odd/two-policies").await;
    assert_eq!(
        two.all("content-security-policy"),
        [format!("default-src 'self'; {ANCESTORS}, script-src 'self'; {ANCESTORS}"), ANCESTORS.to_owned()]
    );
    let none = client.get("/odd/no-policy").await;
    assert_eq!(none.header("content-security-policy"), Some(ANCESTORS));
}

#[tokio::test]
async fn without_hosts_nobody_but_the_app_itself() {
    let gateway = Gateway::builder().rule("iframe", "hosts: []\n").start().await;
    let client = gateway.client().sign_in(Persona::SuperAdmin).await;
    for path in ["/", "/odd/no-policy"] {
        assert_framing(&client.get(path).await, "frame-ancestors 'self'", Some("SAMEORIGIN"));
    }
}

#[tokio::test]
async fn elsewhere_than_in_the_named_areas_only_the_app_itself() {
    let gateway = hosts("areas: [inbox, sign_in]\n").start().await;
    let client = gateway.client().sign_in(Persona::SuperAdmin).await;
    for path in ["/", "/login"] {
        assert_framing(&client.get(path).await, ANCESTORS, None);
    }
    for path in ["/settings/webhooks", "/odd/no-policy"] {
        assert_framing(&client.get(path).await, "frame-ancestors 'self'", Some("SAMEORIGIN"));
    }
}

#[tokio::test]
async fn refusals_and_errors_carry_the_headers_too() {
    let gateway = hosts("").start().await;
    let trainee = gateway.client().sign_in(Persona::Trainee).await;
    let refusal = trainee.get("/files/invoice.pdf").await;
    refusal.assert_refused(403, "file-receive-blocked");
    assert_framing(&refusal, ANCESTORS, None);
    let page = trainee.get("/files/invoice.pdf").header("accept", "text/html").await;
    assert_framing(&page, ANCESTORS, None);
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none';"));
    let missing = trainee.get("/nowhere").await;
    missing.assert_passed(404);
    assert_framing(&missing, ANCESTORS, None);
    let ambiguous = trainee.get("/a%2Fb").await;
    ambiguous.assert_refused(400, "path-ambiguous");
    assert_framing(&ambiguous, ANCESTORS, None);
}

#[tokio::test]
async fn the_public_area_keeps_its_own_headers() {
    let gateway = hosts("").start().await;
    let page = gateway.client().get("/widget").await;
    page.assert_passed(200);
    assert_eq!(page.header("content-security-policy"), Some("default-src 'self'; frame-ancestors *"));
    assert_eq!(page.header("x-frame-options"), None);
}

#[tokio::test]
async fn off_leaves_the_apps_own_headers() {
    for gateway in [
        Gateway::builder().rule("iframe", "enabled: false\nhosts: [https://crm.example.com]\n").start().await,
        Gateway::builder().without_rule("iframe").start().await,
    ] {
        let client = gateway.client().sign_in(Persona::Operator).await;
        for path in ["/", "/login"] {
            let (page, behind) = (client.get(path).await, client.behind().get(path).await);
            page.assert_passed(200);
            for name in ["content-security-policy", "x-frame-options"] {
                assert_eq!(page.all(name), behind.all(name));
            }
            assert_eq!(page.header("x-frame-options"), Some("DENY"));
        }
    }
}

#[tokio::test]
async fn monitoring_tells_and_leaves_the_apps_own_headers() {
    let gateway = Gateway::builder().monitor("iframe").start().await;
    let client = gateway.client().sign_in(Persona::Operator).await;
    let (page, behind) = (client.get("/").await, client.behind().get("/").await);
    page.assert_passed(200);
    assert_eq!(page.all("content-security-policy"), behind.all("content-security-policy"));
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    let told = |id: &str| lines_with(id).iter().any(|line| line.contains("Framing headers would be set"));
    assert!(told(page.request_id()));
    assert!(!told(client.get("/api/conversations").await.request_id()), "nobody frames an API");
    assert!(!told(gateway.client().get("/widget").await.request_id()));
}

#[track_caller]
fn assert_framing(answer: &Response, ancestors: &str, old: Option<&str>) {
    for policy in answer.all("content-security-policy") {
        let policy = policy.trim();
        assert!(policy == ancestors || policy.ends_with(&format!("; {ancestors}")), "{policy}");
        assert_eq!(policy.matches("frame-ancestors").count(), 1, "{policy}");
    }
    assert!(!answer.all("content-security-policy").is_empty());
    assert_eq!(answer.header("x-frame-options"), old);
}

fn hosts(more: &str) -> Builder {
    let rules = format!("hosts: [https://crm.example.com, \"https://*.creatio.com\"]\n{more}");
    Gateway::builder().rule("iframe", &rules)
}

//! The many ways in which a save reaches the disk.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    time::{Duration, Instant},
};

use super::{OPEN, beside, busy, busy_with, load::CARD, replace, within_a_second};
use crate::harness::{Gateway, Persona};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_written_in_place_takes_effect() {
    busy(async |site| {
        let before = site.gateway.generation();
        site.gateway.write_rule("files", OPEN);
        site.opens().await;
        site.gateway.write_rule("files", &site.closed);
        site.closes().await;
        assert!(site.gateway.generation() >= before + 2);
        site.settles().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_renamed_over_the_old_one_takes_effect() {
    busy(async |site| {
        let before = site.gateway.generation();
        replace(&site.rule("files"), OPEN);
        site.opens().await;
        replace(&site.rule("files"), &site.closed);
        site.closes().await;
        assert_eq!(site.gateway.generation(), before + 2);
        assert_eq!(site.gateway.status()["last_rejection"], serde_json::Value::Null);
    })
    .await;
}

/// vim with `backupcopy=no`: a swap file, a probe, the old file moved away, a new one written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_save_by_vim_takes_effect() {
    busy(async |site| {
        let file = site.rule("files");
        let (swap, probe, backup) =
            (beside(&file, ".files.yaml.swp"), beside(&file, "4913"), beside(&file, "files.yaml~"));
        fs::write(&swap, "b0VIM 9.1").unwrap();
        for (text, opens) in [(OPEN, true), (&*site.closed, false)] {
            fs::write(&probe, "").unwrap();
            fs::remove_file(&probe).unwrap();
            fs::rename(&file, &backup).unwrap();
            fs::write(&file, text).unwrap();
            fs::remove_file(&backup).unwrap();
            if opens { site.opens().await } else { site.closes().await }
        }
        site.settles().await;
    })
    .await;
}

/// A mounted ConfigMap: every file is a link through `..data`, and `..data` is what is replaced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_swapped_as_kubernetes_does_takes_effect() {
    busy(async |site| {
        let rules = site.gateway.path("rules");
        let before = site.gateway.generation();
        mount(&rules);
        for (version, text) in [("..2026_11_22_2", OPEN), ("..2026_11_22_3", &site.closed)] {
            let old = fs::read_link(rules.join("..data")).unwrap();
            copy_flat(&rules.join(&old), &rules.join(version));
            fs::write(rules.join(version).join("files.yaml"), text).unwrap();
            symlink(version, rules.join("..data_tmp")).unwrap();
            fs::rename(rules.join("..data_tmp"), rules.join("..data")).unwrap();
            fs::remove_dir_all(rules.join(old)).unwrap();
            if text == OPEN { site.opens().await } else { site.closes().await }
        }
        // Turning files into links changed no byte, so it made no generation.
        assert_eq!(site.gateway.generation(), before + 2);
        site.settles().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lies_beside_the_rules_makes_no_generation() {
    busy(async |site| {
        let before = site.gateway.generation();
        let file = site.rule("files");
        for name in [".files.yaml.swp", "files.yaml~", "#files.yaml#", "files.yaml.orig", "notes.txt", "4913"]
        {
            fs::write(beside(&file, name), "groups: [[[ not YAML").unwrap();
        }
        fs::write(beside(&file, ".hidden.yaml"), "not: [ YAML").unwrap();
        fs::create_dir(beside(&file, "archive")).unwrap();
        fs::write(beside(&file, "archive/files.yaml"), OPEN).unwrap();
        // The same bytes again are no change either.
        replace(&file, &site.closed);
        // Whatever was noticed of all that was noticed before this save is.
        site.gateway.write_rule("webhooks", "mode: monitor\n");
        within_a_second("the next save is in force", async || site.gateway.generation() > before).await;
        assert_eq!(site.gateway.generation(), before + 1);
        assert_eq!(site.gateway.status()["last_rejection"], serde_json::Value::Null);
        assert!(!site.is_open().await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_saves_in_a_second_the_last_one_stays() {
    busy(async |site| {
        let before = site.gateway.generation();
        let started = Instant::now();
        let mut pace = tokio::time::interval(Duration::from_millis(10));
        for save in 0..100 {
            pace.tick().await;
            // Each one is new.
            let text = if save % 2 == 1 { OPEN } else { &*site.closed };
            site.gateway.write_rule("files", &format!("{text}# save {save}\n"));
        }
        let took = started.elapsed();
        site.opens().await;
        site.settles().await;
        assert!(site.is_open().await);
        // Taken together, and yet seen on the way: the latest is never more than half a second behind.
        let made = site.gateway.generation() - before;
        assert!(made >= 1 && made <= 10 + took.as_millis() as u64 / 100, "{made} generations in {took:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_files_that_need_each_other_are_saved_one_after_the_other() {
    busy(async |site| {
        let groups = site.gateway.read_rule("groups");
        site.gateway.write_rule("files", "groups:\n  - { group: newcomers, block: [send] }\n");
        site.gateway.write_rule(
            "groups",
            &format!("{}\n  newcomers: {{}}\n", groups.split("\n\n# Acc").next().unwrap()),
        );
        site.opens().await;
        site.settles().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edited_profile_takes_effect() {
    busy(async |site| {
        let supervisor = site.gateway.client().sign_in(Persona::Supervisor).await;
        supervisor.get("/settings/webhooks").await.assert_refused(403, "webhooks-panel-restricted");
        let profile = site.gateway.path("profiles/blinger.yaml");
        let text = fs::read_to_string(&profile).unwrap();
        let edited = text.replace("\"* /settings/webhooks/**\"", "\"* /settings/elsewhere/**\"");
        assert_ne!(text, edited);
        fs::write(&profile, &edited).unwrap();
        let opens = async || supervisor.get("/settings/webhooks").await.status() == 200;
        within_a_second("the page is no panel any more", opens).await;
        replace(&profile, &text);
        within_a_second("the page is the panel again", async || !opens().await).await;
        // A profile with an error is rejected like rules are.
        replace(&profile, &text.replace("sign_out:", "sign_uot:"));
        site.rejects(
            "unknown-key",
            "blinger.yaml",
            1 + text.lines().position(|line| line == "sign_out:").unwrap() as u64,
        )
        .await;
        replace(&profile, &text);
        site.settles().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edited_list_takes_effect() {
    let builder = Gateway::builder()
        .rule("ip-whitelist", "addresses: [127.0.0.1]\nlists: [lists/partners.txt]\n")
        .file("rules/lists/partners.txt", "127.6.0.0/24 # the one\n");
    busy_with(builder, async |site| {
        let list = site.gateway.path("rules/lists/partners.txt");
        let gets_in =
            async |address: [u8; 4]| site.gateway.client_at(address).get("/login").await.status() == 200;
        assert!(gets_in([127, 6, 0, 1]).await && !gets_in([127, 7, 0, 1]).await);
        fs::write(&list, "127.7.0.0/24 # the other\n").unwrap();
        within_a_second("the other gets in", async || gets_in([127, 7, 0, 1]).await).await;
        assert!(!gets_in([127, 6, 0, 1]).await);
        fs::write(&list, "127.7.0.0/24\n127.8.0.0/33\n").unwrap();
        site.rejects("malformed-network", "partners.txt", 2).await;
        assert!(gets_in([127, 7, 0, 1]).await);
        replace(&list, "127.7.0.0/24\n127.8.0.0/24\n");
        within_a_second("the third gets in", async || gets_in([127, 8, 0, 1]).await).await;
        site.settles().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_made_after_the_rule_that_names_it_is_noticed() {
    let builder = Gateway::builder().rule("ip-whitelist", "addresses: [127.0.0.1]\n");
    busy_with(builder, async |site| {
        let stranger = site.gateway.client_at([127, 9, 0, 1]);
        stranger.get("/login").await.assert_refused(403, "ip-not-whitelisted");
        site.gateway.write_rule("ip-whitelist", "addresses: [127.0.0.1]\nlists: [lists/new.txt]\n");
        site.rejects("list-unreadable", "rules/ip-whitelist.yaml", 2).await;
        fs::write(site.gateway.path("rules/lists/new.txt"), "127.9.0.0/24\n").unwrap();
        within_a_second("the stranger gets in", async || stranger.get("/login").await.status() == 200).await;
        site.settles().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_is_hidden_and_shown_by_a_save() {
    busy(async |site| {
        let operator = site.gateway.client().sign_in(Persona::Operator).await;
        let shows = async || operator.get(CARD).await.text().contains("+37061234567");
        assert!(!shows().await);
        let text = site.gateway.read_rule("personal-data");
        replace(&site.rule("personal-data"), &text.replace("[supervisors]", "[supervisors, support]"));
        within_a_second("the client is shown", shows).await;
        replace(&site.rule("personal-data"), &text);
        within_a_second("the client is hidden", async || !shows().await).await;
    })
    .await;
}

/// Turns rule files into what Kubernetes mounts, one by one, without changing a byte.
fn mount(rules: &Path) {
    let first = rules.join("..2026_11_22_1");
    copy_flat(rules, &first);
    symlink("..2026_11_22_1", rules.join("..data")).unwrap();
    for entry in fs::read_dir(&first).unwrap() {
        let name = entry.unwrap().file_name();
        let link = rules.join("..link");
        symlink(Path::new("..data").join(&name), &link).unwrap();
        fs::rename(&link, rules.join(&name)).unwrap();
    }
}

fn copy_flat(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

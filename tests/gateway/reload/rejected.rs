//! Saves that are refused as a whole: the old rules stay, and it is said why and where.

use std::fs;

use super::{OPEN, Site, busy, replace, within_a_second};
use crate::harness::Persona;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_file_that_disappears_turns_nothing_off() {
    busy(async |site| {
        fs::remove_file(site.rule("files")).unwrap();
        site.rejects("rule-file-missing", "files.yaml", 0).await;
        assert!(!site.is_open().await);
        let setting = |name: &str| {
            let status = site.gateway.status();
            let settings = status["settings"].as_array().unwrap();
            settings.iter().find(|setting| setting["name"] == name).unwrap()["state"].clone()
        };
        assert_eq!(setting("files"), "on");
        // The same bytes again: the files are what is in force, without a new generation.
        let before = site.gateway.generation();
        fs::write(site.rule("files"), &site.closed).unwrap();
        site.settles().await;
        assert_eq!(site.gateway.generation(), before);
        // Turned off it may go.
        fs::write(site.rule("files"), "enabled: false\n").unwrap();
        site.opens().await;
        assert_eq!(setting("files"), "off");
        fs::remove_file(site.rule("files")).unwrap();
        within_a_second("the file is gone for good", async || setting("files") == "off (no file)").await;
        site.settles().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_file_that_is_emptied_turns_nothing_off() {
    busy(async |site| {
        fs::write(site.rule("files"), "").unwrap();
        site.rejects("empty-file", "rules/files.yaml", 1).await;
        assert!(!site.is_open().await);
        fs::write(site.rule("files"), "# nothing but a remark\n").unwrap();
        within_a_second("the remark is looked at", async || {
            site.diagnostics().iter().any(|found| found["code"] == "empty-file")
        })
        .await;
        assert!(!site.is_open().await);
        fs::write(site.rule("files"), OPEN).unwrap();
        site.opens().await;
        site.settles().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_file_changes_nothing_until_it_is_good() {
    busy(async |site| {
        for (text, code, line) in [
            ("groups:\n  - { gruop: partners, block: [send] }\n", "unknown-key", 2),
            ("groups:\n  - { group: nobody, block: [send] }\n", "unknown-group", 2),
            ("groups:\n  - { group: partners, block: send ]\n", "yaml-syntax", 2),
            ("enabled: true\ngroups: []\n", "setting-empty", 2),
            (
                "groups:\n  - { group: partners, block: [send] }\nexamples:\n  - { group: trainees, does: receive, expect: refused }\n",
                "example-failed",
                4,
            ),
        ] {
            fs::write(site.rule("files"), text).unwrap();
            site.rejects(code, "rules/files.yaml", line).await;
            assert!(!site.is_open().await, "{code}");
        }
        fs::write(site.rule("files"), OPEN).unwrap();
        site.opens().await;
        site.settles().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_file_holds_back_the_good_ones_saved_with_it() {
    busy(async |site| {
        let stray = site.gateway.path("rules/file.yaml");
        fs::write(&stray, OPEN).unwrap();
        fs::write(site.rule("files"), OPEN).unwrap();
        site.rejects("unknown-rule-file", "file.yaml", 0).await;
        assert!(!site.is_open().await);
        fs::remove_file(&stray).unwrap();
        site.opens().await;
        site.settles().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_action_log_and_the_metrics_tell_applied_from_rejected() {
    busy(async |site| {
        let before = site.gateway.generation();
        assert_eq!(site.gauge("chatwarden_rules_generation").await, before);
        assert_eq!(site.gauge("chatwarden_rules_last_reload_successful").await, 1);
        fs::write(site.rule("files"), "groups: 7\n").unwrap();
        site.rejects("wrong-type", "rules/files.yaml", 1).await;
        replace(&site.rule("files"), OPEN);
        site.opens().await;
        site.settles().await;
        let expected = [("rules.rejected".to_owned(), before), ("rules.applied".to_owned(), before + 1)];
        assert_eventually!(site.reloads_recorded().await == expected, "{:?}", site.reloads_recorded().await);
        for result in ["rejected", "applied"] {
            let counted = site.gauge(&format!("chatwarden_rules_reloads_total{{result=\"{result}\"}}")).await;
            assert_eq!(counted, 1, "{result}");
        }
    })
    .await;
}

/// What is wrong is told of all files at once, each at its own line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_problem_of_a_save_stands_in_the_status() {
    busy(async |site| {
        replace(&site.rule("iframe"), "hosts: [crm.example.com]\nhost: []\n");
        replace(&site.rule("webhooks"), "enabled: true\npanel: everybody\n");
        site.rejects("unknown-value", "rules/webhooks.yaml", 2).await;
        let told = site.diagnostics();
        let place = |code: &str| {
            let found = told.iter().find(|found| found["code"] == code);
            found.map(|found| (found["line"].as_u64().unwrap(), found["column"].as_u64().unwrap()))
        };
        assert_eq!(place("host-without-scheme"), Some((1, 9)), "{told:?}");
        assert_eq!(place("unknown-key"), Some((2, 1)), "{told:?}");
        panel_is_closed(site).await;
    })
    .await;
}

async fn panel_is_closed(site: &Site) {
    let supervisor = site.gateway.client().sign_in(Persona::Supervisor).await;
    supervisor.get("/settings/webhooks").await.assert_refused(403, "webhooks-panel-restricted");
}

impl Site {
    /// The entries about rules in the action log, with the generation in force after each.
    async fn reloads_recorded(&self) -> Vec<(String, u64)> {
        let entries = self.gateway.actions().await;
        let about_rules = entries.iter().filter_map(|entry| {
            let action = entry["type"].as_str()?;
            action.starts_with("rules.").then_some((action.to_owned(), entry["generation"].as_u64()?))
        });
        about_rules.collect()
    }
}

//! A gateway that starts on bad files: on the last good rules, and it says so.

use std::fs;

use chatwarden::{
    config::Config,
    gateway::{Gateway as Product, StartError},
};

use super::{OPEN, Site, replace, within_a_second};
use crate::harness::{Gateway, ask, get};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_files_at_a_start_leave_the_last_good_rules_in_force() {
    let mut site = Site::start(Gateway::builder()).await;
    // The last good rules are those of the last save, not those of the first start.
    replace(&site.rule("files"), OPEN);
    site.opens().await;
    replace(&site.rule("files"), &site.closed);
    site.closes().await;
    let mut generation = site.gateway.generation();
    site.gateway.stop().await;
    for spoil in [
        (|site: &Site| fs::write(site.rule("files"), "groups: [\n").unwrap()) as fn(&Site),
        |site| fs::remove_file(site.rule("files")).unwrap(),
        |site| fs::write(site.rule("files"), "").unwrap(),
    ] {
        spoil(&site);
        let product = start_again(&site).await.unwrap_or_else(|error| panic!("{error}"));
        let status = product.status();
        assert_eq!((&status["degraded"], &status["last_reload_successful"]), (&true.into(), &false.into()));
        assert_eq!(status["generation"], generation);
        assert!(!status["last_rejection"]["diagnostics"].as_array().unwrap().is_empty());
        let metrics = product.metrics_address().unwrap();
        assert_eq!(get(metrics, "/readyz", &[]).await.2, "ok degraded\n");
        assert_eq!(reason_of(&site, &product).await.as_deref(), Some("file-receive-blocked"));
        // Files that are good again end it.
        replace(&site.rule("files"), OPEN);
        within_a_second("the good files are in force", async || reason_of(&site, &product).await.is_none())
            .await;
        assert_eq!(product.status()["degraded"], false);
        assert_eq!(get(metrics, "/readyz", &[]).await.2, "ok\n");
        replace(&site.rule("files"), &site.closed);
        within_a_second("the block is back", async || reason_of(&site, &product).await.is_some()).await;
        generation = product.status()["generation"].as_u64().unwrap();
        product.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_files_at_the_very_first_start_are_the_end_of_it() {
    let refused = Gateway::builder().rule("files", "groups: 7\n").try_start().await;
    match refused.err() {
        Some(StartError::Files(told)) => {
            assert!(told.iter().any(|found| found.code == "wrong-type" && found.line == 1))
        }
        other => panic!("{other:?}"),
    }
}

async fn start_again(site: &Site) -> Result<Product, StartError> {
    Product::start(Config::load(&site.gateway.path("config.yaml")).unwrap()).await
}

async fn reason_of(site: &Site, product: &Product) -> Option<String> {
    let headers = [("cookie", site.trainee.cookie())];
    let (_, head, _) = ask(product.addresses()[0], "GET /files/invoice.pdf HTTP/1.1", &headers).await;
    let line = head.lines().find_map(|line| line.strip_prefix("x-chatwarden-reason: "));
    line.map(str::to_owned)
}

//! Requests that are under way while the rules change: each is judged by the rules that it began under, to its end.

use super::{OPEN, Site, replace, within_a_second};
use crate::harness::{Gateway, Persona};

/// The card, a byte every few milliseconds.
const SLOW: &str = "/odd/slow?bytes=1&ms=4";

/// More than is on its way to a client that does not read.
const LARGE: &str = "/odd/large?mb=24";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_began_hidden_ends_hidden() {
    let site = Site::start(Gateway::builder()).await;
    let operator = site.gateway.client().sign_in(Persona::Operator).await;
    let masked = operator.get(LARGE).await.bytes().to_vec();
    let clear = operator.behind().get("/odd/slow?bytes=4096&ms=0").await.bytes().to_vec();
    let mut under_way = operator.get(LARGE).open().await;
    let mut seen = under_way.next().await.unwrap().unwrap().to_vec();
    replace(&site.rule("personal-data"), "enabled: false\n");
    within_a_second("the next answer is clear", async || {
        operator.get("/odd/slow?bytes=4096&ms=0").await.bytes() == clear
    })
    .await;
    while let Some(bytes) = under_way.next().await.unwrap() {
        seen.extend_from_slice(&bytes);
    }
    assert!(seen == masked, "the answer changed its rules on the way");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_began_clear_ends_clear() {
    let site = Site::start(Gateway::builder().rule("personal-data", "enabled: false\n")).await;
    let operator = site.gateway.client().sign_in(Persona::Operator).await;
    let clear = operator.get("/odd/slow?bytes=4096&ms=0").await.bytes().to_vec();
    let mut under_way = operator.get(SLOW).open().await;
    let mut seen = under_way.next().await.unwrap().unwrap().to_vec();
    replace(&site.rule("personal-data"), "enabled: true\n");
    within_a_second("the next answer is hidden", async || {
        operator.get("/odd/slow?bytes=4096&ms=0").await.bytes() != clear
    })
    .await;
    while let Some(bytes) = under_way.next().await.unwrap() {
        seen.extend_from_slice(&bytes);
    }
    assert_eq!(String::from_utf8_lossy(&seen), String::from_utf8_lossy(&clear));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_under_way_when_the_block_fell_is_judged_by_the_block() {
    let site = Site::start(Gateway::builder()).await;
    let form = "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nhello\r\n--XX--\r\n";
    let (first, rest) = form.split_at(20);
    let mut connection = site.trainee.raw().await;
    let head = format!(
        "POST /api/settings HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nContent-Type: multipart/form-data; boundary=XX\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        site.gateway.address(),
        site.trainee.cookie(),
        form.len()
    );
    connection.write(head).await;
    // It is asked for once the head is judged, and the body has to be.
    assert_eq!(connection.response().await.unwrap().status(), 100);
    connection.write(first).await;
    replace(&site.rule("files"), OPEN);
    site.opens().await;
    connection.write(rest).await;
    connection.response().await.unwrap().assert_refused(403, "file-send-blocked");
}

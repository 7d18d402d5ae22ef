//! Rule edits seen through a busy gateway: each takes effect within a second or not at all, and costs no request.
//!
//! The bound is what the product states, so it is asserted as it is. The tests of this module take turns: they measure,
//! and would starve each other.

mod in_flight;
mod load;
mod rejected;
mod restart;
mod saves;

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};

use self::load::Load;
use crate::harness::{Builder, Client, Gateway, Persona, get};

/// From a save to its effect.
const BOUND: Duration = Duration::from_secs(1);

static TURN: Mutex<()> = Mutex::const_new(());

/// A `files.yaml` under which trainees may receive files; under the shipped one they may not.
const OPEN: &str = "groups:\n  - { group: partners, block: [send] }\n";

/// A gateway whose rules are edited.
struct Site {
    gateway: Gateway,
    trainee: Client,
    /// `files.yaml` as shipped.
    closed: String,
    _turn: MutexGuard<'static, ()>,
}

impl Site {
    async fn start(builder: Builder) -> Site {
        let turn = TURN.lock().await;
        let gateway = builder.start().await;
        let trainee = gateway.client().sign_in(Persona::Trainee).await;
        let closed = gateway.read_rule("files");
        let site = Site { gateway, trainee, closed, _turn: turn };
        assert!(!site.is_open().await);
        site
    }

    fn rule(&self, kind: &str) -> PathBuf {
        self.gateway.path(&format!("rules/{kind}.yaml"))
    }

    async fn is_open(&self) -> bool {
        let answer = self.trainee.get("/files/invoice.pdf").await;
        match answer.header("x-chatwarden-reason") {
            None => answer.assert_passed(200),
            Some(_) => answer.assert_refused(403, "file-receive-blocked"),
        };
        answer.status() == 200
    }

    /// The save that was just made lets trainees receive files.
    async fn opens(&self) {
        within_a_second("the file opens", async || self.is_open().await).await;
    }

    /// The save that was just made stops trainees from receiving files.
    async fn closes(&self) {
        within_a_second("the file is refused", async || !self.is_open().await).await;
    }

    /// The save that was just made is rejected with this code at this line, and the rules stay as they are.
    async fn rejects(&self, code: &str, file: &str, line: u64) {
        let before = self.gateway.generation();
        within_a_second("the save is rejected", async || {
            self.diagnostics().iter().any(|found| found["code"] == code)
        })
        .await;
        let told = self.diagnostics();
        let found = told.iter().find(|found| found["code"] == code).unwrap();
        assert!(found["file"].as_str().unwrap().ends_with(file), "{found}");
        assert_eq!(found["line"], line, "{found}");
        assert_eq!(self.gateway.status()["last_reload_successful"], false);
        assert_eq!(self.gateway.generation(), before);
        assert_eq!(self.gauge("chatwarden_rules_last_reload_successful").await, 0);
    }

    /// The files are again what is in force.
    async fn settles(&self) {
        within_a_second("the files are in force", async || {
            self.gateway.status()["last_reload_successful"] == true
        })
        .await;
        assert_eq!(self.gauge("chatwarden_rules_last_reload_successful").await, 1);
        assert_eq!(self.gauge("chatwarden_rules_generation").await, self.gateway.generation());
    }

    /// What `/status` tells of the latest rejection; nothing once the files are in force.
    fn diagnostics(&self) -> Vec<Value> {
        let status = self.gateway.status();
        if status["last_reload_successful"] == true {
            return Vec::new();
        }
        status["last_rejection"]["diagnostics"].as_array().cloned().unwrap_or_default()
    }

    async fn gauge(&self, name: &str) -> u64 {
        let address = self.gateway.product().metrics_address().unwrap();
        let (_, _, page) = get(address, "/metrics", &[]).await;
        let line = page.lines().find(|line| line.split(' ').next() == Some(name));
        line.unwrap_or_else(|| panic!("no {name} in\n{page}")).rsplit(' ').next().unwrap().parse().unwrap()
    }
}

/// Runs a test while requests come in all the time, every one of which must be answered by one of the rule sets whole.
async fn busy(test: impl AsyncFnOnce(&Site)) {
    busy_with(Gateway::builder(), test).await;
}

async fn busy_with(builder: Builder, test: impl AsyncFnOnce(&Site)) {
    let site = Site::start(builder).await;
    let load = Load::start(&site.gateway).await;
    test(&site).await;
    load.stop().await;
}

/// Waits for the effect of what was done just before, no longer than the product promises.
async fn within_a_second(what: &str, effect: impl AsyncFn() -> bool) {
    let saved = Instant::now();
    loop {
        let seen = effect().await;
        let took = saved.elapsed();
        assert!(took <= BOUND, "{what}: {} after {took:?}", if seen { "only" } else { "not even" });
        if seen {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A name in the directory of a rule file.
fn beside(file: &std::path::Path, name: &str) -> PathBuf {
    file.parent().unwrap().join(name)
}

/// Replaces a file in one step, as careful programs do.
fn replace(file: &std::path::Path, text: &str) {
    let new = beside(file, ".new-file~");
    fs::write(&new, text).unwrap();
    fs::rename(&new, file).unwrap();
}

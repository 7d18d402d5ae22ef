//! The gateway's own log, kept in memory: of all gateways of this process together.

use std::{
    io,
    sync::{Mutex, Once, PoisonError},
};

use tracing_subscriber::{EnvFilter, fmt};

/// All lines so far that contain a text.
pub(crate) fn lines_with(text: &str) -> Vec<String> {
    let log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&log).lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
}

/// Starts to keep the log: everything that the gateway says, more than it is ever started with.
pub(super) fn capture() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let filter = EnvFilter::new("error,chatwarden=trace,chatwarden_policy=trace,chatwarden_redact=trace");
        fmt().json().flatten_event(true).with_env_filter(filter).with_writer(|| Keep).init();
    });
}

/// What a rule that only monitors would have refused of a request: reason and rule.
pub(crate) fn would_be_refused(request_id: &str) -> Vec<(String, String)> {
    let lines = lines_with(request_id).into_iter().filter(|line| line.contains("Would be refused"));
    let text = |line: &serde_json::Value, name: &str| line[name].as_str().unwrap().to_owned();
    lines
        .map(|line| serde_json::from_str(&line).unwrap())
        .map(|line| (text(&line, "reason"), text(&line, "rule")))
        .collect()
}

struct Keep;

impl io::Write for Keep {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

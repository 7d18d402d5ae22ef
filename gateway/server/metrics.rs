//! What the gateway counts, and the listener that tells it.
//!
//! Labels come from closed sets that are named when the metrics are made; accounts, groups and paths are never among
//! them. Every series exists from the start, so that counting is one atomic addition, without lock or allocation,
//! and a rate is right from the first event on. The listener tells nothing private and asks for no token.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::{
    EncodeLabelSet, EncodeMetric, LabelSetEncoder, MetricEncoder, NoLabelSet, text,
};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::{Registry, Unit};

use crate::vault;

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    requests: Vec<(Verdict, Counter)>, // sorted by label
    other_requests: Counter,
    durations: Arc<Durations>,
    masked: Vec<Counter>, // in the order of the classes
    rules_generation: Gauge<u64, AtomicU64>,
    last_reload_successful: Gauge<u64, AtomicU64>,
    reloads: [Counter; ReloadResult::ALL.len()],
    /// Entries that the action log had to drop.
    pub action_log_dropped: Counter,
    /// What the vault holds, and what it did not take.
    pub vault: vault::Counts,
    /// Connections that are open.
    pub connections: Gauge,
    /// Connections closed at once, as `limits.connections` were open.
    pub connections_refused: Counter,
    /// Connections closed for want of a PROXY header by a trusted proxy.
    pub proxy_headers_refused: Counter,
    /// TLS handshakes that failed or took too long.
    pub tls_failures: Counter,
    /// Requests of accounts that carry a group which groups.yaml does not declare.
    pub undeclared_groups: Counter,
    /// Requests that the HTTP parser itself refused.
    pub parser_rejections: Counter,
}

/// A verdict and its reason, as labels.
type Verdict = (&'static str, &'static str);

/// How a reload ended, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadResult {
    /// New rules are in force.
    Applied,
    /// The files were what was in force.
    Unchanged,
    /// The files were bad.
    Rejected,
}

impl ReloadResult {
    const ALL: [ReloadResult; 3] = [ReloadResult::Applied, ReloadResult::Unchanged, ReloadResult::Rejected];

    fn label(self) -> &'static str {
        match self {
            ReloadResult::Applied => "applied",
            ReloadResult::Unchanged => "unchanged",
            ReloadResult::Rejected => "rejected",
        }
    }
}

impl Metrics {
    /// Makes all series: one for each verdict with its reason, and one for each class of contact data.
    pub fn new(
        verdicts: impl IntoIterator<Item = (&'static str, &'static str)>,
        classes: impl IntoIterator<Item = &'static str>,
    ) -> Metrics {
        let mut registry = Registry::with_prefix("chatwarden");
        let family = Family::<Labels<2>, Counter>::default();
        registry.register("requests", "Requests by verdict and reason", family.clone());
        let request = |(verdict, reason)| {
            family.get_or_create_owned(&labels([("verdict", verdict), ("reason", reason)]))
        };
        let mut requests: Vec<_> = verdicts.into_iter().map(|verdict| (verdict, request(verdict))).collect();
        requests.sort_unstable_by_key(|(verdict, _)| *verdict);
        let other_requests = request(("other", "other"));

        let durations = Arc::new(Durations::default());
        let help = "Time from a request's header to the end of its answer";
        registry.register_with_unit("request_duration", help, Unit::Seconds, Shared(durations.clone()));

        let family = Family::<Labels<1>, Counter>::default();
        registry.register("masked_values", "Contact values hidden, by class", family.clone());
        let masked = classes
            .into_iter()
            .map(|class| family.get_or_create_owned(&labels([("class", class)])))
            .collect();

        let family = Family::<Labels<1>, Counter>::default();
        registry.register("rules_reloads", "Looks at the rule files, by result", family.clone());
        let reloads =
            ReloadResult::ALL.map(|result| family.get_or_create_owned(&labels([("result", result.label())])));

        let mut metrics = Metrics {
            registry,
            requests,
            other_requests,
            durations,
            masked,
            rules_generation: Gauge::default(),
            last_reload_successful: Gauge::default(),
            reloads,
            action_log_dropped: Counter::default(),
            vault: vault::Counts::default(),
            connections: Gauge::default(),
            connections_refused: Counter::default(),
            proxy_headers_refused: Counter::default(),
            tls_failures: Counter::default(),
            undeclared_groups: Counter::default(),
            parser_rejections: Counter::default(),
        };
        metrics.register_singles();
        metrics
    }

    fn register_singles(&mut self) {
        let registry = &mut self.registry;
        let help = "Number of the generation of rules in force";
        registry.register("rules_generation", help, self.rules_generation.clone());
        let help = "Whether the rule files are those in force: 1, or 0 after a rejection";
        registry.register("rules_last_reload_successful", help, self.last_reload_successful.clone());
        let help = "Entries that the action log had to drop";
        registry.register("action_log_dropped", help, self.action_log_dropped.clone());
        registry.register("vault_values", "Values that aliases stand for", self.vault.values.clone());
        let help = "Values shown hidden, as the vault could not keep them";
        registry.register("vault_refused", help, self.vault.refused.clone());
        registry.register("connections", "Open connections", self.connections.clone());
        let help = "Connections closed at once, as too many were open";
        registry.register("connections_refused", help, self.connections_refused.clone());
        let help = "Connections closed for want of a PROXY header by a trusted proxy";
        registry.register("proxy_headers_refused", help, self.proxy_headers_refused.clone());
        let help = "TLS handshakes that failed or took too long";
        registry.register("tls_failures", help, self.tls_failures.clone());
        let help = "Requests of accounts in a group that is not declared";
        registry.register("undeclared_groups", help, self.undeclared_groups.clone());
        let help = "Requests that the HTTP parser refused";
        registry.register("parser_rejections", help, self.parser_rejections.clone());
    }

    /// Counts a request and the time it took; a pair that was not named at the start counts as `other`.
    pub fn request(&self, verdict: &'static str, reason: &'static str, took: Duration) {
        let at = self.requests.binary_search_by_key(&(verdict, reason), |(verdict, _)| *verdict);
        let counter = at.ok().and_then(|at| self.requests.get(at)).map(|(_, counter)| counter);
        counter.unwrap_or(&self.other_requests).inc();
        self.durations.observe(took);
    }

    /// Counts hidden values, given in the order of the classes.
    pub fn masked(&self, hidden: &[u64]) {
        debug_assert_eq!(hidden.len(), self.masked.len());
        for (counter, hidden) in self.masked.iter().zip(hidden) {
            counter.inc_by(*hidden);
        }
    }

    /// Records the generation in force, which is what the files hold.
    pub fn rules_loaded(&self, generation: u64) {
        self.rules_generation.set(generation);
        self.last_reload_successful.set(1);
    }

    /// Counts a look at the rule files.
    pub fn reloaded(&self, result: ReloadResult) {
        if let Some((_, counter)) =
            ReloadResult::ALL.iter().zip(&self.reloads).find(|(each, _)| **each == result)
        {
            counter.inc();
        }
        self.last_reload_successful.set(u64::from(result != ReloadResult::Rejected));
    }

    /// All of it in the OpenMetrics text format.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut encoded = String::new();
        text::encode(&mut encoded, &self.registry)?;
        Ok(encoded)
    }
}

/// Label names with values of closed sets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Labels<const N: usize>([(&'static str, &'static str); N]);

fn labels<const N: usize>(labels: [(&'static str, &'static str); N]) -> Labels<N> {
    Labels(labels)
}

impl<const N: usize> EncodeLabelSet for Labels<N> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.0.encode(encoder)
    }
}

/// Upper bounds of the histogram's buckets, in microseconds.
const BOUNDS: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    10_000_000, 60_000_000,
];

/// A histogram of durations. The library's own takes a lock at every observation.
#[derive(Debug, Default)]
struct Durations {
    counts: [AtomicU64; BOUNDS.len() + 1],
    nanos: AtomicU64,
}

impl Durations {
    fn observe(&self, took: Duration) {
        let bucket = BOUNDS.partition_point(|bound| Duration::from_micros(*bound) < took);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// Lets the registry and the metrics share a histogram.
#[derive(Debug)]
struct Shared(Arc<Durations>);

impl EncodeMetric for Shared {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let bounds =
            BOUNDS.iter().map(|bound| Duration::from_micros(*bound).as_secs_f64()).chain([f64::INFINITY]);
        let counts = self.0.counts.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<_> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = Duration::from_nanos(self.0.nanos.load(Ordering::Relaxed)).as_secs_f64();
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Shared::TYPE
    }
}

impl TypedMetric for Shared {
    const TYPE: MetricType = MetricType::Histogram;
}

/// Whether traffic should be sent here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Not yet, or no more: listeners do not accept, or no generation is loaded.
    NotReady,
    /// Yes.
    Ready,
    /// Yes, but on the last good rules, as the files are bad.
    Degraded,
}

#[derive(Clone)]
struct Listener {
    metrics: Arc<Metrics>,
    readiness: Arc<dyn Fn() -> Readiness + Send + Sync>,
}

/// The metrics listener: `/healthz`, `/readyz` and `/metrics`, and nothing else.
pub fn router(metrics: Arc<Metrics>, readiness: impl Fn() -> Readiness + Send + Sync + 'static) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(tell))
        .with_state(Listener { metrics, readiness: Arc::new(readiness) })
}

async fn readyz(State(listener): State<Listener>) -> (StatusCode, &'static str) {
    match (listener.readiness)() {
        Readiness::NotReady => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
        Readiness::Ready => (StatusCode::OK, "ok\n"),
        Readiness::Degraded => (StatusCode::OK, "ok degraded\n"),
    }
}

async fn tell(State(listener): State<Listener>) -> Response {
    let form = [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")];
    match listener.metrics.encode() {
        Ok(encoded) => (form, encoded).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::tests::ask;

    fn metrics() -> Metrics {
        let verdicts =
            [("refused", "ip-not-whitelisted"), ("allowed", "none"), ("refused", "file-send-blocked")];
        Metrics::new(verdicts, ["phone", "email"])
    }

    fn has(metrics: &Metrics, lines: &[&str]) {
        let encoded = metrics.encode().unwrap();
        for line in lines {
            assert!(encoded.lines().any(|each| each == *line), "{line}\n{encoded}");
        }
    }

    #[test]
    fn every_series_exists_from_the_start() {
        has(
            &metrics(),
            &[
                "chatwarden_requests_total{verdict=\"allowed\",reason=\"none\"} 0",
                "chatwarden_requests_total{verdict=\"refused\",reason=\"file-send-blocked\"} 0",
                "chatwarden_masked_values_total{class=\"email\"} 0",
                "chatwarden_rules_reloads_total{result=\"rejected\"} 0",
                "chatwarden_rules_generation 0",
                "chatwarden_rules_last_reload_successful 0",
                "chatwarden_action_log_dropped_total 0",
                "chatwarden_vault_values 0",
                "chatwarden_vault_refused_total 0",
                "chatwarden_connections 0",
                "chatwarden_parser_rejections_total 0",
                "chatwarden_request_duration_seconds_count 0",
                "# EOF",
            ],
        );
    }

    #[test]
    fn what_happens_is_counted_where_it_belongs() {
        let metrics = metrics();
        metrics.request("allowed", "none", Duration::from_millis(1));
        metrics.request("refused", "file-send-blocked", Duration::from_millis(2));
        metrics.request("refused", "never-named", Duration::from_secs(600));
        metrics.masked(&[3, 4]);
        metrics.masked(&[1, 0]);
        metrics.connections.inc();
        metrics.rules_loaded(7);
        metrics.reloaded(ReloadResult::Rejected);
        has(
            &metrics,
            &[
                "chatwarden_requests_total{verdict=\"allowed\",reason=\"none\"} 1",
                "chatwarden_requests_total{verdict=\"refused\",reason=\"file-send-blocked\"} 1",
                "chatwarden_requests_total{verdict=\"other\",reason=\"other\"} 1",
                "chatwarden_masked_values_total{class=\"phone\"} 4",
                "chatwarden_masked_values_total{class=\"email\"} 4",
                "chatwarden_request_duration_seconds_bucket{le=\"0.0005\"} 0",
                "chatwarden_request_duration_seconds_bucket{le=\"0.001\"} 1",
                "chatwarden_request_duration_seconds_bucket{le=\"60.0\"} 2",
                "chatwarden_request_duration_seconds_bucket{le=\"+Inf\"} 3",
                "chatwarden_request_duration_seconds_sum 600.003",
                "chatwarden_request_duration_seconds_count 3",
                "chatwarden_connections 1",
                "chatwarden_rules_generation 7",
                "chatwarden_rules_last_reload_successful 0",
                "chatwarden_rules_reloads_total{result=\"rejected\"} 1",
            ],
        );
    }

    #[tokio::test]
    async fn the_listener_tells_health_readiness_and_metrics_and_nothing_else() {
        let cases = [
            ("/healthz", Readiness::NotReady, "200 OK", "ok\n"),
            ("/readyz", Readiness::NotReady, "503 Service Unavailable", "not ready\n"),
            ("/readyz", Readiness::Ready, "200 OK", "ok\n"),
            ("/readyz", Readiness::Degraded, "200 OK", "ok degraded\n"),
            ("/metrics", Readiness::Ready, "200 OK", "# EOF\n"),
            ("/status", Readiness::Ready, "404 Not Found", ""),
            ("/", Readiness::Ready, "404 Not Found", ""),
        ];
        for (path, readiness, status, end) in cases {
            let request = format!("GET {path} HTTP/1.1\nHost: {{host}}\nConnection: close\n\n");
            let answer = ask(|_| router(Arc::new(metrics()), move || readiness), &request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{path} {answer}");
            assert!(answer.ends_with(end), "{path} {answer}");
        }
    }
}

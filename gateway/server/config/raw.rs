//! What config.yaml says, before it means anything.

use std::{path::PathBuf, time::Duration};

use chatwarden_policy::units::{Rate, read_duration, read_rate, read_size};
use serde::Deserialize;

use super::Limits;
use crate::identity::SourceSettings;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    #[serde(rename = "listeners")]
    _listeners: serde::de::IgnoredAny,
    pub(super) upstream: RawUpstream,
    pub(super) profile: String,
    pub(super) rules: Option<PathBuf>,
    pub(super) state: Option<PathBuf>,
    #[serde(rename = "client_address")]
    _client_address: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    pub(super) identity: Vec<SourceSettings>,
    pub(super) super_admin_roles: Option<Vec<String>>,
    pub(super) settings: Option<RawSettings>,
    #[serde(default)]
    pub(super) keys: RawKeys,
    pub(super) action_log: Option<RawActionLog>,
    pub(super) admin: Option<RawAdmin>,
    pub(super) metrics: Option<serde::de::IgnoredAny>,
    pub(super) refusals: Option<RawRefusals>,
    #[serde(default)]
    pub(super) limits: RawLimits,
}

#[derive(Debug, Deserialize)]
pub(super) struct RawUpstream {
    pub(super) host_header: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum RawSettings {
    Some(Vec<String>),
    /// The word `all`: the shape allows no other.
    All(serde::de::IgnoredAny),
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct RawKeys {
    pub(super) alias: Vec<RawKey>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RawKey {
    pub(super) file: PathBuf,
}

#[derive(Debug, Deserialize)]
pub(super) struct RawActionLog {
    pub(super) store: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RawAdmin {
    pub(super) token_file: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RawRefusals {
    pub(super) contact: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct RawLimits {
    #[serde(deserialize_with = "read_size")]
    request_header: u64,
    #[serde(deserialize_with = "read_size")]
    inspected_body: u64,
    #[serde(deserialize_with = "read_duration")]
    inspected_body_timeout: Duration,
    #[serde(deserialize_with = "read_size")]
    message: u64,
    #[serde(deserialize_with = "read_duration")]
    handshake_timeout: Duration,
    #[serde(deserialize_with = "read_duration")]
    header_timeout: Duration,
    #[serde(deserialize_with = "read_size")]
    body_rate: u64,
    #[serde(deserialize_with = "read_duration")]
    idle_timeout: Duration,
    #[serde(deserialize_with = "read_duration")]
    stream_idle_timeout: Duration,
    #[serde(deserialize_with = "read_duration")]
    drain_timeout: Duration,
    connections: u64,
    connections_per_client: u64,
    #[serde(deserialize_with = "read_rate")]
    requests_per_client: Rate,
    #[serde(deserialize_with = "read_rate")]
    requests_per_account: Rate,
    #[serde(deserialize_with = "read_rate")]
    sign_ins_per_client: Rate,
    #[serde(deserialize_with = "read_size")]
    held_object: u64,
    #[serde(deserialize_with = "read_size")]
    copies_window: u64,
    #[serde(deserialize_with = "read_rate")]
    contact_writes: Rate,
    vault_values: u64,
    introspections: u64,
    deflate_contexts: u64,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Default for RawLimits {
    fn default() -> Self {
        Self {
            request_header: 64 << 10,
            inspected_body: 4 << 20,
            inspected_body_timeout: Duration::from_secs(30),
            message: 16 << 20,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(15),
            body_rate: 256,
            idle_timeout: Duration::from_secs(75),
            stream_idle_timeout: Duration::from_secs(3600),
            drain_timeout: Duration::from_secs(10),
            connections: 100_000,
            connections_per_client: 1000,
            requests_per_client: Rate { count: 12_000, per: MINUTE },
            requests_per_account: Rate { count: 6_000, per: MINUTE },
            sign_ins_per_client: Rate { count: 60, per: MINUTE },
            held_object: 64 << 10,
            copies_window: 256 << 10,
            contact_writes: Rate { count: 60, per: Duration::from_secs(3600) },
            vault_values: 1_000_000,
            introspections: 64,
            deflate_contexts: 256,
        }
    }
}

impl From<RawLimits> for Limits {
    fn from(raw: RawLimits) -> Self {
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Self {
            request_header: size(raw.request_header),
            inspected_body: size(raw.inspected_body),
            inspected_body_timeout: raw.inspected_body_timeout,
            message: size(raw.message),
            handshake_timeout: raw.handshake_timeout,
            header_timeout: raw.header_timeout,
            body_rate: raw.body_rate,
            idle_timeout: raw.idle_timeout,
            stream_idle_timeout: raw.stream_idle_timeout,
            drain_timeout: raw.drain_timeout,
            connections: size(raw.connections),
            held_object: size(raw.held_object),
            copies_window: size(raw.copies_window),
            connections_per_client: size(raw.connections_per_client),
            requests_per_client: raw.requests_per_client,
            requests_per_account: raw.requests_per_account,
            sign_ins_per_client: raw.sign_ins_per_client,
            contact_writes: raw.contact_writes,
            vault_values: size(raw.vault_values),
            introspections: size(raw.introspections),
            deflate_contexts: size(raw.deflate_contexts),
        }
    }
}

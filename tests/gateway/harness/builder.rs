//! What a gateway under test is started from: a directory of its own with copies of the shipped files.

use std::{collections::BTreeMap, fs, net::SocketAddr, path::Path};

use chatwarden::{clock::Clock, gateway::StartError};
use jiff::civil::Date;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::Gateway;

/// Changes to the shipped configuration.
pub(crate) struct Builder {
    pub(super) config: Map<String, Value>,
    /// Path below the directory → text.
    files: BTreeMap<String, String>,
    pub(super) open_app: bool,
    pub(super) clock: Clock,
    pub(super) upstream: Option<SocketAddr>,
}

impl Builder {
    pub(super) fn new() -> Builder {
        let config: Value = serde_yaml::from_str(&shipped("config.yaml")).unwrap();
        let mut builder = Builder {
            config: config.as_object().unwrap().clone(),
            files: BTreeMap::new(),
            open_app: false,
            clock: Clock::default(),
            upstream: None,
        };
        for name in FILES {
            builder.files.insert(name.to_owned(), shipped(name));
        }
        let any = json!({ "address": "127.0.0.1:0" });
        builder
            .config("listeners", json!([any]))
            .config("admin", any.clone())
            .config("metrics", any)
            .config("limits", json!({ "drain_timeout": "2s" }))
    }

    /// Sets a key of config.yaml; members of an object are added to those that are there.
    pub(crate) fn config(mut self, key: &str, value: Value) -> Builder {
        match (self.config.get_mut(key), value) {
            (Some(Value::Object(known)), Value::Object(new)) => known.extend(new),
            (_, value) => {
                self.config.insert(key.to_owned(), value);
            }
        }
        self
    }

    /// Replaces a rule file: `rule("files", "enabled: false\n")`.
    pub(crate) fn rule(self, kind: &str, text: &str) -> Builder {
        self.file(&format!("rules/{kind}.yaml"), text)
    }

    /// Changes a part of a shipped rule file, which must be there.
    pub(crate) fn edit_rule(self, kind: &str, from: &str, to: &str) -> Builder {
        self.edit_file(&format!("rules/{kind}.yaml"), from, to)
    }

    /// Removes a rule file.
    pub(crate) fn without_rule(mut self, kind: &str) -> Builder {
        assert!(self.files.remove(&format!("rules/{kind}.yaml")).is_some(), "{kind} is not shipped");
        self
    }

    /// Sets `mode: monitor` in a shipped rule file.
    pub(crate) fn monitor(self, kind: &str) -> Builder {
        self.edit_rule(kind, "# mode: monitor  ", "mode: monitor  ")
    }

    /// Changes a part of the blinger profile.
    pub(crate) fn edit_profile(self, from: &str, to: &str) -> Builder {
        self.edit_file("profiles/blinger.yaml", from, to)
    }

    /// Writes a file beside config.yaml.
    pub(crate) fn file(mut self, path: &str, text: &str) -> Builder {
        self.files.insert(path.to_owned(), text.to_owned());
        self
    }

    /// Puts an app behind the gateway that takes callers without a session for its first operator.
    pub(crate) fn open_app(mut self) -> Builder {
        self.open_app = true;
        self
    }

    /// Puts something else than the app behind the gateway.
    pub(crate) fn upstream(mut self, address: SocketAddr) -> Builder {
        self.upstream = Some(address);
        self
    }

    /// Sets the date, `2030-02-01`.
    pub(crate) fn today(mut self, date: &str) -> Builder {
        self.clock = Clock::fixed(date.parse::<Date>().unwrap());
        self
    }

    /// Starts app and gateway.
    pub(crate) async fn start(self) -> Gateway {
        match self.try_start().await {
            Ok(gateway) => gateway,
            Err(error) => panic!("the gateway does not start: {error}"),
        }
    }

    /// Starts app and gateway.
    ///
    /// # Errors
    /// What the gateway says.
    pub(crate) async fn try_start(self) -> Result<Gateway, StartError> {
        Gateway::launch(self).await
    }

    fn edit_file(mut self, path: &str, from: &str, to: &str) -> Builder {
        let text = self.files.get_mut(path).unwrap();
        assert!(text.contains(from), "{path} has no {from:?}");
        *text = text.replacen(from, to, 1);
        self
    }

    /// Writes the directory.
    pub(crate) fn write(&self) -> TempDir {
        let dir = tempfile::Builder::new().prefix("chatwarden-").tempdir().unwrap();
        for (path, text) in &self.files {
            write(&dir.path().join(path), text);
        }
        // JSON is YAML.
        write(&dir.path().join("config.yaml"), &serde_json::to_string_pretty(&self.config).unwrap());
        dir
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A file of the repository.
fn shipped(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

const FILES: [&str; 11] = [
    "profiles/blinger.yaml",
    "profiles/generic.yaml",
    "rules/groups.yaml",
    "rules/ip-whitelist.yaml",
    "rules/lists/partners.txt",
    "rules/files.yaml",
    "rules/downloads.yaml",
    "rules/personal-data.yaml",
    "rules/iframe.yaml",
    "rules/webhooks.yaml",
    "rules/action-log.yaml",
];

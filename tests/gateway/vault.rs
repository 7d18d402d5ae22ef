//! What aliases stand for: kept over restarts and `kill -9`, under keys that may change.

use std::{
    collections::{HashMap, HashSet},
    fs,
    os::unix::fs::PermissionsExt,
    sync::Arc,
};

use chatwarden::{
    config::Config,
    demo::App,
    gateway::Gateway as Product,
    keys::key_ring,
    vault::{Counts, StoredVault},
};
use chatwarden_redact::{Class, Code, Vault};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::harness::{Client, Gateway, Origin, Persona, Place, free, get};

async fn app() -> Arc<App> {
    Arc::new(App::start("127.0.0.1:0".parse().unwrap()).await.unwrap())
}

/// A card as an operator sees it.
async fn card(client: &Client, id: u64) -> Value {
    let answer = client.get(&format!("/api/users/{id}")).await;
    assert_eq!(answer.status(), 200);
    answer.json()["data"].clone()
}

/// The vault of a gateway that does not run.
fn vault(place: &Place) -> Arc<StoredVault> {
    let config = Config::load(&place.path("config.yaml")).unwrap();
    StoredVault::open(&config.state, &key_ring(&config).unwrap(), 1_000_000, Counts::default()).unwrap()
}

/// What the alias in a `client_email` stands for.
fn stands_for(vault: &StoredVault, alias: &Value) -> Option<String> {
    let alias = alias.as_str().unwrap();
    let code = alias.strip_prefix("c-").unwrap().strip_suffix("@client.invalid").unwrap();
    let code = Code::parse(Class::Email, code.as_bytes()).expect("an alias");
    vault.value(code).unwrap().map(|value| String::from_utf8(value).unwrap())
}

#[tokio::test]
async fn aliases_are_the_same_and_come_back_after_a_restart_and_after_kill_9() {
    let app = app().await;
    let place = Place::write(Gateway::builder(), app.addr());
    let mut shown: Option<Value> = None;
    let mut real = Value::Null;
    for end in ["TERM", "KILL", "KILL"] {
        let mut process = place.run(None).await;
        let trainee = process.client(Arc::clone(&app)).sign_in(Persona::Trainee).await;
        let now = card(&trainee, 501).await;
        assert_eq!(shown.get_or_insert_with(|| now.clone()), &now);
        real = card(&trainee.behind(), 501).await;
        process.signal(end);
        process.ended().await;
        // A stop writes the log back; a kill cannot.
        assert_eq!(place.path("state/vault.db-wal").exists(), end == "KILL");
    }
    let alias = shown.unwrap()["client_email"].clone();
    assert_eq!(stands_for(&vault(&place), &alias).as_deref(), real["client_email"].as_str());
}

#[tokio::test]
async fn no_two_values_share_an_alias_whenever_the_gateway_is_killed() {
    // Each page has clients of its own.
    let origin = Origin::start(|mut exchange| async move {
        let page = exchange.target().rsplit('/').next().unwrap().to_owned();
        exchange.read_body().await;
        let clients: Vec<Value> =
            (0..40).map(|number| json!({ "client_phone": phone(&page, number) })).collect();
        exchange.answer("application/json", &Value::from(clients).to_string()).await;
        Some(exchange)
    })
    .await;
    let app = app().await;
    let place = Place::write(Gateway::builder(), origin.address());
    let (mut aliases, mut taken) = (HashMap::new(), HashMap::new());
    for round in 0..4 {
        let mut process = place.run(None).await;
        let operator = process.client(Arc::clone(&app)).with("cookie", Persona::Operator.at_origin());
        // Pages that were seen come after pages that were not.
        for page in (0..8).rev().map(|page| page + round * 4) {
            let page = page.to_string();
            let shown = operator.get(&format!("/api/list/{page}")).await;
            assert_eq!(shown.status(), 200);
            for (number, client) in shown.json().as_array().unwrap().iter().enumerate() {
                let (alias, real) =
                    (client["client_phone"].as_str().unwrap().to_owned(), phone(&page, number));
                assert!(alias.starts_with("+999"), "{alias}");
                assert_eq!(
                    *aliases.entry(real.clone()).or_insert(alias.clone()),
                    alias,
                    "{real} has two aliases"
                );
                assert_eq!(*taken.entry(alias).or_insert(real.clone()), real, "two values have one alias");
            }
        }
        // One is on its way when the end comes.
        let mut open = TcpStream::connect(place.address).await.unwrap();
        let request = format!(
            "GET /api/list/{} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n",
            100 + round,
            place.address,
            Persona::Operator.at_origin()
        );
        open.write_all(request.as_bytes()).await.unwrap();
        process.signal("KILL");
        process.ended().await;
    }
    let vault = vault(&place);
    for (real, alias) in &aliases {
        let code = Code::parse(Class::Phone, alias.strip_prefix("+999").unwrap().as_bytes()).unwrap();
        assert_eq!(vault.value(code).unwrap().as_deref(), Some(real.as_bytes()));
    }
    assert_eq!(aliases.len(), 20 * 40);
}

fn phone(page: &str, number: usize) -> String {
    format!("+3706{page:0>4}{number:03}")
}

#[tokio::test]
async fn a_new_key_makes_new_aliases_and_the_old_ones_still_come_back() {
    let app = app().await;
    let place = Place::write(Gateway::builder(), app.addr());
    let mut cards = Vec::new();
    for round in 0..2 {
        let mut process = place.run(None).await;
        let trainee = process.client(Arc::clone(&app)).sign_in(Persona::Trainee).await;
        cards.push(card(&trainee, 501).await);
        process.signal("TERM");
        process.ended().await;
        if round == 0 {
            let made = place.chatwarden(&["keys", "new"]);
            assert_eq!((made.code, made.err.as_str()), (0, ""));
            assert_eq!(made.out, NEXT);
            let keys =
                json!({ "alias": [ { "file": "keys/alias.key" }, { "file": "state/keys/alias.key" } ] });
            let mut config: Value = serde_json::from_str(&place.read("config.yaml")).unwrap();
            config["keys"] = keys;
            place.write_file("config.yaml", &config.to_string());
        }
    }
    let vault = vault(&place);
    let aliases: HashSet<&str> = cards.iter().map(|card| card["client_email"].as_str().unwrap()).collect();
    assert_eq!(aliases.len(), 2, "the new key makes the same alias");
    for card in &cards {
        assert_eq!(stands_for(&vault, &card["client_email"]).as_deref(), Some("jurate.k@example.com"));
    }
}

const NEXT: &str = "made keys/alias.key, readable by its owner alone

What to do now:
1. Back it up, apart from the state directory.
2. Let the account that the gateway runs as own it.
3. Write into config.yaml, the new key first:

keys:
  alias:
    - { file: keys/alias.key }
    - { file: state/keys/alias.key }

4. Restart the gateway: every client gets a new alias; the aliases known so far still come back, and their keys must stay.
";

#[tokio::test]
async fn a_new_key_is_for_its_owner_and_overwrites_nothing() {
    let place = Place::write(Gateway::builder(), free());
    let made = place.chatwarden(&["keys", "new", "secret/a b.key"]);
    assert_eq!(made.code, 0, "{}", made.err);
    assert!(made.out.contains("    - { file: \"secret/a b.key\" }\n"), "{}", made.out);
    assert!(made.out.contains("aliases are made with it.\n"), "{}", made.out);
    let file = place.path("secret/a b.key");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(file.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    let key = place.read("secret/a b.key");
    assert!(key.starts_with("base64:") && key.len() == 52, "{} bytes", key.len());
    let again = place.chatwarden(&["keys", "new", "secret/a b.key"]);
    assert_eq!((again.code, again.out.as_str()), (64, ""));
    assert_eq!(
        again.err,
        "error: the key secret/a b.key is there already, and a key is never overwritten\n  = help: name another file: `chatwarden keys new FILE`\n"
    );
    assert_eq!(place.read("secret/a b.key"), key);
    place.chatwarden(&["keys", "new", "other.key"]);
    assert_ne!(place.read("other.key"), key);
    assert!(place.chatwarden(&["keys", "--help"]).out.contains("Make a new alias key"));
}

#[tokio::test]
async fn a_full_vault_hides_what_it_cannot_keep_and_tells_ops() {
    let gateway = Gateway::builder().config("limits", json!({ "vault_values": 3 })).start().await;
    let client = gateway.client().sign_in(Persona::Operator).await;
    let shown = client.get("/api/conversations").await;
    assert!(shown.assert_passed(200).text().contains("hidden"));
    let mut real = HashSet::new();
    for conversation in client.behind().get("/api/conversations").await.json()["data"].as_array().unwrap() {
        real.extend(conversation["from_user"]["title"].as_str().map(str::to_owned));
    }
    assert!(!real.is_empty() && !real.iter().any(|name| shown.text().contains(name)));
    let status = gateway.status()["vault"].clone();
    assert_eq!((&status["values"], &status["limit"]), (&json!(3), &json!(3)));
    assert!(status["refused"].as_u64().unwrap() > 3, "{status}");
    assert_eq!(status["failing"], false);
    let metrics = get(gateway.product().metrics_address().unwrap(), "/metrics", &[]).await.2;
    assert!(metrics.contains("chatwarden_vault_values 3\n"), "{metrics}");
    assert!(
        metrics.contains(&format!("chatwarden_vault_refused_total {}\n", status["refused"])),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_vault_that_cannot_be_read_keeps_the_gateway_from_starting() {
    let app = app().await;
    let place = Place::write(Gateway::builder(), app.addr());
    let mut process = place.run(None).await;
    card(&process.client(Arc::clone(&app)).sign_in(Persona::Trainee).await, 501).await;
    process.signal("TERM");
    process.ended().await;
    let (vault, key) = (place.path("state/vault.db"), place.path("state/keys/alias.key"));
    let told = |change: &dyn Fn()| {
        let before = (fs::read(&vault).unwrap(), fs::read(&key).unwrap());
        change();
        let done = place.chatwarden(&["run"]);
        assert_eq!(done.code, 78, "{}", done.err);
        fs::write(&vault, before.0).unwrap();
        fs::write(&key, before.1).unwrap();
        let told: String = done.err.lines().filter(|line| !line.starts_with('{')).collect();
        assert!(told.starts_with("error: the ") && told.contains("state/vault.db`"), "{told}");
        told
    };
    let damaged = told(&|| fs::write(&vault, "no database").unwrap());
    assert!(damaged.contains("is damaged: put it back from a backup"), "{damaged}");
    let gone = told(&|| fs::remove_file(&vault).unwrap());
    assert!(gone.contains("is gone"), "{gone}");
    let other = told(&|| fs::write(&key, [b'k'; 32]).unwrap());
    assert!(other.contains("was not made with any of the alias keys"), "{other}");
    let lost = told(&|| fs::remove_file(&key).unwrap());
    assert!(lost.contains("put the key back from a backup"), "{lost}");
    place.run(None).await;
}

#[tokio::test]
async fn two_gateways_do_not_share_a_vault() {
    let gateway = Gateway::start().await;
    let config = Config::load(&gateway.path("config.yaml")).unwrap();
    let error = Product::start(config).await.err().expect("a second gateway starts");
    assert!(error.to_string().contains("is in use by another gateway"), "{error}");
}

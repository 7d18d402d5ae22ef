//! The pages as a person sees them: Debian's chromium in front of the gateway.
//!
//! What a script cannot tell is told here: that nothing readable on a page is contact data, that the drawings are
//! drawn, that a refusal is told in words, that the browser heeds the framing headers. Skipped, with a word, only where
//! chromium is not installed.

mod chromium;
mod contacts;
mod page;

use std::{fs, net::Ipv4Addr};

use base64::{Engine, engine::general_purpose::STANDARD};
use chatwarden::demo::Embedder;
use chatwarden_policy::reason::Reason;
use serde_json::{Value, json};

use self::{
    chromium::Browser,
    contacts::Contacts,
    page::{Page, origin},
};
use crate::harness::{Gateway, Persona};

#[tokio::test]
async fn a_trainee_finds_no_contact_data_anywhere_on_the_pages() {
    let Some(browser) = Browser::take().await else { return };
    let gateway = Gateway::start().await;
    let contacts = Contacts::of_all_clients(&gateway).await;
    let mut page = browser.page().await;
    page.sign_in(&gateway, Persona::Trainee).await;
    page.record().await;
    page.go(&origin(&gateway)).await;
    page.inbox().await;
    let conversations =
        page.js("[...document.querySelectorAll('#conversations button')].map((one) => one.dataset.id)").await;
    assert_eq!(conversations.as_array().unwrap().len(), 6);
    for id in conversations.as_array().unwrap() {
        show(&mut page, id).await;
        assert_eq!(contacts.within(&page.everything().await), [""; 0], "on the page of conversation {id}");
        let name = page.text("document.querySelector('#client-name').textContent").await;
        assert!(name.starts_with("Client "), "{name}");
    }
    let answers = page.recorded().await;
    for (answer, body) in &answers {
        assert_eq!(contacts.within_body(body), [""; 0], "in {answer:?}");
    }
    for needed in
        ["/api/conversations", "/api/conversations/903/messages", "/api/users/503", "a WebSocket", "/"]
    {
        assert!(
            answers.iter().any(|(answer, _)| answer.url.ends_with(needed)),
            "{needed} is not among the answers"
        );
    }
}

#[tokio::test]
async fn a_trainee_sees_drawings_in_place_of_clients_and_the_pictures_of_colleagues() {
    let Some(browser) = Browser::take().await else { return };
    let gateway = Gateway::start().await;
    let mut page = browser.page().await;
    page.sign_in(&gateway, Persona::Trainee).await;
    let clients = pictures(&mut page, "#conversations img, #card img").await;
    assert_eq!(clients.len(), 7);
    for picture in &clients {
        assert!(picture.starts_with("/.chatwarden/avatar/"), "{picture}");
    }
    let shown = page.text("document.querySelector('[aria-current] img').getAttribute('src')").await;
    assert_eq!(clients.last(), Some(&shown), "list and card show the same drawing");
    assert_eq!(pictures(&mut page, "#me img").await, ["/avatars/operator-1003"]);
}

#[tokio::test]
async fn a_supervisor_sees_the_client_on_the_same_card() {
    let Some(browser) = Browser::take().await else { return };
    let gateway = Gateway::start().await;
    let mut page = browser.page().await;
    page.sign_in(&gateway, Persona::Supervisor).await;
    show(&mut page, &json!("901")).await;
    let card = page.text("document.querySelector('#card').innerText").await;
    for value in ["Jūratė Kazlauskienė", "+37061234567", "jurate.k@example.com", "\n37061234567\n"] {
        assert!(card.contains(value), "{value:?} is not on {card:?}");
    }
    assert_eq!(pictures(&mut page, "#card img").await, ["/avatars/501"]);
}

#[tokio::test]
async fn a_trainee_finds_and_saves_a_client_by_aliases_and_the_app_gets_the_real_ones() {
    let Some(browser) = Browser::take().await else { return };
    let gateway = Gateway::start().await;
    let mut page = browser.page().await;
    page.sign_in(&gateway, Persona::Trainee).await;
    show(&mut page, &json!("902")).await;
    show(&mut page, &json!("901")).await;
    let alias = page.text("document.querySelector('#edit-phone').value").await;
    assert!(alias.starts_with("+999"), "{alias}");

    show(&mut page, &json!("902")).await;
    fill(&mut page, "#q", &alias).await;
    page.js("document.querySelector('#search').requestSubmit()").await;
    page.until("document.querySelector('#found').textContent === 'Found: 1'").await;
    page.until(&format!("document.querySelector('#edit-phone').value === {}", json!(alias))).await;

    fill(&mut page, "#edit-name", "Jurate K.").await;
    page.click("document.querySelector('#edit .main')").await;
    page.until("document.querySelector('#saved').textContent === 'Saved.'").await;
    let admin = gateway.client().sign_in(Persona::SuperAdmin).await;
    let card = admin.get("/api/users/501").await.json()["data"].clone();
    let saved = ["client_name", "client_phone", "client_email"].map(|field| card[field].as_str().unwrap());
    assert_eq!(saved, ["Jurate K.", "+37061234567", "jurate.k@example.com"]);

    fill(&mut page, "#q", "+370").await;
    page.js("document.querySelector('#search').requestSubmit()").await;
    assert_told(&mut page, Reason::HiddenFieldQuery).await;
}

#[tokio::test]
async fn a_trainee_is_told_why_a_file_is_neither_opened_nor_sent() {
    let Some(browser) = Browser::take().await else { return };
    let gateway = Gateway::start().await;
    let mut page = browser.page().await;
    page.sign_in(&gateway, Persona::Trainee).await;
    open_invoice(&mut page).await;
    assert_told(&mut page, Reason::FileReceiveBlocked).await;
    attach(&mut page, &gateway).await;
    assert_told(&mut page, Reason::FileSendBlocked).await;
    let files = ["/files/", "/upload", "/api/conversations/send-file-message"];
    let reached =
        gateway.seen().into_iter().find(|seen| files.iter().any(|file| seen.target.starts_with(file)));
    assert!(reached.is_none(), "{reached:?}");
}

#[tokio::test]
async fn a_partner_opens_a_file_and_is_told_why_none_is_sent() {
    let Some(browser) = Browser::take().await else { return };
    let gateway = Gateway::start().await;
    let mut page = browser.page().await;
    page.sign_in(&gateway, Persona::Partner).await;
    open_invoice(&mut page).await;
    assert!(page.saved("invoice.pdf").await.starts_with(b"%PDF"));
    assert_eq!(page.js("document.querySelectorAll('.notice').length").await, 0);
    attach(&mut page, &gateway).await;
    assert_told(&mut page, Reason::FileSendBlocked).await;
}

#[tokio::test]
async fn a_supervisor_sends_a_file() {
    let Some(browser) = Browser::take().await else { return };
    let gateway = Gateway::start().await;
    let mut page = browser.page().await;
    page.sign_in(&gateway, Persona::Supervisor).await;
    attach(&mut page, &gateway).await;
    page.until("document.querySelector('.message:last-child .file')?.textContent.endsWith('photo.bin')")
        .await;
    assert_eq!(page.js("document.querySelectorAll('.notice').length").await, 0);
}

#[tokio::test]
async fn a_download_goes_to_a_listed_address_only() {
    let Some(browser) = Browser::take().await else { return };
    let gateway = Gateway::start().await;
    let mut page = browser.page().await;
    page.sign_in(&gateway, Persona::Supervisor).await;
    download(&mut page, "boss@evil.example").await;
    assert_told(&mut page, Reason::DownloadRecipientNotListed).await;
    page.click("document.querySelector('#direct')").await;
    assert_told(&mut page, Reason::DownloadDirectBlocked).await;
    assert!(gateway.app().outbox().is_empty());
    download(&mut page, "archive@example.com").await;
    page.until("document.querySelector('#downloaded').textContent === 'Sent to archive@example.com.'").await;
    assert_eq!(gateway.app().outbox()[0].to, ["archive@example.com"]);
}

#[tokio::test]
async fn the_app_shows_up_in_the_approved_page_and_in_no_other() {
    let Some(browser) = Browser::take().await else { return };
    let gateway = Gateway::start().await;
    let app = origin(&gateway);
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    let approved = Embedder::start(any, &app, "Approved CRM").await.unwrap();
    let other = Embedder::start(any, &app, "Unknown site").await.unwrap();
    let [approved, other] =
        [approved, other].map(|page| (format!("http://localhost:{}", page.addr().port()), page));
    let before = gateway.generation();
    let rule = gateway.read_rule("iframe").replace("http://localhost:8091", &approved.0);
    gateway.write_rule("iframe", &rule);
    assert_eventually!(gateway.generation() > before);

    let mut page = browser.page().await;
    page.go(&approved.0).await;
    page.until("document.querySelector('#result').dataset.state === 'shown'").await;
    let embedded = page.embedded().await;
    let [(address, text)] = &embedded[..] else { panic!("{embedded:?}") };
    assert!(address.starts_with(&app) && text.contains("Sample Chat"), "{embedded:?}");

    let mut page = browser.page().await;
    page.go(&other.0).await;
    page.until("document.querySelector('#result').dataset.state === 'refused'").await;
    let embedded = page.embedded().await;
    assert!(embedded.iter().all(|(_, text)| !text.contains("Sample Chat")), "{embedded:?}");
}

#[tokio::test]
async fn the_webhooks_panel_opens_for_the_super_admin_only() {
    let Some(browser) = Browser::take().await else { return };
    let gateway = Gateway::start().await;
    let panel = format!("{}/settings/webhooks", origin(&gateway));
    for persona in [Persona::Supervisor, Persona::Trainee] {
        let mut page = browser.page().await;
        page.sign_in(&gateway, persona).await;
        page.go(&panel).await;
        assert_refusal_page(&mut page, Reason::WebhooksPanelRestricted).await;
    }
    let mut page = browser.page().await;
    page.sign_in(&gateway, Persona::SuperAdmin).await;
    page.go(&panel).await;
    page.until(
        "document.querySelector('#webhooks').innerText.includes('https://crm.example.com/hooks/chat')",
    )
    .await;
}

#[tokio::test]
async fn live_events_reach_a_trainee_and_a_super_admin() {
    let Some(browser) = Browser::take().await else { return };
    let gateway = Gateway::start().await;
    let admin = gateway.client().sign_in(Persona::SuperAdmin).await;
    for persona in [Persona::Trainee, Persona::SuperAdmin] {
        let mut page = browser.page().await;
        page.sign_in(&gateway, persona).await;
        page.until("/\\bconnected/.test(document.querySelector('#live').textContent)").await;
        let text = format!("Said elsewhere, to {persona:?}");
        let said = json!({ "conversation_id": 901, "text": text });
        admin.post("/api/conversations/send-message").json(&said).await.assert_passed(200);
        page.until(&format!("document.querySelector('#messages').innerText.includes('{text}')")).await;
    }
}

#[tokio::test]
async fn an_address_taken_off_the_whitelist_is_refused_within_a_second_and_told_its_address() {
    let Some(browser) = Browser::take().await else { return };
    let gateway = Gateway::start().await;
    let (mut page, mut inbox) = (browser.page().await, browser.page().await);
    inbox.sign_in(&gateway, Persona::SuperAdmin).await;
    page.sign_in(&gateway, Persona::SuperAdmin).await;
    let listed = gateway.read_rule("ip-whitelist");
    let without = listed
        .replace("  - 127.0.0.0/8", "  - 198.51.100.0/24")
        .replace("{ from: 127.0.0.1, expect: allowed }", "{ from: 127.0.0.1, expect: refused }");
    assert_ne!(listed, without);

    gateway.write_rule("ip-whitelist", &without);
    assert_within_a_second(&mut inbox, 403).await;
    page.go(&origin(&gateway)).await;
    assert_refusal_page(&mut page, Reason::IpNotWhitelisted).await;
    let words = page.text("document.body.innerText").await;
    assert!(words.contains("127.0.0.1"), "{words}");

    gateway.write_rule("ip-whitelist", &listed);
    assert_within_a_second(&mut inbox, 200).await;
    page.go(&origin(&gateway)).await;
    page.inbox().await;
}

#[tokio::test]
#[ignore = "draws docs/images/card.png anew, for README: run it when the card has changed"]
async fn the_picture_of_the_same_card_as_supervisor_and_as_trainee() {
    let Some(browser) = Browser::take().await else { return };
    let gateway = Gateway::start().await;
    let mut cards = String::new();
    for (persona, caption) in [(Persona::Supervisor, "as supervisor"), (Persona::Trainee, "as trainee")] {
        let mut page = browser.page().await;
        page.size(1440, 900, 2).await;
        page.sign_in(&gateway, persona).await;
        pictures(&mut page, "#card img").await;
        let picture = STANDARD.encode(page.picture("#card").await);
        cards.push_str(&format!(
            "<figure><figcaption>{caption}</figcaption><img src='data:image/png;base64,{picture}'></figure>"
        ));
    }
    let mut page = browser.page().await;
    page.size(1000, 700, 2).await;
    let style = "body { margin: 0; display: inline-flex; gap: 24px; padding: 20px; background: #f4f6f9; } \
                 figure { margin: 0; padding: 12px 18px 4px; border: 1px solid #e1e6ed; border-radius: 12px; background: #fff; } \
                 figcaption { font: 600 15px 'DejaVu Sans', sans-serif; color: #2f4bc7; } img { display: block; zoom: .5; }";
    let html = format!("<style>{style}</style>{cards}");
    page.js(&format!("document.documentElement.innerHTML = {}", json!(html))).await;
    page.until("[...document.images].every((image) => image.complete)").await;
    let picture = page.picture("body").await;
    fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/images/card.png"), picture).unwrap();
}

/// Opens a conversation of the list and waits for its messages and card.
async fn show(page: &mut Page, id: &Value) {
    page.js("document.querySelector('#card').replaceChildren(), document.querySelector('#messages').replaceChildren()").await;
    page.click(&format!("document.querySelector('#conversations [data-id={id}]')")).await;
    page.inbox().await;
}

/// The addresses of the pictures that a selector finds, once each of them is drawn.
async fn pictures(page: &mut Page, selector: &str) -> Vec<String> {
    let found = format!("[...document.querySelectorAll({})]", json!(selector));
    page.until(&format!(
        "{found}.length && {found}.every((image) => image.complete && image.naturalWidth > 0)"
    ))
    .await;
    let all = page.js(&format!("{found}.map((image) => image.getAttribute('src'))")).await;
    all.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

async fn fill(page: &mut Page, selector: &str, text: &str) {
    page.js(&format!("document.querySelector({}).value = {}", json!(selector), json!(text))).await;
}

async fn open_invoice(page: &mut Page) {
    page.click("document.querySelector('[aria-label=\"Open invoice.pdf\"]')").await;
}

/// Attaches a file that is larger than what the sockets on the way hold.
async fn attach(page: &mut Page, gateway: &Gateway) {
    let file = gateway.path("photo.bin");
    fs::write(&file, vec![7; 8 << 20]).unwrap();
    page.choose_file("#file", &file).await;
}

async fn download(page: &mut Page, to: &str) {
    page.js(&format!("document.querySelector('#to').value = {}", json!(to))).await;
    page.click("document.querySelector('#download .main')").await;
}

/// The newest notice tells the refusal: in words, by its code, and with the request's id.
async fn assert_told(page: &mut Page, reason: Reason) {
    let code = json!(reason.code());
    page.until(&format!("document.querySelector('.notice .code')?.textContent === {code}")).await;
    let told = page.text("document.querySelector('.notice').innerText").await;
    assert!(told.contains(reason.words()) && told.contains("request "), "{told}");
}

/// The page is the gateway's own, and tells the refusal.
async fn assert_refusal_page(page: &mut Page, reason: Reason) {
    let told = page.text("document.body.innerText").await;
    assert!(told.contains(reason.words()) && told.contains(reason.code()), "{told}");
    assert!(told.contains("request ") && told.contains("your administrator"), "{told}");
}

/// The page asks who it is until the status is this; it must not take a second. A refusal page may ask nothing.
async fn assert_within_a_second(page: &mut Page, status: u16) {
    let asked = format!(
        "(async () => {{ const start = performance.now(); \
         while ((await fetch('/api/me')).status !== {status} && performance.now() - start < 10000) {{}} \
         return performance.now() - start; }})()"
    );
    let took = page.js(&asked).await.as_f64().unwrap();
    assert!(took < 1000.0, "{took} ms until {status}");
}

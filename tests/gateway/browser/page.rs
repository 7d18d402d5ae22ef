//! A page of the browser, used as a person uses it: go somewhere, click, choose a file, read.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::chromium::DevTools;
use crate::harness::{Gateway, PATIENCE, Persona, until};

/// An open page. It closes with its cookies when the connection that opened it ends.
pub(super) struct Page {
    devtools: DevTools,
    session: String,
    context: String,
    /// Where downloads go.
    saved: TempDir,
    answers: Vec<Answer>,
}

/// An answer that the page got from the network.
#[derive(Debug)]
pub(super) struct Answer {
    id: String,
    pub(super) url: String,
    finished: bool,
}

impl Page {
    pub(super) async fn open(mut devtools: DevTools) -> Page {
        let context = devtools
            .call(None, "Target.createBrowserContext", json!({ "disposeOnDetach": true }))
            .await
            .unwrap();
        let context = text(&context["browserContextId"]);
        let target = json!({ "url": "about:blank", "browserContextId": context });
        let target = devtools.call(None, "Target.createTarget", target).await.unwrap();
        let attached = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = devtools.call(None, "Target.attachToTarget", attached).await.unwrap();
        let saved = tempfile::Builder::new().prefix("chatwarden-saved-").tempdir().unwrap();
        let downloads =
            json!({ "behavior": "allow", "downloadPath": saved.path(), "browserContextId": context });
        devtools.call(None, "Browser.setDownloadBehavior", downloads).await.unwrap();
        let session = text(&attached["sessionId"]);
        let mut page = Page { devtools, session, context, saved, answers: Vec::new() };
        page.call("Page.enable", json!({})).await.unwrap();
        page.size(1280, 860, 1).await;
        page
    }

    /// Sets the size of the page, and how many dots of the screen one of its pixels has.
    pub(super) async fn size(&mut self, width: u32, height: u32, scale: u32) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", metrics).await.unwrap();
    }

    /// Goes to an address and waits until it is loaded.
    pub(super) async fn go(&mut self, url: &str) {
        let gone = self.call("Page.navigate", json!({ "url": url })).await.unwrap();
        assert_eq!(gone["errorText"], Value::Null, "{url}");
        self.until("document.readyState === 'complete'").await;
    }

    /// Signs in by the button of the sign-in page, and waits for the inbox.
    pub(super) async fn sign_in(&mut self, gateway: &Gateway, persona: Persona) {
        self.go(&format!("{}/login", origin(gateway))).await;
        let button = format!(
            "[...document.querySelectorAll('.persona')].find((form) => form.email.value === '{}').querySelector('button')",
            persona.email()
        );
        self.click(&button).await;
        self.inbox().await;
    }

    /// Waits until the inbox shows a conversation, the card and whether events come in.
    pub(super) async fn inbox(&mut self) {
        self.until(
            "location.pathname === '/' && document.querySelectorAll('#card dd').length === 7 \
             && document.querySelector('#messages article') && document.querySelector('#live').dataset.events \
             && document.querySelector('#live').dataset.socket",
        )
        .await;
    }

    /// Clicks what a JavaScript expression finds.
    pub(super) async fn click(&mut self, found: &str) {
        self.until(&format!("({found}) && (({found}).click(), true)")).await;
    }

    /// Chooses a file in an `<input type="file">`.
    pub(super) async fn choose_file(&mut self, selector: &str, file: &Path) {
        let expression = format!("document.querySelector({})", json!(selector));
        let found = self.call("Runtime.evaluate", json!({ "expression": expression })).await.unwrap();
        let chosen = json!({ "files": [file], "objectId": found["result"]["objectId"] });
        self.call("DOM.setFileInputFiles", chosen).await.unwrap();
    }

    /// The value of a JavaScript expression; a promise is awaited.
    pub(super) async fn js(&mut self, expression: &str) -> Value {
        self.evaluate(expression).await.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// The same as text.
    pub(super) async fn text(&mut self, expression: &str) -> String {
        text(&self.js(expression).await)
    }

    /// Waits until a JavaScript expression is true; one that cannot be evaluated, as between two pages, is not.
    pub(super) async fn until(&mut self, expression: &str) {
        let expression = format!("Boolean({expression})");
        until(PATIENCE, async || {
            let now = self.evaluate(&expression).await;
            if now == Ok(Value::Bool(true)) {
                return Ok(());
            }
            let page = self.evaluate("`${location.href}\n${document.body.innerText}`").await;
            Err(format!("{expression}: {now:?} at {page:?}"))
        })
        .await;
    }

    /// Everything on the page that can be read: its text, shown or not, all attributes, all fields, its address.
    pub(super) async fn everything(&mut self) -> String {
        self.text(
            "[location.href, document.title, document.documentElement.innerText, \
             document.documentElement.textContent, ...[...document.querySelectorAll('*')].flatMap((one) => \
             [one.value ?? '', ...[...one.attributes].map((attribute) => attribute.value)])].join('\\n')",
        )
        .await
    }

    /// Records the answers from the network from now on.
    pub(super) async fn record(&mut self) {
        self.call("Network.enable", json!({})).await.unwrap();
        self.devtools.take_events();
        self.answers.clear();
    }

    /// Waits until every recorded answer is complete, and takes them with their bodies; messages of WebSockets too.
    pub(super) async fn recorded(&mut self) -> Vec<(Answer, Vec<u8>)> {
        let mut bodies = Vec::new();
        until(PATIENCE, async || {
            // Asking anything makes the browser tell what it has.
            self.js("0").await;
            for event in self.devtools.take_events() {
                self.heard(&event.method, &event.params, &mut bodies);
            }
            match self.answers.iter().all(|answer| answer.finished) {
                true => Ok(()),
                false => Err(format!("still on their way: {:?}", self.answers)),
            }
        })
        .await;
        for answer in std::mem::take(&mut self.answers) {
            let body = self.call("Network.getResponseBody", json!({ "requestId": answer.id })).await.unwrap();
            let written = text(&body["body"]);
            let body = match body["base64Encoded"] == true {
                true => STANDARD.decode(written).unwrap(),
                false => written.into_bytes(),
            };
            bodies.push((answer, body));
        }
        bodies
    }

    /// Waits for a file to be saved by the page, and reads it.
    pub(super) async fn saved(&self, name: &str) -> Vec<u8> {
        let file: PathBuf = self.saved.path().join(name);
        assert_eventually!(file.exists(), "{name} is not saved");
        fs::read(file).unwrap()
    }

    /// What is shown in the frames of other sites that are embedded in this page: address and text of each.
    pub(super) async fn embedded(&mut self) -> Vec<(String, String)> {
        let all = self.devtools.call(None, "Target.getTargets", json!({})).await.unwrap();
        let mut shown = Vec::new();
        for target in all["targetInfos"].as_array().unwrap() {
            if target["type"] != "iframe" || target["browserContextId"] != self.context.as_str() {
                continue;
            }
            let attached = json!({ "targetId": target["targetId"], "flatten": true });
            let attached = self.devtools.call(None, "Target.attachToTarget", attached).await.unwrap();
            let session = text(&attached["sessionId"]);
            let asked =
                json!({ "expression": "[location.href, document.body.innerText]", "returnByValue": true });
            let told = self.devtools.call(Some(&session), "Runtime.evaluate", asked).await.unwrap();
            let told = &told["result"]["value"];
            shown.push((text(&told[0]), text(&told[1])));
        }
        shown
    }

    /// A picture (PNG) of what a selector finds.
    pub(super) async fn picture(&mut self, selector: &str) -> Vec<u8> {
        let place = format!(
            "(() => {{ const {{ x, y, width, height }} = document.querySelector({}).getBoundingClientRect(); \
             return {{ x, y, width, height, scale: 1 }}; }})()",
            json!(selector)
        );
        let clip = self.js(&place).await;
        let taken = self.call("Page.captureScreenshot", json!({ "format": "png", "clip": clip })).await;
        STANDARD.decode(text(&taken.unwrap()["data"])).unwrap()
    }

    async fn evaluate(&mut self, expression: &str) -> Result<Value, String> {
        let asked = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut told = self.call("Runtime.evaluate", asked).await?;
        match told.get("exceptionDetails") {
            Some(details) => Err(details.to_string()),
            None => Ok(told["result"]["value"].take()),
        }
    }

    async fn call(&mut self, method: &str, params: Value) -> Result<Value, String> {
        self.devtools.call(Some(&self.session), method, params).await
    }

    fn heard(&mut self, method: &str, params: &Value, bodies: &mut Vec<(Answer, Vec<u8>)>) {
        let id = text(&params["requestId"]);
        match method {
            // A stream of events has no end.
            "Network.responseReceived" if params["response"]["mimeType"] == "text/event-stream" => {}
            "Network.responseReceived" => {
                self.answers.push(Answer { id, url: text(&params["response"]["url"]), finished: false })
            }
            "Network.loadingFinished" => {
                let found = self.answers.iter_mut().filter(|answer| answer.id == id);
                found.for_each(|answer| answer.finished = true);
            }
            "Network.webSocketFrameReceived" => bodies.push((
                Answer { id, url: "a WebSocket".to_owned(), finished: true },
                text(&params["response"]["payloadData"]).into_bytes(),
            )),
            _ => {}
        }
    }
}

/// Where the browser finds the gateway.
pub(super) fn origin(gateway: &Gateway) -> String {
    format!("http://{}", gateway.address())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

//! A headless Chromium in a container on a rig's network, driven by chromedriver over the WebDriver protocol.
//!
//! Source: <https://www.w3.org/TR/webdriver2/>; logs by `se/log`, which chromedriver has beside the standard.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::blocking::Client;
use reqwest::header::HOST;
use serde_json::{Value, json};
use testcontainers::ImageExt;
use testcontainers::runners::SyncRunner;

use crate::images::{Images, place};
use crate::place;
use crate::rig::Rig;

/// The name under which the protocol hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Where the driver listens.
const PORT: u16 = 9515;

const ARGUMENTS: [&str; 10] = [
    "--headless=new",
    "--window-size=1200,900",
    // Its own sandbox needs rights that containers have not; the container is one.
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-sync",
    "--no-first-run",
    // Its own complaints about passwords such as "secret" would cover the page.
    "--disable-features=PasswordLeakDetection",
];

/// An open browser with one page; it goes with its container.
pub(crate) struct Browser {
    client: Client,
    /// Of the driver; of the session, once there is one.
    url: String,
    _container: place::Running,
}

impl Browser {
    /// Opens a browser that takes any certificate.
    pub(crate) fn open(images: &Images, rig: &Rig, what: &str) -> Result<Self> {
        let image = place::image(&images.browser)?.with_exposed_port(PORT.into());
        let container = rig.beside(image, &format!("browser-{what}")).with_shm_size(256 << 20).start()?;
        let url = format!("http://{}", place::address(&container, PORT)?);
        place::wait_for(&format!("{url}/status"), &[&container])?;
        let client = Client::builder().timeout(Duration::from_secs(120)).build()?;
        let mut browser = Self { client, url: format!("{url}/session"), _container: container };
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "acceptInsecureCerts": true,
            // What a click leads to may take a moment: elements are waited for, in milliseconds.
            "timeouts": {"implicit": 20_000},
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": ARGUMENTS},
        }}});
        let session = browser.call(browser.client.post(&browser.url).json(&wanted))?;
        browser.url = format!("{}/{}", browser.url, session["sessionId"].as_str().context("a session")?);
        Ok(browser)
    }

    /// Loads a page and waits until it is complete.
    pub(crate) fn go(&self, url: &str) -> Result<()> {
        self.order("url", &json!({"url": url})).map(drop)
    }

    /// Types into the one field that the CSS selector finds, in place of what stands there.
    pub(crate) fn fill(&self, selector: &str, text: &str) -> Result<()> {
        let element = self.find(selector)?;
        self.order(&format!("element/{element}/clear"), &json!({}))?;
        self.order(&format!("element/{element}/value"), &json!({"text": text})).map(drop)
    }

    /// Clicks what the CSS selector finds first. The page that this leads to may come later: ask it for what only it has.
    pub(crate) fn click(&self, selector: &str) -> Result<()> {
        let element = self.find(selector)?;
        self.order(&format!("element/{element}/click"), &json!({})).map(drop)
    }

    /// What a person reads in what the CSS selector finds first.
    pub(crate) fn text(&self, selector: &str) -> Result<String> {
        let element = self.find(selector)?;
        let text = self.call(self.client.get(format!("{}/element/{element}/text", self.url)))?;
        Ok(text.as_str().context("no text")?.to_owned())
    }

    /// What a line of JavaScript returns.
    pub(crate) fn script(&self, line: &str) -> Result<Value> {
        self.order("execute/sync", &json!({"script": line, "args": []}))
    }

    /// Fails when the console has an error: a script that broke, a file that was not found. No way leads out of the lab: what pages want from other
    /// sites does not count. Neither does what the site itself `lacks`.
    pub(crate) fn no_errors(&self, url: &str, lacks: &[&str]) -> Result<()> {
        let entries = self.order("se/log", &json!({"type": "browser"}))?;
        let entries = entries.as_array().context("no list of console entries")?;
        let counts = |entry: &&Value| {
            let message = entry["message"].as_str().unwrap_or_default();
            let is_elsewhere = entry["source"] == "network" && !message.starts_with(&format!("{url}/"));
            let is_lacking = lacks.iter().any(|path| message.starts_with(&format!("{url}{path} ")));
            entry["level"] == "SEVERE" && !is_elsewhere && !is_lacking
        };
        let errors: Vec<&Value> = entries.iter().filter(counts).collect();
        ensure!(errors.is_empty(), "the console of {}: {errors:#?}", self.script("return location.href")?);
        Ok(())
    }

    /// Writes what is to be seen to `.rsgi-dev/screenshots/NAME.png`, and says so.
    pub(crate) fn screenshot(&self, name: &str) -> Result<PathBuf> {
        let image = self.call(self.client.get(format!("{}/screenshot", self.url)))?;
        let image = BASE64_STANDARD.decode(image.as_str().context("no image")?)?;
        let folder = place().canonicalize()?.join("screenshots");
        std::fs::create_dir_all(&folder)?;
        let file = folder.join(format!("{name}.png"));
        std::fs::write(&file, image).with_context(|| file.display().to_string())?;
        eprintln!("screenshot: {}", file.display());
        Ok(file)
    }

    fn find(&self, selector: &str) -> Result<String> {
        let found = self.order("element", &json!({"using": "css selector", "value": selector}));
        let found = found.or_else(|error| {
            // What is to be seen instead tells more than the selector.
            let seen = self.script("return location.href + '\\n' + document.body.innerText")?;
            Err(error.context(format!("in {}", seen.as_str().unwrap_or_default())))
        })?;
        Ok(found[ELEMENT].as_str().context("no element")?.to_owned())
    }

    fn order(&self, command: &str, body: &Value) -> Result<Value> {
        self.call(self.client.post(format!("{}/{command}", self.url)).json(body))
            .with_context(|| format!("{command} {body}"))
    }

    fn call(&self, request: reqwest::blocking::RequestBuilder) -> Result<Value> {
        // It talks only to who takes it for a server of this machine.
        let mut answer: Value = request.header(HOST, "localhost").send()?.json()?;
        let value = answer["value"].take();
        ensure!(value.get("error").is_none(), "the browser says: {}", value["message"]);
        Ok(value)
    }
}

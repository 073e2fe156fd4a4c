//! A headless Chromium, driven by chromedriver over the WebDriver protocol. It reaches this machine alone.
//!
//! Source: <https://www.w3.org/TR/webdriver2/>; logs by `se/log`, which chromedriver has beside the standard.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, Uid};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Client;

/// The name under which the protocol hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// An open browser with one page.
pub(crate) struct Browser {
    driver: Child,
    address: SocketAddrV4,
    session: String,
    chromium: Option<i32>,
    _profile: TempDir,
}

impl Browser {
    /// Opens a browser that takes any certificate.
    #[track_caller]
    pub(crate) fn open() -> Self {
        let (driver, address) = start_driver();
        let profile = tempfile::Builder::new().prefix("rsgi-browser-").tempdir().expect("a temporary folder");
        let mut browser = Self { driver, address, session: String::new(), chromium: None, _profile: profile };
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "acceptInsecureCerts": true,
            // What a click leads to may take a moment: elements are waited for, in milliseconds.
            "timeouts": {"implicit": 15_000},
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": arguments(browser._profile.path())},
        }}});
        let session = browser.call("POST", "", &wanted);
        browser.session = session["sessionId"].as_str().expect("a session").to_owned();
        browser.chromium = session["capabilities"]["goog:processID"].as_i64().and_then(|pid| i32::try_from(pid).ok());
        browser
    }

    /// Loads a page and waits until it is complete.
    #[track_caller]
    pub(crate) fn go(&self, url: &str) {
        self.order("url", &json!({"url": url}));
    }

    /// Types into the one field that the CSS selector finds, in place of what stands there.
    #[track_caller]
    pub(crate) fn fill(&self, selector: &str, text: &str) {
        let element = self.find(selector);
        self.order(&format!("element/{element}/clear"), &json!({}));
        self.order(&format!("element/{element}/value"), &json!({"text": text}));
    }

    /// Clicks what the CSS selector finds first. The page that this leads to may come later: ask it for what only it has.
    #[track_caller]
    pub(crate) fn click(&self, selector: &str) {
        let element = self.find(selector);
        self.order(&format!("element/{element}/click"), &json!({}));
    }

    /// What a person reads in what the CSS selector finds first.
    #[track_caller]
    pub(crate) fn text(&self, selector: &str) -> String {
        let element = self.find(selector);
        let text = self.call("GET", &format!("/{}/element/{element}/text", self.session), &Value::Null);
        text.as_str().expect("text").to_owned()
    }

    /// What a line of JavaScript returns.
    #[track_caller]
    pub(crate) fn script(&self, line: &str) -> Value {
        self.order("execute/sync", &json!({"script": line, "args": []}))
    }

    /// Fails when the console has an error: a script that broke, a file that was not found.
    #[track_caller]
    pub(crate) fn expect_no_errors(&self) {
        let entries = self.order("se/log", &json!({"type": "browser"}));
        let errors: Vec<&Value> =
            entries.as_array().expect("a list").iter().filter(|entry| entry["level"] == "SEVERE").collect();
        assert!(errors.is_empty(), "the console of {}: {errors:#?}", self.script("return location.href"));
    }

    /// Writes what is to be seen to `browser/NAME.png` in cargo's folder for the files of tests.
    #[track_caller]
    pub(crate) fn screenshot(&self, name: &str) -> PathBuf {
        let image = self.call("GET", &format!("/{}/screenshot", self.session), &Value::Null);
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser").join(name).with_extension("png");
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        let mut decoder = Command::new("base64");
        decoder.arg("--decode").stdin(Stdio::piped()).stdout(std::fs::File::create(&file).expect("a file"));
        let mut decoder = decoder.spawn().expect("base64");
        decoder.stdin.take().expect("a pipe").write_all(image.as_str().expect("an image").as_bytes()).expect("taken");
        assert!(decoder.wait().expect("its end").success(), "no base64");
        file
    }

    #[track_caller]
    fn find(&self, selector: &str) -> String {
        let found = self.order("element", &json!({"using": "css selector", "value": selector}));
        found[ELEMENT].as_str().expect("an element").to_owned()
    }

    #[track_caller]
    fn order(&self, command: &str, body: &Value) -> Value {
        self.call("POST", &format!("/{}/{command}", self.session), body)
    }

    /// One command; `path` is what follows `/session`.
    #[track_caller]
    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let length = body.len();
        let head = format!(
            "{method} /session{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        let mut answer = Client::tcp(self.address).send(head + &body).response().json();
        let value = answer["value"].take();
        assert!(value.get("error").is_none(), "{method} {path} {body}: {}", value["message"]);
        value
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !std::thread::panicking() && !self.session.is_empty() {
            self.call("DELETE", &format!("/{}", self.session), &Value::Null);
        }
        // It has a process group of its own, and outlives a driver that is killed.
        if let Some(chromium) = self.chromium {
            let _ = kill(Pid::from_raw(chromium), Signal::SIGKILL);
        }
        let _ = killpg(Pid::from_raw(i32::try_from(self.driver.id()).expect("a pid")), Signal::SIGKILL);
        let _ = self.driver.wait();
    }
}

/// Starts chromedriver, and returns when it has said which port it listens on.
#[track_caller]
fn start_driver() -> (Child, SocketAddrV4) {
    let mut command = Command::new("chromedriver");
    command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0);
    let mut driver = command
        .spawn()
        .unwrap_or_else(|error| panic!("chromedriver: {error}; install it: apt-get install chromium-driver"));
    let mut lines = BufReader::new(driver.stdout.take().expect("a pipe")).lines();
    let said = "was started successfully on port ";
    let line = lines.find_map(|line| line.ok().filter(|line| line.contains(said))).expect("chromedriver listens");
    let port = line.rsplit(' ').next().and_then(|word| word.trim_end_matches('.').parse().ok()).expect("a port");
    // It must not find its output closed.
    std::thread::spawn(move || lines.for_each(drop));
    (driver, SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
}

/// Everything but loopback goes to a proxy that is not there.
fn arguments(profile: &Path) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "--headless=new",
        "--window-size=1200,900",
        "--proxy-server=127.0.0.1:9",
        "--proxy-bypass-list=127.0.0.0/8",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--disable-sync",
        "--no-first-run",
        // Its own complaints about passwords such as "secret" would cover the page.
        "--disable-features=PasswordLeakDetection",
    ]
    .map(str::to_owned)
    .into();
    arguments.push(format!("--user-data-dir={}", profile.display()));
    // Chromium refuses to build its sandbox as root.
    arguments.extend(Uid::effective().is_root().then(|| "--no-sandbox".to_owned()));
    arguments
}

//! What the application learns of a request.

use anyhow::{Context, Result, ensure};
use reqwest::blocking::RequestBuilder;
use reqwest::header::{CONTENT_LENGTH, COOKIE, HeaderValue, SET_COOKIE};
use reqwest::{Method, Version};
use serde_json::Value;

use super::pages;
use crate::ask::Visit;
use crate::rig::Server;

/// The answer of `echo`, which tells what has come.
fn echo(visit: &Visit, request: RequestBuilder) -> Result<Value> {
    Ok(visit.send(request, 200)?.json()?)
}

/// The head of GET, and no body; the connection goes on.
pub(super) fn head(visit: &Visit) -> Result<()> {
    for path in ["whoami", visit.framework.file] {
        let get = visit.get(path, 200)?;
        let head = visit.send(visit.request(Method::HEAD, path), 200)?;
        let (length, wanted) =
            (head.headers().get(CONTENT_LENGTH).cloned(), get.headers().get(CONTENT_LENGTH).cloned());
        ensure!(length == wanted || length.is_none(), "HEAD says {length:?}, GET {wanted:?}");
        ensure!(head.bytes()?.is_empty(), "a body");
        drop(get);
    }
    ensure!(visit.text("whoami")?.is_empty(), "a user who has not logged in");
    Ok(())
}

/// Three are set, one of them long; all come back.
pub(super) fn cookies(visit: &Visit) -> Result<()> {
    let answer = visit.get("cookies", 200)?;
    let set: Vec<_> = answer.headers().get_all(SET_COOKIE).iter().map(|value| value.as_bytes().to_vec()).collect();
    for (name, value) in [("first", "1"), ("second", "zwei"), ("long", &*"x".repeat(3000))] {
        let start = format!("{name}={value};");
        let set = set
            .iter()
            .find(|cookie| cookie.starts_with(start.as_bytes()))
            .with_context(|| format!("no cookie {name}"))?;
        ensure!(
            String::from_utf8_lossy(set).to_lowercase().contains("httponly"),
            "{name} has lost what stands behind it"
        );
    }
    let seen = echo(visit, visit.request(Method::GET, "echo/cookies"))?;
    ensure!(seen["cookies"]["first"] == "1" && seen["cookies"]["second"] == "zwei", "{}", seen["cookies"]);
    ensure!(seen["cookies"]["long"] == *"x".repeat(3000), "the long one is another");
    // More than fits where others keep their heads.
    let many: Vec<String> = (0..6).map(|n| format!("c{n}={}", "y".repeat(1500))).collect();
    let seen = echo(visit, visit.request(Method::GET, "echo/cookies").header(COOKIE, many.join("; ")))?;
    for n in 0..6 {
        ensure!(seen["cookies"][format!("c{n}")] == *"y".repeat(1500), "c{n} is lost");
    }
    Ok(())
}

pub(super) fn url(visit: &Visit) -> Result<()> {
    let seen = echo(visit, visit.request(Method::GET, "echo/Grüße/日本?q=Ümläut+%26 é"))?;
    ensure!(seen["path"] == visit.framework.path, "path: {}", seen["path"]);
    ensure!(seen["q"] == "Ümläut & é", "query: {}", seen["q"]);
    Ok(())
}

/// Forty headers and one that is not ASCII: all arrive, none is added.
pub(super) fn headers(visit: &Visit) -> Result<()> {
    let mut request = visit.request(Method::GET, "echo/headers");
    for n in 0..40 {
        request = request.header(format!("x-lab-{n}"), format!("{n} {}", "z".repeat(100)));
    }
    request = request.header("x-greeting", HeaderValue::from_bytes("Grüße".as_bytes())?);
    let seen = echo(visit, request)?;
    for n in 0..40 {
        let value = &seen["headers"][format!("x-lab-{n}")];
        ensure!(*value == *format!("{n} {}", "z".repeat(100)), "x-lab-{n} came as {value}");
    }
    // Bytes are one character each in Python (PEP 3333).
    let greeting = seen["headers"]["x-greeting"].as_str().context("x-greeting is lost")?;
    let bytes: Vec<u32> = greeting.chars().map(u32::from).collect();
    ensure!(bytes == "Grüße".bytes().map(u32::from).collect::<Vec<_>>(), "x-greeting came as {greeting:?}");
    let mut names: Vec<&String> = seen["headers"].as_object().context("headers")?.keys().collect();
    names.sort();
    visit.note(format!("headers: {names:?}"));
    Ok(())
}

/// The application sees who asks, not nginx, and whether the client has TLS; a session works there too.
pub(super) fn client(visit: &Visit) -> Result<()> {
    // The network's gateway, through which this client comes; nginx sees it first.
    let front = format!("http://{}/front", visit.rig.address(8001)?);
    let client = reqwest::blocking::get(front)?.text()?;
    let urls = [(visit.rig.url(visit.door, false)?, "http"), (visit.rig.url(visit.door, true)?, "https")];
    for (url, scheme) in urls.into_iter().filter_map(|(url, scheme)| Some((url?, scheme))) {
        let answer = visit.send(visit.at(&url, Method::GET, "echo/client"), 200)?;
        // nginx offers it too; of the two servers only rsgi does.
        let has_http2 = scheme == "https" && (visit.door.has_nginx || visit.rig.server == Server::Rsgi);
        ensure!((answer.version() == Version::HTTP_2) == has_http2, "{:?} over {scheme}", answer.version());
        let seen: Value = answer.json()?;
        ensure!(seen["scheme"] == scheme, "the scheme is {}, not {scheme}", seen["scheme"]);
        let is_told = visit.door.is_proxied && !visit.framework.reads_forwarded;
        let address = if is_told { &seen["forwarded"] } else { &seen["address"] };
        ensure!(*address == *client, "the client is {client}, the application sees {seen}");
        ensure!(!is_told || seen["address"] != *client, "not through nginx: {seen}");
        if scheme == "https" {
            pages::log_in(visit, &url)?;
            let user = visit.send(visit.at(&url, Method::GET, "whoami"), 200)?.text()?;
            ensure!(user == "ann", "not logged in over TLS: {user:?}");
        }
    }
    Ok(())
}

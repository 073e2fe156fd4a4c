//! One visit of a client to a framework through a door, and the record of what was answered.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use reqwest::blocking::{Client, RequestBuilder, Response};
use reqwest::header::{
    CONNECTION, CONTENT_LENGTH, DATE, EXPIRES, HeaderMap, LOCATION, REFERER, SERVER, SET_COOKIE, TRANSFER_ENCODING,
};

use crate::client::client;
use crate::door::Door;
use crate::framework::Framework;
use crate::images::Images;
use crate::rig::{Rig, Server};

/// A client with its cookies at a door.
pub(crate) struct Visit<'a> {
    pub(crate) rig: &'a Rig,
    pub(crate) framework: &'static Framework,
    pub(crate) door: &'static Door,
    pub(crate) url: String,
    client: Client,
    said: Mutex<Vec<String>>,
}

impl<'a> Visit<'a> {
    /// Through the plain door where there is one.
    pub(crate) fn new(
        images: &Images,
        rig: &'a Rig,
        framework: &'static Framework,
        door: &'static Door,
    ) -> Result<Self> {
        // uWSGI's router closes each connection after its answer, without a word.
        let keeps = rig.server == Server::Rsgi;
        let plain = rig.url(door, false)?;
        let url = plain.map_or_else(|| rig.url(door, true), |plain| Ok(Some(plain)))?.context("a door that is open")?;
        Ok(Self { rig, framework, door, url, client: client(images, keeps)?, said: Mutex::default() })
    }

    /// A request for a path of the framework, or of the whole server when it begins with a slash.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.at(&self.url, method, path)
    }

    /// The same at another URL.
    pub(crate) fn at(&self, url: &str, method: Method, path: &str) -> RequestBuilder {
        let prefix = if path.starts_with('/') { "" } else { self.framework.prefix };
        self.client.request(method, format!("{url}{prefix}{path}"))
    }

    /// Sends it; the answer must have this status.
    pub(crate) fn send(&self, request: RequestBuilder, status: u16) -> Result<Response> {
        let request = request.build()?;
        let what = format!("{} {}", request.method(), request.url().path());
        let answer = self.client.execute(request).with_context(|| what.clone())?;
        self.note(format!("{what} → {} | {}", answer.status().as_u16(), summary(answer.headers())));
        ensure!(
            answer.status().as_u16() == status,
            "{what} is answered with {}, not {status}: {}",
            answer.status(),
            short(answer.text()?)
        );
        Ok(answer)
    }

    pub(crate) fn get(&self, path: &str, status: u16) -> Result<Response> {
        self.send(self.request(Method::GET, path), status)
    }

    /// What is answered to GET, as a text.
    pub(crate) fn text(&self, path: &str) -> Result<String> {
        Ok(self.get(path, 200)?.text()?)
    }

    /// A request that posts, and comes from a page of this site.
    pub(crate) fn post(&self, path: &str) -> Result<RequestBuilder> {
        self.post_at(&self.url, path)
    }

    pub(crate) fn post_at(&self, url: &str, path: &str) -> Result<RequestBuilder> {
        // nginx in Debian tells the application the host without its port; the page's address has to be the same one.
        let seen: serde_json::Value = self.at(url, Method::GET, "echo/host").send()?.json()?;
        let (scheme, _) = url.split_once("://").context("a URL")?;
        let host = seen["host"].as_str().context("a host")?;
        Ok(self.at(url, Method::POST, path).header(REFERER, format!("{scheme}://{host}/")))
    }

    /// Adds to what is compared with the same visit to the other server.
    pub(crate) fn note(&self, line: String) {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    pub(crate) fn said(&self) -> Vec<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Headers but those that differ from request to request, or belong to the connection.
fn summary(headers: &HeaderMap) -> String {
    let passing = [CONNECTION, CONTENT_LENGTH, DATE, SERVER, TRANSFER_ENCODING];
    let mut lines: Vec<String> = headers
        .iter()
        .filter(|(name, _)| !passing.contains(name) && *name != "keep-alive")
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            match name {
                name if name == SET_COOKIE => format!("{name}: {}", value.split('=').next().unwrap_or_default()),
                // Where it leads on this server, which has a port of its own.
                name if name == EXPIRES || name == "web2py_error" => name.to_string(),
                name if name == LOCATION => format!("{name}: {}", value.splitn(4, '/').last().unwrap_or_default()),
                name => format!("{name}: {value}"),
            }
        })
        .collect();
    lines.sort();
    lines.join(" | ")
}

fn short(text: String) -> String {
    text.chars().take(600).collect()
}

//! A client that keeps cookies, trusts the lab's certificate alone, follows nothing by itself, and knows a form when it sees one.

use std::time::Duration;

use anyhow::Result;
use reqwest::blocking::Client;
use reqwest::redirect::Policy;
use reqwest::{Certificate, tls};

use crate::images::Images;

pub(crate) fn client(images: &Images, keeps: bool) -> Result<Client> {
    let certificate = Certificate::from_pem(&std::fs::read(&images.certificate)?)?;
    Ok(Client::builder()
        .cookie_store(true)
        .pool_max_idle_per_host(if keeps { usize::MAX } else { 0 })
        .redirect(Policy::none())
        .timeout(Duration::from_secs(120))
        .min_tls_version(tls::Version::TLS_1_2)
        .tls_certs_only([certificate])
        .build()?)
}

/// Names and values of the hidden fields of the page's forms.
pub(crate) fn hidden(page: &str) -> Vec<(String, String)> {
    let inputs = page.split("<input").skip(1).map(|rest| rest.split('>').next().unwrap_or_default());
    let hidden = inputs.filter(|input| attribute(input, "type") == Some("hidden"));
    hidden
        .filter_map(|input| Some((attribute(input, "name")?.to_owned(), attribute(input, "value")?.to_owned())))
        .collect()
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    tag.split_once(&format!(" {name}=\""))?.1.split('"').next()
}

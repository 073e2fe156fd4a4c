//! What Django alone has: an admin, two databases, languages.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use reqwest::header::{ACCEPT_LANGUAGE, LOCATION};

use super::Behaviour;
use super::pages::note_down;
use crate::ask::Visit;
use crate::client::hidden;

pub(crate) static BEHAVIOURS: &[Behaviour] = &[
    Behaviour { name: "admin", ask: admin },
    Behaviour { name: "SQLite beside PostgreSQL", ask: |visit| note_down(visit, "notes/archive") },
    Behaviour { name: "language", ask: language },
];

/// Log in, add a record, find its style sheet.
fn admin(visit: &Visit) -> Result<()> {
    let moved = visit.get("/admin/", 302)?;
    let login = moved.headers().get(LOCATION).context("no Location")?.to_str()?.to_owned();
    let page = visit.text(&login)?;
    let style =
        page.split_once("href=\"/static/admin/").context("no style sheet")?.1.split('"').next().unwrap_or_default();
    visit.get(&format!("/static/admin/{style}"), 200)?;
    submit(visit, &login, &page, &[("username", "ann"), ("password", "secret")])?;
    let add = "/admin/shop/note/add/";
    let page = visit.text(add)?;
    submit(visit, add, &page, &[("text", "by the admin")])?;
    let list = visit.text("/admin/shop/note/")?;
    ensure!(list.contains("by the admin"), "not in the list");
    Ok(())
}

fn submit(visit: &Visit, path: &str, page: &str, fields: &[(&str, &str)]) -> Result<()> {
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let answer = visit.post(path)?.form(&[hidden(page), fields].concat()).send()?;
    ensure!(answer.status().is_redirection(), "{path}: {}", answer.status());
    Ok(())
}

fn language(visit: &Visit) -> Result<()> {
    for (language, word) in [("de", "Ja"), ("ru", "Да"), ("en", "Yes")] {
        let said = visit.send(visit.request(Method::GET, "hello").header(ACCEPT_LANGUAGE, language), 200)?.text()?;
        ensure!(said == word, "{said:?} in {language}");
    }
    Ok(())
}

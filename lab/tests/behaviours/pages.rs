//! Pages, forms, sessions.

use anyhow::{Context, Result, ensure};
use reqwest::header::LOCATION;

use crate::ask::Visit;
use crate::client::hidden;

/// Wrong without the form's token, right with it; then the session is known.
pub(super) fn login(visit: &Visit) -> Result<()> {
    log_in(visit, &visit.url)?;
    let user = visit.text("whoami")?;
    ensure!(user == "ann", "not logged in: {user:?}");
    Ok(())
}

/// The way of a browser: the page first.
pub(super) fn log_in(visit: &Visit, url: &str) -> Result<()> {
    let login = visit.framework.login;
    let page = visit.send(visit.at(url, reqwest::Method::GET, login), 200)?.text()?;
    let fields = [("username", "ann"), ("password", "secret")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let forged = visit.send(visit.post_at(url, login)?.form(&fields), visit.framework.forged)?;
    ensure!(forged.text()?.len() > 10, "a refusal without a word");
    ensure!(
        visit.at(url, reqwest::Method::GET, "whoami").send()?.text()? != "ann",
        "logged in without the form's token"
    );

    let token = hidden(&page);
    ensure!(!token.is_empty(), "the form has no token: {page}");
    let request = visit.post_at(url, login)?.form(&[token, fields.to_vec()].concat());
    let answer = request.send()?;
    ensure!(answer.status().is_redirection(), "{}: {}", answer.status(), answer.text()?);
    visit.note(format!("logged in: {}", answer.status()));
    Ok(())
}

/// What is posted is stored, and shown after a redirect.
pub(super) fn form(visit: &Visit) -> Result<()> {
    note_down(visit, "notes")
}

/// The same with notes that are kept somewhere else.
pub(super) fn note_down(visit: &Visit, path: &str) -> Result<()> {
    let text = format!("Grüße über {} – 日本", visit.door.name);
    let page = visit.text(path)?;
    let fields = [hidden(&page), vec![("text".to_owned(), text.clone())]].concat();
    let answer = visit.post(path)?.form(&fields).send()?;
    ensure!(answer.status().is_redirection(), "{}: {}", answer.status(), answer.text()?);
    let page = visit.text(path)?;
    ensure!(page.contains(&format!("<li>{text}</li>")), "not stored: {page}");
    Ok(())
}

pub(super) fn redirect(visit: &Visit) -> Result<()> {
    let answer = visit.get(visit.framework.redirect, 302)?;
    let place = answer.headers().get(LOCATION).context("no Location")?.to_str()?.to_owned();
    ensure!(place == format!("{}whoami", visit.framework.prefix), "leads to {place}");
    Ok(())
}

/// 500 when the application fails, 404 when it has no such page; a page each, and nothing of the program's inside.
pub(super) fn errors(visit: &Visit) -> Result<()> {
    for (path, status) in [("error", 500), ("no-such-page", 404)] {
        let page = visit.get(path, status)?.text()?;
        ensure!(!page.is_empty(), "{status} without a word");
        ensure!(!page.contains("RuntimeError") && !page.contains("Traceback"), "{status} tells too much: {page}");
    }
    Ok(())
}

/// What nginx sends by itself, and what the application lets it send.
pub(super) fn files(visit: &Visit) -> Result<()> {
    ensure!(visit.text("/assets/lab.css")? == "body {}\n", "another file");
    let answer = visit.get("protected", 200)?;
    ensure!(answer.headers().get("x-accel-redirect").is_none(), "the client sees X-Accel-Redirect");
    ensure!(answer.text()? == "for you alone\n", "another file than the application has allowed");
    visit.get("/protected/report.txt", 404)?;
    Ok(())
}

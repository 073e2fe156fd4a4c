//! What is clicked, typed and seen, site by site.

use anyhow::{Result, ensure};

use super::driver::Browser;

/// Log in, add a record, change it.
pub(super) fn django_admin(browser: &Browser, url: &str, word: &str) -> Result<()> {
    browser.go(&format!("{url}/admin/"))?;
    by_http2(browser)?;
    browser.fill("#id_username", "ann")?;
    browser.fill("#id_password", "secret")?;
    browser.click("input[type=submit]")?;
    says(browser, "#content h1", "Site administration")?;
    browser.no_errors(url, &[])?;
    browser.click(".model-note .addlink")?;
    browser.fill("#id_text", "first")?;
    browser.click("input[name=_save]")?;
    // Its message leads to what was added.
    browser.click(".messagelist a")?;
    let changed = format!("changed ä✓ {word}");
    browser.fill("#id_text", &changed)?;
    browser.click("input[name=_save]")?;
    says(browser, ".messagelist", "was changed successfully")?;
    says(browser, "#result_list", &changed)?;
    let colour = browser.script("return getComputedStyle(document.querySelector('#header')).backgroundColor")?;
    ensure!(colour != "rgba(0, 0, 0, 0)", "the style sheet was not obeyed");
    Ok(())
}

/// Log in, write a note.
pub(super) fn web2py_application(browser: &Browser, url: &str, word: &str) -> Result<()> {
    browser.go(&format!("{url}/lab/default/user/login"))?;
    by_http2(browser)?;
    browser.fill("input[name=username]", "ann")?;
    browser.fill("input[name=password]", "secret")?;
    browser.click("input[type=submit]")?;
    says(browser, "body", "ann")?;
    browser.go(&format!("{url}/lab/default/notes"))?;
    let note = format!("a note ä✓ {word}");
    browser.fill("[name=text]", &note)?;
    browser.click("input[type=submit]")?;
    says(browser, "ul", &note)
}

/// web2py's own first page, with its scripts and its pictures.
pub(super) fn web2py_welcome(browser: &Browser, url: &str, _: &str) -> Result<()> {
    browser.go(&format!("{url}/welcome/default/index"))?;
    by_http2(browser)?;
    says(browser, "body", "web2py")?;
    let scripts = browser.script("return typeof jQuery")?;
    ensure!(scripts == "function", "its scripts do not run: {scripts}");
    Ok(())
}

/// Log in, add a record to the database of the welcome page, change it.
pub(super) fn web2py_admin(browser: &Browser, url: &str, word: &str) -> Result<()> {
    browser.go(&format!("{url}/admin/default/index"))?;
    by_http2(browser)?;
    browser.fill("input[name=password]", "secret")?;
    browser.click("input[type=submit], button[type=submit]")?;
    says(browser, "body", "Installed applications")?;
    browser.no_errors(url, &[])?;
    // Who is admin may enter every application's database.
    let groups = format!("{url}/welcome/appadmin");
    browser.go(&format!("{groups}/insert/db/auth_group"))?;
    browser.fill("input[name=role]", &format!("readers-{word}"))?;
    browser.click("input[type=submit]")?;
    says(browser, "body", "new record inserted")?;
    browser.go(&format!("{groups}/select/db?query=db.auth_group.role%3D%3D%27readers-{word}%27"))?;
    browser.click("a[href*='/appadmin/update/db/auth_group/']")?;
    let changed = format!("writers ä✓ {word}");
    browser.fill("input[name=role]", &changed)?;
    browser.click("input[type=submit]")?;
    says(browser, "body", &changed)
}

fn says(browser: &Browser, selector: &str, words: &str) -> Result<()> {
    // The page may still be the one before.
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let text = browser.text(selector);
        if text.as_ref().is_ok_and(|text| text.contains(words)) {
            return Ok(());
        }
        ensure!(std::time::Instant::now() < end, "{selector} does not say {words:?} but {text:?}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

fn by_http2(browser: &Browser) -> Result<()> {
    let protocol = browser.script("return performance.getEntriesByType('navigation')[0].nextHopProtocol")?;
    ensure!(protocol == "h2", "the page came by {protocol}");
    Ok(())
}

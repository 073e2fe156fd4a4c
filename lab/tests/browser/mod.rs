//! What a person sees: pages over HTTPS in a real browser, forms, cookies, style sheets, and a console without errors.

mod driver;
mod pages;

use anyhow::Result;
use libtest_mimic::Completion;

use crate::browser::driver::Browser;
use crate::images::Images;
use crate::rig::Rig;

/// What a browser does at a site, and what it keeps pictures of.
#[derive(Debug)]
pub(crate) struct Tour {
    pub(crate) name: &'static str,
    pub(crate) framework: &'static str,
    /// Whether only web2py's upstream tree has these pages.
    needs_upstream: bool,
    /// Files that its pages ask for, and that it does not have.
    lacks: &'static [&'static str],
    /// By the site's URL, writing a word that no other tour at the same site writes.
    walk: fn(&Browser, &str, &str) -> Result<()>,
}

/// Where a browser enters: rsgi's own TLS, or nginx with it.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) name: &'static str,
    container: &'static str,
    port: u16,
}

pub(crate) static GATES: &[Gate] =
    &[Gate { name: "https", container: "app", port: 8443 }, Gate { name: "nginx", container: "nginx", port: 443 }];

const fn tour(name: &'static str, framework: &'static str, walk: fn(&Browser, &str, &str) -> Result<()>) -> Tour {
    Tour { name, framework, needs_upstream: false, lacks: &[], walk }
}

pub(crate) static TOURS: &[Tour] = &[
    tour("django-admin", "django", pages::django_admin),
    tour("web2py-application", "web2py", pages::web2py_application),
    Tour {
        needs_upstream: true,
        // Its style sheet names one that the release is without.
        lacks: &["/welcome/static/images/background.jpg"],
        ..tour("web2py-welcome", "web2py", pages::web2py_welcome)
    },
    Tour { needs_upstream: true, ..tour("web2py-admin", "web2py", pages::web2py_admin) },
];

impl Tour {
    /// Why it cannot be walked with these images, if so.
    pub(crate) fn obstacle(&self, images: &Images) -> Option<Completion> {
        let is_missing = self.needs_upstream && images.web2py.is_none();
        is_missing.then(|| Completion::ignored_with("not run: needs WEB2PY_SRC, web2py's upstream tree or `download`"))
    }

    /// Walks it. The last page is kept as a picture, also when something on the way is wrong.
    pub(crate) fn walk(&self, images: &Images, rig: &Rig, release: &str, gate: &Gate) -> Result<()> {
        let name = format!("{}-{release}-{}", self.name, gate.name);
        let browser = Browser::open(images, rig, &format!("{}-{}", self.name, gate.name))?;
        let host = rig.name(gate.container);
        let url = if gate.port == 443 { format!("https://{host}") } else { format!("https://{host}:{}", gate.port) };
        let walked = (self.walk)(&browser, &url, gate.name).and_then(|()| browser.no_errors(&url, self.lacks));
        browser.screenshot(&name)?;
        walked
    }
}

//! What is asked of a framework.

mod bodies;
pub(crate) mod django;
pub(crate) mod flask;
pub(crate) mod others;
mod pages;
mod requests;

use anyhow::Result;

use crate::ask::Visit;

/// One thing asked; wrong answers are errors.
#[derive(Debug)]
pub(crate) struct Behaviour {
    pub(crate) name: &'static str,
    pub(crate) ask: fn(&Visit) -> Result<()>,
}

/// Of every framework.
pub(crate) static COMMON: &[Behaviour] = &[
    Behaviour { name: "login with CSRF", ask: pages::login },
    Behaviour { name: "form", ask: pages::form },
    Behaviour { name: "upload", ask: bodies::upload },
    Behaviour { name: "chunked body", ask: bodies::chunked },
    Behaviour { name: "streamed download", ask: bodies::download },
    Behaviour { name: "range", ask: bodies::range },
    Behaviour { name: "HEAD", ask: requests::head },
    Behaviour { name: "redirect", ask: pages::redirect },
    Behaviour { name: "cookies", ask: requests::cookies },
    Behaviour { name: "non-ASCII URL", ask: requests::url },
    Behaviour { name: "many headers", ask: requests::headers },
    Behaviour { name: "error page", ask: pages::errors },
    Behaviour { name: "client and scheme", ask: requests::client },
];

/// Of those that are asked [`COMMON`], where nginx stands before them.
pub(crate) static BEHIND_NGINX: &[Behaviour] = &[Behaviour { name: "files of nginx", ask: pages::files }];

//! The frameworks, and where each has what the lab asks for.

use crate::behaviours::{Behaviour, COMMON, django, flask, others};

/// One of them.
#[derive(Debug)]
pub(crate) struct Framework {
    pub(crate) name: &'static str,
    /// Before every path.
    pub(crate) prefix: &'static str,
    pub(crate) login: &'static str,
    pub(crate) redirect: &'static str,
    /// What is answered to a form without its token.
    pub(crate) forged: u16,
    /// Where a part of a file can be asked for.
    pub(crate) file: &'static str,
    /// What it makes of the path `Grüße/日本`.
    pub(crate) path: &'static str,
    /// Whether it reads a body without a length.
    pub(crate) reads_chunked: bool,
    /// Whether it takes the client's address from X-Forwarded-For, as it is configured here.
    pub(crate) reads_forwarded: bool,
    pub(crate) has_postgres: bool,
    /// What all are asked.
    pub(crate) common: &'static [Behaviour],
    /// What it alone is asked.
    pub(crate) own: &'static [Behaviour],
}

/// Asked of all.
const PATH: &str = "Grüße/日本";

pub(crate) static FRAMEWORKS: &[Framework] = &[
    Framework {
        name: "django",
        prefix: "/lab/",
        login: "login",
        redirect: "redirect",
        forged: 403,
        file: "/static/range.txt",
        path: PATH,
        reads_chunked: false,
        reads_forwarded: false,
        has_postgres: true,
        common: COMMON,
        own: django::BEHAVIOURS,
    },
    Framework {
        name: "flask",
        prefix: "/",
        login: "login",
        redirect: "redirect",
        forged: 400,
        file: "/file",
        path: PATH,
        reads_chunked: true,
        reads_forwarded: true,
        has_postgres: false,
        common: COMMON,
        own: flask::BEHAVIOURS,
    },
    Framework {
        name: "web2py",
        prefix: "/lab/default/",
        login: "user/login",
        redirect: "moved",
        // The form again.
        forged: 200,
        file: "/lab/default/file",
        // It takes each byte for a character, and those that are no letters for blanks.
        path: "GrÃ¼Ã_e/æ__æ__",
        reads_chunked: false,
        reads_forwarded: false,
        has_postgres: false,
        common: COMMON,
        own: &[],
    },
    // Three small ones side by side.
    Framework {
        name: "others",
        prefix: "/",
        login: "",
        redirect: "",
        forged: 0,
        file: "",
        path: "",
        reads_chunked: false,
        reads_forwarded: false,
        has_postgres: false,
        common: &[],
        own: others::BEHAVIOURS,
    },
];

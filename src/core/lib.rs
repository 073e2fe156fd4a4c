//! The language-free core of rsgi.

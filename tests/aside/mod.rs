//! Mules and spoolers, beside real uWSGI where both are to do the same.

mod mules;
mod spoolers;

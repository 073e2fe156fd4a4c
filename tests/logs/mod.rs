//! The log: its forms and the places it goes to.

mod chosen;
mod json;
mod places;
mod requests;

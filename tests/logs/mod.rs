//! The log: its forms and the places it goes to.

mod places;
mod requests;

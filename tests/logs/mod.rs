//! The log: its forms and the places it goes to.

mod requests;

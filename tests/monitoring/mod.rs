//! What an instance tells of itself to those who watch from outside.

mod health;
mod metrics;
mod scrape;
mod traces;

//! Metrics for Prometheus: [`ledger`] is what the master counts itself, [`crate::memory::meters`] what the others count;
//! [`facts`] is all that is told, [`page`] how it is put, [`exposition`] the two text formats, [`server`] who gets it.

pub mod exposition;
pub mod facts;
pub mod ledger;
pub mod page;
pub mod proportion;
pub mod server;

//! Where a server listens: addresses in every form, sockets for others to share, sockets that it was started with.

mod addresses;
mod passed;
mod shared;

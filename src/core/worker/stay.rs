//! Keeping a draining worker from its end while a core is about to take a connection.
//!
//! The last connection that closes ends a draining worker. A core that has seen that nothing drains, and then takes a connection, might
//! find the worker ended by another core before it has counted what it took: the client would be reset. So it counts first, and then
//! looks (the pattern of Dekker: both sides write before they read, in one order for all).

use super::engine::Engine;

/// The worker does not end while this is there.
pub(super) struct Stay<'a>(&'a Engine);

impl<'a> Stay<'a> {
    pub(super) fn begin(engine: &'a Engine) -> Self {
        engine.born();
        Self(engine)
    }
}

impl Drop for Stay<'_> {
    fn drop(&mut self) {
        self.0.gone();
    }
}

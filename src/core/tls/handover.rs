//! The way of keys to a worker: from the master to the worker itself, past the zygote and past the other workers.
//!
//! They lie in a sealed memfd that comes beside the first byte of the worker's control stream. The zygote only passes the
//! stream on; the worker reads the memfd when it is born and closes it, before an application could start a process.

use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;

use bytes::BytesMut;
use rsgi_config::Config;

use super::{Material, Side};

/// What the descriptor comes beside.
const BYTE: &[u8] = b"k";

/// Sends the workers' keys ahead, when there are any. To be called before anything else is said on the stream.
///
/// # Errors
/// When descriptors or memory are short.
pub fn send(control: BorrowedFd<'_>, config: &Config, material: &Material) -> io::Result<()> {
    if !Side::Workers.is_encrypted(config) {
        return Ok(());
    }
    let document = rsgi_sys::memfd::sealed(c"rsgi-keys", &serde_json::to_vec(material)?)?;
    rsgi_sys::fdpass::send(control, &[IoSlice::new(BYTE)], Some(std::os::fd::AsFd::as_fd(&document)))?;
    Ok(())
}

/// Takes over what [`send`] has sent; waits for it.
///
/// # Errors
/// When the master is gone, or is of another version.
pub fn receive(control: BorrowedFd<'_>, config: &Config) -> io::Result<Material> {
    if !Side::Workers.is_encrypted(config) {
        return Ok(Material::default());
    }
    let mut byte = BytesMut::zeroed(1);
    byte.clear();
    let received = loop {
        match rsgi_sys::fdpass::receive(control, &mut byte) {
            Err(nix::Error::EINTR) => {}
            other => break other?,
        }
    };
    let document = received.fd.ok_or_else(|| io::Error::other("the master has sent no keys"))?;
    Ok(serde_json::from_slice(&rsgi_sys::memfd::read(document)?)?)
}

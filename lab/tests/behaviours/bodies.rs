//! Large bodies, both ways.

use std::io::Read;

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use reqwest::blocking::Body;
use reqwest::blocking::multipart::{Form, Part};
use reqwest::header::{CONTENT_RANGE, RANGE};
use ring::digest::{Context as Digest, SHA256};

use crate::ask::Visit;
use crate::client::hidden;

/// Megabytes up and down; `cargo dev lab test` chooses.
fn sizes() -> Result<(u64, u64)> {
    let text = std::env::var("RSGI_LAB_MEGABYTES").unwrap_or_else(|_| "2,4".to_owned());
    let (up, down) = text.split_once(',').context("RSGI_LAB_MEGABYTES: two numbers")?;
    Ok((up.parse()?, down.parse()?))
}

/// So many megabytes, the same as the applications send: blocks of 64 KiB of their own number.
struct Blocks {
    block: u32,
    left: Vec<u8>,
    end: u32,
}

impl Blocks {
    fn of(megabytes: u64) -> Result<Self> {
        Ok(Self { block: 0, left: Vec::new(), end: u32::try_from(megabytes * 16)? })
    }
}

impl Read for Blocks {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left.is_empty() && self.block < self.end {
            self.left = self.block.to_be_bytes().repeat(16384);
            self.block += 1;
        }
        let length = self.left.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.left[..length]);
        self.left.drain(..length);
        Ok(length)
    }
}

/// Length and digest of all there is to read.
fn digest(mut body: impl Read) -> Result<(u64, String)> {
    let (mut digest, mut length, mut buffer) = (Digest::new(&SHA256), 0, vec![0; 1 << 16]);
    loop {
        match body.read(&mut buffer)? {
            0 => break,
            read => {
                digest.update(&buffer[..read]);
                length += read as u64;
            }
        }
    }
    Ok((length, digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// A file by a form, with a name as browsers send it.
pub(super) fn upload(visit: &Visit) -> Result<()> {
    let (megabytes, _) = sizes()?;
    let page = visit.text("upload")?;
    let part = Part::reader_with_length(Blocks::of(megabytes)?, megabytes << 20).file_name("Grüße.bin");
    let form =
        hidden(&page).into_iter().fold(Form::new().percent_encode_noop(), |form, (name, value)| form.text(name, value));
    let answer: serde_json::Value =
        visit.send(visit.post("upload")?.multipart(form.part("file", part)), 200)?.json()?;
    let (length, sha256) = digest(Blocks::of(megabytes)?)?;
    ensure!(answer["size"] == length && answer["sha256"] == *sha256, "not what was sent: {answer}");
    ensure!(answer["name"] == "Grüße.bin", "another name: {answer}");
    Ok(())
}

/// A body without a length beforehand.
pub(super) fn chunked(visit: &Visit) -> Result<()> {
    let text = "chunk ".repeat(2000);
    let body = Body::new(std::io::Cursor::new(text.clone()));
    let request = visit.request(Method::POST, "echo/chunked").header("content-type", "text/plain").body(body);
    let answer: serde_json::Value = visit.send(request, 200)?.json()?;
    // nginx collects it, and tells its length.
    let arrives = visit.door.has_nginx || visit.framework.reads_chunked;
    ensure!(answer["body"] == *if arrives { text.as_str() } else { "" }, "not what was sent: {answer}");
    Ok(())
}

pub(super) fn download(visit: &Visit) -> Result<()> {
    let (_, megabytes) = sizes()?;
    let answer = visit.get(&format!("download?mb={megabytes}"), 200)?;
    let (came, expected) = (digest(answer)?, digest(Blocks::of(megabytes)?)?);
    ensure!(came == expected, "{came:?} came, not {expected:?}");
    Ok(())
}

/// The second line of a file of a hundred thousand.
pub(super) fn range(visit: &Visit) -> Result<()> {
    let answer = visit.send(visit.request(Method::GET, visit.framework.file).header(RANGE, "bytes=16-31"), 206)?;
    let range = answer.headers().get(CONTENT_RANGE).context("no Content-Range")?.to_str()?.to_owned();
    ensure!(range == "bytes 16-31/1048576", "{range}");
    let text = answer.text()?;
    ensure!(text == "000000000000001\n", "{text:?}");
    Ok(())
}

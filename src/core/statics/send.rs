//! A reply's way out of a worker, over whatever the request came by.

use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use rsgi_abi::host::{Exchange, SendError};

use super::{Piece, Reply};

/// Bytes read at a time where several parts make one body.
const PIECE: u64 = 64 * 1024;

impl Reply {
    /// Sends it. A single part of the file goes by sendfile(2).
    ///
    /// # Errors
    /// When the client cannot take it, or the file has become shorter meanwhile.
    pub fn send(&self, exchange: &mut dyn Exchange) -> Result<(), SendError> {
        match self.pieces.as_slice() {
            [] => exchange.send(Some(&self.head()), &[], true),
            [piece] if piece.is_empty() => exchange.send(Some(&self.head()), &[], true),
            [Piece::Part(part)] => {
                exchange.send_file(Some(&self.head()), self.file.as_fd(), part.start, Some(part.end - part.start))
            }
            pieces => {
                exchange.send(Some(&self.head()), &[], false)?;
                for piece in pieces {
                    self.send_piece(piece, exchange)?;
                }
                exchange.send(None, &[], true)
            }
        }
    }

    fn send_piece(&self, piece: &Piece, exchange: &mut dyn Exchange) -> Result<(), SendError> {
        let mut part = match piece {
            Piece::Text(text) => return exchange.send(None, text, false),
            Piece::Part(part) => part.clone(),
        };
        let mut buffer = Vec::new();
        while !part.is_empty() {
            buffer.resize(usize::try_from((part.end - part.start).min(PIECE)).unwrap_or(0), 0);
            self.file.read_exact_at(&mut buffer, part.start).map_err(|_| SendError::Misuse)?;
            exchange.send(None, &buffer, false)?;
            part.start += buffer.len() as u64;
        }
        Ok(())
    }
}

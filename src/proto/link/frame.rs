//! The parts that both ends take a stream apart with: a frame's header, a streamed body, the numbers of a payload.

use super::{FRAME_HEADER, LinkError};

#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) length: u32,
}

impl Frame {
    pub(super) fn peek(input: &[u8]) -> Result<Option<Self>, LinkError> {
        let Some(&[kind, flags, r0, r1, a, b, c, d]) = input.first_chunk() else { return Ok(None) };
        if (r0, r1) != (0, 0) {
            return Err(LinkError::Malformed("reserved field is not 0"));
        }
        Ok(Some(Self { kind, flags, length: u32::from_le_bytes([a, b, c, d]) }))
    }

    /// Size and payload of a frame that must be there as a whole.
    pub(super) fn whole(self, input: &[u8], limit: u32) -> Result<Option<(usize, &[u8])>, LinkError> {
        if self.length > limit {
            return Err(LinkError::TooLong(self.length));
        }
        let used = FRAME_HEADER + self.length as usize;
        Ok(input.get(FRAME_HEADER..used).map(|payload| (used, payload)))
    }

    pub(super) fn empty(self) -> Result<usize, LinkError> {
        if self.length == 0 { Ok(FRAME_HEADER) } else { Err(LinkError::Malformed("payload where none belongs")) }
    }
}

/// Between frames, or within one whose payload is handed on as it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Frame,
    Data { left: u32, last: bool },
}

impl Stream {
    /// Within a streamed frame: the next bytes, or its folded END as `None`; the outer `None` when a new frame is due.
    #[allow(clippy::type_complexity)]
    pub(super) fn step<'a>(&mut self, input: &'a [u8]) -> Option<Option<(usize, Option<&'a [u8]>)>> {
        let Self::Data { left, last } = *self else { return None };
        if left == 0 {
            *self = Self::Frame;
            return last.then_some(Some((0, None)));
        }
        let take = input.len().min(left as usize);
        let Some(data) = input.get(..take).filter(|data| !data.is_empty()) else { return Some(None) };
        *self = Self::Data { left: left - u32::try_from(take).unwrap_or(left), last };
        Some(Some((take, Some(data))))
    }

    /// The first bytes of a streamed frame whose header `input` begins with; none is a proper answer too.
    pub(super) fn first<'a>(&mut self, input: &'a [u8]) -> (usize, Option<&'a [u8]>) {
        match self.step(input.get(FRAME_HEADER..).unwrap_or_default()) {
            Some(Some((used, data))) => (FRAME_HEADER + used, data),
            Some(None) | None => (FRAME_HEADER, Some(&[])),
        }
    }
}

pub(super) const TRUNCATED: LinkError = LinkError::Malformed("payload too short");

/// Reads numbers off the front of a payload.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], LinkError> {
        let (array, rest) = self.0.split_first_chunk().ok_or(TRUNCATED)?;
        self.0 = rest;
        Ok(*array)
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], LinkError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(TRUNCATED)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, LinkError> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, LinkError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, LinkError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, LinkError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn finish(&self) -> Result<(), LinkError> {
        if self.0.is_empty() { Ok(()) } else { Err(LinkError::Malformed("payload too long")) }
    }
}

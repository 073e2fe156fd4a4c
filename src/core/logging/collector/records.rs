//! What was written, put together to records.

use std::time::{Duration, Instant};

use super::block::{Block, TRACEBACK};
use crate::logging::packet::{self, Own, PACKET};

/// A record that does not end is written all the same at this size.
const LONGEST: usize = 1 << 20;

/// Records of our own that may have begun at the same time. More are of writers that were killed, or of somebody who writes as we do.
const WRITERS: usize = 64;

/// The end of a line, or of a traceback, is waited for so long.
pub(super) const PATIENCE: Duration = Duration::from_millis(200);

/// Puts packets together.
#[derive(Debug, Default)]
pub struct Records {
    /// A block of lines that has begun.
    block: Option<Block>,
    lines: Vec<u8>,
    /// What has been written since its last complete packet.
    pending: Vec<u8>,
    /// The last writing of these two.
    touched: Option<Instant>,
    /// Records of our own that have begun, by writer.
    parts: Vec<(u64, Vec<u8>)>,
}

impl Records {
    /// Takes what was read and hands on the records that are complete, without their last newline.
    ///
    /// What was written at once is one record. Full packets are parts of something longer: a traceback, or a buffer full of
    /// lines, which are records of their own. Our own records do not wait for what others have left open.
    pub fn take(&mut self, mut read: &[u8], each: &mut dyn FnMut(&[u8])) {
        // Nobody makes another record by what he has us write.
        let is_alone = packet::is_alone(read);
        while let Some((others, own, behind)) = packet::split(read, is_alone) {
            if !others.is_empty() {
                self.take_others(others, each);
            }
            self.take_own(&own, each);
            read = behind;
        }
        if !read.is_empty() {
            self.take_others(read, each);
        }
    }

    fn take_own(&mut self, own: &Own<'_>, each: &mut dyn FnMut(&[u8])) {
        match *own {
            Own::Whole(record) => each(bare(record)),
            Own::Part(writer, piece) => self.part(writer, piece, each),
            Own::Last(writer, piece) => {
                self.part(writer, piece, each);
                if let Some(index) = self.parts.iter().position(|(known, _)| *known == writer) {
                    each(bare(&self.parts.swap_remove(index).1));
                }
            }
        }
    }

    fn part(&mut self, writer: u64, piece: &[u8], each: &mut dyn FnMut(&[u8])) {
        let known = self.parts.iter_mut().find(|(known, _)| *known == writer);
        match known {
            Some((_, record)) if record.len() < LONGEST => record.extend_from_slice(piece),
            Some((_, record)) => {
                each(bare(record));
                *record = piece.to_vec();
            }
            None => {
                if self.parts.len() >= WRITERS {
                    each(bare(&self.parts.remove(0).1));
                }
                self.parts.push((writer, piece.to_vec()));
            }
        }
    }

    fn take_others(&mut self, packet: &[u8], each: &mut dyn FnMut(&[u8])) {
        self.pending.extend_from_slice(packet);
        self.touched = Some(Instant::now());
        let is_whole = self.pending.ends_with(b"\n") && packet.len() < PACKET;
        if !is_whole && self.pending.len() < LONGEST {
            return;
        }
        let further = self.block.and_then(|block| block.followed_by(&self.pending));
        if further.is_none() && self.block.is_some() {
            each(bare(&std::mem::take(&mut self.lines)));
        }
        self.block = further.or_else(|| Block::begun_by(&self.pending)).filter(|_| self.lines.len() < LONGEST);
        self.lines.append(&mut self.pending);
        if self.block.is_none() {
            self.flush(each);
        }
    }

    /// Whether something waits for its end.
    pub(super) fn is_waiting(&self) -> bool {
        self.touched.is_some()
    }

    /// Whether it has waited long enough.
    pub(super) fn is_overdue(&self) -> bool {
        self.touched.is_some_and(|touched| touched.elapsed() >= PATIENCE)
    }

    /// Hands on what others have left open.
    pub(super) fn flush(&mut self, each: &mut dyn FnMut(&[u8])) {
        (self.block, self.touched) = (None, None);
        let mut text = std::mem::take(&mut self.lines);
        text.append(&mut self.pending);
        let text = bare(&text);
        if text.len() < PACKET - 1 || memchr::memmem::find(text, TRACEBACK).is_some() {
            each(text);
        } else {
            text.split(|&byte| byte == b'\n').for_each(each);
        }
    }

    /// Hands on all that is there: nobody writes any more.
    pub fn end(&mut self, each: &mut dyn FnMut(&[u8])) {
        if self.is_waiting() {
            self.flush(each);
        }
        self.parts.drain(..).for_each(|(_, record)| each(bare(&record)));
    }
}

/// Without its last newline.
fn bare(record: &[u8]) -> &[u8] {
    record.strip_suffix(b"\n").unwrap_or(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(packets: &[&[u8]]) -> Vec<String> {
        let mut all = Vec::new();
        let mut records = Records::default();
        let mut each = |record: &[u8]| all.push(String::from_utf8_lossy(record).into_owned());
        packets.iter().for_each(|packet| records.take(packet, &mut each));
        records.end(&mut each);
        all
    }

    #[test]
    fn one_write_is_one_record() {
        assert_eq!(records(&[b"a\n", b"b\nc\n", b"\n"]), ["a", "b\nc", ""]);
    }

    #[test]
    fn a_line_in_pieces_is_one_record() {
        assert_eq!(records(&[b"a", b"b", b"\n", b"end"]), ["ab", "end"]);
    }

    #[test]
    fn records_that_never_end_are_bounded() {
        let mut records = Records::default();
        let (mut count, mut longest) = (0, 0);
        let mut each = |record: &[u8]| (count, longest) = (count + 1, longest.max(record.len()));
        let part = |writer: u64| [b"\x1ersgi\x1fp", writer.to_le_bytes().as_slice(), &[b'x'; 4000]].concat();
        (0..1000).for_each(|writer| records.take(&part(writer), &mut each));
        (0..1000).for_each(|_| records.take(&part(0), &mut each));
        let held: usize = records.parts.iter().map(|(_, record)| record.len()).sum();
        assert!(records.parts.len() <= WRITERS && held <= WRITERS * 4000 + LONGEST + 4000, "{held}");
        assert!(count >= 1000 - WRITERS && longest <= LONGEST + 4000, "{count} {longest}");
    }

    #[test]
    fn half_a_line_swallows_no_record_of_ours() {
        assert_eq!(records(&[b"half", b"\x1ersgi\x1fwours\n", b" a line\n"]), ["ours", "half a line"]);
        assert_eq!(records(&[b"read at once\n\x1ersgi\x1fwours\n"]), ["read at once", "ours"]);
        let glued = b"a line\n\x1ersgi\x1fwone\n\x1ersgi\x1fp01234567tw\x1ersgi\x1fl01234567o\n\x1ersgi\x1fwthree\n";
        assert_eq!(records(&[glued]), ["a line", "one", "two", "three"]);
        assert_eq!(records(&[b"\x1ersgi\x1fwone\x1ersgi\x1fwtwo\n"]), ["one\x1ersgi\x1fwtwo"]);
    }

    #[test]
    fn long_records_of_ours_do_not_mix() {
        let part = |kind: u8, writer: u64, text: &str| {
            [b"\x1ersgi\x1f", [kind].as_slice(), &writer.to_le_bytes(), text.as_bytes()].concat()
        };
        let packets =
            [part(b'p', 1, "a"), part(b'p', 2, "b"), b"c\n".to_vec(), part(b'l', 1, "A\n"), part(b'l', 2, "B\n")];
        let packets: Vec<_> = packets.iter().map(Vec::as_slice).collect();
        assert_eq!(records(&packets), ["c", "aA", "bB"]);
        assert_eq!(records(&packets[..1]), ["a"], "its writer was killed");
    }

    #[test]
    fn a_traceback_in_pieces_is_one() {
        let pieces: [&[u8]; 6] = [
            b"before\n",
            b"Traceback (most recent call last):\n",
            b"  File\n",
            b"\x1ersgi\x1fwours\n",
            b"E: x\n",
            b"next\n",
        ];
        assert_eq!(records(&pieces), ["before", "ours", "Traceback (most recent call last):\n  File\nE: x", "next"]);
    }

    #[test]
    fn what_is_left_open_waits_no_longer_than_that() {
        let mut records = Records::default();
        records.take(b"half", &mut |_| panic!());
        assert!(records.is_waiting() && !records.is_overdue());
        std::thread::sleep(PATIENCE);
        records.take(b"\x1ersgi\x1fwours\n", &mut |_| {});
        assert!(records.is_overdue());
    }

    #[test]
    fn a_buffer_full_of_lines_is_many() {
        let lines = "0123456\n".repeat(1000);
        let packets: Vec<_> = lines.as_bytes().chunks(PACKET).collect();
        assert_eq!(records(&packets), vec!["0123456"; 1000]);
    }

    #[test]
    fn a_long_traceback_is_one() {
        let text = format!("Traceback (most recent call last):\n{}ValueError\n", "  File\n".repeat(1000));
        let packets: Vec<_> = text.as_bytes().chunks(PACKET).collect();
        assert_eq!(records(&packets), [text.trim_end()]);
    }

    #[test]
    fn what_never_ends_is_cut() {
        let packet = [b'x'; PACKET];
        let packets = vec![packet.as_slice(); LONGEST / PACKET + 1];
        assert_eq!(records(&packets).iter().map(String::len).collect::<Vec<_>>(), [LONGEST, PACKET]);
    }

    #[test]
    fn a_traceback_that_never_ends_is_cut() {
        let frames = "  File\n".repeat(500);
        let mut packets = vec![TRACEBACK];
        packets.resize(LONGEST / frames.len() + 4, frames.as_bytes());
        assert_eq!(records(&packets).len(), 2);
    }
}

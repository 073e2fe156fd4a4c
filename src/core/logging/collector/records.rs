//! What was written, put together to records.

/// Longest packet of a pipe (pipe(7), `PIPE_BUF` on Linux).
pub(super) const PACKET: usize = 4096;

/// A record that does not end is written all the same at this size.
const LONGEST: usize = 1 << 20;

/// How a traceback of Python begins: its lines belong together, however long it is.
const TRACEBACK: &[u8] = b"Traceback (most recent call last):";

/// Puts packets together.
#[derive(Debug, Default)]
pub(super) struct Records {
    pending: Vec<u8>,
}

impl Records {
    /// Takes a packet and hands on the records that are complete, without their last newline.
    ///
    /// What was written at once is one record. Full packets are parts of something longer: a traceback, or a buffer full of
    /// lines, which are records of their own.
    pub(super) fn take(&mut self, packet: &[u8], each: &mut dyn FnMut(&[u8])) {
        self.pending.extend_from_slice(packet);
        let is_whole = self.pending.ends_with(b"\n") && packet.len() < PACKET;
        if is_whole || self.pending.len() >= LONGEST {
            self.flush(each);
        }
    }

    /// Whether something waits for its end.
    pub(super) fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Hands on what there is.
    pub(super) fn flush(&mut self, each: &mut dyn FnMut(&[u8])) {
        let text = std::mem::take(&mut self.pending);
        let text = text.strip_suffix(b"\n").unwrap_or(&text);
        if text.len() < PACKET - 1 || memchr::memmem::find(text, TRACEBACK).is_some() {
            each(text);
        } else {
            text.split(|&byte| byte == b'\n').for_each(each);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(packets: &[&[u8]]) -> Vec<String> {
        let mut all = Vec::new();
        let mut records = Records::default();
        let mut each = |record: &[u8]| all.push(String::from_utf8_lossy(record).into_owned());
        packets.iter().for_each(|packet| records.take(packet, &mut each));
        if records.is_waiting() {
            records.flush(&mut each);
        }
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
}

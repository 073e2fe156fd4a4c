//! A task on disk: a uwsgi packet (modifier 17) with the variables, then the body.
//!
//! Source: files that uWSGI 2.0 writes; its manual calls the packets "the same as those of the uwsgi protocol".

/// The modifier of tasks.
const SPOOL: u8 = 17;

const HEADER: usize = 4;

/// A task as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task<'a> {
    /// Key and value, in order.
    pub vars: Vec<(&'a [u8], &'a [u8])>,
    /// What follows.
    pub body: &'a [u8],
}

/// The file of a task; `None` when the variables are more than 65,535 bytes.
#[must_use]
pub fn encode<'a>(vars: impl Iterator<Item = (&'a [u8], &'a [u8])>, body: &[u8]) -> Option<Vec<u8>> {
    let mut out = vec![SPOOL, 0, 0, 0];
    for text in vars.flat_map(|(key, value)| [key, value]) {
        out.extend_from_slice(&u16::try_from(text.len()).ok()?.to_le_bytes());
        out.extend_from_slice(text);
    }
    let size = u16::try_from(out.len().checked_sub(HEADER)?).ok()?.to_le_bytes();
    out.get_mut(1..3)?.copy_from_slice(&size);
    out.extend_from_slice(body);
    Some(out)
}

/// Reads the file of a task; `None` when it is none, or not whole.
#[must_use]
pub fn decode(file: &[u8]) -> Option<Task<'_>> {
    let &[SPOOL, low, high, _] = file.first_chunk()? else { return None };
    let end = HEADER + usize::from(u16::from_le_bytes([low, high]));
    let (mut rest, body) = (file.get(HEADER..end)?, file.get(end..)?);
    let mut vars = Vec::new();
    while !rest.is_empty() {
        vars.push((take(&mut rest)?, take(&mut rest)?));
    }
    Some(Task { vars, body })
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (len, tail) = rest.split_first_chunk()?;
    let (text, tail) = tail.split_at_checked(usize::from(u16::from_le_bytes(*len)))?;
    *rest = tail;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_uwsgi_is_read_and_written() {
        // Written by uWSGI 2.0.31 for spool({b'name': b'gt', b'at': b'99999999999', b'body': b'xyz'}).
        let file = b"\x11\x1b\0\0\x04\0name\x02\0gt\x02\0at\x0b\x0099999999999xyz";
        let task = decode(file).unwrap();
        let vars: [(&[u8], &[u8]); 2] = [(b"name", b"gt"), (b"at", b"99999999999")];
        assert_eq!(task, Task { vars: vars.to_vec(), body: b"xyz" });
        assert_eq!(encode(vars.into_iter(), b"xyz").unwrap(), file);
    }

    #[test]
    fn what_is_not_whole_is_no_task() {
        let file = encode([(&b"key"[..], &b"value"[..])].into_iter(), b"").unwrap();
        for end in 0..file.len() {
            assert_eq!(decode(&file[..end]), None, "{end}");
        }
        assert!(decode(b"\0\0\0\0").is_none());
        let large = vec![b'x'; 65_530];
        assert!(encode([(&b"key"[..], &large[..])].into_iter(), b"").is_none());
    }
}

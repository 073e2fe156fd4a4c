//! The mask that clients put over what they send (RFC 6455 §5.3).

/// The mask of one frame.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mask {
    key: [u8; 4],
}

impl Mask {
    pub(super) const fn new(key: [u8; 4]) -> Self {
        Self { key }
    }

    /// Takes the mask off the next bytes of the frame, and remembers where it has come to.
    pub(super) fn take_off(&mut self, data: &mut [u8]) {
        let [a, b, c, d] = self.key;
        let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
        let mut words = data.chunks_exact_mut(8);
        for word in &mut words {
            if let Some(word) = word.first_chunk_mut() {
                *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
            }
        }
        // Eight bytes are the key twice: it stands at its start again.
        let rest = words.into_remainder();
        rest.iter_mut().zip(self.key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        self.key.rotate_left(rest.len() % 4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_matter_where_the_data_is_cut() {
        let key = [1, 2, 4, 8];
        let plain: Vec<u8> = (0..40).collect();
        let masked: Vec<u8> = plain.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        for first in 0..plain.len() {
            for second in first..plain.len() {
                let mut data = masked.clone();
                let mut mask = Mask::new(key);
                mask.take_off(&mut data[..first]);
                mask.take_off(&mut data[first..second]);
                mask.take_off(&mut data[second..]);
                assert_eq!(data, plain, "{first} {second}");
            }
        }
    }
}

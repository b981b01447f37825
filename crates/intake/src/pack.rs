//! Rows as bytes, for the while that they wait to be sorted. Never kept longer than this process lives, so the layout
//! may change at any time.

/// Writes values one after the other.
pub(crate) trait Pack {
    fn number(&mut self, number: u64);
    fn signed(&mut self, number: i64);
    fn text(&mut self, text: &str);
}

impl Pack for Vec<u8> {
    /// Seven bits a byte: most numbers are small.
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.push(number as u8);
    }

    fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)) as u64);
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.extend_from_slice(text.as_bytes());
    }
}

/// Reads them again, in the same order.
pub struct Unpack<'b>(pub(crate) &'b [u8]);

impl Unpack<'_> {
    pub(crate) fn number(&mut self) -> Option<u64> {
        let (mut number, mut shift) = (0, 0);
        loop {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
            shift += 7;
        }
    }

    pub(crate) fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    pub(crate) fn text(&mut self) -> Option<String> {
        let len = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_packed_is_unpacked(number: u64, signed: i64, text: String) {
            let mut bytes = Vec::new();
            bytes.number(number);
            bytes.text(&text);
            bytes.signed(signed);
            let mut unpack = Unpack(&bytes);
            prop_assert_eq!(unpack.number(), Some(number));
            prop_assert_eq!(unpack.text(), Some(text));
            prop_assert_eq!(unpack.signed(), Some(signed));
            prop_assert_eq!(unpack.number(), None);
        }

        #[test]
        fn any_bytes_are_unpacked_or_not(bytes: Vec<u8>) {
            let mut unpack = Unpack(&bytes);
            while unpack.text().is_some() {}
            let _ = unpack.signed();
        }
    }
}

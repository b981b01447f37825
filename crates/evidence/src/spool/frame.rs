//! A frame: one sealed record in a segment.
//!
//! `length (4) · CRC-32 (4) · sequence (8) · ahead (4) · sealed record`, all big-endian. The CRC covers everything else
//! and begins with a number of the segment, so that a frame of another one never passes. `ahead` counts the frames of
//! the same write in front of this one: whatever stands before those was synced, and acknowledged.

/// Bytes of a frame in front of the sealed record.
pub(crate) const HEADER_LEN: usize = 4 + 4 + 8 + 4;

/// One sealed record in a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) sequence: u64,
    pub(crate) ahead: u32,
    pub(crate) sealed: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Appends the frame to what will be written.
    pub(crate) fn append_to(&self, buffer: &mut Vec<u8>, seed: u32) {
        buffer.extend_from_slice(&length(self.sealed).to_be_bytes());
        buffer.extend_from_slice(&self.checksum(seed).to_be_bytes());
        buffer.extend_from_slice(&self.sequence.to_be_bytes());
        buffer.extend_from_slice(&self.ahead.to_be_bytes());
        buffer.extend_from_slice(self.sealed);
    }

    /// The frame at the beginning of `bytes`; `None` where there is none, or its checksum or sequence does not hold.
    pub(crate) fn read(bytes: &'a [u8], seed: u32, sequences: std::ops::Range<u64>) -> Option<Self> {
        let (len, rest) = bytes.split_first_chunk()?;
        let (checksum, rest) = rest.split_first_chunk()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        let (ahead, rest) = rest.split_first_chunk()?;
        let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
        let sequence = u64::from_be_bytes(*sequence);
        // Before the checksum: behind damage every offset is tried.
        if len == 0 || !sequences.contains(&sequence) {
            return None;
        }
        let frame = Self { sequence, ahead: u32::from_be_bytes(*ahead), sealed: rest.get(..len)? };
        (frame.checksum(seed) == u32::from_be_bytes(*checksum)).then_some(frame)
    }

    /// Bytes of the whole frame.
    pub(crate) fn len(&self) -> usize {
        HEADER_LEN + self.sealed.len()
    }

    fn checksum(&self, seed: u32) -> u32 {
        let mut hasher = crc32fast::Hasher::new_with_initial(seed);
        hasher.update(&length(self.sealed).to_be_bytes());
        hasher.update(&self.sequence.to_be_bytes());
        hasher.update(&self.ahead.to_be_bytes());
        hasher.update(self.sealed);
        hasher.finalize()
    }
}

fn length(sealed: &[u8]) -> u32 {
    // Segments are far below 4 GiB, and what fits in none is refused before it gets here.
    u32::try_from(sealed.len()).unwrap_or(u32::MAX)
}

/// The frames of a segment, in order, each with its offset.
pub(crate) struct Found<'a> {
    pub(crate) frames: Vec<(usize, Frame<'a>)>,
    /// How often frames that had been acknowledged could not be read.
    pub(crate) damages: u64,
}

/// Reads frames from `offset` on, up to the first that does not hold: a torn tail, which nobody was told of. Unless a
/// later frame proves that it had been synced; then that is damage, counted, and reading goes on behind it.
pub(crate) fn scan(
    bytes: &[u8],
    mut offset: usize,
    seed: u32,
    mut sequences: std::ops::Range<u64>,
) -> Found<'_> {
    let mut found = Found { frames: Vec::new(), damages: 0 };
    loop {
        let next = sequences.start..sequences.start + 1;
        if let Some(frame) = Frame::read(&bytes[offset..], seed, next) {
            let len = frame.len();
            sequences.start += 1;
            found.frames.push((offset, frame));
            offset += len;
        } else if let Some((at, sequence)) = acknowledged_behind(bytes, offset, seed, &sequences) {
            found.damages += 1;
            sequences.start = sequence;
            offset = at;
        } else {
            return found;
        }
    }
}

/// The first frame behind `offset` whose write began after the one that cannot be read, `sequences.start`, was synced.
fn acknowledged_behind(
    bytes: &[u8],
    offset: usize,
    seed: u32,
    sequences: &std::ops::Range<u64>,
) -> Option<(usize, u64)> {
    let lost = sequences.start;
    let last = offset + bytes[offset..].iter().rposition(|byte| *byte != 0)?;
    (offset..=last).find_map(|at| {
        let frame = Frame::read(&bytes[at..], seed, lost + 1..sequences.end)?;
        let write = frame.sequence.saturating_sub(u64::from(frame.ahead));
        (write > lost).then_some((at, frame.sequence))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: u32 = 77;

    /// Frames 5, 6 | 7, 8 | 9 (a bar is a sync), then zeros.
    fn written() -> Vec<u8> {
        let mut bytes = Vec::new();
        for (sequence, ahead, sealed) in
            [(5, 0, "five"), (6, 1, "six"), (7, 0, "seven"), (8, 1, "8"), (9, 0, "nine")]
        {
            Frame { sequence, ahead, sealed: sealed.as_bytes() }.append_to(&mut bytes, SEED);
        }
        bytes.resize(bytes.len() + 100, 0);
        bytes
    }

    fn sequences(bytes: &[u8]) -> (Vec<u64>, u64) {
        let found = scan(bytes, 0, SEED, 5..1000);
        (found.frames.iter().map(|(_, frame)| frame.sequence).collect(), found.damages)
    }

    fn offset_of(text: &str) -> usize {
        written().windows(text.len()).position(|window| window == text.as_bytes()).unwrap()
    }

    #[test]
    fn whole_frames_are_read_up_to_the_zeros() {
        assert_eq!(sequences(&written()), (vec![5, 6, 7, 8, 9], 0));
        assert_eq!(sequences(&[]), (vec![], 0));
        assert_eq!(sequences(&[0; 64]), (vec![], 0));
    }

    #[test]
    fn a_torn_tail_is_no_damage() {
        let bytes = written();
        let nine = offset_of("nine") - HEADER_LEN;
        for len in nine..nine + HEADER_LEN + 4 {
            assert_eq!(sequences(&bytes[..len]), (vec![5, 6, 7, 8], 0), "cut at {len}");
        }
        let mut torn = bytes[..nine].to_vec();
        torn[offset_of("seven")] ^= 1;
        assert_eq!(sequences(&torn), (vec![5, 6], 0), "8 is of the same write as 7");
    }

    #[test]
    fn an_acknowledged_frame_that_cannot_be_read_is_damage_and_hides_no_later_write() {
        let mut bytes = written();
        bytes[offset_of("five")] ^= 1;
        assert_eq!(sequences(&bytes), (vec![7, 8, 9], 1));
        bytes[offset_of("seven") - HEADER_LEN] ^= 1;
        assert_eq!(sequences(&bytes), (vec![8, 9], 1), "8 was synced after 5");
        let mut bytes = written();
        bytes[offset_of("seven")] ^= 1;
        assert_eq!(sequences(&bytes), (vec![5, 6, 9], 1));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let clean = written();
        let (five, six) = (offset_of("five") - HEADER_LEN, offset_of("six") - HEADER_LEN);
        for bit in five * 8..six * 8 {
            let mut bytes = clean.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Frame::read(&bytes, SEED, 5..6).is_none(), "bit {bit}");
        }
        assert!(Frame::read(&clean, SEED + 1, 5..6).is_none(), "another segment's");
    }
}

//! The machine's own clock and chance: the only place that asks for them.

use ficha_domain::{Clock, Random, World};
use jiff::Timestamp;
use std::{cell::RefCell, sync::Arc};

struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one clock of the process")]
    fn now(&self) -> Timestamp {
        // To the millisecond, as everything is kept: what was answered reads back the same.
        Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap_or_default()
    }
}

struct SystemRandom;

/// What a thread takes from the kernel at once: a bulk load wants a nonce for each row, and each would be a call.
const BLOCK: usize = 512;

thread_local! {
    static AHEAD: RefCell<Ahead> = const { RefCell::new(Ahead { bytes: [0; BLOCK], used: BLOCK }) };
}

/// Random bytes, each given out once.
struct Ahead {
    bytes: [u8; BLOCK],
    used: usize,
}

impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) {
        // Keys and what else is long do not lie about.
        if buffer.len() > BLOCK / 16 {
            from_kernel(buffer);
        } else {
            AHEAD.with_borrow_mut(|ahead| ahead.give(buffer));
        }
    }
}

impl Ahead {
    fn give(&mut self, buffer: &mut [u8]) {
        if buffer.len() > BLOCK - self.used {
            from_kernel(&mut self.bytes);
            self.used = 0;
        }
        let given = &mut self.bytes[self.used..][..buffer.len()];
        buffer.copy_from_slice(given);
        given.fill(0);
        self.used += buffer.len();
    }
}

#[expect(clippy::disallowed_methods, reason = "the one source of chance")]
fn from_kernel(buffer: &mut [u8]) {
    if getrandom::fill(buffer).is_err() {
        // Keys and nonces that somebody can guess are worse than no service.
        std::process::abort();
    }
}

/// The world of a process that serves.
pub fn system() -> World {
    World::new(Arc::new(SystemClock), Arc::new(SystemRandom))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn nothing_is_given_twice() {
        let world = system();
        let short: HashSet<[u8; 12]> = (0..1000).map(|_| world.random()).collect();
        let long: HashSet<[u8; 32]> = (0..1000).map(|_| world.random()).collect();
        assert_eq!((short.len(), long.len()), (1000, 1000));
        assert!(!short.contains(&[0; 12]));
    }
}

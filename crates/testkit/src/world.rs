//! Time and chance that stand still.

use ficha_domain::{MovedClock, SeededRandom, World};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// A world that stands at 2026-11-22T12:00:00Z until the test moves it, and whose chance is the same at every run.
pub struct TestWorld {
    clock: Arc<MovedClock>,
    world: World,
}

impl Default for TestWorld {
    fn default() -> Self {
        let noon = Timestamp::from_second(1_795_348_800).expect("an instant of this century");
        let clock = Arc::new(MovedClock::at(noon));
        Self { world: World::new(clock.clone(), Arc::new(SeededRandom::new(1))), clock }
    }
}

impl TestWorld {
    /// What the rooms are given.
    #[must_use]
    pub fn world(&self) -> World {
        self.world.clone()
    }

    /// Now, as everybody in this world sees it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.world.now()
    }

    /// Moves the clock on, for everybody in this world.
    pub fn advance(&self, by: SignedDuration) {
        self.clock.advance(by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stands_still_until_it_is_moved() {
        let test = TestWorld::default();
        let world = test.world();
        assert_eq!(world.now().to_string(), "2026-11-22T12:00:00Z");
        test.advance(SignedDuration::from_mins(5));
        assert_eq!((world.now(), test.now().to_string()), (test.now(), "2026-11-22T12:05:00Z".to_owned()));
    }
}

//! Synthetic people, each a pure function of (seed, number, day): nothing is stored, any of 220 million can
//! be made from its number alone, on every machine the same.
//!
//! ```
//! use ficha_population::Population;
//!
//! let population = Population::new(42, jiff::civil::date(2026, 11, 22));
//! let person = population.person(219_999_999);
//! assert_eq!(person.cpf, population.cpf(219_999_999));
//! assert!(person.address.ends_with("(dados sintéticos)"));
//! ```
//!
//! CPFs are valid and distinct for the numbers below [`Population::CAPACITY`]; larger numbers get them again.
//! About one in five such CPFs belongs to somebody: never mix these people with real ones. Their addresses
//! are marked.
//!
//! # To add an attribute
//! 1. Give it a stream of its own in `draws.rs`, with a new number. Draws from another's stream would change
//!    the other.
//! 2. Write one file: a table on top, a function `draw(seed, number, …)` below, which takes what it depends
//!    on (age, income, state) as arguments and the day as `today`; nothing asks the machine for time or
//!    chance.
//! 3. Logarithms, powers and normal variates come from `arithmetic.rs`, never from `f64::ln` and the like,
//!    whose last bits differ between machines.
//! 4. Add the field to [`Person`], the call to [`Population::person`], the JSON to `import.rs`.
//! 5. Check its distribution in `tests/statistics.rs` and renew `tests/golden.ndjson` (the test prints the
//!    new text). Those that were there before must not have changed.
//!
//! # To read a table
//! The comment above a table names its source: a section of the design's domain.md or the page it was read
//! on. What nobody publishes is called an assumption. Shares are of one or of a thousand, amounts are reais,
//! incomes reais a month, spreads (`sigma`) those of the natural logarithm. Where figures had to be fitted to
//! each other, a test next to the table recomputes the published total from it: change a figure, and the test
//! says what no longer adds up. Names come from crate `fake`: a new version of its lists changes names, and
//! the golden test says so.

mod addresses;
mod ages;
mod arithmetic;
mod assets;
mod debts;
mod draws;
mod import;
mod income;
mod movements;
mod names;
mod numbering;
mod person;
mod states;

pub use import::{DebtsLine, EventLine, ScoreLine};
pub use person::{Debt, Item, Movement, Person};

use draws::{Draws, Stream};
use ficha_domain::Cpf;
use income::Income;
use jiff::civil::Date;
use movements::Year;
use states::State;

/// Shares of people that a base has never heard of, so that `not_found` happens: assumptions.
const UNKNOWN_TO_DEBTS: f64 = 0.03;
const UNKNOWN_TO_SCORE: f64 = 0.04;
const UNKNOWN_TO_EVENTS: f64 = 0.05;

/// Share of adults without a single debt (Serasa, end of 2025, domain.md §6).
const WITHOUT_DEBTS: f64 = 1.0 - 0.497;

/// A country of synthetic adults, as it stands on one day.
#[derive(Clone, Debug)]
pub struct Population {
    seed: u64,
    today: Date,
    year: Year,
}

impl Population {
    /// How many people have a CPF of their own: the numbers from 0 up to and without this one.
    pub const CAPACITY: u64 = numbering::CAPACITY;

    /// The population of this seed, as it stands when `today` begins in Brasília: ages are counted to that
    /// day, debts and movements lie before it.
    #[must_use]
    pub fn new(seed: u64, today: Date) -> Self {
        Self { seed, today, year: Year::before(today) }
    }

    /// The CPF of the person with this number, without making the person. Does not depend on the day.
    #[must_use]
    pub fn cpf(&self, number: u64) -> Cpf {
        numbering::cpf(self.seed, number).0
    }

    /// The person with this number.
    #[must_use]
    pub fn person(&self, number: u64) -> Person {
        let (seed, today) = (self.seed, self.today);
        let (cpf, region) = numbering::cpf(seed, number);
        let state = State::draw(seed, number, region);
        let (age, date_birth) = ages::draw(seed, number, today);
        let income = Income::draw(seed, number, state, age);
        let debts = debts::draw(seed, number, state, age, &income, today);
        let [in_debts, in_score, in_events] = known_to(seed, number, !debts.is_empty());
        Person {
            cpf,
            name: names::draw(seed, number),
            address: addresses::draw(seed, number, state),
            state: state.code,
            date_birth,
            in_debts,
            in_score,
            in_events,
            debts,
            patrimonies: if in_score { assets::draw(seed, number, age, &income) } else { Vec::new() },
            movements: if in_events {
                movements::draw(seed, number, &income, &self.year)
            } else {
                Vec::new()
            },
            sources_income: if in_score { income.sources } else { Vec::new() },
        }
    }
}

/// Which of the bases A, B and C know the person. Whoever is negative is so because base A says it; all whom
/// it does not know are among the others.
fn known_to(seed: u64, number: u64, negative: bool) -> [bool; 3] {
    let mut draws = Draws::new(seed, number, Stream::Presence);
    let unknown = [UNKNOWN_TO_DEBTS / WITHOUT_DEBTS, UNKNOWN_TO_SCORE, UNKNOWN_TO_EVENTS];
    let [debts, score, events] = unknown.map(|share| !draws.happens(share));
    [negative || debts, score, events]
}

//! Under load, one after the other goes away that processes need but no answer does: nobody is answered with 5xx, it is
//! found again without a restart, and afterwards no consultation is missing or doubled.
//!
//! # To let something else go away
//! One more [`Cut`] in `CUTS`: how it goes and comes back, what may be answered with 503 meanwhile, by name, and what
//! shows that it was missed and found again.

mod load;
mod place;

use crate::server::{Line, signal};
use ficha_testkit::proxy::Way;
use load::{CONSULTED, Load};
use place::Place;
use std::time::Duration;
use tokio::time::Instant;

/// Something that goes away.
struct Cut {
    name: &'static str,
    away: fn(&mut Place),
    back: fn(&mut Place),
    /// What cannot be known without it.
    excused: &'static [&'static str],
    sign: Sign,
}

/// A figure of a process that tells whether that misses something, by what it was before.
struct Sign {
    role: &'static str,
    figure: &'static str,
    is_missed: fn(i64, i64) -> bool,
    is_found: fn(i64, i64) -> bool,
}

const RECORD: Sign = Sign {
    role: "dossier",
    figure: "ficha_spool_moves_failed",
    is_missed: |before, now| now > before,
    // Only that lists are complete again tells it.
    is_found: |_, _| true,
};
const ISSUER: Sign = Sign {
    role: "dossier",
    figure: "ficha_issuer_age_seconds",
    is_missed: |_, now| now > 2,
    is_found: |_, now| now <= 2,
};
const CACHE: Sign = Sign {
    role: "events",
    figure: "ficha_cache_up",
    is_missed: |_, now| now == 0,
    is_found: |_, now| now == 1,
};

const INDEX: Sign = Sign {
    role: "events",
    figure: "ficha_search_behind_seconds",
    is_missed: |_, now| now > 5,
    is_found: |_, now| now <= 3,
};

/// It is missed, and found again, within this time.
const SOON: Duration = Duration::from_secs(30);

const CUTS: [Cut; 8] = [
    Cut {
        name: "the cache is killed",
        away: |place| place.redis.kill().unwrap(),
        back: |place| place.redis.restart().unwrap(),
        excused: &[],
        sign: CACHE,
    },
    Cut {
        name: "the cache hangs",
        away: |place| signal(place.redis.id(), "STOP"),
        back: |place| signal(place.redis.id(), "CONT"),
        excused: &[],
        sign: CACHE,
    },
    Cut {
        name: "the index is killed",
        away: |place| place.search.kill().unwrap(),
        back: |place| place.search.restart().unwrap(),
        excused: &[],
        sign: INDEX,
    },
    Cut {
        name: "the index hangs",
        away: |place| signal(place.search.id(), "STOP"),
        back: |place| signal(place.search.id(), "CONT"),
        excused: &[],
        sign: INDEX,
    },
    Cut {
        name: "the store of consultations is gone",
        away: |place| place.evidence.set(Way::Closed),
        back: |place| place.evidence.set(Way::Open),
        excused: &[CONSULTED],
        sign: RECORD,
    },
    Cut {
        name: "the store of consultations hangs",
        away: |place| place.evidence.set(Way::Hanging),
        back: |place| place.evidence.set(Way::Open),
        excused: &[CONSULTED],
        sign: RECORD,
    },
    Cut {
        name: "the issuer is killed",
        away: |place| place.server.kill_role("identity"),
        back: |place| place.server.start_role("identity"),
        excused: &[],
        sign: ISSUER,
    },
    Cut {
        name: "the issuer hangs",
        away: |place| signal(place.server.process("identity").id(), "STOP"),
        back: |place| signal(place.server.process("identity").id(), "CONT"),
        excused: &[],
        sign: ISSUER,
    },
];

mod postgres {
    mod mongo {
        mod redis {
            mod opensearch {
                #[tokio::test(flavor = "multi_thread")]
                async fn what_goes_away_under_load_costs_no_answer_and_no_consultation() {
                    println!("{}", crate::chaos::through_all_cuts().await);
                }
            }
        }
    }
}

async fn through_all_cuts() -> String {
    let mut place = Place::new().await;
    let (people, line) = (place.people(), place.line().await);
    let mut load = Load::start(&line, &people);
    load.go_on().await;
    for cut in &CUTS {
        goes_and_comes_back(cut, &mut place, &line, &mut load).await;
    }
    let told = load.stop().await;
    place.index_is_as_the_store().await;
    place.has_everything_once(&line, &people, told).await
}

async fn goes_and_comes_back(cut: &Cut, place: &mut Place, line: &Line, load: &mut Load) {
    let Sign { role, figure, is_missed, is_found } = cut.sign;
    let figure_before = place.figure(role, figure).await;
    let complete_before = place.complete_until(line).await;
    load.excuse(cut.excused);
    (cut.away)(place);
    load.go_on().await;
    let begun = Instant::now();
    while !is_missed(figure_before, place.figure(role, figure).await) {
        assert!(begun.elapsed() < SOON, "{}, and nobody misses it", cut.name);
        load.is_well().await;
    }
    assert_eq!(load.refused() > 0, !cut.excused.is_empty(), "{}", cut.name);
    (cut.back)(place);
    let begun = Instant::now();
    // What goes away with the record's store comes back with it.
    let lists = cut.excused.contains(&CONSULTED);
    while !(is_found(figure_before, place.figure(role, figure).await)
        && place.gives_tokens().await
        && (!lists || place.complete_until(line).await > complete_before))
    {
        assert!(begun.elapsed() < SOON, "{}, and is not found again", cut.name);
        load.is_well().await;
    }
    load.excuse(&[]);
    load.go_on().await;
}

//! Under load, one after the other goes away that processes need but no answer does: nobody is answered with 5xx, it is
//! found again without a restart, and afterwards no consultation is missing or doubled.
//!
//! # To let something else go away
//! One more [`Cut`] in `CUTS`: how it goes and comes back, what may be answered with 503 meanwhile, by name, and what
//! shows that it was missed and found again.

mod load;
mod place;

use crate::server::Line;
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
    /// A figure of the dossier's process that grows by so much while it is away.
    missed: (&'static str, i64),
}

/// It is missed, and found again, within this time.
const SOON: Duration = Duration::from_secs(30);

const CUTS: [Cut; 4] = [
    Cut {
        name: "the store of consultations is gone",
        away: |place| place.evidence.set(Way::Closed),
        back: |place| place.evidence.set(Way::Open),
        excused: &[CONSULTED],
        missed: ("ficha_spool_moves_failed", 1),
    },
    Cut {
        name: "the store of consultations hangs",
        away: |place| place.evidence.set(Way::Hanging),
        back: |place| place.evidence.set(Way::Open),
        excused: &[CONSULTED],
        missed: ("ficha_spool_moves_failed", 1),
    },
    Cut {
        name: "the issuer is killed",
        away: |place| place.server.kill_role("identity"),
        back: |place| place.server.start_role("identity"),
        excused: &[],
        missed: ("ficha_issuer_age_seconds", 2),
    },
    Cut {
        name: "the issuer hangs",
        away: |place| place.server.process("identity").signal("STOP"),
        back: |place| place.server.process("identity").signal("CONT"),
        excused: &[],
        missed: ("ficha_issuer_age_seconds", 2),
    },
];

mod postgres {
    mod mongo {
        #[tokio::test(flavor = "multi_thread")]
        async fn what_goes_away_under_load_costs_no_answer_and_no_consultation() {
            println!("{}", super::super::through_all_cuts().await);
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
    place.has_everything_once(&line, &people, load.stop().await).await
}

async fn goes_and_comes_back(cut: &Cut, place: &mut Place, line: &Line, load: &mut Load) {
    let (figure, by) = cut.missed;
    let figure_before = place.figure("dossier", figure).await;
    let complete_before = place.complete_until(line).await;
    load.excuse(cut.excused);
    (cut.away)(place);
    load.go_on().await;
    let begun = Instant::now();
    while place.figure("dossier", figure).await < figure_before + by {
        assert!(begun.elapsed() < SOON, "{}, and nobody misses it", cut.name);
        load.is_well().await;
    }
    assert_eq!(load.refused() > 0, !cut.excused.is_empty(), "{}", cut.name);
    (cut.back)(place);
    let begun = Instant::now();
    while !(place.gives_tokens().await && place.complete_until(line).await > complete_before) {
        assert!(begun.elapsed() < SOON, "{}, and is not found again", cut.name);
        load.is_well().await;
    }
    load.excuse(&[]);
    load.go_on().await;
}

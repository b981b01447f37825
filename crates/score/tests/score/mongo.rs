//! What clients see, with base B on MongoDB: the same tests under the same names.

use std::cell::Cell;

thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
}

/// Whether the test of this thread asks for it.
pub fn is_on() -> bool {
    ON.get()
}

/// A test has its thread, and all that it awaits is done on it.
fn on_mongo(test: fn()) {
    ON.set(true);
    let done = std::panic::catch_unwind(test);
    ON.set(false);
    if let Err(panic) = done {
        std::panic::resume_unwind(panic);
    }
}

macro_rules! again {
    ($($module:ident: $($test:ident),*;)*) => {
        $(mod $module {
            $(#[test]
            fn $test() {
                super::on_mongo(crate::$module::$test);
            })*
        })*

        #[test]
        fn none_is_left_out() {
            $(
                let tests = include_str!(concat!(stringify!($module), ".rs")).matches("#[tokio::test").count();
                assert_eq!(tests, [$(stringify!($test)),*].len(), stringify!($module));
            )*
        }
    };
}

again! {
    api: what_was_put_is_answered_with_age_and_score, every_read_is_recorded_and_no_write_is, whoever_feeds_does_not_read_and_whoever_reads_does_not_feed, a_write_tells_nothing_that_is_computed, a_replacement_keeps_the_id_and_nothing_else, an_answer_can_be_put_back, conditions_are_honoured, a_repeated_key_is_answered_again, whoever_is_removed_is_gone_and_comes_back_as_somebody_new, a_wrong_body_is_refused_by_its_field, age_and_score_follow_the_clock, another_table_makes_another_score, the_document_describes_every_field;
    customers: people_are_found_and_put_in_order_by_what_is_in_clear, an_id_is_one_persons_for_ever, whoever_came_in_bulk_is_found_by_id, everybody_in_an_answer_is_consulted, what_cannot_be_meant_is_named;
}

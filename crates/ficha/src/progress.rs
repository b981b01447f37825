//! What a person sees while something long goes on: on stderr, and only on a terminal.

use ficha_domain::World;
use indicatif::{ProgressBar, ProgressStyle};

/// A bar that counts to `length`.
pub fn bar(length: u64, unit: &str) -> ProgressBar {
    let form = format!("{{bar:40}} {{human_pos}}/{{human_len}} {unit} · {{per_sec}} · {{eta}} left");
    // The form is our own constant; should it ever be wrong, the default bar does.
    let style = ProgressStyle::with_template(&form).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(length).with_style(style);
    bar.set_draw_target(indicatif::ProgressDrawTarget::stderr_with_hz(5));
    bar
}

/// The day in Brasília (UTC-3, no summer time since 2019).
pub fn today(world: &World) -> jiff::civil::Date {
    jiff::tz::Offset::constant(-3).to_datetime(world.now()).date()
}

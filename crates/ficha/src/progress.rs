//! What a person sees while something long goes on: on stderr, and only on a terminal.

use ficha_domain::World;
use indicatif::{ProgressBar, ProgressStyle};

/// A bar that counts to `length`.
pub fn bar(length: u64, unit: &str) -> ProgressBar {
    let bar = ProgressBar::new(length).with_style(style(&form(unit)));
    bar.set_draw_target(indicatif::ProgressDrawTarget::stderr_with_hz(5));
    bar
}

fn form(unit: &str) -> String {
    format!("{{bar:40}} {{human_pos}}/{{human_len}} {unit} · {{per_sec}} · {{eta}} left")
}

/// The forms are our own constants; should one ever be wrong, the default bar does.
fn style(form: &str) -> ProgressStyle {
    ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A bar that counts bytes.
pub fn bytes(length: u64) -> ProgressBar {
    let bar = bar(length, "");
    bar.set_style(style("{bar:40} {bytes}/{total_bytes} read · {bytes_per_sec} · {eta} left"));
    bar
}

/// The same bar from its beginning, for something else.
pub fn turn_to(bar: &ProgressBar, length: u64, unit: &str) {
    bar.set_style(style(&form(unit)));
    bar.set_length(length);
    bar.reset();
}

/// The day in Brasília (UTC-3, no summer time since 2019).
pub fn today(world: &World) -> jiff::civil::Date {
    jiff::tz::Offset::constant(-3).to_datetime(world.now()).date()
}

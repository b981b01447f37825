//! The rates as a picture: one bar a row, the bare server's as long as the picture is wide.

use std::fmt::Write;

const WIDTH: f64 = 460.0;
const ROW: usize = 28;
const LEFT: usize = 240;

/// Bars, each with its label and what it stands for; as SVG.
pub(super) fn bars(title: &str, rows: &[(String, f64)]) -> String {
    let longest = rows.iter().map(|(_, value)| *value).fold(1.0, f64::max);
    let (width, height) = (LEFT + 560, 50 + rows.len() * ROW);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"12\" y=\"24\" font-size=\"15\" fill=\"#1b1b1f\">{title}</text>\n"
    );
    for (number, (label, value)) in rows.iter().enumerate() {
        let (top, length) = (40 + number * ROW, value / longest * WIDTH);
        let color = if number == 0 { "#9aa0a6" } else { "#2f6f4f" };
        let (text, end) = (top + 15, LEFT as f64 + length + 6.0);
        // Writing into a String does not fail.
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\" fill=\"#1b1b1f\">{label}</text>\
             <rect x=\"{LEFT}\" y=\"{top}\" width=\"{length:.0}\" height=\"20\" fill=\"{color}\"/>\
             <text x=\"{end:.0}\" y=\"{text}\" fill=\"#1b1b1f\">{value:.0} ({:.2})</text>",
            LEFT - 8,
            value / rows[0].1.max(1.0),
        );
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_row_is_what_the_others_are_measured_by() {
        let svg = bars("Requests a second", &[("bare".into(), 80_000.0), ("dossier".into(), 20_000.0)]);
        assert!(svg.contains("width=\"460\"") && svg.contains("width=\"115\""), "{svg}");
        assert!(svg.contains("80000 (1.00)") && svg.contains("20000 (0.25)"), "{svg}");
    }
}

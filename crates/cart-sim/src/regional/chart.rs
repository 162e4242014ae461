//! Bars, as SVG: counts from one to billions side by side, so their lengths are logarithms.

use std::fmt::Write as _;

const WIDTH: f64 = 860.0;
/// Where the bars begin and end.
const BARS: (f64, f64) = (180.0, 760.0);
const ROW: f64 = 18.0;
/// The room above a panel's first row and below its last.
const HEAD: f64 = 44.0;
const FOOT: f64 = 34.0;

/// A panel: its title, its bars, and how long each must be at least.
pub(super) type Panel<'a> = (&'a str, &'a [(String, u64)], Option<u64>);

/// Panels below each other, on one scale.
pub(super) fn bars(panels: &[Panel<'_>]) -> String {
    let height: f64 = panels.iter().map(|(_, bars, _)| HEAD + bars.len() as f64 * ROW + FOOT).sum();
    let most = panels.iter().flat_map(|(_, bars, _)| bars.iter()).map(|(_, count)| *count).max().unwrap_or(1);
    let decades = most.max(1).ilog10() + 1;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#282828\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    let mut top = 0.0;
    for panel in panels {
        self::panel(&mut out, panel, top, decades);
        top += HEAD + panel.1.len() as f64 * ROW + FOOT;
    }
    out + "</svg>\n"
}

fn panel(out: &mut String, (title, bars, least): &Panel<'_>, top: f64, decades: u32) {
    let (from, to) = BARS;
    let at = |count: u64| from + (count.max(1) as f64).log10() / f64::from(decades) * (to - from);
    let (first, last) = (top + HEAD, top + HEAD + bars.len() as f64 * ROW);
    let middle = (from + to) / 2.0;
    text(out, middle, top + 26.0, "middle", "font-size=\"17\"", title);
    for decade in 0..=decades {
        let x = at(10u64.pow(decade));
        let _ = writeln!(out, "<path d=\"M{x:.1} {first}V{last}\" stroke=\"#e1e1e1\"/>");
        text(out, x, last + 16.0, "middle", "font-size=\"11\"", &short(decade));
    }
    for (row, (name, count)) in bars.iter().enumerate() {
        let y = first + row as f64 * ROW;
        let x = at(*count);
        let _ = writeln!(
            out,
            "<rect x=\"{from}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"#2f6fb2\"/>",
            y + 3.0,
            x - from,
            ROW - 6.0
        );
        text(out, from - 8.0, y + 13.0, "end", "", name);
        text(out, x + 6.0, y + 13.0, "start", "", &thousands(*count));
    }
    if let Some(least) = least.filter(|least| *least > 0) {
        let x = at(least);
        let _ = writeln!(out, "<path d=\"M{x:.1} {first}V{last}\" stroke=\"#de8a2a\" stroke-width=\"2\"/>");
        let name = format!("each kind at least {}", thousands(least));
        text(out, x, first - 4.0, "middle", "font-size=\"11\" fill=\"#b0650f\"", &name);
    }
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, more: &str, text: &str) {
    let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {more}>{text}</text>");
}

/// A power of ten.
fn short(decade: u32) -> String {
    let unit = ["", "k", "M", "G", "T", "P", "E"];
    format!("{}{}", 10u64.pow(decade % 3), unit[decade as usize / 3])
}

/// A number with commas.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

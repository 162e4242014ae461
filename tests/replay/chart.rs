//! The plot of a run: how many edits of each kind, and how long calls took.

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::copies::Carried;
use crate::measure::Measure;
use crate::report::{by_count, times};
use crate::travel::{BYTES, FRAMES, Group, WRITTEN};

const SIZE: (u32, u32) = (860, 800);
const TRAVELS_SIZE: (u32, u32) = (1_000, 560);
const EDITS_HEIGHT: u32 = 340;
const HTTP: RGBColor = RGBColor(47, 111, 178);
const SYNC: RGBColor = RGBColor(222, 138, 42);
const INK: RGBColor = RGBColor(40, 40, 40);
const GRID: RGBColor = RGBColor(225, 225, 225);
/// How thick a bar is, of the room it has.
const BAR: f64 = 0.62;

type Failure = Box<dyn std::error::Error>;

/// The plot as SVG.
pub fn svg(measure: &Measure) -> Result<String, Failure> {
    let mut out = String::new();
    {
        let area = SVGBackend::with_string(&mut out, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let (upper, lower) = area.split_vertically(EDITS_HEIGHT);
        edits(&upper, measure)?;
        latency(&lower, measure)?;
        area.present()?;
    }
    Ok(out)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// Bars of edits by kind, HTTP and sync one after the other.
fn edits(area: &Area<'_>, measure: &Measure) -> Result<(), Failure> {
    let kinds = by_count(measure);
    let most = kinds.first().map_or(1, |(_, (http, sync))| http + sync).max(1) as f64;
    let names: Vec<&str> = kinds.iter().map(|(kind, _)| *kind).collect();
    let what = ("Edits by kind", "edits that became durable");
    let mut chart = bars(area, what, (most * 1.16, 8), &names, &thousands)?;
    for (row, (_, (http, sync))) in kinds.iter().enumerate() {
        let (http, all) = (*http as f64, (http + sync) as f64);
        chart.draw_series([bar(row, 0.0, http, HTTP), bar(row, http, all, SYNC)])?;
        tell(&mut chart, (all, middle(row)), thousands(all))?;
    }
    for (above, (name, colour)) in [("sync", SYNC), ("plain HTTP", HTTP)].into_iter().enumerate() {
        let at = (most * 0.85, middle(kinds.len().saturating_sub(1 + above)));
        chart.draw_series([EmptyElement::at(at) + Rectangle::new([(-18, -6), (-4, 6)], colour.filled())])?;
        tell(&mut chart, at, name.to_owned())?;
    }
    Ok(())
}

/// From the median to the 99th percentile of each kind of call.
fn latency(area: &Area<'_>, measure: &Measure) -> Result<(), Failure> {
    let times = times(measure);
    let longest = times.iter().map(|(_, _, _, most)| f64::from(*most)).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption("Latency of a call: median to 99th percentile", title())
        .margin(12)
        .margin_right(30)
        .x_label_area_size(44)
        .y_label_area_size(90)
        .build_cartesian_2d(0.0..longest * 1.16, rows(times.len()))?;
    let names: Vec<&str> = times.iter().map(|(kind, ..)| *kind).collect();
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .x_desc("milliseconds, as the client sees it")
        .x_labels(10)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_labels(0)
        .label_style(words(13))
        .axis_desc_style(words(13))
        .draw()?;
    label_rows(&mut chart, &names)?;
    for (row, (kind, _, half, most)) in times.iter().enumerate() {
        let colour = if *kind == "sync" { SYNC } else { HTTP };
        let (half, most) = (f64::from(*half), f64::from(*most));
        chart.draw_series([bar(row, half, most, colour.mix(0.35))])?;
        chart.draw_series([Circle::new((half, middle(row)), 5, colour.filled())])?;
        let (low, high) = (middle(row) - BAR / 2.0, middle(row) + BAR / 2.0);
        chart.draw_series([PathElement::new([(most, low), (most, high)], colour.stroke_width(3))])?;
        tell(&mut chart, (most, middle(row)), format!("{half:.0} to {most:.0} ms"))?;
    }
    Ok(())
}

/// Rows from the top down.
fn rows(count: usize) -> std::ops::Range<f64> {
    count as f64..0.0
}

fn middle(row: usize) -> f64 {
    row as f64 + 0.5
}

fn bar<S: Into<ShapeStyle>>(row: usize, from: f64, to: f64, style: S) -> Rectangle<(f64, f64)> {
    let style: ShapeStyle = style.into();
    Rectangle::new([(from, middle(row) - BAR / 2.0), (to, middle(row) + BAR / 2.0)], style.filled())
}

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// An empty chart for bars from 0 to `most`, a row for each name; `what` is its title and what is counted, `labels`
/// how many numbers stand on its axis.
fn bars<'a, 'b>(
    area: &'a Area<'b>,
    (caption, what): (&str, &str),
    (most, labels): (f64, usize),
    names: &[&str],
    number: &dyn Fn(f64) -> String,
) -> Result<Chart<'a, 'b>, Failure> {
    let mut chart = ChartBuilder::on(area)
        .caption(caption, title())
        .margin(12)
        .margin_right(30)
        .x_label_area_size(44)
        .y_label_area_size(90)
        .build_cartesian_2d(0.0..most, rows(names.len()))?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .x_desc(what)
        .x_labels(labels)
        .x_label_formatter(&|x| number(*x))
        .y_labels(0)
        .label_style(words(13))
        .axis_desc_style(words(13))
        .draw()?;
    label_rows(&mut chart, names)?;
    Ok(chart)
}

/// The rows' names, left of the axis.
fn label_rows(chart: &mut Chart<'_, '_>, names: &[&str]) -> Result<(), Failure> {
    for (row, name) in names.iter().enumerate() {
        let style = words(13).pos(Pos::new(HPos::Right, VPos::Center));
        let name = Text::new((*name).to_owned(), (-8, 0), style);
        chart.draw_series([EmptyElement::at((0.0, middle(row))) + name])?;
    }
    Ok(())
}

/// A number right of a point.
fn tell(chart: &mut Chart<'_, '_>, at: (f64, f64), number: String) -> Result<(), Failure> {
    let text = Text::new(number, (6, 0), words(12).pos(Pos::new(HPos::Left, VPos::Center)));
    chart.draw_series([EmptyElement::at(at) + text])?;
    Ok(())
}

fn title() -> TextStyle<'static> {
    ("sans-serif", 18).into_font().color(&INK)
}

fn words(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK)
}

fn thousands(number: f64) -> String {
    if number >= 10_000.0 { format!("{:.0}k", number / 1_000.0) } else { format!("{number:.0}") }
}

/// The plot of carts that travel, as SVG.
pub fn svg_of_travels(carried: &[Carried]) -> Result<String, Failure> {
    let groups = Group::all(carried);
    let mut out = String::new();
    {
        let area = SVGBackend::with_string(&mut out, TRAVELS_SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let cells = area.split_evenly((2, 2));
        let carts = |group: &Group<'_>| group.carts.len() as f64;
        by_regions(&cells[0], &groups, "Carts by the regions they were in", "carts", &carts)?;
        for (cell, figure) in cells[1..].iter().zip([&FRAMES, &BYTES, &WRITTEN]) {
            let title = format!("An edit: {}", figure.name);
            by_regions(cell, &groups, &title, "for each edit", &|group| group.per_edit(figure))?;
        }
        area.present()?;
    }
    Ok(out)
}

/// A bar for each number of regions.
fn by_regions(
    area: &Area<'_>,
    groups: &[Group<'_>],
    title_of_it: &str,
    what: &str,
    of: &dyn Fn(&Group<'_>) -> f64,
) -> Result<(), Failure> {
    let most = groups.iter().map(of).fold(0.0, f64::max);
    let most = if most > 0.0 { most } else { 1.0 };
    let number = |x: f64| match most {
        most if most < 20.0 => format!("{x:.2}"),
        _ => thousands(x),
    };
    let names = ["one region", "two", "three"];
    let mut chart = bars(area, (title_of_it, what), (most * 1.2, 5), &names, &number)?;
    for (row, group) in groups.iter().enumerate() {
        let value = of(group);
        chart.draw_series([bar(row, 0.0, value, HTTP)])?;
        tell(&mut chart, (value, middle(row)), number(value))?;
    }
    Ok(())
}

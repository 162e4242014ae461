//! The plots of a run: how each ratio stands to its bound and its aim, and the CPU time of requests beside the bare ones.

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::case::{Case, Contender, Results};
use crate::sample::median;
use crate::verdict::{Bound, Verdict};

const WIDTH: u32 = 1_000;
/// Of a row, and of all that is around the rows.
const ROW: u32 = 34;
const FRAME: u32 = 110;
/// What a row is called stands left of the axis.
const NAMES: u32 = 480;
const MET: RGBColor = RGBColor(58, 140, 82);
const UNMET: RGBColor = RGBColor(200, 74, 60);
const SHOP: RGBColor = RGBColor(47, 111, 178);
const OTHER: RGBColor = RGBColor(170, 170, 170);
const INK: RGBColor = RGBColor(40, 40, 40);
const GRID: RGBColor = RGBColor(225, 225, 225);
/// How thick a bar is, of the room it has.
const BAR: f64 = 0.56;

type Failure = Box<dyn std::error::Error>;
type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// How many times better than its bound each value is; beyond 1 the bound is met.
pub fn ratios(verdicts: &[Verdict]) -> Result<String, Failure> {
    let rows: Vec<(String, f64, Option<f64>)> = verdicts
        .iter()
        .filter(|verdict| verdict.value().is_finite())
        .map(|verdict| {
            let aim = verdict.aim.map(|aim| against(verdict.bound, at(aim)));
            (verdict.what.replace('`', ""), against(verdict.bound, verdict.value()), aim)
        })
        .collect();
    let most = rows.iter().map(|(_, value, aim)| value.max(aim.unwrap_or(1.0))).fold(1.0, f64::max);
    let mut out = String::new();
    {
        let area = area(&mut out, rows.len())?;
        let names: Vec<&str> = rows.iter().map(|(what, ..)| what.as_str()).collect();
        let mut chart = bars(
            &area,
            "Measured, as a multiple of the bound",
            "1 is the bound, | the aim; right is better",
            most * 1.12,
            &names,
        )?;
        chart.draw_series([PathElement::new([(1.0, 0.0), (1.0, rows.len() as f64)], INK.stroke_width(2))])?;
        for (row, (_, value, aim)) in rows.iter().enumerate() {
            let colour = if *value >= 1.0 { MET } else { UNMET };
            chart.draw_series([bar(row, *value, colour)])?;
            if let Some(aim) = aim {
                let (low, high) = (middle(row) - 0.45, middle(row) + 0.45);
                chart.draw_series([PathElement::new([(*aim, low), (*aim, high)], INK.stroke_width(2))])?;
            }
            tell(&mut chart, (*value, middle(row)), format!("{value:.2}"))?;
        }
        area.present()?;
    }
    Ok(out)
}

/// CPU time of each case that has one, the service's and the others'.
pub fn cpu(results: &Results) -> Result<String, Failure> {
    let rows: Vec<(String, f64, bool)> = results
        .all()
        .map(|(case, contender, figures)| {
            let what = format!("{}, {}", case.title(), contender.title());
            (case, what, median(figures.iter().map(|figure| figure.cpu_ms)), contender)
        })
        .filter(|(case, _, cpu, _)| cpu.is_finite() && *case != Case::FirstAnswer)
        .map(|(_, what, cpu, contender)| (what, cpu, contender == Contender::Shop))
        .collect();
    let most = rows.iter().map(|(_, cpu, _)| *cpu).fold(0.1, f64::max);
    let mut out = String::new();
    {
        let area = area(&mut out, rows.len())?;
        let names: Vec<&str> = rows.iter().map(|(what, ..)| what.as_str()).collect();
        let mut chart = bars(
            &area,
            "CPU time a request",
            "milliseconds, of all processes; left is better",
            most * 1.15,
            &names,
        )?;
        for (row, (_, cpu, own)) in rows.iter().enumerate() {
            chart.draw_series([bar(row, *cpu, if *own { SHOP } else { OTHER })])?;
            tell(&mut chart, (*cpu, middle(row)), format!("{cpu:.2}"))?;
        }
        area.present()?;
    }
    Ok(out)
}

/// How many times better than the bound a value is.
fn against(bound: Bound, value: f64) -> f64 {
    match bound {
        Bound::AtLeast(least) => value / least,
        Bound::AtMost(most) => most / value,
    }
}

fn at(bound: Bound) -> f64 {
    match bound {
        Bound::AtLeast(value) | Bound::AtMost(value) => value,
    }
}

fn area(out: &mut String, rows: usize) -> Result<Area<'_>, Failure> {
    let area = SVGBackend::with_string(out, (WIDTH, FRAME + ROW * rows as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    Ok(area)
}

/// An empty chart from 0 to `most`, a row for each name from the top down.
fn bars<'a, 'b>(
    area: &'a Area<'b>,
    caption: &str,
    what: &str,
    most: f64,
    names: &[&str],
) -> Result<Chart<'a, 'b>, Failure> {
    let mut chart = ChartBuilder::on(area)
        .caption(caption, ("sans-serif", 18).into_font().color(&INK))
        .margin(12)
        .margin_right(40)
        .x_label_area_size(44)
        .y_label_area_size(NAMES)
        .build_cartesian_2d(0.0..most, names.len().max(1) as f64..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .x_desc(what)
        .x_labels(8)
        .x_label_formatter(&|x| format!("{x:.1}"))
        .y_labels(0)
        .label_style(words(12))
        .axis_desc_style(words(12))
        .draw()?;
    for (row, name) in names.iter().enumerate() {
        let style = words(11).pos(Pos::new(HPos::Right, VPos::Center));
        let name = Text::new((*name).to_owned(), (-8, 0), style);
        chart.draw_series([EmptyElement::at((0.0, middle(row))) + name])?;
    }
    Ok(chart)
}

fn middle(row: usize) -> f64 {
    row as f64 + 0.5
}

fn bar(row: usize, to: f64, colour: RGBColor) -> Rectangle<(f64, f64)> {
    let (low, high) = (middle(row) - BAR / 2.0, middle(row) + BAR / 2.0);
    Rectangle::new([(0.0, low), (to, high)], colour.filled())
}

/// A number right of a point.
fn tell(chart: &mut Chart<'_, '_>, at: (f64, f64), number: String) -> Result<(), Failure> {
    let text = Text::new(number, (6, 0), words(11).pos(Pos::new(HPos::Left, VPos::Center)));
    chart.draw_series([EmptyElement::at(at) + text])?;
    Ok(())
}

fn words(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_of_one_the_bound_is_met_whichever_way_it_is() {
        assert_eq!(against(Bound::AtLeast(0.5), 0.75), 1.5);
        assert_eq!(against(Bound::AtMost(2.0), 4.0), 0.5);
        let verdict = Verdict {
            what: "time".to_owned(),
            rounds: vec![4.0],
            unit: "",
            bound: Bound::AtMost(2.0),
            aim: Some(Bound::AtMost(1.0)),
        };
        let svg = ratios(&[verdict]).expect("a plot");
        assert!(svg.starts_with("<svg") && svg.contains("0.50") && svg.contains("time"), "{svg}");
    }
}

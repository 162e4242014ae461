//! The report of carts that travel: what it took to have them in several regions at once.

use std::fmt::Write as _;

use crate::copies::Carried;
use crate::measure::percentile;
use crate::options::Options;
use crate::report::{Run, edited, grouped, written};
use crate::way::REGIONS;

/// The carts that were in so many regions.
pub struct Group<'a> {
    pub carts: Vec<&'a Carried>,
}

/// What is counted of a cart, and is shown for each edit.
pub struct Figure {
    pub name: &'static str,
    pub of: fn(&Carried) -> u64,
}

pub const FRAMES: Figure = Figure { name: "frames between regions", of: |cart| cart.frames.frames };
pub const BYTES: Figure =
    Figure { name: "bytes between regions", of: |cart| cart.frames.frame_bytes + cart.frames.answer_bytes };
pub const WRITTEN: Figure = Figure { name: "rows written, alarms too", of: |cart| cart.rows.1 };
pub const READ: Figure = Figure { name: "rows read", of: |cart| cart.rows.0 };

impl<'a> Group<'a> {
    /// Groups by the number of regions, from one.
    pub fn all(carried: &'a [Carried]) -> Vec<Self> {
        let of = |regions| carried.iter().filter(move |cart| cart.replicas == regions).collect();
        (1..=REGIONS.len()).map(|regions| Group { carts: of(regions) }).collect()
    }

    pub fn sum(&self, of: fn(&Carried) -> u64) -> u64 {
        self.carts.iter().map(|cart| of(cart)).sum()
    }

    pub fn edits(&self) -> u64 {
        self.sum(|cart| cart.edits)
    }

    /// A figure for each edit.
    pub fn per_edit(&self, figure: &Figure) -> f64 {
        self.sum(figure.of) as f64 / self.edits().max(1) as f64
    }

    /// Below what the time until all were equal lies in so many of the carts.
    fn equal_ms(&self, part: f64) -> f32 {
        let mut sorted: Vec<f32> = self.carts.iter().map(|cart| cart.equal_ms as f32).collect();
        sorted.sort_by(f32::total_cmp);
        percentile(&sorted, part)
    }
}

pub fn head(run: &Run, options: &Options) -> String {
    let travels = run.measure.travels;
    format!(
        "# Replay of real baskets over three regions\n\n\
         {written}\n\n\
         {baskets} real households' baskets (`data/README.md`) in {carts} carts against three regions, each a \
         process of its own; they reach each other only by proxies, where what passes is counted. A household's \
         baskets on end are one cart. Each store has its region, and each basket is put together in the region of \
         its store: a device that comes to another region brings the session's token of the one before, is served \
         there, and has it renewed. Each cart is {edited}\n\n\
         The devices came to another region {arrivals} times: {renewals} times their token had to be renewed \
         first, {retries} times the last edit was sent once more, since its answer had been lost. Of all answers \
         {elsewhere} came from another region than the shopper's, and {partial} said that they might be behind what \
         the session had been shown; {unmoved} of those that came from the shopper's region left the token with \
         another. {at_once} carts \
         at a time, on a machine with {cores} cores that runs client and regions.\n",
        written = written("replay-regions", options),
        baskets = grouped(run.baskets as u64),
        carts = grouped(run.carts as u64),
        edited = edited(run),
        arrivals = grouped(travels.arrivals),
        renewals = grouped(travels.renewals),
        retries = grouped(travels.retries),
        elsewhere = grouped(travels.elsewhere),
        partial = grouped(travels.partial),
        unmoved = grouped(travels.unmoved),
        at_once = options.at_once,
        cores = std::thread::available_parallelism().map_or(0, usize::from),
    )
}

/// What it took, by the number of regions.
pub fn carrying(run: &Run) -> String {
    let groups = Group::all(&run.carried);
    let mut out = String::from(
        "## What carrying a cart takes\n\n![Carts by regions, and what an edit takes](replay-regions.svg)\n\n\
         Counted from the first request to the quiet at the end: all frames that arrive at the proxies, those that \
         ask too; the bytes of their bodies and of those of their answers; all rows that the objects of a cart read \
         and write, leases and alarms too, by their own counters. An edit is one that became durable; over HTTP and \
         by sync several go in one call.\n\n\
         | carts that were in | one region | two | three | all |\n|---|---:|---:|---:|---:|\n",
    );
    let all = Group { carts: run.carried.iter().collect() };
    let columns: Vec<&Group<'_>> = groups.iter().chain([&all]).collect();
    let mut line = |what: &str, of: &dyn Fn(&Group<'_>) -> String| {
        let cells: Vec<String> = columns.iter().map(|group| of(group)).collect();
        let _ = writeln!(out, "| {what} | {} |", cells.join(" | "));
    };
    line("carts", &|group| grouped(group.carts.len() as u64));
    line("replicas", &|group| grouped(group.sum(|cart| cart.replicas as u64)));
    line("edits", &|group| grouped(group.edits()));
    line("frames", &|group| grouped(group.sum(FRAMES.of)));
    for (figure, digits) in [(&FRAMES, 2), (&BYTES, 0), (&WRITTEN, 2), (&READ, 2)] {
        line(&format!("**{}, an edit**", figure.name), &|group| {
            format!("{:.digits$}", group.per_edit(figure))
        });
    }
    line("bytes a frame, with its answer", &|group| {
        format!("{:.0}", group.sum(BYTES.of) as f64 / group.sum(FRAMES.of).max(1) as f64)
    });
    line("ms until all were equal, half of the carts", &|group| format!("{:.0}", group.equal_ms(0.5)));
    line("ms until all were equal, 99 of 100", &|group| format!("{:.0}", group.equal_ms(0.99)));
    out.push_str(
        "\nThe time until all were equal is from the last answer to a device until a look found the same bytes in all \
         regions; between two looks is a tenth of a second and their time.\n",
    );
    out
}

pub const JUDGING: &str = "\
## How it is judged

As the replay with one region, by `tests/replay/account.py`, which knows the rules of the design alone and has \
no state and no merge: only the edits and what each of them saw. With several replicas no number tells what an \
edit saw, since each counts its own commits. So it is listed, edit by edit: those whose dots were in the causal \
context of the replica, or of the device, with which it was made. That this context does not say more than \
was there is checked by what was shown: of the views on the way, in one of three answers over HTTP and one of two \
syncs, each must show exactly what the edits listed for it add up to.

At the end each region is asked for the cart's bytes, with a token of its own, so that none asks another before \
it answers. They must be the same, once nothing has passed for six seconds.
";

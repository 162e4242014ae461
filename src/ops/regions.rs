//! How the regions do.

use cart_core::id::Region;
use futures_util::future::join_all;
use serde_json::Value;

use crate::ops::admin::{Admin, answer, object};
use crate::platform::answer::{Answer, rfc3339};
use crate::platform::clock::present;
use crate::platform::problem::Problem;
use crate::store::call::Walked;

/// A region that takes longer to answer counts as slow, in milliseconds.
const SLOW_MS: u64 = 500;

impl Admin<'_> {
    /// Each region: whether it answers, how the calls of the edge to it fare, how late its store is and what
    /// waits for it.
    pub async fn regions(&self, circuits: &str) -> Result<Answer, Problem> {
        let places = &self.config.regions.places;
        let reports = join_all(places.iter().map(async |place| {
            let asked = present();
            (self.report(place.region).await, present().0.saturating_sub(asked.0))
        }));
        let now = present();
        let mut regions = Vec::new();
        for (place, (report, took_ms)) in places.iter().zip(reports.await) {
            let region = place.region;
            let circuit = circuits.split(' ').filter_map(|entry| entry.split_once('='));
            let circuit = circuit.clone().find(|(name, _)| *name == region.name()).map(|(_, word)| word);
            let health = match &report {
                None => "down",
                Some(report) if !report.available && !place.stores.is_empty() => "store_down",
                Some(_) if took_ms > SLOW_MS => "slow",
                Some(_) => "ok",
            };
            let databases: Vec<Value> = place.stores.iter().map(|name| name.as_str().into()).collect();
            let freshness = report.as_ref().and_then(|report| report.freshness);
            // Of one that does not answer nobody knows.
            let lag_ms = report.as_ref().filter(|report| report.available).map(|report| report.lag_ms(now));
            let waiting = report.as_ref().and_then(|report| report.waiting);
            let backlog = waiting.map(|waiting| {
                object(vec![
                    ("messages", waiting.messages.into()),
                    ("bytes", waiting.bytes.into()),
                    ("oldest_at", waiting.oldest.map(rfc3339).into()),
                ])
            });
            let gone = report.as_ref().map(|report| {
                let gone = report.gone.iter().map(|(kind, count)| (kind.as_str(), Value::from(*count)));
                object(gone.collect())
            });
            let walking = report.iter().flat_map(|report| &report.walks);
            let unended = walking.filter(|walk| walk.name == "backfill" && walk.ended.is_none());
            let left_out = unended.flat_map(|walk| self.config.regions.left_out(&walk.before, region));
            let left_out: Vec<Value> = left_out.map(|region| region.name().into()).collect();
            let walks = report.as_ref().map(|report| {
                object(report.walks.iter().map(|walk| (walk.name.as_str(), stands(walk))).collect())
            });
            regions.push(object(vec![
                ("region", region.name().into()),
                ("served_here", self.config.peer(region).is_none().into()),
                ("share", place.share.into()),
                ("health", health.into()),
                ("answered_in_ms", report.as_ref().map(|_| took_ms).into()),
                ("breaker", circuit.into()),
                ("databases", databases.into()),
                ("lag_ms", lag_ms.into()),
                ("lag_versions", freshness.map(|freshness| freshness.late_versions).into()),
                ("taken_at", freshness.map(|freshness| rfc3339(freshness.taken)).into()),
                ("backlog", backlog.into()),
                ("dead_letters", report.as_ref().map(|report| report.dead_letters).into()),
                ("second", place.second.map(Region::name).into()),
                ("left_out", left_out.into()),
                ("closing", place.closing.into()),
                ("gone", gone.into()),
                ("walks", walks.into()),
                ("rows_written", report.as_ref().map(|report| report.rows_written).into()),
            ]));
        }
        answer(vec![("here", self.here.name().into()), ("regions", regions.into())])
    }
}

fn stands(walk: &Walked) -> Value {
    object(vec![
        ("began_at", rfc3339(walk.began).into()),
        ("ended_at", walk.ended.map(rfc3339).into()),
        ("passed", walk.passed.into()),
        ("done", walk.done.into()),
        ("queries_max", walk.queries_max.into()),
        ("calls_max", walk.calls_max.into()),
        ("current", walk.current.into()),
    ])
}

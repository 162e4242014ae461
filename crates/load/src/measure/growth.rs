//! What an add takes as its cart grows: in lines, in past actors, in edits over plain HTTP. One request at a time, to
//! small carts and to grown ones of the same process.

use std::time::Instant;

use serde_json::json;
use tokio::task::JoinSet;

use super::Bench;
use crate::basket::Line;
use crate::case::{Case, Contender, Figure, Row};
use crate::drive::used;
use crate::http::{Ask, Connection};
use crate::sample::{percentile, sorted};
use crate::server::Server;
use crate::visit::Visit;

/// How many carts there are of each kind.
const CARTS: usize = 8;
/// How many adds of a figure each gets; few, since each makes its cart grow.
const ADDS: usize = 16;
/// How many commands a batch has at most.
const BATCH: usize = 100;
/// Lines of a cart whose lines are not what grows.
const FEW: usize = 10;

/// What a cart has been through.
#[derive(Clone, Copy)]
struct Past {
    /// Lines, added in batches: one actor a batch.
    lines: usize,
    /// Adds over HTTP after that, each by an actor of its own.
    edits: usize,
    /// Whether each line was set in the end, which leaves of many contributions one, and of the actors all.
    set: bool,
}

/// A round of a row.
pub async fn measure(bench: &mut Bench, row: Row, round: usize) -> Result<(), String> {
    let plain = |lines| Past { lines, edits: 0, set: false };
    let edits = |edits| Past { lines: FEW, edits, set: false };
    let pair = match row {
        Row::Lines => [(Case::FewLines, plain(FEW)), (Case::ManyLines, plain(500))],
        Row::Actors => {
            let past = Past { lines: FEW, edits: 1_000, set: true };
            [(Case::OneActor, plain(FEW)), (Case::PastActors, past)]
        }
        _ => [(Case::FewEdits, edits(10)), (Case::ManyEdits, edits(300))],
    };
    let products = products(bench, 500);
    let server = bench.server(Contender::Shop).await?;
    let mut kinds = Vec::new();
    for (case, past) in pair {
        kinds.push((case, past.lines, carts(server, past, &products).await?));
    }
    // Whoever is first has the caches of the other, now one and now the other.
    if round % 2 == 1 {
        kinds.reverse();
    }
    let mut figures = Vec::new();
    for (case, lines, carts) in kinds {
        figures.push((case, adds(server, &carts, &products[..lines]).await?));
    }
    for (case, figure) in figures {
        bench.results.note(case, Contender::Shop, figure);
    }
    Ok(())
}

/// So many products of real baskets, each once.
fn products(bench: &Bench, count: usize) -> Vec<Line> {
    let mut products: Vec<Line> = bench.all.iter().flat_map(|basket| basket.rows.clone()).collect();
    products.sort_by(|one, other| one.sku.cmp(&other.sku));
    products.dedup_by(|one, other| one.sku == other.sku);
    products.truncate(count);
    products.iter().map(|line| Line { sku: line.sku.clone(), quantity: 1 }).collect()
}

/// Carts with a past.
async fn carts(server: &Server, past: Past, products: &[Line]) -> Result<Vec<Visit>, String> {
    let mut making = JoinSet::new();
    for visit in Visit::open_all(server, CARTS).await? {
        let (port, lines) = (server.port, products[..past.lines].to_vec());
        making.spawn(async move {
            let mut connection = Connection::open(port).await?;
            for batch in lines.chunks(BATCH) {
                connection.ask(&visit.add_all(batch)).await?;
            }
            for line in lines.iter().cycle().take(past.edits) {
                connection.ask(&visit.add(line)).await?;
            }
            if past.set {
                let view = connection.ask(&visit.read()).await?.json()?;
                for line in view["lines"].as_array().into_iter().flatten() {
                    let path =
                        format!("{}/lines/{}", visit.path(), line["line_id"].as_str().unwrap_or_default());
                    let mut set = Ask::post(path, json!({ "quantity": 2 }).to_string());
                    set.method = "PATCH";
                    connection.ask(&visit.as_own(set)).await?;
                }
            }
            Ok::<_, String>(visit)
        });
    }
    let mut visits = Vec::new();
    while let Some(visit) = making.join_next().await {
        visits.push(visit.map_err(|error| error.to_string())??);
    }
    Ok(visits)
}

/// Adds to lines that are there, cart after cart, one at a time.
async fn adds(server: &Server, carts: &[Visit], lines: &[Line]) -> Result<Figure, String> {
    let mut connection = Connection::open(server.port).await?;
    let processes = [server.process()];
    let (before, began) = (used(&processes)?, Instant::now());
    let mut times = Vec::new();
    for number in 0..ADDS {
        for visit in carts {
            let add = visit.add(&lines[number * lines.len() / ADDS]);
            let sent = Instant::now();
            connection.ask(&add).await?;
            times.push(sent.elapsed().as_secs_f64() * 1_000.0);
        }
    }
    let (count, times) = (times.len() as f64, sorted(times));
    Ok(Figure {
        rate: count / began.elapsed().as_secs_f64(),
        p50_ms: percentile(&times, 50.0),
        p99_ms: percentile(&times, 99.0),
        cpu_ms: (used(&processes)? - before) / count,
    })
}

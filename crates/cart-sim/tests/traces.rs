//! Random traces keep every promise. How many: `EVERCART_TRACES`, 20,000 unless said.

#![cfg(not(target_arch = "wasm32"))]

use cart_sim::trace;
use cart_sim::trace::runner::Run;

#[test]
fn every_promise_is_kept_in_random_traces() {
    trace::announce_panics();
    let traces = std::env::var("EVERCART_TRACES").ok();
    let traces = traces.map_or(20_000, |count| count.parse().expect("EVERCART_TRACES is a number"));
    let report = Run { first: 0, traces }.run(|_| {});
    if let Some(violation) = report.violation {
        let (history, _) = trace::replay(violation.seed);
        panic!("{}\n{violation}", history.join("\n"));
    }
    println!("{} traces in {:.1?}, {:.0} a second", report.traces, report.took, report.rate());
    assert_eq!(report.traces, traces);
}

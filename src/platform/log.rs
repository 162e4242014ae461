//! The log: one line of JSON for each event that somebody may have to act on, and none for what goes well. It says what
//! was tried, why that failed and what happens next; in which region, and of which cart by the first 8 digits of the
//! SHA-256 of its id; and which request it belongs to, by the trace that the caller's `traceparent` names (W3C Trace
//! Context, section 3.2). Nothing of a person is in it.

use std::cell::RefCell;
use std::fmt::Display;
use std::future::poll_fn;
use std::mem::swap;
use std::pin::pin;

use cart_core::id::{CartId, Region};

/// The header that names a request's trace.
pub const PARENT: &str = "traceparent";

thread_local! {
    static PRESENT: RefCell<Work> = RefCell::default();
}

/// What all lines of a piece of work say.
#[derive(Clone, Default)]
pub struct Work {
    parent: Option<String>,
    region: Option<Region>,
    cart: Option<CartId>,
}

impl Work {
    /// That of a request with this `traceparent`.
    pub fn of(parent: Option<&str>) -> Self {
        let parent = parent.filter(|parent| trace_of(parent).is_some()).map(str::to_owned);
        Self { parent, ..Self::default() }
    }

    /// That which is at its turn.
    pub fn present() -> Self {
        PRESENT.with_borrow(Self::clone)
    }
}

/// The trace that a `traceparent` of version 00 names.
fn trace_of(parent: &str) -> Option<&str> {
    let mut parts = parent.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |part: &str, digits: usize| {
        part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_one = version == "00" && is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2);
    (is_one && parts.next().is_none()).then_some(trace)
}

/// Does work, all lines of which say the same. Whatever else has its turn meanwhile has its own.
pub async fn within<T>(mut work: Work, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    poll_fn(|context| {
        PRESENT.with_borrow_mut(|present| swap(present, &mut work));
        let polled = future.as_mut().poll(context);
        PRESENT.with_borrow_mut(|present| swap(present, &mut work));
        polled
    })
    .await
}

/// The same of what is done in one go.
pub fn at_once<T>(mut work: Work, done: impl FnOnce() -> T) -> T {
    PRESENT.with_borrow_mut(|present| swap(present, &mut work));
    let done = done();
    PRESENT.with_borrow_mut(|present| swap(present, &mut work));
    done
}

/// From here on the present work is that of a region and a cart.
pub fn here(region: Region, cart: Option<&CartId>) {
    PRESENT.with_borrow_mut(|work| {
        work.region = Some(region);
        if work.cart.as_ref() != cart {
            work.cart = cart.cloned();
        }
    });
}

/// The header that names the trace of the present work to whom is called in its course, if it has one.
pub fn parent() -> Option<(&'static str, String)> {
    PRESENT.with_borrow(|work| Some((PARENT, work.parent.clone()?)))
}

/// The same, to be used on the spot.
pub fn with_parent<T>(used: impl FnOnce(Option<&str>) -> T) -> T {
    PRESENT.with_borrow(|work| used(work.parent.as_deref()))
}

/// Says what was tried in vain, why, and what happens next.
#[cold]
pub fn failed(tried: &str, why: &dyn Display, next: &str) {
    PRESENT.with_borrow(|work| say(work, tried, why, next));
}

/// The same of a certain cart.
#[cold]
pub fn failed_for(cart: &CartId, tried: &str, why: &dyn Display, next: &str) {
    let work = Work { cart: Some(cart.clone()), ..Work::present() };
    say(&work, tried, why, next);
}

fn say(work: &Work, tried: &str, why: &dyn Display, next: &str) {
    worker::console_error!("{}", line(work, tried, &why.to_string(), next));
}

fn line(work: &Work, tried: &str, why: &str, next: &str) -> String {
    let cart = work.cart.as_ref().map(|cart| format!("{:08x}", cart.scope().0));
    let trace = work.parent.as_deref().and_then(trace_of);
    let said = [
        ("region", work.region.map(Region::name)),
        ("cart", cart.as_deref()),
        ("trace", trace),
        ("tried", Some(tried)),
        ("why", Some(why)),
        ("next", Some(next)),
    ];
    // By hand: a `Value` of it would be 3 KB of the Wasm.
    let mut line = String::new();
    for (name, value) in said {
        let Some(value) = value.and_then(|value| serde_json::to_string(value).ok()) else { continue };
        for part in [if line.is_empty() { "{\"" } else { ",\"" }, name, "\":", &value] {
            line.push_str(part);
        }
    }
    line.push('}');
    line
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_line_says_where_and_of_what_and_nothing_that_is_not_known() {
        let cart = CartId::mint(Region::Weur, [7; 15]);
        let work =
            Work { parent: Some(PARENT.to_owned()), region: Some(Region::Weur), cart: Some(cart.clone()) };
        let said = line(&work, "tell enam", "no \"answer\"", "again in 2 s");
        let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
        assert_eq!(
            (&said["region"], &said["trace"]),
            (&"weur".into(), &"4bf92f3577b34da6a3ce929d0e0e4736".into())
        );
        assert_eq!((&said["why"], said["cart"].as_str().map(str::len)), (&"no \"answer\"".into(), Some(8)));
        assert!(!said.to_string().contains(cart.as_str()));
        assert_eq!(line(&Work::default(), "a", "b", "c"), r#"{"tried":"a","why":"b","next":"c"}"#);
    }

    #[test]
    fn only_what_is_a_trace_is_taken_along() {
        assert!(trace_of(PARENT).is_some());
        for other in [
            "",
            "00",
            &PARENT[1..],
            &format!("{PARENT}-x"),
            &PARENT.replace("4bf9", "4BF9"),
            &PARENT.replace("00-", "01-"),
        ] {
            assert_eq!(trace_of(other), None, "{other}");
        }
    }

    #[test]
    fn each_work_has_its_own_turn() {
        let turns = |region| async move {
            here(region, None);
            for _ in 0..3 {
                let mut waited = false;
                poll_fn(|context| {
                    context.waker().wake_by_ref();
                    if std::mem::replace(&mut waited, true) {
                        std::task::Poll::Ready(())
                    } else {
                        std::task::Poll::Pending
                    }
                })
                .await;
                assert_eq!(Work::present().region, Some(region));
            }
        };
        let both = futures_util::future::join(
            within(Work::default(), turns(Region::Weur)),
            within(Work::default(), turns(Region::Enam)),
        );
        let (mut both, mut context) = (pin!(both), Context::from_waker(Waker::noop()));
        while both.as_mut().poll(&mut context).is_pending() {}
        assert_eq!(Work::present().region, None);
    }
}

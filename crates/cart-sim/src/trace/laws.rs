//! The laws of the cart as a join semilattice, tried on states and deltas met in a trace: commutative,
//! associative, idempotent, growing only; delta or full state alike (I6); bytes and values equal
//! together (I5); and that a device is told enough.

use cart_core::cart::{Cart, Delta};

use crate::violation::{Check, Fault, Invariant};

/// Any three states or deltas of one cart.
pub fn check_join(a: &Cart, b: &Cart, c: &Cart) -> Check {
    let law = |holds: bool, name: &str, left: &Cart, right: &Cart| {
        Fault::unless(holds, Invariant::JoinLaws, || format!("{name}:\n    {left:?}\n    {right:?}"))
    };
    let (ab, ba) = (joined(a, b), joined(b, a));
    law(ab == ba, "not commutative", &ab, &ba)?;
    let (left, right) = (joined(&ab, c), joined(a, &joined(b, c)));
    law(left == right, "not associative", &left, &right)?;
    let twice = joined(&ab, b);
    law(ab == twice, "not idempotent", &ab, &twice)?;
    law(ab.context().covers(a.context()) && ab.context().covers(b.context()), "forgets", &ab, a)?;
    check_bytes(&ab)?;
    Fault::unless(left.to_bytes() == right.to_bytes(), Invariant::I5EqualBytes, || {
        format!("equal states, different bytes: {left:?}")
    })?;
    let erased = joined(&joined(a, &Cart::erased()), b);
    law(erased == Cart::erased(), "erasure does not absorb", &erased, b)
}

/// The state is read back from its bytes.
pub fn check_bytes(state: &Cart) -> Check {
    let read = Cart::from_bytes(&state.to_bytes());
    Fault::unless(read.as_ref() == Ok(state), Invariant::I5EqualBytes, || {
        format!("{state:?} is read back as {read:?}")
    })
}

/// States are equal if and only if their bytes are.
pub fn check_equality(a: &Cart, b: &Cart) -> Check {
    Fault::unless((a == b) == (a.to_bytes() == b.to_bytes()), Invariant::I5EqualBytes, || {
        format!("equal values or equal bytes, but not both:\n    {a:?}\n    {b:?}")
    })
}

/// A replica `other` that meets the delta first and then the state it was made on, ends as one that
/// meets the state after it.
pub fn check_delta(before: &Cart, delta: &Delta, after: &Cart, other: &Cart) -> Check {
    let by_delta = joined(&joined(other, delta), before);
    let by_state = joined(other, after);
    Fault::unless(by_delta == by_state, Invariant::I6SameEnd, || {
        format!("by delta and by full state:\n    {by_delta:?}\n    {by_state:?}")
    })
}

/// A device with `device` is told what it lacks of `state`.
pub fn check_lacking(state: &Cart, device: &Cart) -> Check {
    let told = joined(device, &state.lacking(device.context()));
    let whole = joined(device, state);
    Fault::unless(told == whole, Invariant::Lacking, || {
        format!("told what it lacks and told all:\n    {told:?}\n    {whole:?}")
    })
}

fn joined(a: &Cart, b: &Cart) -> Cart {
    let mut joined = a.clone();
    joined.join(b);
    joined
}

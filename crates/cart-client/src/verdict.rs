//! What follows from a refusal by the service: a `problem+json` becomes one of a few verdicts.

/// A refusal as it came.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The stable word.
    pub code: String,
    /// What is wrong and what to do.
    pub detail: String,
}

/// What is to be done about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Lease a new actor and make the changes again under that.
    NewActor,
    /// Another instance may use the actor: look which of the changes are done.
    Look,
    /// The clock is wrong: stamp the changes again.
    Restamp,
    /// The same again, later.
    Later,
    /// The session must be renewed, or is over; the cart is gone; or this program is too old. The changes wait.
    Outside,
    /// The changes themselves are refused.
    Changes,
}

impl Problem {
    /// What is to be done.
    pub fn verdict(&self) -> Verdict {
        match (self.status, self.code.as_str()) {
            (_, "actor_unknown" | "actor_expired" | "foreign_dot" | "counter_window") => Verdict::NewActor,
            (_, "actor_shared" | "dot_conflict") => Verdict::Look,
            (_, "clock_ahead") => Verdict::Restamp,
            // It speaks another format: another version of this program will say the same better.
            (_, "malformed_delta") | (401 | 403 | 404 | 410 | 415, _) => Verdict::Outside,
            // A cart at its bound of bytes does not get smaller by waiting.
            (409, _) | (422, _) | (429, "cart_busy") => Verdict::Changes,
            (0 | 408 | 425 | 429, _) | (500.., _) => Verdict::Later,
            _ => Verdict::Outside,
        }
    }
}

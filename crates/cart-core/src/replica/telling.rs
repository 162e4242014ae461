//! What follows from the answers to frames that were handed to holders: pure, and the same wherever replicas run. A
//! shell hands them over, each in its own way, says by [`Telling::hear`] what came of it, and does what
//! [`Telling::next_step`] says. Nothing is taken in before each has answered or was given up, who is told again is noted
//! first, receipts count together, and a frame is acknowledged only once it was taken in.

use std::collections::VecDeque;

use super::{Input, ReplyKind};
use crate::frame::Holder;

/// How long a replica may take to answer, in milliseconds.
pub const CALL_MS: u64 = 3_000;

/// Why frames were handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The alarm: others lack something. Who does not answer is told again.
    Alarm,
    /// A call: something is lacking here. Who does not answer is asked again by the next.
    Pull,
}

/// What came of a frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// A replica has taken it in.
    Taken {
        /// The bytes of a [`crate::frame::Receipt`].
        receipt: Vec<u8>,
        /// The bytes of a [`crate::frame::Frame`], if it was asked for what it has.
        frame: Option<Vec<u8>>,
    },
    /// It is on its way to a store, which answers later.
    Sent,
    /// There is no answer.
    Missed,
}

/// What is to be done next.
#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    /// Hear those who have not answered yet.
    Wait,
    /// Step the replica with this, by the service.
    Take(Input),
    /// The same with what a holder tells; by [`acknowledgement`] it is told that it was taken in.
    TakeFrom(Holder, Input),
    /// Nothing more.
    Done,
}

/// Frames that were handed to holders at once.
#[derive(Clone, Debug)]
pub struct Telling {
    why: Why,
    /// Who has not answered yet.
    open: Vec<Holder>,
    answered: bool,
    missed: VecDeque<Holder>,
    receipts: Vec<Vec<u8>>,
    frames: VecDeque<(Holder, Vec<u8>)>,
}

impl Answer {
    /// Of what a replica answers to a frame.
    pub fn of(kind: ReplyKind) -> Self {
        let ReplyKind::Taken { receipt, frame } = kind else { return Self::Missed };
        Self::Taken { receipt, frame }
    }
}

/// What a holder is called with whose frame was stepped with, if that was taken in. If it does not hear it, it asks
/// again.
pub fn acknowledgement(kind: ReplyKind) -> Option<Input> {
    match Answer::of(kind) {
        Answer::Taken { receipt, .. } => Some(Input::Receipts { receipts: vec![receipt] }),
        Answer::Sent | Answer::Missed => None,
    }
}

impl Telling {
    /// Frames have been handed to these.
    pub fn to(holders: impl IntoIterator<Item = Holder>, why: Why) -> Self {
        Self {
            why,
            open: holders.into_iter().collect(),
            answered: false,
            missed: VecDeque::new(),
            receipts: Vec::new(),
            frames: VecDeque::new(),
        }
    }

    /// A holder has answered, or will not any more. One that has answered before is not heard.
    pub fn hear(&mut self, from: Holder, answer: Answer) {
        let Some(at) = self.open.iter().position(|open| *open == from) else { return };
        self.open.remove(at);
        match answer {
            Answer::Taken { receipt, frame } => {
                self.answered = true;
                self.receipts.push(receipt);
                self.frames.extend(frame.map(|frame| (from, frame)));
            }
            Answer::Sent => {}
            Answer::Missed if self.why == Why::Alarm => self.missed.push_back(from),
            Answer::Missed => {}
        }
    }

    /// Whether a replica has answered.
    pub fn is_answered(&self) -> bool {
        self.answered
    }

    /// What to do next, until it is [`Step::Done`].
    pub fn next_step(&mut self) -> Step {
        if !self.open.is_empty() {
            Step::Wait
        } else if let Some(to) = self.missed.pop_front() {
            Step::Take(Input::Missed { to })
        } else if !self.receipts.is_empty() {
            Step::Take(Input::Receipts { receipts: std::mem::take(&mut self.receipts) })
        } else if let Some((from, bytes)) = self.frames.pop_front() {
            Step::TakeFrom(from, Input::Frame { bytes })
        } else {
            Step::Done
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Region;

    const NEAR: Holder = Holder::Replica(Region::Weur);
    const FAR: Holder = Holder::Replica(Region::Apac);
    const STORE: Holder = Holder::Store(Region::Weur);

    fn taken(byte: u8, frame: Option<u8>) -> Answer {
        Answer::Taken { receipt: vec![byte], frame: frame.map(|byte| vec![byte]) }
    }

    fn rest(telling: &mut Telling) -> Vec<Step> {
        std::iter::from_fn(|| Some(telling.next_step()).filter(|step| *step != Step::Done)).collect()
    }

    #[test]
    fn nothing_is_taken_in_before_all_have_answered() {
        let mut telling = Telling::to([NEAR, FAR, STORE], Why::Alarm);
        telling.hear(FAR, taken(1, Some(2)));
        telling.hear(STORE, Answer::Sent);
        assert_eq!(telling.next_step(), Step::Wait);
        telling.hear(FAR, Answer::Missed);
        assert_eq!(telling.next_step(), Step::Wait, "who has answered is not heard again");
        telling.hear(NEAR, taken(3, None));
        let receipts = Step::Take(Input::Receipts { receipts: vec![vec![1], vec![3]] });
        let frame = Step::TakeFrom(FAR, Input::Frame { bytes: vec![2] });
        assert_eq!(rest(&mut telling), [receipts, frame]);
    }

    #[test]
    fn who_does_not_answer_the_alarm_is_told_again() {
        let mut telling = Telling::to([NEAR, STORE, FAR], Why::Alarm);
        telling.hear(NEAR, taken(1, None));
        telling.hear(STORE, Answer::Missed);
        telling.hear(FAR, Answer::Missed);
        let missed = |to| Step::Take(Input::Missed { to });
        let receipts = Step::Take(Input::Receipts { receipts: vec![vec![1]] });
        assert_eq!(rest(&mut telling), [missed(STORE), missed(FAR), receipts]);
        let mut telling = Telling::to([FAR], Why::Pull);
        telling.hear(FAR, Answer::Missed);
        assert_eq!((rest(&mut telling), telling.is_answered()), (vec![], false), "the next call asks again");
    }

    #[test]
    fn only_what_was_taken_in_is_acknowledged() {
        let kind = ReplyKind::Taken { receipt: vec![1], frame: Some(vec![2]) };
        assert_eq!(acknowledgement(kind), Some(Input::Receipts { receipts: vec![vec![1]] }));
        assert_eq!(acknowledgement(ReplyKind::Done), None);
    }
}

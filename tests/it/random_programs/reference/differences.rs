//! Where asyncio is known to differ: each situation that the reference can meet, and its row in `docs/asyncio-map.md`.

/// From the moment in which a program gets there its order in asyncio may be another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Difference {
    DeadlineInCompany,
    ZeroLimit,
    ChainOfAwaits,
    GroupGoesAway,
    ChildCancelled,
    GatherInCompany,
    WokenInVain,
    CancelledWaiter,
    LeftOverPermit,
    SelfCancel,
}

impl Difference {
    pub(crate) const ALL: [Self; 10] = [
        Self::DeadlineInCompany,
        Self::ZeroLimit,
        Self::ChainOfAwaits,
        Self::GroupGoesAway,
        Self::ChildCancelled,
        Self::GatherInCompany,
        Self::WokenInVain,
        Self::CancelledWaiter,
        Self::LeftOverPermit,
        Self::SelfCancel,
    ];

    /// The first column of its row.
    pub(crate) fn situation(self) -> &'static str {
        match self {
            Self::DeadlineInCompany => "value and deadline due together",
            Self::ZeroLimit => "a `timeout` of zero whose future is not ready",
            Self::ChainOfAwaits => "a task is cancelled while it awaits another",
            Self::GroupGoesAway => "an unfinished `gather` or task group goes away",
            Self::ChildCancelled => "a child of `gather` is cancelled from outside",
            Self::GatherInCompany => "the last child of a `gather` ends",
            Self::WokenInVain => "a getter is woken and finds the queue empty again",
            Self::CancelledWaiter => "what a cancelled waiter waited for arrives before its turn",
            Self::LeftOverPermit => "several permits released at once",
            Self::SelfCancel => "a task cancels itself, then makes others ready before it suspends",
        }
    }
}

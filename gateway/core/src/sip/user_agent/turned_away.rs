//! What was turned away because there was too much of it, counted by its cause.

/// Why something new was not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TurnedAway {
    /// Its source asked too fast, and was told so.
    Rate,
    /// The same, and it was not answered: it had just been told, or all strangers together asked too fast.
    Flood,
    /// `Limits::dialogs`.
    Dialogs,
    /// `Limits::transactions`.
    Transactions,
    /// `Limits::registrations` or `Limits::contacts`.
    Registrations,
    /// `Limits::streams` or `Limits::streams_per_source`.
    Streams,
}

impl TurnedAway {
    /// All causes.
    pub const ALL: [Self; 6] = [Self::Rate, Self::Flood, Self::Dialogs, Self::Transactions, Self::Registrations, Self::Streams];

    /// As metrics say it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Flood => "flood",
            Self::Dialogs => "dialogs",
            Self::Transactions => "transactions",
            Self::Registrations => "registrations",
            Self::Streams => "streams",
        }
    }
}

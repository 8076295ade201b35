//! One call of a phone's, as the phone sees it.

use std::time::Instant;

use gateway_core::sip::UsageId;
use media::sdp::Offer;

use crate::line::Line;

/// One call of a phone's, as the phone sees it.
#[derive(Debug)]
pub struct Talk {
    pub line: Line,
    pub began: Instant,
    /// Of the INVITE that it was called by.
    pub call_id: Option<String>,
    /// When the answer was known.
    pub answered: Option<Instant>,
    /// When it spoke before it took the call.
    pub spoke_early: Option<Instant>,
    /// When it was over, and the final status where it was refused.
    pub ended: Option<Instant>,
    pub refused: Option<u16>,
    /// From when to when this side held the other.
    pub holds: Vec<(Instant, Option<Instant>)>,
    /// When it pressed keys: while one is down, its hum is not sent (RFC 4733 2.5.1.1).
    pub keys: Vec<Instant>,
    pub(super) usage: UsageId,
    pub(super) offer: Option<Offer>,
    pub(super) reoffer: Option<(Offer, bool)>,
    pub(super) early: Option<String>,
    pub(super) rang: bool,
    /// Provisional statuses that came back, in order.
    pub heard: Vec<u16>,
}

//! Protocol core of SIP (RFC 3261): a wire parser and pure machines, with no socket and no clock.
//!
//! From the wire upward: [`message`] and [`header`] are text; [`transaction`] makes one request and its answers reliable (17);
//! [`dialog`] remembers who we talk with (12); [`digest`] proves who asks (RFC 8760); [`user_agent`] owns all of them and speaks
//! in calls (13). [`stream`] finds the messages in what TCP and TLS carry.

pub mod dialog;
pub mod digest;
pub mod header;
pub mod locate;
pub mod message;
mod method;
pub mod registrar;
pub mod stream;
mod text;
pub mod transaction;
pub mod user_agent;

pub use header::{CSeq, Headers, NameAddr, Params, Uri, Via};
pub use message::{Dropped, Message, Request, Response, parse};
pub use method::Method;
pub use text::Text;
pub use user_agent::{
    AnswerBy, Credentials, InviteTarget, ProbeTarget, Referral, Refusal, RegisterOutcome, RegisterTarget, RequestId, SessionTimer,
    Settings, TurnedAway, UaEvent, UaOutput, UsageId, UserAgent, hop_of, household,
};

//! The phone as a browser: the caller page and the agent's desk, with `webrtc` for the media.
//!
//! Speaks plain HTTP and `ws:` only: it is run beside the gateway, and a browser tests the certificates.

mod caller;
mod conversation;
mod desk;
mod http;
mod peer;
mod socket;
#[cfg(test)]
mod tests;

pub(super) use caller::call;
pub(super) use desk::desk;

//! The built binary against real peers: SIPp, baresip, the built-in phone, and everybody's junk.

#[path = "interop/dial.rs"]
mod dial;

//! The pure core of Tandem: no socket, no clock, no lock.
//!
//! `switch::Switch` decides, `plane::Shard` carries media; both take time and chance as arguments. Floors: docs/architecture.md.

pub mod acd;
pub mod call;
pub mod cause;
pub mod config;
pub mod context;
pub mod events;
pub mod ids;
pub mod ivr;
pub mod now;
pub mod plane;
pub mod private;
pub mod routing;
pub mod sip;
pub mod switch;
pub mod timers;
pub mod transport;

//! Strangers' bytes against every parser.

pub mod entries;

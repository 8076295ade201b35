//! Command-line verbs.

pub(crate) mod ivr;

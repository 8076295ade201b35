//! Command-line verbs.

mod dial;

pub(crate) use dial::{Dial, run as dial};

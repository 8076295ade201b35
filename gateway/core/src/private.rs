//! Words about a person that no log may show.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number, digit or other word about a person; prints as `***`, and is whole only on the wire and in the store.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Private<T>(pub T);

impl<T> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

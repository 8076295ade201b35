//! What finds a transaction or a dialog by words that the peer chose.
//!
//! A tree would compare Call-IDs and branches, which begin alike, at each of its levels. The order of a table of hashes is nobody's business
//! here: nothing walks over it.

use std::{
    collections::HashMap,
    hash::{BuildHasher, DefaultHasher, Hasher},
};

/// From a peer's words to what is ours.
pub(super) type Index<K, V> = HashMap<K, V, Keyed>;

/// Hashes behind a secret: nobody who does not know it can choose words that all fall into one place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keyed([u8; 32]);

impl Keyed {
    pub(super) fn new(secret: &[u8; 32]) -> Self {
        Self(*secret)
    }
}

impl BuildHasher for Keyed {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.0);
        hasher
    }
}

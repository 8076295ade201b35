//! Keys of recordings: one for each file, drawn at random, and kept only as the master key has wrapped it.
//!
//! A file's key wraps and unwraps in microseconds, so the master key can be changed without touching a file; and a file whose wrapped key
//! is destroyed is noise, with all its copies.

use aes_gcm::{AeadInPlace, Aes256Gcm, KeyInit, Nonce, Tag};
use gateway_core::{
    config::{MasterKey, Recording},
    ids::{CallId, RecordingId},
};
use rand::{TryRng, rngs::SysRng};

use crate::store::WrappedKey;

/// Opens one recording's files. Never printed, never stored.
pub(super) struct FileKey(pub(super) [u8; KEY_LEN]);

/// The master keys that we hold.
#[derive(Debug)]
pub(super) struct Ring {
    /// Wraps what is new.
    newest: Option<MasterKey>,
    old: Vec<MasterKey>,
}

/// Why a file's key cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyFault {
    #[error("it was sealed under the key `{id}`, which is not configured: name it in [recording] key or old_keys")]
    Missing { id: String },
    #[error("it was sealed under the key `{id}`, and the secret that is configured under that id is another one: restore the first")]
    Wrong { id: String },
    #[error("the system gave no random numbers: {0}")]
    Chance(String),
}

impl FileKey {
    /// From the system's own randomness.
    pub(super) fn draw() -> Result<Self, KeyFault> {
        let mut key = [0; 32];
        fill(&mut key)?;
        Ok(Self(key))
    }
}

impl Ring {
    pub(super) fn of(recording: &Recording) -> Self {
        Self { newest: recording.key.clone(), old: recording.old_keys.clone() }
    }

    /// The id of the key that wraps what is new; `None`: nothing is encrypted.
    pub(super) fn newest(&self) -> Option<&str> {
        self.newest.as_ref().map(|key| key.id.as_str())
    }

    /// Wraps a file's key for this recording alone; `None` where nothing is encrypted.
    pub(super) fn wrap(&self, key: &FileKey, call: CallId, recording: RecordingId) -> Result<Option<WrappedKey>, KeyFault> {
        let Some(master) = &self.newest else { return Ok(None) };
        let (mut nonce, mut sealed) = ([0; NONCE_LEN], key.0);
        fill(&mut nonce)?;
        let whose = whose(&master.id, call, recording);
        let tag = cipher(master).encrypt_in_place_detached(&nonce.into(), &whose, &mut sealed);
        let tag = tag.map_err(|_| KeyFault::Wrong { id: master.id.clone() })?;
        Ok(Some(WrappedKey { id: master.id.clone(), bytes: [&nonce[..], &sealed[..], tag.as_slice()].concat() }))
    }

    /// A file's key, if we hold what it was wrapped by.
    pub(super) fn unwrap(&self, wrapped: &WrappedKey, call: CallId, recording: RecordingId) -> Result<FileKey, KeyFault> {
        let id = &wrapped.id;
        let master = self.newest.iter().chain(&self.old).find(|key| key.id == *id).ok_or_else(|| KeyFault::Missing { id: id.clone() })?;
        let wrong = || KeyFault::Wrong { id: id.clone() };
        let (nonce, sealed) = wrapped.bytes.split_at_checked(NONCE_LEN).ok_or_else(wrong)?;
        let (key, tag) = sealed.split_at_checked(KEY_LEN).filter(|(_, tag)| tag.len() == TAG_LEN).ok_or_else(wrong)?;
        let mut key: [u8; KEY_LEN] = key.try_into().map_err(|_| wrong())?;
        let whose = whose(id, call, recording);
        let opened = cipher(master).decrypt_in_place_detached(Nonce::from_slice(nonce), &whose, &mut key, Tag::from_slice(tag));
        opened.map_err(|_| wrong()).map(|()| FileKey(key))
    }
}

fn cipher(master: &MasterKey) -> Aes256Gcm {
    Aes256Gcm::new(&master.secret.0.into())
}

/// Bound into the wrapping, so that one recording's key cannot be put beside another's file.
fn whose(id: &str, CallId(call): CallId, RecordingId(recording): RecordingId) -> Vec<u8> {
    format!("tandem recording {call} {recording} {id}").into_bytes()
}

fn fill(bytes: &mut [u8]) -> Result<(), KeyFault> {
    SysRng.try_fill_bytes(bytes).map_err(|error| KeyFault::Chance(error.to_string()))
}

/// Of AES-GCM. Drawn at random: one master key wraps fewer than the 2^32 keys up to which that is safe (NIST SP 800-38D 8.3).
const NONCE_LEN: usize = 12;
const TAG_LEN: usize = 16;
const KEY_LEN: usize = 32;

#[cfg(test)]
mod tests {
    use gateway_core::private::Private;

    use super::*;

    const CALL: (CallId, RecordingId) = (CallId(7), RecordingId(7));

    fn ring(newest: &[(&str, u8)]) -> Ring {
        let mut keys = newest.iter().map(|(id, byte)| MasterKey { id: (*id).to_owned(), secret: Private([*byte; 32]) });
        Ring { newest: keys.next(), old: keys.collect() }
    }

    #[test]
    fn a_wrapped_key_opens_under_its_own_master_key_and_for_its_own_recording_alone() {
        let key = FileKey::draw().unwrap();
        let wrapped = ring(&[("a", 1)]).wrap(&key, CALL.0, CALL.1).unwrap().unwrap();
        assert!(!wrapped.bytes.windows(32).any(|window| window == key.0));
        let opened = |ring: &Ring| ring.unwrap(&wrapped, CALL.0, CALL.1).map(|key| key.0);
        assert_eq!(opened(&ring(&[("a", 1)])), Ok(key.0));
        assert_eq!(opened(&ring(&[("b", 2), ("a", 1)])), Ok(key.0), "an old key");
        assert_eq!(opened(&ring(&[("b", 2)])), Err(KeyFault::Missing { id: "a".into() }));
        assert_eq!(opened(&ring(&[("a", 2)])), Err(KeyFault::Wrong { id: "a".into() }));
        let moved = ring(&[("a", 1)]).unwrap(&wrapped, CallId(8), RecordingId(8)).map(|key| key.0);
        assert_eq!(moved, Err(KeyFault::Wrong { id: "a".into() }));
        let cut = WrappedKey { bytes: wrapped.bytes[..8].to_vec(), ..wrapped };
        assert!(ring(&[("a", 1)]).unwrap(&cut, CALL.0, CALL.1).is_err());
    }

    #[test]
    fn without_a_master_key_nothing_is_wrapped() {
        assert_eq!(ring(&[]).wrap(&FileKey::draw().unwrap(), CALL.0, CALL.1), Ok(None));
    }
}

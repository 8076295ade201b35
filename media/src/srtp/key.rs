//! A master key with its salt, which no log may show.

use std::fmt;

use super::Profile;

/// Longest master key and salt.
const MATERIAL_MAX: usize = 46;

/// Master key and master salt of one direction (RFC 3711 3.2.1), with the identifier that its packets bear; prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    profile: Profile,
    /// Key, then salt, then zeros.
    material: [u8; MATERIAL_MAX],
    mki: Vec<u8>,
}

impl MasterKey {
    /// From key and salt as `inline:` has them; `None` if their length is not the suite's.
    pub fn new(profile: Profile, key_and_salt: &[u8]) -> Option<Self> {
        if key_and_salt.len() != Self::material_len(profile) {
            return None;
        }
        let mut material = [0; MATERIAL_MAX];
        material.get_mut(..key_and_salt.len())?.copy_from_slice(key_and_salt);
        Some(Self { profile, material, mki: Vec::new() })
    }

    /// A key of ours: `chance` is called once, for all bytes.
    pub fn draw(profile: Profile, chance: &mut dyn FnMut(&mut [u8])) -> Self {
        let mut material = [0; MATERIAL_MAX];
        let (drawn, _) = material.split_at_mut(Self::material_len(profile));
        chance(drawn);
        Self { profile, material, mki: Vec::new() }
    }

    /// Its packets bear this master key identifier (RFC 3711 3.1), most significant byte first.
    pub fn with_mki(self, mki: Vec<u8>) -> Self {
        Self { mki, ..self }
    }

    /// Bytes of key and salt together.
    pub const fn material_len(profile: Profile) -> usize {
        profile.key_len() + profile.salt_len()
    }

    /// The suite that it is for.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Key and salt, as `inline:` has them.
    pub fn key_and_salt(&self) -> &[u8] {
        &self.material[..Self::material_len(self.profile)]
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.material[..self.profile.key_len()]
    }

    /// The salt, followed by zeros where it is of 96 bits (RFC 7714 11, with its erratum).
    pub(super) fn salt(&self) -> [u8; 14] {
        let mut salt = [0; 14];
        let from = self.profile.key_len();
        let length = self.profile.salt_len();
        salt[..length].copy_from_slice(&self.material[from..from + length]);
        salt
    }

    pub(super) fn mki(&self) -> &[u8] {
        &self.mki
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ***", self.profile.name())
    }
}

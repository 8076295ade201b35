//! The crypto suites that we speak.

/// A crypto suite: cipher, key length and tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// AES-256 in GCM (RFC 7714).
    AeadAes256Gcm,
    /// AES-128 in GCM (RFC 7714).
    AeadAes128Gcm,
    /// AES-256 in counter mode, tags of 80 bits (RFC 6188).
    Aes256CmSha1Tag80,
    /// AES-128 in counter mode, tags of 80 bits (RFC 3711): what every phone has.
    Aes128CmSha1Tag80,
    /// AES-256 in counter mode, tags of 32 bits (RFC 6188).
    Aes256CmSha1Tag32,
    /// AES-128 in counter mode, tags of 32 bits (RFC 3711).
    Aes128CmSha1Tag32,
}

impl Profile {
    /// All, the strongest first: the order of our offers.
    pub const ALL: [Self; 6] = [
        Self::AeadAes256Gcm,
        Self::AeadAes128Gcm,
        Self::Aes256CmSha1Tag80,
        Self::Aes128CmSha1Tag80,
        Self::Aes256CmSha1Tag32,
        Self::Aes128CmSha1Tag32,
    ];

    /// As `a=crypto` names it (RFC 4568 6.2, RFC 6188 7, RFC 7714 14.2).
    pub const fn name(self) -> &'static str {
        match self {
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::Aes256CmSha1Tag80 => "AES_256_CM_HMAC_SHA1_80",
            Self::Aes128CmSha1Tag80 => "AES_CM_128_HMAC_SHA1_80",
            Self::Aes256CmSha1Tag32 => "AES_256_CM_HMAC_SHA1_32",
            Self::Aes128CmSha1Tag32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// The suite of that name. Phones older than RFC 6188 put the words of its suites in another order.
    pub fn named(name: &str) -> Option<Self> {
        let older = match name {
            "AES_CM_256_HMAC_SHA1_80" => Some(Self::Aes256CmSha1Tag80),
            "AES_CM_256_HMAC_SHA1_32" => Some(Self::Aes256CmSha1Tag32),
            _ => None,
        };
        Self::ALL.into_iter().find(|profile| profile.name() == name).or(older)
    }

    /// Bytes of the master key and of each session key.
    pub const fn key_len(self) -> usize {
        match self {
            Self::AeadAes256Gcm | Self::Aes256CmSha1Tag80 | Self::Aes256CmSha1Tag32 => 32,
            Self::AeadAes128Gcm | Self::Aes128CmSha1Tag80 | Self::Aes128CmSha1Tag32 => 16,
        }
    }

    /// Bytes of the master salt and of each session salt.
    pub const fn salt_len(self) -> usize {
        if self.is_aead() { 12 } else { 14 }
    }

    /// Bytes that sealing adds to an RTP packet.
    pub const fn tag_len(self) -> usize {
        match self {
            Self::AeadAes256Gcm | Self::AeadAes128Gcm => 16,
            Self::Aes256CmSha1Tag80 | Self::Aes128CmSha1Tag80 => 10,
            Self::Aes256CmSha1Tag32 | Self::Aes128CmSha1Tag32 => 4,
        }
    }

    /// The same for RTCP, without its index of four bytes: never 32 bits (RFC 3711 5.2, RFC 6188 3.2).
    pub const fn report_tag_len(self) -> usize {
        if self.is_aead() { 16 } else { 10 }
    }

    pub(super) const fn is_aead(self) -> bool {
        matches!(self, Self::AeadAes256Gcm | Self::AeadAes128Gcm)
    }
}

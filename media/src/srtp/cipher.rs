//! One direction of one protocol, RTP or RTCP, under its session keys.

use std::fmt;

use aes::{
    Aes128, Aes256,
    cipher::{InnerIvInit, StreamCipher},
};
use aes_gcm::{AeadInPlace, Aes128Gcm, Aes256Gcm, Key, KeyInit, Nonce, Tag};
use ctr::{Ctr128BE, CtrCore};
use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::{
    Dropped, MasterKey,
    derive::{Label, derive, fill},
};

/// Session keys, ready for use.
pub(super) enum Cipher {
    Counter { block: Block, salt: [u8; 14], mac: Box<Hmac<Sha1>>, tag_len: usize },
    Gcm { gcm: Gcm, salt: [u8; 12] },
}

pub(super) enum Block {
    Aes128(Box<Aes128>),
    Aes256(Box<Aes256>),
}

pub(super) enum Gcm {
    Aes128(Box<Aes128Gcm>),
    Aes256(Box<Aes256Gcm>),
}

/// Longest key of AES.
const KEY_MAX: usize = 32;

impl Cipher {
    pub(super) fn rtp(master: &MasterKey) -> Self {
        Self::new(master, [Label::Encryption, Label::Authentication, Label::Salt], master.profile().tag_len())
    }

    pub(super) fn rtcp(master: &MasterKey) -> Self {
        let labels = [Label::ReportEncryption, Label::ReportAuthentication, Label::ReportSalt];
        Self::new(master, labels, master.profile().report_tag_len())
    }

    fn new(master: &MasterKey, [encryption, authentication, salting]: [Label; 3], tag_len: usize) -> Self {
        let (profile, master_salt) = (master.profile(), master.salt());
        let mut key = [0; KEY_MAX];
        let (key, _) = key.split_at_mut(profile.key_len());
        fill(master.key(), master_salt, encryption, key);
        if profile.is_aead() {
            return Self::of_gcm(key, derive(master.key(), master_salt, salting));
        }
        let mac_key: [u8; 20] = derive(master.key(), master_salt, authentication);
        Self::Counter { block: Block::new(key), salt: derive(master.key(), master_salt, salting), mac: Box::new(mac(&mac_key)), tag_len }
    }

    /// GCM under a session key as it stands.
    pub(super) fn of_gcm(key: &[u8], salt: [u8; 12]) -> Self {
        let gcm = match <[u8; 32]>::try_from(key) {
            Ok(key) => Gcm::Aes256(Box::new(Aes256Gcm::new(&Key::<Aes256Gcm>::from(key)))),
            Err(_) => Gcm::Aes128(Box::new(Aes128Gcm::new(Key::<Aes128Gcm>::from_slice(key)))),
        };
        Self::Gcm { gcm, salt }
    }

    /// Bytes that an RTP packet must have beside its header.
    pub(super) fn tag_len(&self) -> usize {
        match self {
            Self::Counter { tag_len, .. } => *tag_len,
            Self::Gcm { .. } => GCM_TAG_LEN,
        }
    }

    /// Encrypts `packet[clear..]` and appends the tag. `index` is roll-over counter and sequence number.
    pub(super) fn seal(&self, packet: &mut Vec<u8>, clear: usize, ssrc: u32, index: u64) {
        match self {
            Self::Counter { block, salt, mac, tag_len } => {
                block.apply(counter(salt, ssrc, index), &mut packet[clear..]);
                let tag = tag(mac, &[packet, &rollovers(index)]);
                packet.extend_from_slice(&tag[..*tag_len]);
            }
            Self::Gcm { gcm, salt } => {
                let (header, body) = packet.split_at_mut(clear);
                if let Some(tag) = gcm.seal(rtp_nonce(salt, ssrc, index), header, body) {
                    packet.extend_from_slice(&tag);
                }
            }
        }
    }

    /// Checks the tag and takes `packet` back to what it was. With `check` off whatever comes is taken, for a test that shows what it is for.
    pub(super) fn open(&self, packet: &mut Vec<u8>, clear: usize, ssrc: u32, index: u64, check: bool) -> Result<(), Dropped> {
        let end = packet.len().checked_sub(self.tag_len()).filter(|end| *end >= clear).ok_or(Dropped::Malformed)?;
        let (sealed, bytes) = packet.split_at_mut(end);
        match self {
            Self::Counter { block, salt, mac, tag_len } => {
                let expected = tag(mac, &[sealed, &rollovers(index)]);
                if check && !is_equal(&expected[..*tag_len], bytes) {
                    return Err(Dropped::Forged);
                }
                block.apply(counter(salt, ssrc, index), &mut sealed[clear..]);
            }
            Self::Gcm { gcm, salt } => {
                let (header, body) = sealed.split_at_mut(clear);
                gcm.open(rtp_nonce(salt, ssrc, index), header, body, bytes, check)?;
            }
        }
        packet.truncate(end);
        Ok(())
    }

    /// Encrypts an RTCP compound behind its first eight bytes; appends the index with its E bit, and the tag (RFC 3711 3.4, RFC 7714 9.2).
    pub(super) fn seal_report(&self, packet: &mut Vec<u8>, ssrc: u32, index: u32) {
        let trailer = (ENCRYPTED | index).to_be_bytes();
        match self {
            Self::Counter { block, salt, mac, tag_len } => {
                block.apply(counter(salt, ssrc, index.into()), &mut packet[REPORT_CLEAR..]);
                packet.extend_from_slice(&trailer);
                let tag = tag(mac, &[packet]);
                packet.extend_from_slice(&tag[..*tag_len]);
            }
            Self::Gcm { gcm, salt } => {
                let (header, body) = packet.split_at_mut(REPORT_CLEAR);
                if let Some(tag) = gcm.seal(rtcp_nonce(salt, ssrc, index), &associated(header, trailer), body) {
                    packet.extend_from_slice(&tag);
                }
                packet.extend_from_slice(&trailer);
            }
        }
    }

    /// Takes an SRTCP packet back to what it was; its index was `trailer`, and has been cut out together with any key identifier.
    pub(super) fn open_report(&self, packet: &mut Vec<u8>, ssrc: u32, trailer: [u8; 4], check: bool) -> Result<(), Dropped> {
        let index = u32::from_be_bytes(trailer) & !ENCRYPTED;
        let is_encrypted = u32::from_be_bytes(trailer) & ENCRYPTED != 0;
        let end = packet.len().checked_sub(self.tag_len()).filter(|end| *end >= REPORT_CLEAR).ok_or(Dropped::Malformed)?;
        let (sealed, bytes) = packet.split_at_mut(end);
        match self {
            Self::Counter { block, salt, mac, tag_len } => {
                let expected = tag(mac, &[sealed, &trailer]);
                if check && !is_equal(&expected[..*tag_len], bytes) {
                    return Err(Dropped::Forged);
                }
                if is_encrypted {
                    block.apply(counter(salt, ssrc, index.into()), &mut sealed[REPORT_CLEAR..]);
                }
            }
            // RFC 7714 9.3: with E = 0 all of the packet is associated data; nobody we know of sends that.
            Self::Gcm { .. } if !is_encrypted => return Err(Dropped::Malformed),
            Self::Gcm { gcm, salt } => {
                let (header, body) = sealed.split_at_mut(REPORT_CLEAR);
                gcm.open(rtcp_nonce(salt, ssrc, index), &associated(header, trailer), body, bytes, check)?;
            }
        }
        packet.truncate(end);
        Ok(())
    }
}

impl Block {
    pub(super) fn new(key: &[u8]) -> Self {
        match <[u8; 32]>::try_from(key) {
            Ok(key) => Self::Aes256(Box::new(Aes256::new(&key.into()))),
            Err(_) => Self::Aes128(Box::new(Aes128::new(aes::cipher::Key::<Aes128>::from_slice(key)))),
        }
    }

    pub(super) fn apply(&self, start: [u8; 16], bytes: &mut [u8]) {
        match self {
            Self::Aes128(aes) => Ctr128BE::from_core(CtrCore::inner_iv_init(aes.as_ref(), &start.into())).apply_keystream(bytes),
            Self::Aes256(aes) => Ctr128BE::from_core(CtrCore::inner_iv_init(aes.as_ref(), &start.into())).apply_keystream(bytes),
        }
    }
}

impl Gcm {
    /// `None` for more bytes than GCM takes, which no datagram has.
    fn seal(&self, nonce: [u8; 12], header: &[u8], body: &mut [u8]) -> Option<Tag> {
        let nonce = Nonce::from(nonce);
        match self {
            Self::Aes128(gcm) => gcm.encrypt_in_place_detached(&nonce, header, body).ok(),
            Self::Aes256(gcm) => gcm.encrypt_in_place_detached(&nonce, header, body).ok(),
        }
    }

    fn open(&self, nonce: [u8; 12], header: &[u8], body: &mut [u8], tag: &[u8], check: bool) -> Result<(), Dropped> {
        let (nonce, tag) = (Nonce::from(nonce), Tag::from_slice(tag));
        let opened = match self {
            Self::Aes128(gcm) => gcm.decrypt_in_place_detached(&nonce, header, body, tag),
            Self::Aes256(gcm) => gcm.decrypt_in_place_detached(&nonce, header, body, tag),
        };
        // Sealing once more decrypts too: GCM is counter mode beneath.
        if opened.is_err() && !check {
            self.seal(nonce.into(), header, body);
            return Ok(());
        }
        opened.map_err(|_| Dropped::Forged)
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher ***")
    }
}

/// RFC 3711 4.1.1: salt and SSRC and index, each at its place.
pub(super) fn counter(salt: &[u8; 14], ssrc: u32, index: u64) -> [u8; 16] {
    let mut start = [0; 16];
    start[..14].copy_from_slice(salt);
    xor(&mut start[4..8], &ssrc.to_be_bytes());
    xor(&mut start[8..14], &index.to_be_bytes()[2..]);
    start
}

/// RFC 7714 8.1.
fn rtp_nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> [u8; 12] {
    let mut nonce = *salt;
    xor(&mut nonce[2..6], &ssrc.to_be_bytes());
    xor(&mut nonce[6..12], &index.to_be_bytes()[2..]);
    nonce
}

/// RFC 7714 9.1.
fn rtcp_nonce(salt: &[u8; 12], ssrc: u32, index: u32) -> [u8; 12] {
    let mut nonce = *salt;
    xor(&mut nonce[2..6], &ssrc.to_be_bytes());
    xor(&mut nonce[8..12], &index.to_be_bytes());
    nonce
}

/// RFC 7714 9.2: the first eight bytes and the index with its E bit.
fn associated(header: &[u8], trailer: [u8; 4]) -> [u8; REPORT_CLEAR + 4] {
    let mut associated = [0; REPORT_CLEAR + 4];
    associated[..REPORT_CLEAR].copy_from_slice(header);
    associated[REPORT_CLEAR..].copy_from_slice(&trailer);
    associated
}

fn rollovers(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

fn mac(key: &[u8; 20]) -> Hmac<Sha1> {
    <Hmac<Sha1> as hmac::KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn tag(mac: &Hmac<Sha1>, parts: &[&[u8]]) -> [u8; 20] {
    let mut mac = mac.clone();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// In a time that does not tell where they differ.
fn is_equal(expected: &[u8], given: &[u8]) -> bool {
    expected.len() == given.len() && expected.iter().zip(given).fold(0, |differ, (one, other)| differ | (one ^ other)) == 0
}

fn xor(into: &mut [u8], from: &[u8]) {
    into.iter_mut().zip(from).for_each(|(byte, other)| *byte ^= other);
}

/// Header and SSRC of an RTCP packet are not encrypted.
pub(super) const REPORT_CLEAR: usize = 8;
/// The E bit of an SRTCP index.
pub(super) const ENCRYPTED: u32 = 1 << 31;
const GCM_TAG_LEN: usize = 16;

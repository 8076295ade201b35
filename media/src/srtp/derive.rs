//! Session keys from a master key (RFC 3711 4.3, RFC 6188 3), at a key derivation rate of 0.

use aes::{
    Aes128, Aes256,
    cipher::{BlockCipher, BlockEncrypt, BlockSizeUser, KeyInit, KeyIvInit, StreamCipher, consts::U16},
};
use ctr::Ctr128BE;

/// What a derived key is for (RFC 3711 4.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Label {
    Encryption = 0,
    Authentication = 1,
    Salt = 2,
    ReportEncryption = 3,
    ReportAuthentication = 4,
    ReportSalt = 5,
}

/// `N` bytes of the key for this label; AES of the master key's own length is the generator.
pub(super) fn derive<const N: usize>(key: &[u8], salt: [u8; 14], label: Label) -> [u8; N] {
    let mut out = [0; N];
    fill(key, salt, label, &mut out);
    out
}

/// The same, into memory of a length known later.
pub(super) fn fill(key: &[u8], salt: [u8; 14], label: Label, out: &mut [u8]) {
    let mut start = [0; 16];
    start[..14].copy_from_slice(&salt);
    // At rate 0 the key id is the label alone, and it stands seven bytes from the salt's right end.
    start[7] ^= label as u8;
    out.fill(0);
    if key.len() == 32 { generate::<Aes256>(key, &start, out) } else { generate::<Aes128>(key, &start, out) }
}

fn generate<C>(key: &[u8], start: &[u8; 16], out: &mut [u8])
where
    C: BlockEncrypt + BlockCipher + KeyInit + BlockSizeUser<BlockSize = U16>,
{
    // A master key has its suite's length: `MasterKey::new` looks.
    if let Ok(mut stream) = Ctr128BE::<C>::new_from_slices(key, start) {
        stream.apply_keystream(out);
    }
}

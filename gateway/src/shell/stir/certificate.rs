//! A signer's certificate and what it leads to (RFC 8226, RFC 5280).

use std::{path::Path, time::Duration};

use gateway_core::{events::calling::Unproven, ids::UtcMillis};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime, pem::PemObject};
use webpki::{EndEntityCert, KeyUsage, ring as algorithms};
use x509_parser::{oid_registry::Oid, prelude::*};

use super::Unreadable;

/// Whom we trust to say who may sign.
#[derive(Debug)]
pub(super) struct Roots(Vec<TrustAnchor<'static>>);

impl Roots {
    /// A PEM file of one or more.
    pub(super) fn read(path: &Path) -> Result<Self, Unreadable> {
        let unreadable = |reason: String| Unreadable { path: path.to_owned(), reason };
        let mut anchors = Vec::new();
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))? {
            let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
            let anchor = webpki::anchor_from_trusted_cert(&certificate).map_err(|error| unreadable(error.to_string()))?;
            anchors.push(anchor.to_owned());
        }
        if anchors.is_empty() { Err(unreadable("it holds none".to_owned())) } else { Ok(Self(anchors)) }
    }
}

/// A signer's certificate, and those between it and a root.
#[derive(Debug)]
pub(super) struct Chain {
    certificates: Vec<CertificateDer<'static>>,
    /// The uncompressed point of its P-256 key.
    key: Vec<u8>,
    signer: String,
    until: UtcMillis,
}

impl Chain {
    /// PEM, the signer's own first (RFC 8226, ATIS-1000080), or one certificate as DER.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Unproven> {
        let certificates: Vec<CertificateDer<'static>> = match bytes.first() {
            Some(0x30) => vec![CertificateDer::from(bytes.to_vec())],
            Some(_) | None => CertificateDer::pem_slice_iter(bytes).collect::<Result<_, _>>().map_err(|_| Unproven::BadCertificate)?,
        };
        let own = certificates.first().filter(|_| certificates.len() <= CHAIN_MAX).ok_or(Unproven::BadCertificate)?;
        let (_, own) = X509Certificate::from_der(own).map_err(|_| Unproven::BadCertificate)?;
        let may_sign = match own.key_usage() {
            Ok(usage) => usage.is_none_or(|usage| usage.value.digital_signature()),
            Err(_) => false,
        };
        let key = own.public_key().subject_public_key.data.to_vec();
        // An uncompressed point of P-256 (RFC 5480 2.2).
        if !may_sign || key.len() != 65 || key.first() != Some(&4) {
            return Err(Unproven::BadCertificate);
        }
        let until = u64::try_from(own.validity().not_after.timestamp()).unwrap_or(0).saturating_mul(1000);
        let signer = authority(&own).unwrap_or_else(|| own.subject().to_string().chars().take(SIGNER_MAX).collect());
        Ok(Self { key, signer, until: UtcMillis(until), certificates })
    }

    /// Is it valid at this moment, and does it lead to one of the roots?
    pub(super) fn verify(&self, roots: &Roots, at: UtcMillis) -> Result<(), Unproven> {
        let (own, between) = self.certificates.split_first().ok_or(Unproven::BadCertificate)?;
        let own = EndEntityCert::try_from(own).map_err(|_| Unproven::BadCertificate)?;
        let time = UnixTime::since_unix_epoch(Duration::from_millis(at.0));
        let known =
            [algorithms::ECDSA_P256_SHA256, algorithms::ECDSA_P256_SHA384, algorithms::ECDSA_P384_SHA256, algorithms::ECDSA_P384_SHA384];
        // Signers' certificates name no extended purpose, and one that is named is looked at (RFC 5280 4.2.1.12).
        let path = own.verify_for_usage(&known, &roots.0, between, time, KeyUsage::client_auth(), None, None);
        path.map(|_| ()).map_err(|error| {
            if matches!(error, webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. }) {
                Unproven::Expired
            } else if matches!(error, webpki::Error::UnknownIssuer | webpki::Error::InvalidSignatureForPublicKey) {
                Unproven::Untrusted
            } else {
                Unproven::BadCertificate
            }
        })
    }

    /// `signature` is `r` and `s`, 32 bytes each (RFC 7518 3.4).
    pub(super) fn verify_signature(&self, signed: &[u8], signature: &[u8]) -> Result<(), Unproven> {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.key).verify(signed, signature).map_err(|_| Unproven::Forged)
    }

    /// Whom it names.
    pub(super) fn signer(&self) -> &str {
        &self.signer
    }

    /// When it ends.
    pub(super) const fn until(&self) -> UtcMillis {
        self.until
    }
}

/// The certificate's TNAuthList (RFC 8226 9) in words: service provider codes, numbers and ranges.
fn authority(certificate: &X509Certificate<'_>) -> Option<String> {
    let extension = certificate.get_extension_unique(&Oid::from(TN_AUTH_LIST).ok()?).ok()??;
    let (SEQUENCE, mut list, []) = read(extension.value)? else { return None };
    let mut words = Vec::new();
    while !list.is_empty() && words.len() < AUTHORITIES_MAX {
        let (tag, inner, rest) = read(list)?;
        list = rest;
        match (tag, read(inner)?) {
            (0xa0, (IA5, code, _)) => words.push(format!("SPC {}", plain(code)?)),
            (0xa1, (SEQUENCE, range, _)) => {
                let (IA5, start, rest) = read(range)? else { return None };
                let (INTEGER, count, _) = read(rest)? else { return None };
                let count = count.iter().fold(0_u64, |sum, byte| sum.saturating_mul(256).saturating_add(u64::from(*byte)));
                words.push(format!("{} and on, {count} numbers", plain(start)?));
            }
            (0xa2, (IA5, number, _)) => words.push(plain(number)?.to_owned()),
            _ => {}
        }
    }
    (!words.is_empty()).then(|| words.join(", ").chars().take(SIGNER_MAX).collect())
}

/// One element of DER: its tag, its content, and what follows it.
fn read(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match *first {
        short @ 0..=0x7f => (usize::from(short), rest),
        0x81 => {
            let (length, rest) = rest.split_first()?;
            (usize::from(*length), rest)
        }
        0x82 => (usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])), rest.get(2..)?),
        _ => return None,
    };
    Some((*tag, rest.get(..length)?, rest.get(length..)?))
}

fn plain(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()))
}

const SEQUENCE: u8 = 0x30;
const IA5: u8 = 0x16;
const INTEGER: u8 = 0x02;
/// id-pe-TNAuthList (RFC 8226 9).
const TN_AUTH_LIST: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 26];
/// A signer, two between, and a root that nobody asked for.
const CHAIN_MAX: usize = 8;
const AUTHORITIES_MAX: usize = 16;
/// For a log.
const SIGNER_MAX: usize = 128;

#[cfg(test)]
mod reading {
    use super::*;

    #[test]
    fn der_is_read_within_its_bounds() {
        assert_eq!(read(&[0x16, 2, b'1', b'2', 9]), Some((0x16, &b"12"[..], &[9][..])));
        for broken in [&[][..], &[0x16], &[0x16, 5, 1], &[0x16, 0x82, 1], &[0x16, 0x84, 0, 0, 0, 1, 2]] {
            assert_eq!(read(broken), None, "{broken:?}");
        }
    }
}

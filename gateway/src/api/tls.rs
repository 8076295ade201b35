//! The certificate for pages beyond localhost: browsers give no microphone to plain HTTP.

use std::{fs, net::IpAddr, path::Path, sync::Arc};

use axum_server::tls_rustls::RustlsConfig;
use gateway_core::config::Certificate;
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::{Error, tokens::private_file};

/// The operator's pair, or our own self-signed one in the data directory, made when there is none.
pub(super) fn config(data: &Path, certificate: &Certificate, host: IpAddr) -> Result<RustlsConfig, Error> {
    let (certificate, key) = match certificate {
        Certificate::Files { chain, key } => (chain.clone(), key.clone()),
        Certificate::SelfSigned => {
            let (certificate, key) = (data.join("web.crt"), data.join("web.key"));
            if !certificate.exists() && !key.exists() {
                make(&certificate, &key, host)?;
            }
            (certificate, key)
        }
    };
    let failed = |reason: String| Error::Certificate { path: certificate.clone(), reason };
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(&certificate).and_then(Iterator::collect).map_err(|error| failed(error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&key).map_err(|error| failed(error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| failed(error.to_string()))?;
    // WebSockets ride on HTTP/1.1.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(RustlsConfig::from_config(Arc::new(config)))
}

fn make(certificate: &Path, key: &Path, host: IpAddr) -> Result<(), Error> {
    let failed = |error: rcgen::Error| Error::Certificate { path: certificate.to_owned(), reason: error.to_string() };
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !host.is_unspecified() && !host.is_loopback() {
        names.push(host.to_string());
    }
    let mut params = CertificateParams::new(names).map_err(failed)?;
    params.distinguished_name.push(DnType::CommonName, "Tandem, self-signed");
    let pair = KeyPair::generate().map_err(failed)?;
    let made = params.self_signed(&pair).map_err(failed)?;
    private_file(key, pair.serialize_pem().as_bytes()).map_err(|source| Error::File { path: key.to_owned(), source })?;
    fs::write(certificate, made.pem()).map_err(|source| Error::File { path: certificate.to_owned(), source })
}

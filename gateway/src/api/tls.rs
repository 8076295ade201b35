//! The certificate for pages beyond localhost: browsers give no microphone to plain HTTP.

use std::{net::IpAddr, path::Path, sync::Arc};

use axum_server::tls_rustls::RustlsConfig;
use gateway_core::config::Certificate;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::Error;
use crate::shell::make_self_signed;

/// The operator's pair, or our own self-signed one in the data directory, made when there is none.
pub(super) fn config(data: &Path, certificate: &Certificate, host: IpAddr) -> Result<RustlsConfig, Error> {
    let (certificate, key) = match certificate {
        Certificate::Files { chain, key } => (chain.clone(), key.clone()),
        Certificate::SelfSigned => {
            let (certificate, key) = (data.join("web.crt"), data.join("web.key"));
            if !certificate.exists() && !key.exists() {
                let failed = |reason| Error::Certificate { path: certificate.clone(), reason };
                make_self_signed(&certificate, &key, host).map_err(failed)?;
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

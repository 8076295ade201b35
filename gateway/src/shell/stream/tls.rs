//! TLS for SIP: what endpoints show and trunks are shown, read from files and read again when they change.

use std::{
    collections::BTreeMap,
    env, fs,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use gateway_core::{
    config::{Certificate, Config, EndpointTls, TrunkTls},
    events::wire::Hop,
    ids::EndpointId,
};
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::reloading::Reloading;
use crate::shell::private_file;

/// All that a node shows and believes.
#[derive(Default)]
pub(crate) struct Tls {
    endpoints: BTreeMap<EndpointId, Reloading<ServerConfig>>,
    /// By the trunk's name.
    trunks: BTreeMap<String, Profile>,
    /// For whoever is no trunk: the system's authorities, and no certificate of ours.
    plain: Option<Reloading<ClientConfig>>,
}

struct Profile {
    name: Option<String>,
    config: Reloading<ClientConfig>,
}

/// A certificate that is of no use.
#[derive(Debug, thiserror::Error)]
#[error("TLS of {whose}: {reason}")]
pub(crate) struct CertificateFault {
    whose: String,
    reason: String,
}

impl Tls {
    /// Reads every file once, so that a fault is told at the start.
    pub(crate) fn read(config: &Config) -> Result<Self, CertificateFault> {
        let mut tls = Self::default();
        for endpoint in &config.endpoints {
            let Some(files) = &endpoint.tls else { continue };
            let made = server(&config.node.data_dir, files, endpoint.advertised);
            tls.endpoints.insert(endpoint.id, made.map_err(|reason| CertificateFault { whose: endpoint.name.clone(), reason })?);
        }
        for trunk in &config.trunks {
            let Some(files) = &trunk.tls else { continue };
            let made = client(files).map_err(|reason| CertificateFault { whose: trunk.name.clone(), reason })?;
            tls.trunks.insert(trunk.name.clone(), Profile { name: files.name.clone(), config: made });
        }
        // A machine without authorities still speaks TLS to trunks that name their own.
        tls.plain = client(&TrunkTls::default()).ok();
        Ok(tls)
    }

    pub(super) fn acceptor(&self, endpoint: EndpointId) -> Result<TlsAcceptor, String> {
        let config = self.endpoints.get(&endpoint).ok_or("this endpoint has no certificate")?;
        Ok(config.current().into())
    }

    /// With the name that the peer's certificate must bear: the trunk's, else the domain that was dialled, else the address (RFC 5922 7.3).
    pub(in crate::shell) fn connector(&self, profile: Option<&str>, hop: &Hop) -> Result<(TlsConnector, ServerName<'static>), String> {
        let trunk = profile.and_then(|profile| self.trunks.get(profile));
        let config =
            trunk.map(|trunk| &trunk.config).or(self.plain.as_ref()).ok_or("this machine knows no authority; name one in `tls`")?;
        let name = match trunk.and_then(|trunk| trunk.name.as_ref()).or(hop.domain.as_ref()) {
            Some(name) => ServerName::try_from(name.clone()).map_err(|_| format!("{name} is no name of a host"))?,
            None => ServerName::IpAddress(hop.to.ip().into()),
        };
        Ok((config.current().into(), name))
    }
}

/// The names that a verified certificate bears: the SIP domains of its URIs, else its hosts (RFC 5922 7.1).
pub(in crate::shell) fn subject(chain: Option<&[CertificateDer<'_>]>) -> Vec<String> {
    let Some(certificate) = chain.and_then(|chain| chain.first()) else { return Vec::new() };
    let Ok(certificate) = webpki::EndEntityCert::try_from(certificate) else { return Vec::new() };
    let domains = certificate.valid_uri_names().filter_map(|uri| uri.strip_prefix("sip:").filter(|domain| !domain.contains('@')));
    let names: Vec<String> = domains.take(NAMES_MAX).map(str::to_owned).collect();
    match names.is_empty() {
        true => certificate.valid_dns_names().take(NAMES_MAX).map(str::to_owned).collect(),
        false => names,
    }
}

/// Makes a certificate that nobody vouches for, and its key.
pub(crate) fn make_self_signed(certificate: &Path, key: &Path, host: IpAddr) -> Result<(), String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !host.is_unspecified() && !host.is_loopback() {
        names.push(host.to_string());
    }
    let mut params = CertificateParams::new(names).map_err(|error| error.to_string())?;
    params.distinguished_name.push(DnType::CommonName, "Tandem, self-signed");
    let pair = KeyPair::generate().map_err(|error| error.to_string())?;
    let made = params.self_signed(&pair).map_err(|error| error.to_string())?;
    private_file(key, pair.serialize_pem().as_bytes()).map_err(|error| format!("{}: {error}", key.display()))?;
    fs::write(certificate, made.pem()).map_err(|error| format!("{}: {error}", certificate.display()))
}

fn server(data: &Path, files: &EndpointTls, host: IpAddr) -> Result<Reloading<ServerConfig>, String> {
    let (chain, key) = match &files.certificate {
        Certificate::Files { chain, key } => (chain.clone(), key.clone()),
        Certificate::SelfSigned => {
            let (certificate, key) = (data.join("sip.crt"), data.join("sip.key"));
            if !certificate.exists() && !key.exists() {
                make_self_signed(&certificate, &key, host)?;
            }
            (certificate, key)
        }
    };
    let client_ca = files.client_ca.clone();
    let watched = [Some(chain.clone()), Some(key.clone()), client_ca.clone()].into_iter().flatten().collect();
    Reloading::new(watched, move || {
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().map_err(|e| e.to_string())?;
        let builder = match &client_ca {
            Some(authorities) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(authorities)?), provider()).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| error.to_string())?)
            }
            None => builder.with_no_client_auth(),
        };
        let (chain, key) = pair(&chain, &key)?;
        builder.with_single_cert(chain, key).map_err(|error| error.to_string())
    })
}

fn client(files: &TrunkTls) -> Result<Reloading<ClientConfig>, String> {
    let authorities = match &files.ca {
        Some(ca) => ca.clone(),
        None => system_authorities().ok_or("this machine keeps no list of authorities; name one: ca = \"..\"")?,
    };
    let ours = files.certificate.clone();
    let watched = ours.iter().flat_map(|(chain, key)| [chain.clone(), key.clone()]).chain([authorities.clone()]).collect();
    Reloading::new(watched, move || {
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().map_err(|e| e.to_string())?;
        let builder = builder.with_root_certificates(roots(&authorities)?);
        match &ours {
            Some((chain, key)) => {
                let (chain, key) = pair(chain, key)?;
                builder.with_client_auth_cert(chain, key).map_err(|error| error.to_string())
            }
            None => Ok(builder.with_no_client_auth()),
        }
    })
}

fn pair(chain: &Path, key: &Path) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let unreadable = |path: &Path, error: rustls::pki_types::pem::Error| format!("{}: {error}", path.display());
    let certificates = CertificateDer::pem_file_iter(chain).and_then(Iterator::collect).map_err(|error| unreadable(chain, error))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, error))?;
    Ok((certificates, key))
}

fn roots(authorities: &Path) -> Result<RootCertStore, String> {
    let unreadable = |error: rustls::pki_types::pem::Error| format!("{}: {error}", authorities.display());
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(authorities).map_err(unreadable)?.collect::<Result<_, _>>().map_err(unreadable)?;
    let mut roots = RootCertStore::empty();
    // A system's list may hold one that cannot be read.
    roots.add_parsable_certificates(certificates);
    match roots.is_empty() {
        true => Err(format!("{}: no authority stands in it", authorities.display())),
        false => Ok(roots),
    }
}

fn system_authorities() -> Option<PathBuf> {
    let named = env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let usual = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
    named.into_iter().chain(usual.map(PathBuf::from)).find(|file| file.exists())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Names of one certificate that are looked at.
const NAMES_MAX: usize = 64;

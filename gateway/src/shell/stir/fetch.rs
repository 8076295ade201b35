//! Fetches a certificate: by https, from a host on the list, bounded in size and time.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use gateway_core::events::calling::Unproven;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    Request, Response, Uri,
    body::Incoming,
    client::conn::http1,
    header::{ACCEPT, CACHE_CONTROL, HOST, LOCATION},
};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Unreadable;

/// Fetches certificates.
pub(super) struct Fetcher {
    /// `host` or `host:port`, lower case.
    hosts: Vec<String>,
    tls: Option<TlsConnector>,
}

/// What was fetched, and for how long its server says that it may be kept.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) bytes: Bytes,
    pub(super) keep: Option<Duration>,
}

/// A place that we may ask.
struct Place {
    host: String,
    port: u16,
    path: String,
}

impl Fetcher {
    /// From these hosts, whose own certificates lead to the roots in a PEM file.
    pub(super) fn new(hosts: Vec<String>, web_roots: &Path) -> Result<Self, Unreadable> {
        let unreadable = |reason: String| Unreadable { path: web_roots.to_owned(), reason };
        let mut roots = RootCertStore::empty();
        let read = CertificateDer::pem_file_iter(web_roots).map_err(|error| unreadable(error.to_string()))?;
        let (added, _) = roots.add_parsable_certificates(read.filter_map(Result::ok));
        if added == 0 {
            return Err(unreadable("it holds none".to_owned()));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| unreadable(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { hosts, tls: Some(TlsConnector::from(Arc::new(config))) })
    }

    /// For a node with no host on its list.
    pub(super) const fn asking_nobody() -> Self {
        Self { hosts: Vec::new(), tls: None }
    }

    /// One certificate, within `FETCH_MAX`.
    pub(super) async fn fetch(&self, address: &str) -> Result<Fetched, Unproven> {
        tokio::time::timeout(FETCH_MAX, self.follow(address)).await.unwrap_or(Err(Unproven::Unreachable))
    }

    /// Follows a redirection as long as it stays among the hosts of the list.
    async fn follow(&self, address: &str) -> Result<Fetched, Unproven> {
        let mut place = self.allowed(address)?;
        for _ in 0..=REDIRECTIONS_MAX {
            let response = self.ask(&place).await.map_err(|_| Unproven::Unreachable)?;
            if response.status().is_redirection() {
                let next = response.headers().get(LOCATION).and_then(|next| next.to_str().ok()).ok_or(Unproven::Unreachable)?;
                place = match next.strip_prefix('/') {
                    Some(path) => Place { path: format!("/{path}"), ..place },
                    None => self.allowed(next)?,
                };
                continue;
            }
            if !response.status().is_success() {
                return Err(Unproven::Unreachable);
            }
            let keep = response.headers().get(CACHE_CONTROL).and_then(|value| max_age(value.to_str().ok()?));
            let body = Limited::new(response.into_body(), BYTES_MAX).collect().await.map_err(|_| Unproven::Unreachable)?;
            return Ok(Fetched { bytes: body.to_bytes(), keep });
        }
        Err(Unproven::Unreachable)
    }

    async fn ask(&self, place: &Place) -> Result<Response<Incoming>, Box<dyn std::error::Error + Send + Sync>> {
        let tls = self.tls.as_ref().ok_or("no host may be asked")?;
        let stream = TcpStream::connect((place.host.as_str(), place.port)).await?;
        let stream = tls.connect(ServerName::try_from(place.host.clone())?, stream).await?;
        let (mut sender, connection) = http1::Builder::new().max_buf_size(HEAD_MAX).handshake(TokioIo::new(stream)).await?;
        // Ends with its sender.
        tokio::spawn(connection);
        let request = Request::get(&place.path)
            .header(HOST, if place.port == 443 { place.host.clone() } else { format!("{}:{}", place.host, place.port) })
            .header(ACCEPT, "application/pem-certificate-chain, application/pkix-cert")
            .body(Empty::<Bytes>::new())?;
        Ok(sender.send_request(request).await?)
    }

    /// The place of an address, if it is behind https at a host of the list.
    fn allowed(&self, address: &str) -> Result<Place, Unproven> {
        let uri: Uri = address.parse().map_err(|_| Unproven::OtherHost)?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or(Unproven::OtherHost)?;
        let host = authority.host().to_ascii_lowercase();
        let port = authority.port_u16().unwrap_or(443);
        let is_listed = self.hosts.iter().any(|listed| match listed.rsplit_once(':') {
            Some((name, at)) => name == host && at.parse() == Ok(port),
            None => *listed == host && port == 443,
        });
        if uri.scheme_str() != Some("https") || !is_listed {
            return Err(Unproven::OtherHost);
        }
        let path = uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
        Ok(Place { host, port, path })
    }
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetcher").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

/// RFC 9111 5.2.2.1.
fn max_age(value: &str) -> Option<Duration> {
    value.split(',').find_map(|part| part.trim().strip_prefix("max-age=")?.parse().ok()).map(Duration::from_secs)
}

/// Longer than any call waits, for the next one.
const FETCH_MAX: Duration = Duration::from_secs(3);
/// A chain of three is 4 KB.
const BYTES_MAX: usize = 64 * 1024;
const HEAD_MAX: usize = 32 * 1024;
const REDIRECTIONS_MAX: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_at_a_listed_host_is_asked() {
        let fetcher = Fetcher { hosts: vec!["cert.example.org".into(), "other.example:8443".into()], tls: None };
        for address in ["https://cert.example.org/a?b=1", "https://CERT.example.org:443/", "https://other.example:8443/c"] {
            assert!(fetcher.allowed(address).is_ok(), "{address}");
        }
        for address in [
            "http://cert.example.org/a",
            "https://cert.example.org.evil.tld/a",
            "https://evil.tld/?https://cert.example.org/",
            "https://cert.example.org@evil.tld/",
            "https://user@cert.example.org/",
            "https://cert.example.org:8443/",
            "https://other.example/c",
            "https://127.0.0.1/",
            "file:///etc/passwd",
            "/a",
            "",
        ] {
            assert_eq!(fetcher.allowed(address).err(), Some(Unproven::OtherHost), "{address}");
        }
    }

    #[test]
    fn a_server_says_how_long_to_keep() {
        assert_eq!(max_age("public, max-age=600"), Some(Duration::from_secs(600)));
        assert_eq!(max_age("no-store"), None);
    }
}

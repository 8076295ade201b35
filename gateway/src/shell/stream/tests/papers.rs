//! Certificates of an authority of our own, and the two ends of TLS that show them.

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::Arc,
};

use gateway_core::config::Certificate;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use super::{MOST, tls};

/// An authority with certificates of `node.test` and `carrier.test`.
pub(super) struct Papers {
    directory: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Papers {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        fs::write(directory.path().join("ca.crt"), params.self_signed(&key).unwrap().pem()).unwrap();
        let papers = Self { directory, issuer: Issuer::new(params, key) };
        papers.renew("node");
        papers.renew("carrier");
        papers
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn pair(&self, name: &str) -> Certificate {
        Certificate::Files { chain: self.file(&format!("{name}.crt")), key: self.file(&format!("{name}.key")) }
    }

    pub(super) fn renew(&self, name: &str) {
        let mut params = CertificateParams::new(vec![format!("{name}.test"), "127.0.0.1".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(self.file(&format!("{name}.key")), key.serialize_pem()).unwrap();
        fs::write(self.file(&format!("{name}.crt")), certificate.pem()).unwrap();
    }

    pub(super) fn roots(&self) -> rustls::RootCertStore {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(rustls::pki_types::pem::PemObject::from_pem_file(self.file("ca.crt")).unwrap()).unwrap();
        roots
    }

    pub(super) fn own(&self, name: &str) -> (Vec<rustls::pki_types::CertificateDer<'static>>, rustls::pki_types::PrivateKeyDer<'static>) {
        use rustls::pki_types::pem::PemObject;
        let chain = rustls::pki_types::CertificateDer::from_pem_file(self.file(&format!("{name}.crt"))).unwrap();
        (vec![chain], rustls::pki_types::PrivateKeyDer::from_pem_file(self.file(&format!("{name}.key"))).unwrap())
    }

    /// Trusts these papers, and shows a certificate of its own if it has one.
    pub(super) fn client(&self, shown: Option<(&Self, &str)>) -> Client {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let builder = builder.with_root_certificates(self.roots());
        let config = match shown {
            Some((papers, name)) => {
                let (chain, key) = papers.own(name);
                builder.with_client_auth_cert(chain, key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        Client(Arc::new(config))
    }

    /// Shows a certificate of these papers, and asks for one of `clients`.
    pub(super) fn server(&self, name: &str, clients: &Self) -> Server {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(clients.roots()), provider.clone());
        let (chain, key) = self.own(name);
        let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = builder.with_client_cert_verifier(verifier.build().unwrap()).with_single_cert(chain, key).unwrap();
        Server(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), Arc::new(config))
    }
}

pub(super) struct Client(Arc<rustls::ClientConfig>);

impl Client {
    /// The handshake may still fail, with the first bytes.
    pub(super) fn connect(&self, to: SocketAddr) -> Secured {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(MOST)).unwrap();
        self.over(stream)
    }

    pub(super) fn over(&self, stream: TcpStream) -> Secured {
        let session = rustls::ClientConnection::new(self.0.clone(), "node.test".try_into().unwrap()).unwrap();
        let mut secured = Secured(rustls::StreamOwned::new(session, stream));
        let _ = secured.0.flush();
        secured
    }
}

pub(super) struct Secured(rustls::StreamOwned<rustls::ClientConnection, TcpStream>);

impl Secured {
    /// The certificate that was shown.
    pub(super) fn peer(&self) -> Vec<u8> {
        self.0.conn.peer_certificates().unwrap()[0].to_vec()
    }
}

impl Read for Secured {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Secured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

pub(super) struct Server(TcpListener, Arc<rustls::ServerConfig>);

impl Server {
    pub(super) fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Takes one client in as far as it goes, and says what names it bears.
    pub(super) fn accept_one(&self) -> (Vec<String>, TcpStream) {
        let (mut stream, _) = self.0.accept().unwrap();
        stream.set_read_timeout(Some(MOST)).unwrap();
        let mut session = rustls::ServerConnection::new(self.1.clone()).unwrap();
        while session.is_handshaking() {
            if session.complete_io(&mut stream).is_err() {
                return (Vec::new(), stream);
            }
        }
        (tls::subject(session.peer_certificates()), stream)
    }
}

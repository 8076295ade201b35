//! How the object store's client reaches a bucket: HTTP/1.1 by the libraries that the node has already, over TLS by `ring` where it is https.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use http_body_util::BodyExt;
use hyper::{
    Uri,
    client::conn::http1,
    header::{HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use object_store::{
    ClientOptions,
    client::{HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

/// Opens a connection for each request: recordings are few and large.
#[derive(Clone)]
pub(super) struct Connector {
    tls: TlsConnector,
}

impl Connector {
    /// Believes the authorities of a PEM file.
    pub(super) fn believing(ca: &Path) -> Result<Self, String> {
        let unreadable = |reason: String| format!("the authorities in {}: {reason}; name a PEM file in `ca`", ca.display());
        let mut roots = RootCertStore::empty();
        let read = CertificateDer::pem_file_iter(ca).map_err(|error| unreadable(error.to_string()))?;
        let (added, _) = roots.add_parsable_certificates(read.filter_map(Result::ok));
        if added == 0 {
            return Err(unreadable("it holds none".to_owned()));
        }
        Self::over(roots)
    }

    /// For a bucket that is reached without TLS.
    pub(super) fn believing_nobody() -> Result<Self, String> {
        Self::over(RootCertStore::empty())
    }

    fn over(roots: RootCertStore) -> Result<Self, String> {
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)) })
    }

    async fn ask(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let uri = request.uri().clone();
        let place = || HttpError::new(HttpErrorKind::Unknown, Unfit(uri.to_string()));
        let host = uri.host().ok_or_else(place)?.to_owned();
        let is_secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        let authority = uri.authority().ok_or_else(place)?.as_str();
        if !request.headers().contains_key(HOST) {
            request
                .headers_mut()
                .insert(HOST, HeaderValue::from_str(authority).map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?);
        }
        // Origin form (RFC 9112 3.2.1).
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = Uri::try_from(path).map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let unreached = |error| HttpError::new(HttpErrorKind::Connect, error);
        let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await.map_err(unreached)?;
        if is_secure {
            let name = ServerName::try_from(host).map_err(|error| HttpError::new(HttpErrorKind::Connect, error))?;
            send(self.tls.connect(name, stream).await.map_err(unreached)?, request).await
        } else {
            send(stream, request).await
        }
    }
}

async fn send(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let broken = |error| HttpError::new(HttpErrorKind::Request, error);
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // Ends with its sender, and once the answer is read.
    tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
    let body = body.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error));
    Ok(HttpResponse::from_parts(head, HttpResponseBody::new(body)))
}

#[async_trait]
impl HttpService for Connector {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        match tokio::time::timeout(ANSWER_MAX, self.ask(request)).await {
            Ok(answer) => answer,
            Err(late) => Err(HttpError::new(HttpErrorKind::Timeout, late)),
        }
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

/// A place that cannot be asked.
#[derive(Debug, thiserror::Error)]
#[error("{0} is no address")]
struct Unfit(String);

/// A piece is 10 MB; a line that takes longer for it is none.
const ANSWER_MAX: Duration = Duration::from_secs(120);

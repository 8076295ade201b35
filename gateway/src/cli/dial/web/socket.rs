//! The WebSocket of a page: JSON messages, one a frame.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest as _,
        http::{HeaderValue, header},
    },
};

use super::{
    super::report::{Failed, Failure},
    http::Gateway,
};

/// An open channel to the gateway.
pub(super) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Opens `path`, with the cookie of a login where there was one.
    pub(super) async fn open(gateway: &Gateway, path: &str, cookie: Option<&str>) -> Result<Self, Failure> {
        let broken = |text: String| Failure::new(Failed::NoReply, format!("{}: {text}", path.split('?').next().unwrap_or_default()));
        let mut request = gateway.socket(path).into_client_request().map_err(|error| broken(error.to_string()))?;
        let headers = request.headers_mut();
        for (name, value) in [(header::ORIGIN, Some(gateway.origin())), (header::COOKIE, cookie.map(str::to_owned))] {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
                headers.insert(name, value);
            }
        }
        match tokio_tungstenite::connect_async(request).await {
            Ok((stream, _)) => Ok(Self(stream)),
            Err(Error::Http(response)) => {
                let status = response.status().as_u16();
                let failed = if matches!(status, 401 | 403) { Failed::Auth } else { Failed::Refused };
                Err(Failure { status: Some(status), failed, ..broken(response.status().to_string()) })
            }
            Err(error) => Err(broken(error.to_string())),
        }
    }

    pub(super) async fn send(&mut self, message: Value) -> Result<(), Failure> {
        self.0
            .send(Message::text(message.to_string()))
            .await
            .map_err(|error| Failure::new(Failed::Dropped, format!("the socket broke: {error}")))
    }

    /// The next message. May be dropped at any await.
    pub(super) async fn receive(&mut self) -> Result<Value, Failure> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => {
                    if let Ok(message) = serde_json::from_str(&text) {
                        return Ok(message);
                    }
                }
                Some(Ok(Message::Close(frame))) => {
                    let why = frame.map_or_else(String::new, |frame| format!(": {} {}", frame.code, frame.reason));
                    return Err(Failure::new(Failed::Dropped, format!("the gateway closed the socket{why}")));
                }
                // Pings are answered by the library.
                Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(error)) => return Err(Failure::new(Failed::Dropped, format!("the socket broke: {error}"))),
                None => return Err(Failure::new(Failed::Dropped, "the socket is gone")),
            }
        }
    }

    pub(super) async fn close(mut self) {
        let _ = self.0.close(None).await;
    }
}

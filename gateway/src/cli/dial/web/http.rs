//! As much of HTTP/1.1 as our own API needs: one JSON request, one JSON answer, one connection.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::http::Uri;

use super::super::report::{Failed, Failure};

/// A gateway's address, as in `http://127.0.0.1:8080`.
#[derive(Debug, Clone)]
pub(super) struct Gateway {
    /// Host and port, as `Host` and `Origin` say them.
    authority: String,
    pub(super) address: SocketAddr,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) body: Value,
    /// The cookie that was set, name and value.
    pub(super) cookie: Option<String>,
}

impl Gateway {
    /// Looks the host of `url` up.
    pub(super) async fn find(url: &str) -> Result<Self, Failure> {
        let uri: Uri = url.parse().map_err(|_| Failure::new(Failed::Usage, format!("`{url}` is no URL")))?;
        if uri.scheme_str() != Some("http") {
            return Err(Failure::new(Failed::Usage, format!("`{url}`: only http:// is spoken here")));
        }
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or(80);
        let found = tokio::net::lookup_host((host.trim_matches(['[', ']']), port)).await.ok().and_then(|mut addresses| addresses.next());
        let address = found.ok_or_else(|| Failure::new(Failed::Resolve, format!("{host} has no address")))?;
        Ok(Self { authority: format!("{host}:{port}"), address })
    }

    /// The address of ours that the gateway sees.
    pub(super) async fn our_address(&self) -> Result<IpAddr, Failure> {
        let stream = self.connect().await?;
        stream.local_addr().map(|local| local.ip()).map_err(|error| Failure::new(Failed::Local, error.to_string()))
    }

    pub(super) fn origin(&self) -> String {
        format!("http://{}", self.authority)
    }

    /// The URL of a WebSocket there.
    pub(super) fn socket(&self, path: &str) -> String {
        format!("ws://{}{path}", self.authority)
    }

    /// POSTs `body`; any status but 2xx is a failure that says what the gateway said of it (RFC 9457).
    pub(super) async fn post(&self, path: &str, bearer: Option<&str>, body: &Value) -> Result<Answer, Failure> {
        let body = body.to_string();
        let authorization = bearer.map_or_else(String::new, |bearer| format!("Authorization: Bearer {bearer}\r\n"));
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nOrigin: {}\r\n{authorization}Content-Type: application/json\r\nAccept: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.authority,
            self.origin(),
            body.len()
        );
        let exchange = async {
            let mut stream = self.connect().await?;
            let lost = |error: std::io::Error| Failure::new(Failed::NoReply, format!("POST {path}: {error}"));
            stream.write_all(request.as_bytes()).await.map_err(lost)?;
            let mut answer = Vec::new();
            stream.take(ANSWER_MAX).read_to_end(&mut answer).await.map_err(lost)?;
            Ok(answer)
        };
        let answer = tokio::time::timeout(PATIENCE, exchange)
            .await
            .map_err(|_| Failure::new(Failed::NoReply, format!("POST {path}: no answer")))??;
        let (status, answer) =
            parse(&answer).ok_or_else(|| Failure::new(Failed::NoReply, format!("POST {path}: the answer is not HTTP")))?;
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let said = |key: &str| answer.body[key].as_str().map(str::to_owned);
        let failed = if matches!(status, 401 | 403) { Failed::Auth } else { Failed::Refused };
        let text = format!("POST {path}: {status} {}", said("title").unwrap_or_default());
        Err(Failure { status: Some(status), reason: said("detail"), ..Failure::new(failed, text) })
    }

    async fn connect(&self) -> Result<TcpStream, Failure> {
        TcpStream::connect(self.address).await.map_err(|error| Failure::new(Failed::NoReply, format!("{}: {error}", self.address)))
    }
}

/// Status, body and cookie of a whole answer.
fn parse(answer: &[u8]) -> Option<(u16, Answer)> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = str::from_utf8(&answer[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, &str)> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_ascii_lowercase(), value.trim())).collect();
    let header = |name: &str| headers.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| *value);
    let rest = &answer[end + 4..];
    let chunked = header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    let body = if chunked { unchunk(rest)? } else { rest.to_vec() };
    let cookie = header("set-cookie").and_then(|cookie| cookie.split(';').next()).map(str::to_owned);
    Some((status, Answer { body: serde_json::from_slice(&body).unwrap_or(Value::Null), cookie }))
}

/// RFC 9112 7.1.
fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = str::from_utf8(&rest[..line]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let start = line + 2;
        let end = start.checked_add(size)?;
        body.extend(rest.get(start..end)?);
        rest = rest.get(end + 2..)?;
    }
}

const PATIENCE: Duration = Duration::from_secs(10);
/// Octets; our API answers a phone with far less.
const ANSWER_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_apart() {
        let answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: session=abc; HttpOnly\r\nContent-Length: 11\r\n\r\n{\"token\":1}";
        let (status, answer) = parse(answer).expect("is HTTP");
        assert_eq!((status, answer.cookie.as_deref(), &answer.body["token"]), (200, Some("session=abc"), &Value::from(1)));
    }

    #[test]
    fn chunks_are_put_together_and_broken_ones_are_no_answer() {
        let head = "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n";
        let (status, answer) = parse(format!("{head}5\r\n{{\"a\":\r\n2;x\r\n7}}\r\n0\r\n\r\n").as_bytes()).expect("is HTTP");
        assert_eq!((status, &answer.body["a"]), (404, &Value::from(7)));
        for broken in ["", "zz\r\n", "ffffffffffffffff\r\nx", "5\r\nab"] {
            assert!(parse(format!("{head}{broken}").as_bytes()).is_none(), "{broken}");
        }
        assert!(parse(b"hello").is_none());
    }
}

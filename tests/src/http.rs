//! As much of HTTP/1.1 as tests need: one request, one answer, one connection.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

/// One request to 127.0.0.1; `headers` are whole lines without their end.
pub fn ask(port: u16, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    let mut answer = Vec::new();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    stream.set_read_timeout(Some(PATIENCE)).expect("a duration above zero");
    stream.set_write_timeout(Some(PATIENCE)).expect("a duration above zero");
    stream.write_all(request.as_bytes()).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    // A server that has refused a body early resets the connection; what it said first counts.
    let _ = stream.write_all(body);
    let _ = stream.read_to_end(&mut answer);
    Answer::read(&answer).unwrap_or_else(|| panic!("{method} {path}: no answer but {:?}", String::from_utf8_lossy(&answer)))
}

impl Answer {
    fn read(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        let body = if chunked { unchunked(&bytes[end + 4..]) } else { bytes[end + 4..].to_vec() };
        Some(Self { status, head, body })
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") {
        let length = usize::from_str_radix(String::from_utf8_lossy(&bytes[..end]).trim(), 16).unwrap_or(0);
        let from = end + 2;
        if length == 0 || from + length + 2 > bytes.len() {
            break;
        }
        whole.extend_from_slice(&bytes[from..from + length]);
        bytes = &bytes[from + length + 2..];
    }
    whole
}

const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_in_chunks_is_one_answer() {
        let bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        let answer = Answer::read(bytes).expect("it is whole");
        assert_eq!((answer.status, answer.text().as_str()), (200, "abcde"));
    }
}

//! A phone that says where it is, from a socket of its own; its digest is by the gateway's own arithmetic, which has RFC vectors of its own.

use std::{
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use gateway_core::{
    private::Private,
    sip::{Method, digest::authorize, header::auth::AuthParams},
};

use crate::sip_text::Seen;

/// Who registers, and where.
#[derive(Debug)]
pub struct Registrant<'a> {
    pub gateway: SocketAddr,
    pub user: &'a str,
    pub password: &'a str,
}

impl Registrant<'_> {
    /// The answer to a REGISTER with these lines, from this socket, once the challenge has been met.
    pub fn register(&self, socket: &UdpSocket, lines: &str) -> Seen {
        let refusal = self.ask(socket, 1, lines);
        let mut answer = self.ask(socket, 2, &format!("{lines}{}", self.proof(&refusal)));
        // Who asks twice in a millisecond gets one nonce twice, which is good once: a phone tries again (RFC 7616 3.3).
        for number in 3..TRIES_MAX {
            if !answer.header("WWW-Authenticate").is_some_and(|value| value.contains("stale=true")) {
                break;
            }
            answer = self.ask(socket, number, &format!("{lines}{}", self.proof(&answer)));
        }
        answer
    }

    fn proof(&self, refusal: &Seen) -> String {
        let given = refusal.header("WWW-Authenticate").and_then(|value| AuthParams::parse(value).ok()).expect("a challenge");
        let (uri, password) = (format!("sip:{}", self.gateway), Private(self.password.to_owned()));
        let proof = authorize(&given, &Method::Register, &uri, self.user, &password, "c", 1).expect("a challenge that we can meet");
        format!("Authorization: {proof}\r\n")
    }

    fn ask(&self, socket: &UdpSocket, number: u32, lines: &str) -> Seen {
        let Self { gateway, user, .. } = self;
        let local = socket.local_addr().expect("a bound socket has one");
        let text = format!(
            "REGISTER sip:{gateway} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK-{number}-{local};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{user}@{gateway}>;tag=login\r\nTo: <sip:{user}@{gateway}>\r\nCall-ID: {local}\r\nCSeq: {number} REGISTER\r\n\
             {lines}Content-Length: 0\r\n\r\n"
        );
        socket.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
        socket.send_to(text.as_bytes(), gateway).expect("the loopback takes it");
        let mut answer = [0; 4096];
        let (length, peer) = socket.recv_from(&mut answer).expect("an answer");
        let text = String::from_utf8_lossy(&answer[..length]).into_owned();
        Seen { at: std::time::Instant::now(), peer, inbound: false, text }
    }
}

/// A millisecond has passed long before.
const TRIES_MAX: u32 = 50;

/// On a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

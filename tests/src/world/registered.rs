//! Phones that log in: REGISTER as text, its digest by the gateway's own arithmetic, which has RFC vectors of its own.

use gateway_core::{
    private::Private,
    sip::{Method, digest::authorize, header::auth::AuthParams},
};

use super::World;
use crate::config::{GATEWAY, PASSWORD};

impl World {
    /// Registers a phone as this user, within a moment; `expires` of 0 takes it away.
    pub fn register(&mut self, phone: usize, user: &str, expires: u32) {
        let sip = self.phones[phone].sip;
        self.register_as(phone, user, expires, &format!("Contact: <sip:{user}@{sip}>\r\n"));
    }

    /// Registers a phone in a browser, whose WebSocket ends at a proxy (RFC 7118, RFC 3327); `phone` stands for the proxy.
    pub fn register_in_browser(&mut self, phone: usize, user: &str) {
        let sip = self.phones[phone].sip;
        let contact = "Contact: <sip:x7k2@df7jal23ls0d.invalid;transport=ws>";
        self.register_as(phone, user, 3_600, &format!("{contact}\r\nPath: <sip:{sip};lr>\r\nSupported: path\r\n"));
    }

    fn register_as(&mut self, phone: usize, user: &str, expires: u32, way: &str) {
        let call_id = format!("login-{phone}-{}", self.wire.len());
        self.ask_to_register(phone, user, &call_id, 1, expires, way);
        let refusal = self.answer_to(&call_id);
        let given = refusal.header("WWW-Authenticate").and_then(|value| AuthParams::parse(value).ok()).expect("a challenge");
        let uri = format!("sip:{GATEWAY}");
        let password = Private(PASSWORD.to_owned());
        let proof = authorize(&given, &Method::Register, &uri, user, &password, "c", 1).expect("a challenge that we can meet");
        self.ask_to_register(phone, user, &call_id, 2, expires, &format!("{way}Authorization: {proof}\r\n"));
        assert_eq!(self.answer_to(&call_id).status(), Some(200), "{}", self.ladder);
    }

    fn ask_to_register(&mut self, phone: usize, user: &str, call_id: &str, number: u32, expires: u32, lines: &str) {
        let sip = self.phones[phone].sip;
        let text = format!(
            "REGISTER sip:{GATEWAY} SIP/2.0\r\nVia: SIP/2.0/UDP {sip};branch=z9hG4bK{call_id}{number};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{user}@{GATEWAY}>;tag=login\r\nTo: <sip:{user}@{GATEWAY}>\r\nCall-ID: {call_id}\r\nCSeq: {number} REGISTER\r\n\
             {lines}Expires: {expires}\r\nContent-Length: 0\r\n\r\n"
        );
        self.send(sip, GATEWAY, text.as_bytes());
        self.run(200);
    }

    fn answer_to(&self, call_id: &str) -> crate::sip_text::Seen {
        let answer = self.wire.iter().rev().find(|seen| !seen.inbound && seen.call_id() == call_id);
        answer.cloned().unwrap_or_else(|| panic!("no answer\n{}", self.ladder))
    }
}

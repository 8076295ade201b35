//! SIP as it stands on the wire, read without the parser under test.

use std::{net::SocketAddr, time::Instant};

/// One datagram of SIP that passed the gateway's socket.
#[derive(Debug, Clone)]
pub struct Seen {
    pub at: Instant,
    /// The other side.
    pub peer: SocketAddr,
    /// Towards the gateway.
    pub inbound: bool,
    pub text: String,
}

impl Seen {
    /// The first line.
    pub fn start_line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    /// The first header of this name; the world's parties write no compact forms.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.text.lines().skip(1).take_while(|line| !line.is_empty()).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Call-ID.
    pub fn call_id(&self) -> &str {
        self.header("Call-ID").unwrap_or_default()
    }

    /// Status, where it is a response.
    pub fn status(&self) -> Option<u16> {
        self.start_line().strip_prefix("SIP/2.0 ")?.split(' ').next()?.parse().ok()
    }

    /// Method, of the request or of what is answered.
    pub fn method(&self) -> &str {
        self.header("CSeq").and_then(|cseq| cseq.split_whitespace().last()).unwrap_or_default()
    }

    /// A request of this method.
    pub fn is_request(&self, method: &str) -> bool {
        self.status().is_none() && self.method() == method
    }

    /// Within a dialog: To has a tag.
    pub fn is_within(&self) -> bool {
        self.header("To").is_some_and(|to| to.contains(";tag="))
    }

    /// The same with another body of SDP, or none.
    pub fn with_body(&self, body: &str) -> String {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default();
        let kept = head.split("\r\n").filter(|line| {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            !matches!(name.as_str(), "content-type" | "content-length")
        });
        let mut text: String = kept.map(|line| format!("{line}\r\n")).collect();
        if !body.is_empty() {
            text += "Content-Type: application/sdp\r\n";
        }
        text + &format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }

    /// What names the transaction.
    pub fn transaction(&self) -> String {
        let via = self.header("Via").unwrap_or_default();
        let branch = via.split(';').find_map(|parameter| parameter.trim().strip_prefix("branch=")).unwrap_or_default();
        format!("{} {} {branch}", self.call_id(), self.header("CSeq").unwrap_or_default())
    }

    /// The user part in From.
    pub fn caller(&self) -> &str {
        let from = self.header("From").unwrap_or_default();
        from.split_once("sip:").and_then(|(_, rest)| rest.split_once('@')).map(|(user, _)| user).unwrap_or_default()
    }
}

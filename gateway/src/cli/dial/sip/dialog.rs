//! What both sides of a call remember of it (RFC 3261 12): enough to send a request in it.

use std::net::SocketAddr;

use rsip::{Header, Method, Request, Response, Uri};

use super::{
    message::{Head, uri_of, value, values},
    token,
};

/// An established call.
#[derive(Debug)]
pub(super) struct Dialog {
    pub(super) head: Head,
    /// Where requests go, already an address.
    pub(super) peer: SocketAddr,
}

impl Dialog {
    /// Ours as the caller, from the INVITE we sent and the 2xx that came.
    pub(super) async fn of_caller(invite: &Head, ok: &Response, peer: SocketAddr) -> Self {
        // RFC 3261 12.1.2: the route set is Record-Route in reverse order.
        let routes = values(&ok.headers, "Record-Route").iter().flat_map(|value| split(value)).rev().collect();
        let to = value(&ok.headers, "To").unwrap_or_else(|| invite.to.clone());
        let mut head = Head { to, routes, ..invite.clone() };
        head.retarget(&ok.headers);
        let peer = next_hop(&head).await.unwrap_or(peer);
        Self { head, peer }
    }

    /// Ours as the callee, from the INVITE that came.
    pub(super) async fn of_callee(invite: &Request, tag: &str, local: SocketAddr, peer: SocketAddr) -> Self {
        let routes = values(&invite.headers, "Record-Route").iter().flat_map(|value| split(value)).collect();
        let mut head = Head {
            uri: invite.uri.clone(),
            sent_by: local.to_string(),
            branch: String::new(),
            from: format!("{};tag={tag}", value(&invite.headers, "To").unwrap_or_default()),
            to: value(&invite.headers, "From").unwrap_or_default(),
            call_id: value(&invite.headers, "Call-ID").unwrap_or_default(),
            cseq: 0,
            contact: contact(local),
            routes,
        };
        head.retarget(&invite.headers);
        let peer = next_hop(&head).await.unwrap_or(peer);
        Self { head, peer }
    }

    /// The next request in the dialog, in a transaction of its own.
    pub(super) fn request(&mut self, method: Method, extra: Vec<Header>) -> Request {
        self.head.cseq += 1;
        self.head.branch = token("z9hG4bK");
        self.head.request(method, extra, None)
    }

    /// The ACK of a 2xx to our INVITE numbered `cseq`: the INVITE's number, a branch of its own (RFC 3261 13.2.2.4).
    pub(super) fn ack(&self, cseq: u32) -> Request {
        Head { cseq, branch: token("z9hG4bK"), ..self.head.clone() }.request(Method::Ack, Vec::new(), None)
    }
}

impl Head {
    /// Requests go to the Contact that the far side gave.
    fn retarget(&mut self, headers: &rsip::Headers) {
        if let Some(uri) = value(headers, "Contact").and_then(|contact| Uri::try_from(uri_of(&contact)).ok()) {
            self.uri = uri;
        }
    }
}

/// Our Contact.
pub(super) fn contact(local: SocketAddr) -> String {
    format!("<sip:tandem-dial@{local}>")
}

/// The address of the first route, else of the target.
async fn next_hop(head: &Head) -> Option<SocketAddr> {
    match head.routes.first() {
        Some(route) => resolve(&Uri::try_from(uri_of(route)).ok()?).await,
        None => resolve(&head.uri).await,
    }
}

/// The address of a URI's host; 5060 where it names no port.
pub(super) async fn resolve(uri: &Uri) -> Option<SocketAddr> {
    let host = uri.host().to_string();
    let port = uri.port().and_then(|port| port.to_string().parse().ok()).unwrap_or(5060);
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await.ok()?.collect();
    addresses.iter().find(|address| address.is_ipv4()).or(addresses.first()).copied()
}

/// One route a piece: several may share a header, commas inside `<>` do not count.
fn split(value: &str) -> Vec<String> {
    value
        .split(">,")
        .map(|route| if route.contains('<') && !route.contains('>') { format!("{}>", route.trim()) } else { route.trim().to_owned() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_in_one_header_are_told_apart() {
        assert_eq!(split("<sip:a;lr>, <sip:b,c;lr>"), ["<sip:a;lr>", "<sip:b,c;lr>"]);
        assert_eq!(split("<sip:a;lr>"), ["<sip:a;lr>"]);
    }
}

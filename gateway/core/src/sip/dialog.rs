//! Dialogs (RFC 3261 12): with whom we talk, by which way, and in what order.
//!
//! Knows no transaction and no time: it admits requests, and outlines ours. Rules: docs/specs/dialog.md.

use super::{CSeq, Headers, Method, NameAddr, Request, Response, Uri, Via};

/// What names a dialog at our end (RFC 3261 12).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialogId {
    pub call_id: String,
    pub local_tag: String,
    /// Empty for a peer of RFC 2543 that sends none.
    pub remote_tag: String,
}

impl DialogId {
    /// The dialog that an incoming request speaks of, if it speaks of one.
    pub fn of(request: &Request) -> Option<Self> {
        Some(Self {
            call_id: request.call_id.to_string(),
            local_tag: request.to.tag()?.to_owned(),
            remote_tag: request.from.tag().unwrap_or_default().to_owned(),
        })
    }
}

/// One peer-to-peer relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialog {
    id: DialogId,
    local: NameAddr,
    remote: NameAddr,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    /// Remote target: the peer's Contact.
    target: Uri,
    /// Route set, nearest first.
    routes: Vec<NameAddr>,
    is_confirmed: bool,
}

impl Dialog {
    /// At the called end, from an INVITE that we answer under `local_tag` (12.1.1); `None` if its Contact or Record-Route cannot be read.
    pub fn called(request: &Request, local_tag: &str) -> Option<Self> {
        Some(Self {
            id: DialogId {
                call_id: request.call_id.to_string(),
                local_tag: local_tag.to_owned(),
                remote_tag: request.from.tag().unwrap_or_default().to_owned(),
            },
            local: request.to.detached().with_tag(local_tag),
            remote: request.from.detached(),
            local_cseq: 0,
            remote_cseq: Some(request.cseq.number),
            target: contact(&request.headers)?,
            routes: routes(&request.headers)?,
            is_confirmed: false,
        })
    }

    /// At the calling end, from our INVITE and a response with a To tag (12.1.2).
    pub fn calling(request: &Request, response: &Response) -> Option<Self> {
        Some(Self {
            id: DialogId {
                call_id: request.call_id.to_string(),
                local_tag: request.from.tag()?.to_owned(),
                remote_tag: response.to.tag().unwrap_or_default().to_owned(),
            },
            local: request.from.clone(),
            remote: response.to.detached(),
            local_cseq: request.cseq.number,
            remote_cseq: None,
            // A provisional response may come without Contact; until one does, the way is that of the INVITE.
            target: contact(&response.headers).unwrap_or_else(|| request.uri.clone()),
            routes: reversed_route(&response.headers)?,
            is_confirmed: response.is_success(),
        })
    }

    /// The same dialog, that has gone by while it was early: requests have been numbered both ways (12.2.1.1).
    pub fn continuing(mut self, early: &Self) -> Self {
        self.local_cseq = self.local_cseq.max(early.local_cseq);
        self.remote_cseq = early.remote_cseq;
        self
    }

    /// Our 2xx has gone out.
    pub fn confirm(&mut self) {
        self.is_confirmed = true;
    }

    /// A target refresh (12.2.1.2, 12.2.2): the peer's newest Contact counts; the route set stays.
    pub fn refresh(&mut self, headers: &Headers) {
        if let Some(target) = contact(headers) {
            self.target = target;
        }
    }

    /// May a request with this number come now? A lower one than before is out of order (12.2.2); gaps are fine.
    pub fn admit(&mut self, number: u32) -> bool {
        if self.remote_cseq.is_some_and(|last| number < last) {
            return false;
        }
        self.remote_cseq = Some(number);
        true
    }

    /// Our next request, numbered.
    pub fn next_request(&mut self, method: Method, via: Via) -> Request {
        let number = self.next_number();
        self.request(method, number, via)
    }

    /// The number of our next request.
    pub fn next_number(&mut self) -> u32 {
        self.local_cseq += 1;
        self.local_cseq
    }

    /// A request under a given number: the ACK of a 2xx takes that of its INVITE (13.2.2.4).
    pub fn request(&self, method: Method, number: u32, via: Via) -> Request {
        let mut headers = Headers::new();
        // "If the first URI of the route set does not contain the lr parameter": a strict router wants its address as Request-URI (12.2.1.1).
        let uri = match self.routes.split_first() {
            Some((first, rest)) if !first.uri.params.has("lr") => {
                rest.iter().for_each(|route| headers.push("Route", route.to_string()));
                headers.push("Route", NameAddr::new(self.target.clone()).to_string());
                let mut uri = first.uri.clone();
                uri.headers = None;
                uri
            }
            Some(_) | None => {
                self.routes.iter().for_each(|route| headers.push("Route", route.to_string()));
                self.target.clone()
            }
        };
        headers.push("Max-Forwards", "70");
        Request {
            cseq: CSeq { number, method: method.clone() },
            method,
            uri,
            via,
            vias_below: Vec::new(),
            from: self.local.clone(),
            to: self.remote.clone(),
            call_id: self.id.call_id.as_str().into(),
            headers,
            body: Vec::new(),
        }
    }

    /// Where the next request goes first: the nearest route, or the target.
    pub fn next_hop(&self) -> &Uri {
        self.routes.first().map_or(&self.target, |route| &route.uri)
    }

    /// Its name.
    pub const fn id(&self) -> &DialogId {
        &self.id
    }

    /// The peer's Contact.
    pub const fn target(&self) -> &Uri {
        &self.target
    }

    /// Not yet confirmed by a 2xx?
    pub const fn is_early(&self) -> bool {
        !self.is_confirmed
    }
}

/// The one Contact of a dialog-forming message (8.1.1.8).
fn contact(headers: &Headers) -> Option<Uri> {
    let mut contact = NameAddr::parse(headers.list("Contact").next()?).ok()?.uri;
    // What may not stand in a Request-URI (19.1.1).
    contact.headers = None;
    contact.params.remove("method");
    Some(contact)
}

/// In buffers of their own: a dialog outlives the message that made it.
fn routes(headers: &Headers) -> Option<Vec<NameAddr>> {
    Some(headers.addresses("Record-Route").ok()?.iter().map(NameAddr::detached).collect())
}

fn reversed_route(headers: &Headers) -> Option<Vec<NameAddr>> {
    let mut routes = routes(headers)?;
    routes.reverse();
    Some(routes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::{Message, parse};

    fn invite(record_route: &str) -> Request {
        let text = format!(
            "INVITE sip:bob@192.0.2.4 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n{record_route}From: <sip:alice@a>;tag=aa\r\n\
             To: <sip:bob@b>\r\nCall-ID: c1\r\nCSeq: 7 INVITE\r\nContact: <sip:alice@192.0.2.1:5062?X=y>\r\n\r\n"
        );
        match parse(text.as_bytes()) {
            Ok(Message::Request(request)) => request,
            Ok(Message::Response(_)) | Err(_) => panic!("{text}"),
        }
    }

    fn via() -> Via {
        Via::udp("192.0.2.4:5060".parse().unwrap(), "z9hG4bK2")
    }

    fn routes(request: &Request) -> Vec<&str> {
        request.headers.all("Route").collect()
    }

    #[test]
    fn the_called_end_goes_back_by_the_recorded_route_in_order() {
        let mut dialog = Dialog::called(&invite("Record-Route: <sip:p2;lr>\r\nRecord-Route: <sip:p1;lr>\r\n"), "bb").unwrap();
        let bye = dialog.next_request(Method::Bye, via());
        assert_eq!(bye.uri.to_string(), "sip:alice@192.0.2.1:5062");
        assert_eq!(routes(&bye), ["<sip:p2;lr>", "<sip:p1;lr>"]);
        assert_eq!((bye.from.tag(), bye.to.tag(), bye.cseq.number), (Some("bb"), Some("aa"), 1));
        assert_eq!(dialog.next_hop().host, "p2");
    }

    #[test]
    fn the_calling_end_reverses_the_recorded_route() {
        let request = invite("");
        let mut response = request.answer(200, Some("bb"));
        response.headers.push("Record-Route", "<sip:p2;lr>, <sip:p1;lr>");
        response.headers.push("Contact", "<sip:bob@192.0.2.4>");
        let mut dialog = Dialog::calling(&request, &response).unwrap();
        let bye = dialog.next_request(Method::Bye, via());
        assert_eq!(routes(&bye), ["<sip:p1;lr>", "<sip:p2;lr>"]);
        assert_eq!(bye.cseq.number, 8);
        assert_eq!(dialog.request(Method::Ack, 7, via()).cseq.number, 7);
    }

    #[test]
    fn a_strict_router_gets_its_own_address_as_request_uri() {
        let mut dialog = Dialog::called(&invite("Record-Route: <sip:strict>, <sip:p1;lr>\r\n"), "bb").unwrap();
        let bye = dialog.next_request(Method::Bye, via());
        assert_eq!(bye.uri.to_string(), "sip:strict");
        assert_eq!(routes(&bye), ["<sip:p1;lr>", "<sip:alice@192.0.2.1:5062>"]);
    }

    #[test]
    fn a_refresh_moves_the_target_and_not_the_route() {
        let mut dialog = Dialog::called(&invite("Record-Route: <sip:p1;lr>\r\n"), "bb").unwrap();
        let mut headers = Headers::new();
        headers.push("Contact", "<sip:alice@198.51.100.7>");
        headers.push("Record-Route", "<sip:intruder;lr>");
        dialog.refresh(&headers);
        assert_eq!((dialog.target().host.as_str(), dialog.next_hop().host.as_str()), ("198.51.100.7", "p1"));
    }

    #[test]
    fn numbers_may_skip_but_not_go_back() {
        let mut dialog = Dialog::called(&invite(""), "bb").unwrap();
        assert!(dialog.admit(9) && dialog.admit(9));
        assert!(!dialog.admit(8));
    }
}

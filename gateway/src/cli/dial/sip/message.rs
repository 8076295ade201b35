//! Reading and building messages with `rsip`.

use rsip::{
    Header, Method, Request, Response, SipMessage, StatusCode, Uri, Version,
    headers::{CallId, Contact, ContentLength, ContentType, From as FromHeader, MaxForwards, To, UserAgent, Via},
    prelude::UntypedHeader as _,
};

/// A datagram as a message, and its reason phrase where it is a response.
pub(super) fn parse(datagram: &[u8]) -> Option<(SipMessage, String)> {
    let start = datagram.iter().position(|octet| !b"\r\n".contains(octet))?;
    let datagram = &datagram[start..];
    let message = SipMessage::try_from(datagram).ok()?;
    let line = datagram.split(|&octet| octet == b'\r').next().unwrap_or_default();
    let phrase = String::from_utf8_lossy(line).splitn(3, ' ').nth(2).unwrap_or_default().to_owned();
    Some((message, phrase))
}

/// All values of a header, in order, by its full or compact name.
pub(super) fn values(headers: &rsip::Headers, name: &str) -> Vec<String> {
    let compact = match name {
        "Via" => "v",
        "From" => "f",
        "To" => "t",
        "Call-ID" => "i",
        "Contact" => "m",
        _ => name,
    };
    let named = |header: &Header| {
        let text = header.to_string();
        let (found, value) = text.split_once(':')?;
        let found = found.trim();
        (found.eq_ignore_ascii_case(name) || found.eq_ignore_ascii_case(compact)).then(|| value.trim().to_owned())
    };
    headers.iter().filter_map(named).collect()
}

/// The first value of a header.
pub(super) fn value(headers: &rsip::Headers, name: &str) -> Option<String> {
    values(headers, name).into_iter().next()
}

/// `CSeq` as number and method.
pub(super) fn cseq(headers: &rsip::Headers) -> Option<(u32, String)> {
    let value = value(headers, "CSeq")?;
    let (number, method) = value.split_once(' ')?;
    Some((number.parse().ok()?, method.trim().to_owned()))
}

/// The URI inside a name-addr or addr-spec, without header parameters.
pub(super) fn uri_of(address: &str) -> &str {
    match address.split_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or(rest),
        None => address.split(';').next().unwrap_or(address).trim(),
    }
}

/// The tag of a From or To value.
pub(super) fn tag_of(address: &str) -> Option<&str> {
    let parameters = address.rsplit('>').next()?;
    parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("tag="))
}

/// What all requests of one call share.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) uri: Uri,
    /// Via's sent-by.
    pub(super) sent_by: String,
    pub(super) branch: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) call_id: String,
    pub(super) cseq: u32,
    pub(super) contact: String,
    pub(super) routes: Vec<String>,
}

impl Head {
    /// A request; `body` is SDP.
    pub(super) fn request(&self, method: Method, extra: Vec<Header>, body: Option<&str>) -> Request {
        // rport: the answer comes back where the question came from (RFC 3581).
        let mut headers: Vec<Header> = vec![
            Via::new(format!("SIP/2.0/UDP {};branch={};rport", self.sent_by, self.branch)).into(),
            MaxForwards::new("70").into(),
            FromHeader::new(self.from.as_str()).into(),
            To::new(self.to.as_str()).into(),
            CallId::new(self.call_id.as_str()).into(),
            rsip::headers::CSeq::new(format!("{} {method}", self.cseq)).into(),
            Contact::new(self.contact.as_str()).into(),
            UserAgent::new(USER_AGENT).into(),
        ];
        headers.extend(self.routes.iter().map(|route| rsip::headers::Route::new(route.as_str()).into()));
        headers.extend(extra);
        with_body(&mut headers, body);
        Request { method, uri: self.uri.clone(), version: Version::V2, headers: headers.into(), body: body.unwrap_or_default().into() }
    }
}

/// A response to `request`; `tag` is added to a To that has none.
pub(super) fn response(request: &Request, status: u16, phrase: &str, tag: &str, extra: Vec<Header>, body: Option<&str>) -> Response {
    let copied = |name: &str| values(&request.headers, name).into_iter();
    let mut headers: Vec<Header> = copied("Via").map(|via| Via::new(via).into()).collect();
    headers.extend(copied("From").map(|from| FromHeader::new(from).into()));
    headers.extend(copied("To").map(|to| {
        let to = if tag_of(&to).is_some() || status == 100 { to } else { format!("{to};tag={tag}") };
        Header::from(To::new(to))
    }));
    headers.extend(copied("Call-ID").map(|id| CallId::new(id).into()));
    headers.extend(copied("CSeq").map(|cseq| rsip::headers::CSeq::new(cseq).into()));
    headers.extend(copied("Record-Route").map(|route| rsip::headers::RecordRoute::new(route).into()));
    headers.extend(extra);
    with_body(&mut headers, body);
    Response {
        status_code: StatusCode::Other(status, phrase.to_owned()),
        version: Version::V2,
        headers: headers.into(),
        body: body.unwrap_or_default().into(),
    }
}

fn with_body(headers: &mut Vec<Header>, body: Option<&str>) {
    if body.is_some() {
        headers.push(ContentType::new("application/sdp").into());
    }
    headers.push(ContentLength::new(body.map_or(0, str::len).to_string()).into());
}

const USER_AGENT: &str = concat!("tandem-dial/", env!("CARGO_PKG_VERSION"));

/// What we understand, for `Allow`.
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, NOTIFY";

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        Head {
            uri: Uri::try_from("sip:demo@127.0.0.1:5060").expect("a URI"),
            sent_by: "127.0.0.1:5099".into(),
            branch: "z9hG4bK1".into(),
            from: "<sip:me@127.0.0.1>;tag=a".into(),
            to: "<sip:demo@127.0.0.1:5060>".into(),
            call_id: "c".into(),
            cseq: 7,
            contact: "<sip:me@127.0.0.1:5099>".into(),
            routes: vec!["<sip:proxy;lr>".into()],
        }
    }

    #[test]
    fn a_request_survives_the_wire() {
        let request = head().request(Method::Invite, Vec::new(), Some("v=0\r\n"));
        let text = request.to_string();
        assert!(text.starts_with("INVITE sip:demo@127.0.0.1:5060 SIP/2.0\r\n"), "{text}");
        assert!(text.contains("\r\nRoute: <sip:proxy;lr>\r\n"), "{text}");
        assert!(text.ends_with("Content-Length: 5\r\n\r\nv=0\r\n"), "{text}");
        let (parsed, _) = parse(text.as_bytes()).expect("parses");
        assert_eq!(Request::try_from(parsed).ok(), Some(request));
    }

    #[test]
    fn a_response_copies_what_it_must_and_tags_the_to() {
        let request = head().request(Method::Invite, Vec::new(), None);
        let response = response(&request, 486, "Busy Here", "b", Vec::new(), None);
        let (parsed, phrase) = parse(response.to_string().as_bytes()).expect("parses");
        let SipMessage::Response(parsed) = parsed else { panic!("a request came back") };
        assert_eq!((parsed.status_code.code(), phrase.as_str()), (486, "Busy Here"));
        assert_eq!(value(&parsed.headers, "To").as_deref().and_then(tag_of), Some("b"));
        assert_eq!(cseq(&parsed.headers), Some((7, "INVITE".into())));
    }

    #[test]
    fn addresses_are_taken_apart() {
        assert_eq!(uri_of("\"Demo\" <sip:d@h;lr>;tag=x"), "sip:d@h;lr");
        assert_eq!(uri_of("sip:d@h;tag=x"), "sip:d@h");
        assert_eq!(tag_of("<sip:d@h;tag=no>;tag=x;y"), Some("x"));
        assert_eq!(tag_of("<sip:d@h>"), None);
    }

    #[test]
    fn keep_alives_and_junk_are_no_messages() {
        for junk in [&b"\r\n\r\n"[..], b"", b"hello", b"SIP/2.0", b"\xff\xfe\xfd", b"SIP/2.0 200 OK\r\n"] {
            assert!(
                parse(junk).is_none_or(|(message, _)| value(rsip::prelude::HasHeaders::headers(&message), "Via").is_none()),
                "{junk:?}"
            );
        }
    }
}

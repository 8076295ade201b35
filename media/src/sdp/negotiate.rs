//! Offer/answer (RFC 3264) for RTP, clear or under keys in the description (RFC 4568, RFC 8643), as pure functions.
//!
//! One audio stream per session: the first audio line that we can serve wins, every other line keeps its place with port 0. Each answer
//! is computed from the offer at hand, never from what was said before. WebRTC lines are not for these functions.

use std::net::{IpAddr, SocketAddr};

use super::{
    Answer, Attribute, Connection, Crypto, Description, DigitPlan, Digits, Flow, Host, LegKeys, Line, Media, MediaKind, MediaPlan, Offer,
    Origin, Protocol, Refused, Secrets, Srtp, crypto,
};
use crate::codec::CodecKind;

/// Milliseconds of audio in a packet where the peer does not say (RFC 3551 4.2), and what we ask for ourselves.
const PTIME_MS: u8 = 20;
/// Longest packet we make, in ms: 60 ms of G.711 still fits a small path.
const PTIME_MS_MAX: u8 = 60;
/// First of the dynamic payload types (RFC 3551 6).
const DYNAMIC_FIRST: u8 = 96;

/// What we bring to a negotiation.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// What may be spoken on this leg, most wanted first; not empty.
    pub codecs: &'a [CodecKind],
    /// The leased address: RTP is bound here, RTCP on the next port.
    pub local: SocketAddr,
    /// The address that the peer must send to; `local`'s own unless a NAT stands between.
    pub advertised: IpAddr,
    /// Session id of our `o=` line, constant for the leg; at most 2^63 - 1 (RFC 3264 5).
    pub session_id: u64,
    /// What we said last on this leg, offer or answer: fixes the version, the payload types and the order of media lines (RFC 3264 8).
    pub previous: Option<&'a Description>,
    /// Where the signalling comes from, where the endpoint is marked as behind NAT.
    pub signalled_from: Option<IpAddr>,
    /// What we want: `SendRecv` in talk, `SendOnly` to hold with music, `Inactive` to hold in silence.
    pub flow: Flow,
    /// Whether media is SRTP.
    pub srtp: Srtp,
    /// Our keys for it; `None` where they may not be written, since others can read the signalling.
    pub keys: Option<&'a LegKeys>,
    /// By which ways digits come.
    pub digits: Digits,
}

/// Answers an offer (RFC 3264 6) and says what was agreed.
///
/// The codec is the first of `terms.codecs` in the offer; one that leaves no telephone-event at its clock gives way to one that does,
/// since a caller without digits is deaf to every menu. The answer names that codec alone, with the offered payload types, so that the
/// peer has nothing else to send.
pub fn answer(offer: &Offer, terms: &Terms<'_>) -> Result<(Answer, MediaPlan), Refused> {
    let theirs = offer.description();
    let mut why = Refused::unacceptable("no audio line");
    let mut chosen: Option<(usize, &Media, Choice)> = None;
    for (index, media) in theirs.media.iter().enumerate().filter(|(_, media)| media.kind == MediaKind::Audio && media.port != 0) {
        match choose(theirs, media, terms) {
            // Some phones offer a stream twice, clear and secured: the secured one is preferred, in whatever order.
            Ok(choice) if chosen.is_none() || choice.secured.is_some() => {
                let is_best = choice.secured.is_some() || terms.srtp == Srtp::None;
                chosen = Some((index, media, choice));
                if is_best {
                    break;
                }
            }
            Ok(_) => {}
            Err(refused) => why = refused,
        }
    }
    let Some((index, media, Choice { codec, payload_type, digits, remote, secured })) = chosen else { return Err(why) };
    let (crypto, secrets) = secured.unzip();
    let digit_plan = digits.map(|(clock_rate, number)| DigitPlan { send: number, receive: number, clock_rate });

    let peer = peer_flow(theirs, media);
    // RFC 3264 6.1: what is offered sendonly is answered recvonly or inactive, and so on: never more than the mirror allows.
    let flow = terms.flow.within(peer.mirrored());
    let rtcp_mux = media.attribute("rtcp-mux").is_some();
    let port = terms.local.port();
    let audio = Stream {
        port,
        protocol: media.protocol.clone(),
        codecs: vec![(codec, payload_type)],
        digits: Vec::from_iter(digits),
        flow,
        rtcp_mux,
        rtcp_port: port.checked_add(1).filter(|_| !rtcp_mux),
        crypto: crypto.map(crypto_line).into_iter().collect(),
    };
    let lines = theirs.media.iter().enumerate().map(|(at, media)| if at == index { audio.media() } else { refused_line(media) });
    let answer = Answer::from(describe(terms, lines.collect()));
    let plan = MediaPlan {
        local: terms.local,
        remote,
        signalled_from: terms.signalled_from,
        rtcp_mux,
        codec,
        payload_type,
        receive_payload_type: payload_type,
        digits: digit_plan,
        tones: terms.digits.hears_tones(digit_plan),
        ptime_ms: ptime(media),
        flow,
        secrets: secrets.map(Box::new),
    };
    Ok((answer, plan))
}

/// Makes an offer for a new leg, or a re-offer where `terms.previous` is set.
///
/// A re-offer keeps the media lines in place, the numbers of codecs already named (RFC 3264 8.3.2) and the keys. SRTP that is preferred
/// is offered as RTP/AVP with keys beside (RFC 8643): who does not know them talks in the clear.
pub fn offer(terms: &Terms<'_>) -> Offer {
    let previous = terms.previous.map(|previous| previous.media.as_slice()).unwrap_or_default();
    let place = previous.iter().position(|media| media.kind == MediaKind::Audio && media.port != 0);
    let before = place.and_then(|place| previous.get(place));

    let mut numbers = Numbers { before, taken: before.into_iter().flat_map(Media::payload_types).collect() };
    let codecs: Vec<_> = terms.codecs.iter().map(|codec| (*codec, numbers.of_codec(*codec))).collect();
    let mut clocks: Vec<u32> =
        terms.codecs.iter().filter(|_| terms.digits.speaks_events()).map(|codec| encoding(*codec).clock_rate).collect();
    clocks.sort_unstable();
    clocks.dedup();
    let digits = clocks.into_iter().map(|clock_rate| (clock_rate, numbers.of_digits(clock_rate))).collect();
    let keys = terms.keys.filter(|_| terms.srtp != Srtp::None);
    let first = if terms.srtp == Srtp::Require { Protocol::RtpSavp } else { Protocol::RtpAvp };
    let protocol = before.map_or(first, |media| media.protocol.clone());
    let crypto = match before {
        Some(media) => media.attributes.iter().filter(|attribute| attribute.name == crypto::NAME).cloned().collect(),
        None => keys.into_iter().flat_map(LegKeys::lines).map(crypto_line).collect(),
    };
    let port = terms.local.port();
    let rtcp_port = port.checked_add(1);
    let audio = Stream { port, protocol, codecs, digits, flow: terms.flow, rtcp_mux: true, rtcp_port, crypto }.media();

    let mut lines: Vec<Media> = previous.iter().map(refused_line).collect();
    match place.and_then(|place| lines.get_mut(place)) {
        Some(line) => *line = audio,
        None => lines.push(audio),
    }
    Offer::from(describe(terms, lines))
}

/// Reads the answer to our offer and says what was agreed (RFC 3264 7).
///
/// Of several codecs in the answer the first is meant (RFC 3264 6.1: the order is the answerer's preference).
pub fn accept(offer: &Offer, answer: &Answer, terms: &Terms<'_>) -> Result<MediaPlan, Refused> {
    let (ours, theirs) = (offer.description(), answer.description());
    let live = |media: &Media| media.kind == MediaKind::Audio && media.port != 0;
    let index = ours.media.iter().position(live).ok_or(Refused::unacceptable("our offer has no audio line"))?;
    let (offered, media) =
        ours.media.get(index).zip(theirs.media.get(index)).ok_or(Refused::unacceptable("answer lacks the audio line"))?;
    if !live(media) {
        return Err(Refused::unacceptable("audio was refused"));
    }
    if media.protocol != offered.protocol {
        return Err(Refused::unacceptable("answer changes the protocol"));
    }
    let secrets = agreed_secrets(offered, media, terms)?;
    let remote = remote(theirs, media, terms)?;
    let known = |number: u8| {
        let codec = terms.codecs.iter().copied().find(|codec| is_codec(media, number, *codec))?;
        let receive = offered.payload_types().find(|own| is_codec(offered, *own, codec))?;
        Some((codec, number, receive))
    };
    let (codec, payload_type, receive_payload_type) =
        media.payload_types().find_map(known).ok_or(Refused::unacceptable("answer has no codec of our offer"))?;
    let clock_rate = encoding(codec).clock_rate;
    let digits = digits_number(media, clock_rate).zip(digits_number(offered, clock_rate));
    let digits = digits.map(|(send, receive)| DigitPlan { send, receive, clock_rate });
    Ok(MediaPlan {
        local: terms.local,
        remote,
        signalled_from: terms.signalled_from,
        rtcp_mux: offered.attribute("rtcp-mux").is_some() && media.attribute("rtcp-mux").is_some(),
        codec,
        payload_type,
        receive_payload_type,
        digits,
        tones: terms.digits.hears_tones(digits),
        ptime_ms: ptime(media),
        flow: ours.flow_of(offered).within(peer_flow(theirs, media).mirrored()),
        secrets: secrets.map(Box::new),
    })
}

/// What one offered line comes to.
struct Choice {
    codec: CodecKind,
    payload_type: u8,
    /// Clock and payload type of telephone-event.
    digits: Option<(u32, u8)>,
    remote: SocketAddr,
    /// Our line in the answer, and both keys.
    secured: Option<(Crypto, Secrets)>,
}

fn choose(theirs: &Description, media: &Media, terms: &Terms<'_>) -> Result<Choice, Refused> {
    let secured = secure(media, terms)?;
    let remote = remote(theirs, media, terms)?;
    let common = || {
        terms.codecs.iter().filter_map(|codec| {
            let payload_type = media.payload_types().find(|number| is_codec(media, *number, *codec))?;
            let clock_rate = encoding(*codec).clock_rate;
            let digits = digits_number(media, clock_rate).filter(|_| terms.digits.speaks_events()).map(|number| (clock_rate, number));
            Some(Choice { codec: *codec, payload_type, digits, remote, secured: secured.clone() })
        })
    };
    common().find(|choice| choice.digits.is_some()).or_else(|| common().next()).ok_or(Refused::unacceptable("no codec in common"))
}

/// What the security of an offered line comes to; `None` is RTP in the clear.
///
/// # Errors
/// The line cannot be served under these terms, and why.
fn secure(media: &Media, terms: &Terms<'_>) -> Result<Option<(Crypto, Secrets)>, Refused> {
    let ours = || terms.keys.filter(|_| terms.srtp != Srtp::None);
    let best = || Crypto::of(media).find_map(|theirs| answered(theirs, ours()?));
    match (&media.protocol, terms.srtp) {
        (Protocol::RtpAvp | Protocol::RtpAvpf, Srtp::None) => Ok(None),
        // RFC 8643 3.1: keys beside a clear profile are an offer too.
        (Protocol::RtpAvp | Protocol::RtpAvpf, Srtp::Prefer) => Ok(best()),
        (Protocol::RtpAvp | Protocol::RtpAvpf, Srtp::Require) => best().map(Some).ok_or(unsecured(media, terms)),
        (Protocol::RtpSavp | Protocol::RtpSavpf, _) => best().map(Some).ok_or(unsecured(media, terms)),
        (Protocol::UdpTlsRtpSavp | Protocol::UdpTlsRtpSavpf, _) => Err(Refused::unacceptable("DTLS-SRTP is not spoken on this port")),
        (Protocol::Other(_), _) => Err(Refused::unacceptable("audio line is not RTP")),
    }
}

/// Our line for one of the peer's: its tag and suite, our key.
fn answered(theirs: Crypto, ours: &LegKeys) -> Option<(Crypto, Secrets)> {
    let send = ours.of(theirs.key.profile())?;
    let line = Crypto { key: send.clone(), lifetime: None, tag: theirs.tag, suite: theirs.suite };
    Some((line, Secrets { send: send.clone(), receive: theirs.key }))
}

/// Why a line that is or must be secured cannot be.
fn unsecured(media: &Media, terms: &Terms<'_>) -> Refused {
    Refused::unacceptable(match (terms.srtp, terms.keys, media.attribute(crypto::NAME)) {
        (Srtp::None, _, _) => "SRTP is offered and srtp = \"none\" here: set srtp = \"prefer\"",
        (Srtp::Prefer | Srtp::Require, None, _) => "SRTP keys need TLS or WSS here: they came over clear signalling",
        (Srtp::Prefer | Srtp::Require, Some(_), Some(_)) => "no SRTP suite in common",
        (Srtp::Prefer | Srtp::Require, Some(_), None) => "SRTP is required here and no a=crypto is offered",
    })
}

/// Whether an offer could be met as far as the security of its media goes, before anything is spent on it; `keys` says whether ours may be
/// written.
///
/// # Errors
/// 488 with what stands against each audio line; of several, the last one's.
pub fn screen(offer: &Offer, srtp: Srtp, keys: bool) -> Result<(), Refused> {
    let mut audio = offer.description().media.iter().filter(|media| media.kind == MediaKind::Audio && media.port != 0).peekable();
    if audio.peek().is_none() {
        return Ok(());
    }
    let drawn = keys.then(|| LegKeys::draw(&mut |_| {}));
    let terms = Terms {
        codecs: &[],
        local: SocketAddr::from(([0, 0, 0, 0], 0)),
        advertised: IpAddr::from([0, 0, 0, 0]),
        session_id: 0,
        previous: None,
        signalled_from: None,
        flow: Flow::SendRecv,
        srtp,
        keys: drawn.as_ref(),
        digits: Digits::default(),
    };
    let mut verdict = Ok(());
    for media in audio {
        match secure(media, &terms) {
            Ok(_) => return Ok(()),
            Err(refused) => verdict = Err(refused),
        }
    }
    verdict
}

/// The keys of our offer and its answer (RFC 4568 5.1.3): the line of the offer that the answer names by tag and suite.
fn agreed_secrets(offered: &Media, media: &Media, terms: &Terms<'_>) -> Result<Option<Secrets>, Refused> {
    let agreed = Crypto::of(media).find_map(|theirs| {
        let ours = Crypto::of(offered).find(|ours| ours.tag == theirs.tag && ours.suite == theirs.suite)?;
        Some(Secrets { send: ours.key, receive: theirs.key })
    });
    let is_needed = terms.srtp == Srtp::Require || matches!(offered.protocol, Protocol::RtpSavp | Protocol::RtpSavpf);
    if agreed.is_none() && is_needed {
        return Err(Refused::unacceptable("answer has no key for SRTP"));
    }
    // RFC 4568 5.1.3: a key that answers nothing of ours means that the two do not speak of one thing.
    if agreed.is_none() && media.attribute(crypto::NAME).is_some() && offered.attribute(crypto::NAME).is_some() {
        return Err(Refused::unacceptable("answer has a key for a suite that was not offered"));
    }
    Ok(agreed)
}

fn crypto_line(crypto: Crypto) -> Attribute {
    Attribute::new(crypto::NAME, crypto)
}

/// Where the peer wants media, if we can send there.
fn remote(theirs: &Description, media: &Media, terms: &Terms<'_>) -> Result<SocketAddr, Refused> {
    let connection = theirs.connection_of(media).ok_or(Refused::malformed("audio line without c="))?;
    let Host::Ip(ip) = connection.host else { return Err(Refused::unacceptable("media address is a name")) };
    if ip.is_multicast() || ip == IpAddr::from([255; 4]) {
        return Err(Refused::unacceptable("media address is a group's"));
    }
    if ip.is_ipv4() != terms.advertised.is_ipv4() && !ip.is_unspecified() {
        return Err(Refused::unacceptable("media address is of the other IP family"));
    }
    Ok(SocketAddr::new(ip, media.port))
}

/// The direction as the peer means it. RFC 3264 8.4: an address of all zeros asks that nothing be sent there, whatever the attribute.
fn peer_flow(theirs: &Description, media: &Media) -> Flow {
    let muted = theirs.connection_of(media).is_some_and(|connection| connection.host.is_unspecified());
    theirs.flow_of(media).within(if muted { Flow::SendOnly } else { Flow::SendRecv })
}

/// The packet length that the peer asks us to send, in whole frames of 20 ms and never longer than it asked, save under 20 ms.
fn ptime(media: &Media) -> u8 {
    let limit = media.milliseconds("maxptime").unwrap_or(u32::MAX);
    let wanted = media.milliseconds("ptime").unwrap_or(PTIME_MS.into()).min(limit).min(PTIME_MS_MAX.into());
    u8::try_from(wanted / u32::from(PTIME_MS) * u32::from(PTIME_MS)).map_or(PTIME_MS, |whole| whole.max(PTIME_MS))
}

/// How a codec is named in SDP.
struct Encoding {
    name: &'static str,
    clock_rate: u32,
    channels: u8,
    /// The number we give it when the choice is ours.
    payload_type: u8,
    fmtp: Option<&'static str>,
}

const fn encoding(codec: CodecKind) -> Encoding {
    match codec {
        CodecKind::Pcmu => Encoding { name: "PCMU", clock_rate: 8000, channels: 1, payload_type: 0, fmtp: None },
        CodecKind::Pcma => Encoding { name: "PCMA", clock_rate: 8000, channels: 1, payload_type: 8, fmtp: None },
        // RFC 3551 4.5.2: 8000 in the map, though it samples at 16 kHz.
        CodecKind::G722 => Encoding { name: "G722", clock_rate: 8000, channels: 1, payload_type: 9, fmtp: None },
        // RFC 7587 7: always 48000/2 in the map, whatever is coded.
        CodecKind::Opus => {
            Encoding { name: "opus", clock_rate: 48_000, channels: 2, payload_type: 111, fmtp: Some("minptime=10;useinbandfec=1") }
        }
    }
}

const DIGITS_NAME: &str = "telephone-event";

/// The number we give telephone-event at a clock when the choice is ours: those that most phones and browsers use.
const fn digits_default(clock_rate: u32) -> u8 {
    if clock_rate == 8000 { 101 } else { 110 }
}

fn is_codec(media: &Media, number: u8, codec: CodecKind) -> bool {
    let Encoding { name, clock_rate, channels, .. } = encoding(codec);
    media.rtp_map(number).is_some_and(|map| {
        map.encoding.eq_ignore_ascii_case(name) && map.clock_rate == clock_rate && (map.channels == channels || map.channels == 1)
    })
}

/// Telephone-event at that very clock: its timestamps are the codec's (RFC 4733 2.1).
fn digits_number(media: &Media, clock_rate: u32) -> Option<u8> {
    let is_digits = |number: &u8| {
        media.rtp_map(*number).is_some_and(|map| map.encoding.eq_ignore_ascii_case(DIGITS_NAME) && map.clock_rate == clock_rate)
    };
    media.payload_types().find(is_digits)
}

/// Payload types of an offer of ours.
struct Numbers<'a> {
    /// RFC 3264 8.3.2: a number keeps its meaning for the whole session.
    before: Option<&'a Media>,
    taken: Vec<u8>,
}

impl Numbers<'_> {
    fn of_codec(&mut self, codec: CodecKind) -> u8 {
        let known = self.before.and_then(|media| media.payload_types().find(|number| is_codec(media, *number, codec)));
        known.unwrap_or_else(|| self.fresh(encoding(codec).payload_type))
    }

    fn of_digits(&mut self, clock_rate: u32) -> u8 {
        let known = self.before.and_then(|media| digits_number(media, clock_rate));
        known.unwrap_or_else(|| self.fresh(digits_default(clock_rate)))
    }

    fn fresh(&mut self, wanted: u8) -> u8 {
        let mut free = std::iter::once(wanted).chain(DYNAMIC_FIRST..128).filter(|number| !self.taken.contains(number));
        let number = free.next().unwrap_or(wanted);
        self.taken.push(number);
        number
    }
}

/// Our audio line, before it is one.
struct Stream {
    port: u16,
    protocol: Protocol,
    codecs: Vec<(CodecKind, u8)>,
    /// Clock and payload type of telephone-event, once per clock.
    digits: Vec<(u32, u8)>,
    flow: Flow,
    rtcp_mux: bool,
    /// Named in an offer even beside rtcp-mux, since the answerer may not know that (RFC 5761 5.1.1).
    rtcp_port: Option<u16>,
    /// `a=crypto`, in order of preference.
    crypto: Vec<Attribute>,
}

impl Stream {
    fn media(&self) -> Media {
        let mut attributes = Vec::new();
        for (codec, number) in &self.codecs {
            let Encoding { name, clock_rate, channels, fmtp, .. } = encoding(*codec);
            let channels = if channels == 1 { String::new() } else { format!("/{channels}") };
            attributes.push(Attribute::new("rtpmap", format_args!("{number} {name}/{clock_rate}{channels}")));
            attributes.extend(fmtp.map(|fmtp| Attribute::new("fmtp", format_args!("{number} {fmtp}"))));
        }
        for (clock_rate, number) in &self.digits {
            attributes.push(Attribute::new("rtpmap", format_args!("{number} {DIGITS_NAME}/{clock_rate}")));
            attributes.push(Attribute::new("fmtp", format_args!("{number} 0-15")));
        }
        attributes.push(Attribute::new("ptime", PTIME_MS));
        attributes.push(Attribute::flag(self.flow.name()));
        attributes.extend(self.rtcp_mux.then(|| Attribute::flag("rtcp-mux")));
        attributes.extend(self.rtcp_port.map(|port| Attribute::new("rtcp", port)));
        attributes.extend(self.crypto.iter().cloned());
        let numbers = self.codecs.iter().map(|(_, number)| number).chain(self.digits.iter().map(|(_, number)| number));
        Media {
            kind: MediaKind::Audio,
            port: self.port,
            ports: None,
            protocol: self.protocol.clone(),
            formats: numbers.map(u8::to_string).collect(),
            connection: None,
            lines: Vec::new(),
            attributes,
        }
    }
}

/// The same line with port 0 (RFC 3264 6: a refused stream keeps its place and at least one format).
fn refused_line(media: &Media) -> Media {
    Media { port: 0, ports: None, connection: None, lines: Vec::new(), attributes: Vec::new(), ..media.clone() }
}

fn describe(terms: &Terms<'_>, media: Vec<Media>) -> Description {
    let advertised = Host::from(terms.advertised);
    let version = terms.previous.map_or(1, |previous| previous.origin.version);
    let mut description = Description {
        origin: Origin { username: "-".to_owned(), id: terms.session_id, version, host: advertised.clone() },
        name: "-".to_owned(),
        connection: Some(Connection { host: advertised, scope: None }),
        lines: vec![Line { kind: 't', value: "0 0".to_owned() }],
        attributes: Vec::new(),
        media,
    };
    // RFC 3264 8: the version grows by one when the description differs from the previous one, and only then.
    if terms.previous.is_some_and(|previous| *previous != description) {
        description.origin.version = version.saturating_add(1);
    }
    description
}

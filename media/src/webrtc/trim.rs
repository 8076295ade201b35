//! A page's offer or answer cut down to the one audio section that `rtc` is shown, and `rtc`'s own words made fit for the page.
//!
//! Only attributes that `rtc` acts upon pass, so that a page cannot make it gather candidates, resolve names or open streams.

use std::net::SocketAddr;

use crate::sdp::{Answer, Attribute, Connection, Description, Flow, Host, Media, MediaKind, Offer, Protocol, Refused, RtpMap};

/// Attributes that pass, at session and at media level.
const ICE_AND_DTLS: [&str; 6] = ["ice-ufrag", "ice-pwd", "ice-options", "ice-lite", "fingerprint", "setup"];
/// Attributes that pass in the audio section only.
const AUDIO: [&str; 8] = ["mid", "msid", "rtcp-mux", "rtcp-rsize", "sendrecv", "sendonly", "recvonly", "inactive"];
/// Lines about SSRCs shown at most: an audio section has one source, with a cname and an msid.
const SSRC_LINES_MAX: usize = 4;
/// RFC 8839 5.4: longest ufrag or password.
const CREDENTIAL_LEN_MAX: usize = 256;
/// What `rtc` is shown where the page names no section, as nobody must who bundles nothing; and what `rtc` itself calls its first.
pub(super) const UNNAMED: &str = "0";

/// What `rtc` is shown.
#[derive(Debug)]
pub(super) struct Trimmed {
    /// The offer, or the answer, with nothing but its audio.
    pub(super) sdp: String,
    /// Place of the audio section in the whole.
    place: usize,
    /// Its direction, seen from the page.
    pub(super) flow: Flow,
    /// Payload type of Opus, as offered.
    pub(super) opus: u8,
    /// Payload type of telephone-event at 48 kHz, if offered.
    pub(super) digits: Option<u8>,
    /// The page insists on being the DTLS client, or the server.
    pub(super) setup: Option<Setup>,
    /// What the page calls the section, if it does (RFC 5888).
    pub(super) mid: Option<String>,
}

/// Who begins DTLS, where that is said (RFC 8842 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setup {
    Active,
    Passive,
}

impl Setup {
    /// What the other side is.
    pub(super) const fn mirrored(self) -> Self {
        match self {
            Self::Active => Self::Passive,
            Self::Passive => Self::Active,
        }
    }

    const fn token(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
        }
    }
}

impl Trimmed {
    /// Refuses with 488 what has no audio for a peer.
    pub(super) fn of(whole: &Description) -> Result<Self, Refused> {
        let is_ours = |media: &Media| {
            let is_dtls = matches!(media.protocol, Protocol::UdpTlsRtpSavpf | Protocol::UdpTlsRtpSavp);
            media.kind == MediaKind::Audio && media.port != 0 && is_dtls
        };
        let (place, audio) =
            whole.media.iter().enumerate().find(|(_, media)| is_ours(media)).ok_or(Refused::unacceptable("no DTLS-SRTP audio line"))?;
        for (name, len_min) in [("ice-ufrag", 4), ("ice-pwd", 22)] {
            let value = whole.attribute_of(audio, name).and_then(|attribute| attribute.value.as_deref());
            let is_fit = value.is_some_and(|value| (len_min..=CREDENTIAL_LEN_MAX).contains(&value.len()));
            if !is_fit {
                return Err(Refused::unacceptable("ICE credentials are missing or of a wrong length"));
            }
        }
        if whole.attribute_of(audio, "fingerprint").is_none() {
            return Err(Refused::unacceptable("no DTLS fingerprint"));
        }
        if audio.attribute("rtcp-mux").is_none() {
            return Err(Refused::unacceptable("RTCP is not muxed"));
        }
        let at_48k = |name: &str| {
            let is_named = |map: &RtpMap<'_>| map.encoding.eq_ignore_ascii_case(name) && map.clock_rate == 48_000;
            audio.payload_types().find(|number| audio.rtp_map(*number).is_some_and(|map| is_named(&map)))
        };
        let opus = at_48k("opus").ok_or(Refused::unacceptable("no Opus"))?;
        // At 48 kHz only: rtc matches a codec by name without its clock, and would answer the 8 kHz one with this number too.
        let digits = at_48k("telephone-event");
        let setup = whole.attribute_of(audio, "setup").and_then(|attribute| attribute.value.as_deref());
        Ok(Self {
            sdp: audio_alone(whole, audio, opus, digits),
            place,
            flow: whole.flow_of(audio),
            opus,
            digits,
            setup: match setup {
                Some("active") => Some(Setup::Active),
                Some("passive") => Some(Setup::Passive),
                _ => None,
            },
            mid: audio.attribute("mid").and_then(|mid| mid.value.clone()),
        })
    }

    /// Puts the answer's audio where the offer has it and refuses every other section in its place (RFC 3264 6, RFC 8843 7.3.3).
    pub(super) fn grow(&self, offer: &Offer, answer: &str, shown: &Shown) -> Result<Answer, Refused> {
        let mut answer = shown.read(answer)?;
        let mut audio = answer.media.pop().ok_or(NO_AUDIO)?;
        if self.mid.is_none() {
            audio.attributes.retain(|attribute| attribute.name != "mid");
            answer.attributes.retain(|attribute| attribute.name != "group");
        }
        answer.media = offer.description().media.iter().map(refused_section).collect();
        *answer.media.get_mut(self.place).ok_or(Refused::unacceptable("the audio line is gone"))? = audio;
        Ok(Answer::from(answer))
    }
}

/// What we say of ourselves, in place of what `rtc` makes up.
#[derive(Debug)]
pub(super) struct Shown {
    /// Our one candidate; also said where those look who read no candidates (RFC 8839 4.2.1.2).
    pub(super) address: SocketAddr,
    /// In place of the random one that each description gets.
    pub(super) version: u64,
    /// Our part in DTLS, once that is settled: it does not change while the keys live (RFC 8842 5.5).
    pub(super) setup: Option<Setup>,
}

impl Shown {
    /// Reads a description of `rtc`'s, which holds one audio section.
    pub(super) fn read(&self, sdp: &str) -> Result<Description, Refused> {
        let mut description = Description::parse(sdp)?;
        description.origin.version = self.version;
        let [audio] = description.media.as_mut_slice() else { return Err(NO_AUDIO) };
        // RTCP is muxed: rtc lists the host candidate for a second component that nobody will check.
        audio.attributes.retain(|attribute| attribute.name != "candidate" || component(attribute) != Some("2"));
        audio.port = self.address.port();
        audio.connection = Some(Connection { host: Host::Ip(self.address.ip()), scope: None });
        if let (Some(setup), Some(said)) = (self.setup, audio.attributes.iter_mut().find(|attribute| attribute.name == "setup")) {
            said.value = Some(setup.token().to_owned());
        }
        Ok(description)
    }
}

const NO_AUDIO: Refused = Refused::unacceptable("no audio was agreed");

/// Port 0 and one format with its name: that is the least which all stacks read.
fn refused_section(media: &Media) -> Media {
    let formats: Vec<String> = media.formats.first().cloned().into_iter().collect();
    let names_it = |attribute: &&Attribute| {
        let of = |value: &str| value.split(' ').next().map(str::to_owned);
        attribute.name == "rtpmap" && attribute.value.as_deref().and_then(of).as_ref() == formats.first()
    };
    let mid = media.attribute("mid").cloned();
    let rtp_map = media.attributes.iter().find(names_it).cloned();
    let attributes = mid.into_iter().chain(rtp_map).chain([Attribute::flag("inactive")]).collect();
    Media { port: 0, ports: None, formats, connection: None, lines: Vec::new(), attributes, ..media.clone() }
}

fn component(candidate: &Attribute) -> Option<&str> {
    candidate.value.as_deref()?.split(' ').nth(1)
}

fn audio_alone(whole: &Description, audio: &Media, opus: u8, digits: Option<u8>) -> String {
    let mut kept = whole.clone();
    kept.lines.retain(|line| line.kind == 't');
    kept.attributes.retain(|attribute| ICE_AND_DTLS.contains(&attribute.name.as_str()));
    let mut audio = audio.clone();
    if audio.attribute("mid").is_none() {
        audio.attributes.push(Attribute::new("mid", UNNAMED));
    }
    if let Some(mid) = audio.attribute("mid").and_then(|mid| mid.value.as_deref()) {
        kept.attributes.push(Attribute::new("group", format_args!("BUNDLE {mid}")));
    }
    audio.lines.clear();
    audio.formats = [Some(opus), digits].into_iter().flatten().map(|number| number.to_string()).collect();
    let mut ssrc_lines = 0;
    let formats = audio.formats.clone();
    audio.attributes.retain(|attribute| match attribute.name.as_str() {
        "rtpmap" | "fmtp" => {
            let number = attribute.value.as_deref().and_then(|value| value.split(' ').next());
            number.is_some_and(|number| formats.iter().any(|format| format == number))
        }
        "ssrc" => {
            ssrc_lines += 1;
            ssrc_lines <= SSRC_LINES_MAX
        }
        name => ICE_AND_DTLS.contains(&name) || AUDIO.contains(&name),
    });
    kept.media = vec![audio];
    kept.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHROMIUM: &str = include_str!("../../fixtures/chromium-156-offer.sdp");

    #[test]
    fn rtc_is_shown_audio_without_candidates_or_narrow_digits() {
        let trimmed = Trimmed::of(Offer::parse(CHROMIUM).unwrap().description()).unwrap();
        assert_eq!((trimmed.opus, trimmed.digits, trimmed.flow), (111, Some(110), Flow::SendRecv));
        assert!(trimmed.sdp.contains("SAVPF 111 110\r\n"), "{}", trimmed.sdp);
        for gone in ["candidate", "126", "extmap", "rtcp-fb", "red/", "PCMU"] {
            assert!(!trimmed.sdp.contains(gone), "{gone}: {}", trimmed.sdp);
        }
    }

    #[test]
    fn what_no_peer_can_serve_is_refused() {
        for (from, to) in [
            ("m=audio 60332", "m=audio 0"),
            ("m=audio", "m=video"),
            ("UDP/TLS/RTP/SAVPF", "RTP/AVP"),
            ("opus/48000", "opus/16000"),
            ("a=ice-ufrag:zcXU\r\n", ""),
            ("zcXU", &"x".repeat(300)),
            ("a=fingerprint", "a=x"),
            ("a=rtcp-mux\r\n", ""),
        ] {
            let offer = Offer::parse(&CHROMIUM.replace(from, to)).unwrap();
            assert_eq!(Trimmed::of(offer.description()).unwrap_err().status, 488, "{to}");
        }
    }
}

//! As much of SDP as one audio stream of G.711 needs (RFC 4566, RFC 3264).

use std::net::{IpAddr, SocketAddr};

use super::super::g711::Law;

/// What the far side's SDP says of its audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Audio {
    /// Where to send to.
    pub(super) address: SocketAddr,
    /// The laws among its payload types, in its order.
    pub(super) laws: Vec<Law>,
    /// Payload type of telephone-event at 8 kHz.
    pub(super) event: Option<u8>,
    pub(super) direction: Direction,
}

/// RFC 3264 5.1, from the side of whoever wrote the SDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Sendrecv,
    Sendonly,
    Recvonly,
    Inactive,
}

impl Direction {
    /// What we answer to it.
    pub(super) fn mirrored(self) -> Self {
        match self {
            Self::Sendonly => Self::Recvonly,
            Self::Recvonly => Self::Sendonly,
            Self::Sendrecv | Self::Inactive => self,
        }
    }

    /// Whether its writer wants to hear anything.
    pub(super) fn listens(self) -> bool {
        matches!(self, Self::Sendrecv | Self::Recvonly)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Sendrecv => "sendrecv",
            Self::Sendonly => "sendonly",
            Self::Recvonly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

/// Our SDP: these laws and telephone-event at `local`.
pub(super) fn write(local: SocketAddr, laws: &[Law], event: Option<u8>, direction: Direction) -> String {
    let family = if local.is_ipv4() { "IP4" } else { "IP6" };
    let (ip, port) = (local.ip(), local.port());
    let types: String = laws.iter().map(|law| law.payload_type()).chain(event).map(|payload_type| format!(" {payload_type}")).collect();
    let maps: String = laws.iter().map(|law| format!("a=rtpmap:{} {}/8000\r\n", law.payload_type(), law.name())).collect();
    let event = event.map_or_else(String::new, |event| format!("a=rtpmap:{event} telephone-event/8000\r\na=fmtp:{event} 0-15\r\n"));
    format!(
        "v=0\r\no=- {port} 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP{types}\r\n{maps}{event}a=ptime:20\r\na={}\r\n",
        direction.word()
    )
}

/// Reads the first audio stream; `None` where there is none that can be sent to.
pub(super) fn read(sdp: &[u8]) -> Option<Audio> {
    let sdp = str::from_utf8(sdp).ok()?;
    let (mut ip, mut port, mut types) = (None::<IpAddr>, None::<u16>, Vec::new());
    let (mut event, mut direction) = (None, Direction::Sendrecv);
    for line in sdp.lines() {
        let Some((kind, value)) = line.split_once('=') else { continue };
        match kind {
            // The next stream begins.
            "m" if port.is_some() => break,
            "m" => {
                let mut words = value.split_whitespace();
                if words.next() != Some("audio") {
                    continue;
                }
                port = words.next().and_then(|port| port.split('/').next()).and_then(|port| port.parse().ok());
                types = words.skip(1).filter_map(|payload_type| payload_type.parse::<u8>().ok()).collect();
            }
            "c" => ip = value.split_whitespace().nth(2).and_then(|ip| ip.split('/').next()).and_then(|ip| ip.parse().ok()).or(ip),
            "a" => match value.split_once(':') {
                Some(("rtpmap", map)) => {
                    let (payload_type, name) = map.split_once(' ').unwrap_or_default();
                    if name.trim().eq_ignore_ascii_case("telephone-event/8000") {
                        event = payload_type.parse().ok();
                    }
                }
                Some(_) => {}
                None => {
                    direction = match value.trim() {
                        "sendonly" => Direction::Sendonly,
                        "recvonly" => Direction::Recvonly,
                        "inactive" => Direction::Inactive,
                        _ => direction,
                    }
                }
            },
            _ => {}
        }
    }
    let address = SocketAddr::new(ip?, port.filter(|&port| port != 0)?);
    let laws = types.iter().filter_map(|&payload_type| Law::of_payload_type(payload_type)).collect();
    Some(Audio { address, laws, event: event.filter(|event| types.contains(event)), direction })
}

/// Our payload type for telephone-event, the one most phones use.
pub(super) const EVENT: u8 = 101;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_sdp_reads_as_what_was_meant() {
        let local = SocketAddr::from(([127, 0, 0, 1], 4000));
        let sdp = write(local, &[Law::Pcma, Law::Pcmu], Some(EVENT), Direction::Sendonly);
        let audio = Audio { address: local, laws: vec![Law::Pcma, Law::Pcmu], event: Some(EVENT), direction: Direction::Sendonly };
        assert_eq!(read(sdp.as_bytes()), Some(audio));
    }

    #[test]
    fn a_stream_address_beats_the_session_address_and_later_streams_are_not_read() {
        let sdp =
            "v=0\nc=IN IP4 10.0.0.1\nm=audio 5000 RTP/AVP 9 8\nc=IN IP4 10.0.0.2\nm=video 6000 RTP/AVP 96\nc=IN IP4 10.0.0.3\na=inactive\n";
        let audio = read(sdp.as_bytes()).expect("has audio");
        assert_eq!((audio.address.to_string().as_str(), audio.direction), ("10.0.0.2:5000", Direction::Sendrecv));
        assert_eq!((audio.laws, audio.event), (vec![Law::Pcma], None));
    }

    #[test]
    fn a_refused_stream_and_junk_are_no_audio() {
        for sdp in
            ["m=audio 0 RTP/AVP 0\nc=IN IP4 1.2.3.4", "", "m=audio", "c=IN IP4 x\nm=audio 99999 RTP/AVP 0", "m=audio 5 RTP/AVP 0", "=\n=="]
        {
            assert_eq!(read(sdp.as_bytes()), None, "{sdp}");
        }
    }
}

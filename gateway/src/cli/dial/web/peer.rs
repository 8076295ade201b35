//! The media of a web call by the async `webrtc`: Opus both ways, keys as RFC 4733 events.

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use opus::{Application, Channels, Decoder, Encoder};
use rtc::{
    media_stream::MediaStreamTrack,
    peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_TELEPHONE_EVENT},
    rtp,
    rtp_transceiver::rtp_sender::{RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind},
};
use tokio::{
    sync::mpsc,
    time::{Instant, Interval, MissedTickBehavior},
};
use webrtc::{
    media_stream::{
        track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP},
        track_remote::{TrackRemote, TrackRemoteEvent},
    },
    peer_connection::{
        MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder, RTCIceGatheringState,
        RTCPeerConnectionState, RTCSessionDescription, Registry, register_default_interceptors,
    },
};

use super::super::{
    report::{Failed, Failure},
    rtp::Packet,
    talk::{Noted, Say, Talk},
};

/// One WebRTC connection and the conversation that it carries.
pub(super) struct Peer {
    connection: Arc<dyn PeerConnection>,
    pub(super) talk: Talk,
    encoder: Encoder,
    decoder: Decoder,
    tick: Interval,
    happened: mpsc::Receiver<Happened>,
    outbox: mpsc::Sender<rtp::Packet>,
    /// When ICE and DTLS were through.
    pub(super) connected: Option<Instant>,
    keys_in_rtp: bool,
}

/// What a turn brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Noted(Noted),
    /// A key to be sent as a message of the page.
    Press(char),
    Connected,
    /// The connection is lost or never came about.
    Failed,
}

/// What the library's own tasks tell us.
enum Happened {
    Gathered,
    State(RTCPeerConnectionState),
    Packet(rtp::Packet),
}

/// Passes the library's events on.
#[derive(Clone)]
struct Ears(mpsc::Sender<Happened>);

impl Peer {
    /// A connection from `local`; keys go into RTP, or are given back as `Turn::Press`.
    pub(super) async fn new(local: IpAddr, talk: Talk, keys_in_rtp: bool) -> Result<Self, Failure> {
        let (ears, happened) = mpsc::channel(HAPPENED_MAX);
        let opus = codec(MIME_TYPE_OPUS, 2, OPUS, "minptime=10;useinbandfec=1");
        let keys = codec(MIME_TYPE_TELEPHONE_EVENT, 0, EVENT, "0-15");
        let mut engine = MediaEngine::default();
        engine.register_codec(opus.clone(), RtpCodecKind::Audio).map_err(broken)?;
        engine.register_codec(keys.clone(), RtpCodecKind::Audio).map_err(broken)?;
        let registry = register_default_interceptors(Registry::new(), &mut engine).map_err(broken)?;
        let connection = PeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_media_engine(engine)
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(Ears(ears)))
            .with_udp_addrs(vec![std::net::SocketAddr::new(local, 0)])
            .build()
            .await
            .map_err(broken)?;
        let coding = RTCRtpCodingParameters { ssrc: Some(talk.sending.ssrc), ..Default::default() };
        let encoding = RTCRtpEncodingParameters { rtp_coding_parameters: coding, codec: opus.rtp_codec.clone(), ..Default::default() };
        let stream = MediaStreamTrack::new("phone".into(), "audio".into(), "audio".into(), RtpCodecKind::Audio, vec![encoding]);
        let track: Arc<dyn TrackLocal> = Arc::new(TrackLocalStaticRTP::new(stream));
        connection.add_track(Arc::clone(&track)).await.map_err(broken)?;
        // A track of Opus is offered as Opus alone unless told that keys go with it.
        for transceiver in connection.get_transceivers().await {
            transceiver.set_codec_preferences(vec![opus.clone(), keys.clone()]).await.map_err(broken)?;
        }
        // Writing awaits the library's queue, and a turn may be dropped at any await: a task of its own writes.
        let (outbox, mut packets) = mpsc::channel(OUTBOX_MAX);
        tokio::spawn(async move {
            while let Some(packet) = packets.recv().await {
                let _ = track.write_rtp(packet).await;
            }
        });
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let encoder = Encoder::new(RATE, Channels::Mono, Application::Voip).map_err(broken)?;
        let decoder = Decoder::new(RATE, Channels::Mono).map_err(broken)?;
        Ok(Self { connection: Arc::new(connection), talk, encoder, decoder, tick, happened, outbox, connected: None, keys_in_rtp })
    }

    /// Our SDP offer, with all candidates in it.
    pub(super) async fn offer(&mut self) -> Result<String, Failure> {
        let offer = self.connection.create_offer(None).await.map_err(broken)?;
        self.describe(offer).await
    }

    /// The far side's SDP answer.
    pub(super) async fn answered(&mut self, sdp: &str) -> Result<(), Failure> {
        let answer = RTCSessionDescription::answer(sdp.to_owned()).map_err(broken)?;
        self.connection.set_remote_description(answer).await.map_err(broken)
    }

    /// Our SDP answer to an offer: what the gateway does, for tests without one.
    #[cfg(test)]
    pub(super) async fn answer(&mut self, sdp: &str) -> Result<String, Failure> {
        let offer = RTCSessionDescription::offer(sdp.to_owned()).map_err(broken)?;
        self.connection.set_remote_description(offer).await.map_err(broken)?;
        let answer = self.connection.create_answer(None).await.map_err(broken)?;
        self.describe(answer).await
    }

    /// Speaks and hears until something is worth telling. May be dropped at any await.
    pub(super) async fn turn(&mut self) -> Turn {
        loop {
            let turn = tokio::select! {
                _ = self.tick.tick() => self.speak(),
                Some(happened) = self.happened.recv() => self.happen(happened),
            };
            if let Some(turn) = turn {
                return turn;
            }
        }
    }

    pub(super) async fn close(&self) {
        let _ = self.connection.close().await;
    }

    async fn describe(&mut self, description: RTCSessionDescription) -> Result<String, Failure> {
        self.connection.set_local_description(description).await.map_err(broken)?;
        let gathered = async { while !matches!(self.happened.recv().await, Some(Happened::Gathered) | None) {} };
        // Host candidates are there at once; without the event the offer goes as it is.
        let _ = tokio::time::timeout(GATHERING, gathered).await;
        let description =
            self.connection.local_description().await.ok_or_else(|| Failure::new(Failed::Media, "no description of our own"))?;
        Ok(description.sdp)
    }

    fn speak(&mut self) -> Option<Turn> {
        self.connected?;
        let (say, noted) = self.talk.speak();
        let units = self.talk.frame_units();
        let noted = noted.map(Turn::Noted);
        let sending = &mut self.talk.sending;
        // A full outbox loses the packet, as the network may.
        let send = |packet: Packet<'_>| drop(self.outbox.try_send(outward(&packet)));
        let turn = match say {
            Say::Voice(samples) => {
                let mut payload = vec![0; PAYLOAD_MAX];
                let length = self.encoder.encode(&samples, &mut payload).unwrap_or(0);
                let first = sending.packets == 0;
                send(sending.packet(OPUS, first, 0, &payload[..length]));
                noted
            }
            Say::Key(stroke) if self.keys_in_rtp => {
                for _ in 0..stroke.copies {
                    send(sending.packet(EVENT, stroke.first, stroke.ago, &stroke.payload));
                }
                noted
            }
            Say::Key(stroke) => stroke.first.then_some(Turn::Press(stroke.key)),
        };
        sending.advance(units);
        turn
    }

    fn happen(&mut self, happened: Happened) -> Option<Turn> {
        let packet = match happened {
            Happened::Packet(packet) => packet,
            Happened::Gathered => return None,
            Happened::State(RTCPeerConnectionState::Connected) if self.connected.is_none() => {
                self.connected = Some(Instant::now());
                return Some(Turn::Connected);
            }
            Happened::State(RTCPeerConnectionState::Failed) => return Some(Turn::Failed),
            Happened::State(_) => return None,
        };
        let now = std::time::Instant::now();
        let header = &packet.header;
        let heard = Packet {
            payload_type: header.payload_type,
            marker: header.marker,
            sequence: header.sequence_number,
            timestamp: header.timestamp,
            ssrc: header.ssrc,
            payload: &packet.payload,
        };
        let decoder = &mut self.decoder;
        let noted = if header.payload_type == EVENT {
            self.talk.hear_key(now, &heard)
        } else {
            self.talk.hear(now, &heard, |payload| {
                let mut samples = vec![0; SAMPLES_MAX];
                let length = decoder.decode(payload, &mut samples, false).unwrap_or(0);
                samples.truncate(length);
                samples
            })
        };
        noted.map(Turn::Noted)
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Ears {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            let _ = self.0.send(Happened::Gathered).await;
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        let _ = self.0.send(Happened::State(state)).await;
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let ears = self.0.clone();
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    // Behind by so much, a packet is lost to us: the report shows it.
                    let _ = ears.try_send(Happened::Packet(packet));
                }
            }
        });
    }
}

fn codec(mime: &str, channels: u16, payload_type: u8, fmtp: &str) -> RTCRtpCodecParameters {
    let rtp_codec =
        RTCRtpCodec { mime_type: mime.to_owned(), clock_rate: RATE, channels, sdp_fmtp_line: fmtp.to_owned(), rtcp_feedback: Vec::new() };
    RTCRtpCodecParameters { rtp_codec, payload_type }
}

fn outward(packet: &Packet<'_>) -> rtp::Packet {
    let header = rtp::header::Header {
        version: 2,
        marker: packet.marker,
        payload_type: packet.payload_type,
        sequence_number: packet.sequence,
        timestamp: packet.timestamp,
        ssrc: packet.ssrc,
        ..Default::default()
    };
    rtp::Packet { header, payload: Bytes::copy_from_slice(packet.payload) }
}

fn broken(error: impl std::fmt::Display) -> Failure {
    Failure::new(Failed::Media, format!("WebRTC: {error}"))
}

/// Hz: Opus' RTP clock, and what we decode to.
pub(super) const RATE: u32 = 48_000;
const OPUS: u8 = 111;
const EVENT: u8 = 110;
/// Octets of 20 ms at any bit rate that we ask for.
const PAYLOAD_MAX: usize = 1275;
/// Samples of 120 ms, the longest packet (RFC 6716 2.1.4).
const SAMPLES_MAX: usize = 5760;
/// About 5 s of packets.
const HAPPENED_MAX: usize = 256;
const OUTBOX_MAX: usize = 64;
const GATHERING: Duration = Duration::from_secs(1);

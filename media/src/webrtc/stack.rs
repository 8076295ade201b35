//! How an `rtc` connection is set up for one audio section, by an offer of the page's or by ours: timeouts, codecs, reports, our track and
//! our candidate.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use rtc::{
    interceptor::{ReceiverReportBuilder, Registry, SenderReportBuilder, Slot},
    media_stream::MediaStreamTrack,
    peer_connection::{
        RTCPeerConnection, RTCPeerConnectionBuilder,
        configuration::{
            RTCConfigurationBuilder,
            media_engine::{MIME_TYPE_OPUS, MIME_TYPE_TELEPHONE_EVENT, MediaEngine},
            setting_engine::SettingEngineBuilder,
        },
        sdp::RTCSessionDescription,
        transport::{CandidateConfig, CandidateHostConfig, RTCDtlsRole, RTCIceCandidate, RTCIceCandidateInit},
    },
    rtp_transceiver::{
        RTCRtpSenderId, RTCRtpTransceiverDirection,
        rtp_sender::{RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind},
    },
    shared::error::Error,
};

use super::{
    reports,
    trim::{Setup, Trimmed},
};
use crate::sdp::Flow;

/// Silence on STUN after which the path counts as disturbed; Chromium checks every 2.5 s.
const DISCONNECTED_AFTER: Duration = Duration::from_secs(8);
/// And after which, from then on, it counts as lost: 20 s together, within the 30 s of RFC 7675 5.1.
const FAILED_AFTER: Duration = Duration::from_secs(12);
/// RFC 3550 6.2: minimum interval of reports.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// What browsers call Opus, and telephone-event at its rate (RFC 7587 7, RFC 7874 3): our own offers do, too.
pub(super) const OPUS: u8 = 111;
pub(super) const DIGITS: u8 = 110;
/// Place in `rtc`'s chain of RTCP readers: past all of its own.
const REPORTS_OUTLET: usize = 20_000;

/// An `rtc` connection that has read the offer and knows our one candidate.
pub(super) fn connect(
    now: Instant,
    trimmed: &Trimmed,
    advertised: SocketAddr,
    ssrc: u32,
) -> Result<(RTCPeerConnection, RTCRtpSenderId), Error> {
    // As DTLS client we save the round trip of a HelloVerifyRequest.
    let role = if trimmed.setup == Some(Setup::Active) { RTCDtlsRole::Server } else { RTCDtlsRole::Client };
    let (mut connection, sender) = build(now, role, trimmed.opus, trimmed.digits, ssrc)?;
    connection.set_remote_description(now, RTCSessionDescription::offer(trimmed.sdp.clone())?)?;
    connection.add_local_candidate(candidate(advertised)?)?;
    Ok((connection, sender))
}

/// An `rtc` connection that has made its offer, our one candidate in it.
pub(super) fn propose(now: Instant, advertised: SocketAddr, ssrc: u32) -> Result<(RTCPeerConnection, RTCRtpSenderId), Error> {
    let (mut connection, sender) = build(now, RTCDtlsRole::Auto, OPUS, Some(DIGITS), ssrc)?;
    connection.add_local_candidate(candidate(advertised)?)?;
    // Unasked, rtc offers the track's own codec alone.
    let codecs = vec![opus(OPUS), digits(DIGITS)];
    for id in connection.get_transceivers().collect::<Vec<_>>() {
        if let Some(mut transceiver) = connection.rtp_transceiver(id) {
            transceiver.set_codec_preferences(codecs.clone())?;
        }
    }
    let offer = connection.create_offer(None)?;
    connection.set_local_description(now, offer)?;
    Ok((connection, sender))
}

fn build(
    now: Instant,
    role: RTCDtlsRole,
    opus_number: u8,
    digits_number: Option<u8>,
    ssrc: u32,
) -> Result<(RTCPeerConnection, RTCRtpSenderId), Error> {
    // Full ICE: with ICE-lite a browser nominates 50 ms later. The page's address is known by its checks alone, and is as good as any: as
    // the one that nominates we do not wait for a better one.
    let setting = SettingEngineBuilder::new()
        .with_ice_timeouts(Some(DISCONNECTED_AFTER), Some(FAILED_AFTER), None)
        .with_prflx_acceptance_min_wait(Some(Duration::ZERO))
        .with_answering_dtls_role(role)
        .build();
    let opus = opus(opus_number);
    let mut media = MediaEngine::default();
    media.register_codec(opus.clone(), RtpCodecKind::Audio)?;
    if let Some(number) = digits_number {
        media.register_codec(digits(number), RtpCodecKind::Audio)?;
    }
    // The first two make our reports; the last lets the page's through to us.
    let registry = Registry::new()
        .with(Slot::ReceiverReport, ReceiverReportBuilder::new().with_interval(REPORT_INTERVAL).build())
        .with(Slot::SenderReport, SenderReportBuilder::new().with_interval(REPORT_INTERVAL).build())
        .with(Slot::from(REPORTS_OUTLET), reports::Outlet::default());
    let mut connection = RTCPeerConnectionBuilder::new()
        .with_configuration(RTCConfigurationBuilder::new().build())
        .with_setting_engine(setting)
        .with_media_engine(media)
        .with_interceptor_registry(registry)
        .build(now)?;

    let coding = RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() };
    let encoding = RTCRtpEncodingParameters { rtp_coding_parameters: coding, codec: opus.rtp_codec, ..Default::default() };
    let track = MediaStreamTrack::new("tandem".to_owned(), "audio".to_owned(), "audio".to_owned(), RtpCodecKind::Audio, vec![encoding]);
    let sender = connection.add_track(track)?;
    Ok((connection, sender))
}

fn candidate(advertised: SocketAddr) -> Result<RTCIceCandidateInit, Error> {
    let base_config = CandidateConfig {
        network: "udp".to_owned(),
        address: advertised.ip().to_string(),
        port: advertised.port(),
        component: 1,
        ..Default::default()
    };
    let host = CandidateHostConfig { base_config, ..Default::default() }.new_candidate_host()?;
    RTCIceCandidate::from(&host).to_json()
}

fn opus(payload_type: u8) -> RTCRtpCodecParameters {
    codec(MIME_TYPE_OPUS, 2, payload_type, "minptime=10;useinbandfec=1")
}

fn digits(payload_type: u8) -> RTCRtpCodecParameters {
    codec(MIME_TYPE_TELEPHONE_EVENT, 0, payload_type, "")
}

fn codec(mime_type: &str, channels: u16, payload_type: u8, fmtp: &str) -> RTCRtpCodecParameters {
    let rtp_codec = RTCRtpCodec {
        mime_type: mime_type.to_owned(),
        clock_rate: 48_000,
        channels,
        sdp_fmtp_line: fmtp.to_owned(),
        rtcp_feedback: Vec::new(),
    };
    RTCRtpCodecParameters { rtp_codec, payload_type }
}

/// Our flow in `rtc`'s words.
pub(super) const fn direction(flow: Flow) -> RTCRtpTransceiverDirection {
    match flow {
        Flow::SendRecv => RTCRtpTransceiverDirection::Sendrecv,
        Flow::SendOnly => RTCRtpTransceiverDirection::Sendonly,
        Flow::RecvOnly => RTCRtpTransceiverDirection::Recvonly,
        Flow::Inactive => RTCRtpTransceiverDirection::Inactive,
    }
}

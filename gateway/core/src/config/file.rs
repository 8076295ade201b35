//! The shape of `tandem.toml`: every key, with its place in the text. What a key means is told by the checked type in `mod.rs`.

use std::collections::BTreeMap;

use media::{codec::CodecKind, recorder::Form};
use serde::Deserialize;
use toml::Spanned;

use super::{Naming, StirPolicy, limits::LimitsTable};
use crate::transport::Transport;

/// A text that may hold `${VAR}`, `${VAR:-default}`, `${file:/path}` or `${cred:NAME}`.
pub(super) type Word = Spanned<String>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) node: NodeTable,
    pub(super) http: HttpTable,
    pub(super) dns: DnsTable,
    pub(super) sip: Vec<SipTable>,
    pub(super) media: MediaTable,
    pub(super) session: SessionTable,
    pub(super) limits: LimitsTable,
    pub(super) gate: GateTable,
    pub(super) stir: StirTable,
    pub(super) recording: RecordingTable,
    pub(super) ivr: IvrTable,
    pub(super) trunk: Vec<TrunkTable>,
    pub(super) phone: Vec<PhoneTable>,
    pub(super) route: Vec<RouteTable>,
    pub(super) agent: Vec<AgentTable>,
    pub(super) queue: BTreeMap<String, QueueTable>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NodeTable {
    pub(super) name: Option<Word>,
    pub(super) data_dir: Option<Word>,
    pub(super) drain_s: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HttpTable {
    pub(super) listen: Option<Word>,
    pub(super) tls_listen: Option<Word>,
    pub(super) certificate: Option<Word>,
    pub(super) key: Option<Word>,
    pub(super) public_url: Option<Word>,
    pub(super) session_secret: Option<Word>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DnsTable {
    pub(super) server: Option<Word>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SipTable {
    pub(super) name: Option<Word>,
    pub(super) transport: Option<TransportName>,
    pub(super) listen: Word,
    pub(super) advertised: Option<Word>,
    pub(super) certificate: Option<Word>,
    pub(super) key: Option<Word>,
    pub(super) client_ca: Option<Word>,
    #[serde(default)]
    pub(super) origins: Vec<Word>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TransportName {
    Udp,
    Tcp,
    Tls,
    Ws,
    Wss,
}

impl From<TransportName> for Transport {
    fn from(name: TransportName) -> Self {
        match name {
            TransportName::Udp => Self::Udp,
            TransportName::Tcp => Self::Tcp,
            TransportName::Tls => Self::Tls,
            TransportName::Ws => Self::Ws,
            TransportName::Wss => Self::Wss,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct MediaTable {
    pub(super) listen: Option<Word>,
    pub(super) advertised: Option<Word>,
    pub(super) ports: Option<Spanned<[u16; 2]>>,
    pub(super) web_port: Option<u16>,
    pub(super) shards: Option<Spanned<u16>>,
    pub(super) timeout_s: Option<Spanned<u32>>,
    pub(super) tones: Option<Word>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SessionTable {
    pub(super) expires_s: Option<Spanned<u32>>,
    pub(super) min_s: Option<Spanned<u32>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GateTable {
    pub(super) ack_ms: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct StirTable {
    pub(super) hosts: Vec<Word>,
    pub(super) roots: Option<Word>,
    pub(super) web_roots: Option<Word>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RecordingTable {
    pub(super) dir: Option<Word>,
    pub(super) on: Option<bool>,
    pub(super) archive_dir: Option<Word>,
    pub(super) format: Option<FormName>,
    pub(super) key: Option<KeyTable>,
    pub(super) old_keys: Vec<KeyTable>,
    pub(super) keep_days: Option<Spanned<u32>>,
    pub(super) upload: Option<UploadTable>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FormName {
    Wav,
    Opus,
}

impl From<FormName> for Form {
    fn from(name: FormName) -> Self {
        match name {
            FormName::Wav => Self::Wav,
            FormName::Opus => Self::Opus,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyTable {
    pub(super) id: Word,
    pub(super) secret: Word,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UploadTable {
    pub(super) to: Word,
    pub(super) region: Option<Word>,
    pub(super) endpoint: Option<Word>,
    pub(super) access_key: Option<Word>,
    pub(super) secret_key: Option<Word>,
    pub(super) ca: Option<Word>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct IvrTable {
    pub(super) dir: Option<Word>,
    pub(super) languages: Option<Spanned<Vec<String>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrunkTable {
    pub(super) name: Word,
    #[serde(default)]
    pub(super) sources: Vec<Word>,
    pub(super) default_region: Option<Word>,
    #[serde(default)]
    pub(super) nat: bool,
    pub(super) codecs: Option<Spanned<Vec<CodecName>>>,
    pub(super) advertised: Option<Word>,
    #[serde(default)]
    pub(super) transfer: bool,
    #[serde(default)]
    pub(super) trusted: bool,
    #[serde(default)]
    pub(super) keep_withheld: bool,
    #[serde(default)]
    pub(super) stir: StirPolicy,
    pub(super) identity: Option<Spanned<Naming>>,
    pub(super) oversize: Option<OversizeName>,
    pub(super) tls: Option<TrunkTlsTable>,
    pub(super) host: Option<Word>,
    pub(super) endpoint: Option<Word>,
    pub(super) auth: Option<AuthTable>,
    pub(super) peer_auth: Option<PeerTable>,
    pub(super) subject: Option<Word>,
    pub(super) register: Option<RegisterTable>,
    pub(super) probe_s: Option<Spanned<u32>>,
    pub(super) calls_max: Option<Spanned<u32>>,
    pub(super) cps_max: Option<Spanned<u32>>,
    pub(super) numbers_in: Option<NumberTable>,
    pub(super) numbers_out: Option<NumberTable>,
    #[serde(default)]
    pub(super) outbound: Vec<Word>,
    pub(super) refer: Option<Word>,
    #[serde(default)]
    pub(super) redirects_to: Vec<Word>,
    pub(super) dtmf: Option<Word>,
    pub(super) srtp: Option<Word>,
    #[serde(default)]
    pub(super) srtp_over_clear: bool,
    pub(super) headers: Option<HeaderTable>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum OversizeName {
    Tcp,
    Udp,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthTable {
    pub(super) user: Word,
    pub(super) realm: Option<Word>,
    pub(super) password: Word,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PeerTable {
    pub(super) user: Word,
    pub(super) password: Word,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TrunkTlsTable {
    pub(super) certificate: Option<Word>,
    pub(super) key: Option<Word>,
    pub(super) ca: Option<Word>,
    pub(super) name: Option<Word>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RegisterTable {
    pub(super) user: Option<Word>,
    pub(super) domain: Option<Word>,
    pub(super) expires_s: Option<Spanned<u32>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NumberTable {
    pub(super) strip: Option<Word>,
    pub(super) prefix: Option<Word>,
    pub(super) e164: Option<Spanned<bool>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HeaderTable {
    pub(super) user_to_user: Option<Word>,
    #[serde(default)]
    pub(super) privacy: bool,
    pub(super) from: Option<Word>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CodecName {
    Pcmu,
    Pcma,
    G722,
    Opus,
}

impl From<CodecName> for CodecKind {
    fn from(name: CodecName) -> Self {
        match name {
            CodecName::Pcmu => Self::Pcmu,
            CodecName::Pcma => Self::Pcma,
            CodecName::G722 => Self::G722,
            CodecName::Opus => Self::Opus,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PhoneTable {
    pub(super) user: Word,
    pub(super) realm: Option<Word>,
    pub(super) password: Word,
    pub(super) srtp: Option<Word>,
    #[serde(default)]
    pub(super) srtp_over_clear: bool,
    pub(super) transfer: Option<bool>,
    pub(super) codecs: Option<Spanned<Vec<CodecName>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteTable {
    pub(super) dialled: Word,
    pub(super) trunk: Option<Word>,
    pub(super) script: Option<Word>,
    pub(super) bridge: Option<Word>,
    pub(super) record: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentTable {
    pub(super) id: Option<Spanned<u64>>,
    pub(super) login: Word,
    pub(super) name: Option<Word>,
    pub(super) password_hash: Word,
    #[serde(default)]
    pub(super) skills: Vec<String>,
    #[serde(default)]
    pub(super) languages: Vec<String>,
    pub(super) phone: Option<Word>,
    pub(super) phone_ready: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct QueueTable {
    pub(super) music: Option<Word>,
    pub(super) ring_s: Option<Spanned<u32>>,
    pub(super) wait_max_s: Option<Spanned<u32>>,
    pub(super) wrapup_s: Option<u32>,
}

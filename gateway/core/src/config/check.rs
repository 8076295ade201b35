//! From text to a sound configuration, or to all that is wrong with it at once.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::Range,
    path::{Path, PathBuf},
};

use media::{
    codec::CodecKind,
    progress::{COUNTRIES, National},
};
use sha2::{Digest, Sha256};
use toml::Spanned;

use super::{
    AgentEntry, CallerRules, Certificate, Config, ConfigFault, Dns, Endpoint, EndpointTls, Gate, Http, Ivr, Media, Naming, Node, Oversize,
    Phone, Queue, Session, SrtpPolicy, Stir, StirPolicy, Tls, Trunk, TrunkTls, address,
    file::{
        AgentTable, CodecName, File, HttpTable, MediaTable, OversizeName, PhoneTable, QueueTable, SessionTable, SipTable, StirTable,
        TrunkTable, Word,
    },
    walk::{Names, Walk},
};
use crate::{
    ids::{AgentId, EndpointId},
    private::Private,
    transport::Transport,
};

/// What a configuration refers to and the core cannot see.
pub trait Outside {
    /// An environment variable.
    fn variable(&self, name: &str) -> Option<String>;
    /// A secret's file; the error is for the operator's eyes.
    fn file(&self, path: &Path) -> Result<String, String>;
    /// The address that peers see when we listen on all.
    fn own_address(&self) -> Option<IpAddr>;
    /// Names of the scripts in a directory; `None` when it cannot be read.
    fn scripts(&self, directory: &Path) -> Option<Vec<String>>;
}

/// A sound configuration with what is odd about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    pub config: Config,
    pub warnings: Vec<ConfigFault>,
}

/// Reads `tandem.toml`; an empty text is a node with defaults. `file` is its name in faults.
pub fn read(file: &str, text: &str, outside: &dyn Outside) -> Result<Checked, Vec<ConfigFault>> {
    let table: File = toml::from_str(text).map_err(|error| vec![ConfigFault::of_toml(file, text, &error)])?;
    let mut walk = Walk { file, text, outside, faults: Vec::new(), warnings: Vec::new() };
    let config = walk.config(table);
    if walk.faults.is_empty() { Ok(Checked { config, warnings: walk.warnings }) } else { Err(walk.faults) }
}

impl Walk<'_> {
    fn config(&mut self, table: File) -> Config {
        let defaults = Config::default();
        let node = Node {
            name: self.or(table.node.name, "tandem"),
            data_dir: PathBuf::from(self.or(table.node.data_dir, "tandem-data")),
            drain_s: table.node.drain_s.unwrap_or(defaults.node.drain_s),
        };
        let recording = self.recording(table.recording, &node.data_dir);
        let ivr_dir = PathBuf::from(self.or(table.ivr.dir, "ivr-scripts"));
        let scripts = self.outside.scripts(&ivr_dir);
        let languages = match table.ivr.languages {
            Some(languages) if languages.get_ref().is_empty() => {
                self.fault(languages.span(), "no language", Some("name at least one, such as [\"en\"]"));
                defaults.ivr.languages
            }
            Some(languages) => languages.into_inner(),
            None => defaults.ivr.languages,
        };
        let http = self.http(table.http);
        let endpoints = self.endpoints(table.sip);
        let media = self.media(table.media, &endpoints);
        let session = self.session(table.session);
        let limits = self.limits(table.limits);
        let signed = table.trunk.iter().find(|trunk| trunk.stir != StirPolicy::Off).map(|trunk| trunk.name.span());
        let trunks = self.trunks(table.trunk, &media, &endpoints);
        let stir = self.stir(table.stir, signed);
        let dns = Dns { server: table.dns.server.map(|word| self.socket(Some(word), SocketAddr::new(LOCALHOST, 53))) };
        let routes = self.routes(table.route, &trunks, scripts.as_deref(), recording.on);
        let phones = self.phones(table.phone, &node.name);
        Config {
            http,
            agents: self.agents(table.agent, &phones),
            phones,
            queues: self.queues(table.queue),
            stir,
            gate: Gate { ack_ms: table.gate.ack_ms.unwrap_or(defaults.gate.ack_ms) },
            ivr: Ivr { dir: ivr_dir, languages },
            node,
            recording,
            dns,
            endpoints,
            media,
            session,
            limits,
            trunks,
            routes,
            guards: defaults.guards,
        }
    }

    fn http(&mut self, table: HttpTable) -> Http {
        let listen = self.socket(table.listen, SocketAddr::new(LOCALHOST, 8080));
        let shown_at = table.certificate.as_ref().map(Spanned::span);
        let files = self.certificate_pair(table.certificate, table.key).map(|(chain, key)| Certificate::Files { chain, key });
        let tls = match table.tls_listen {
            Some(at) => Some(Tls { listen: self.socket(Some(at), listen), certificate: files.unwrap_or(Certificate::SelfSigned) }),
            None => {
                if let (Some(_), Some(at)) = (files, shown_at) {
                    self.fault(at, "a certificate that no listener shows", Some("set `tls_listen`, such as \"0.0.0.0:8443\""));
                }
                None
            }
        };
        let public_url = table.public_url.map_or_else(|| url_of(listen, tls.as_ref()), |url| self.url(&url));
        let session_secret = table.session_secret.map(|word| {
            let secret = self.word(&word);
            if secret.len() < SECRET_MIN {
                self.fault(
                    word.span(),
                    "a session secret of fewer than 32 characters can be guessed",
                    Some("make one: openssl rand -hex 32"),
                );
            }
            Private(secret)
        });
        Http { listen, tls, public_url, session_secret }
    }

    fn url(&mut self, word: &Word) -> String {
        let url = self.word(word);
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            self.fault(word.span(), "not a URL of a web page", Some("such as \"https://voice.company.tld\""));
        }
        url.trim_end_matches('/').to_owned()
    }

    fn endpoints(&mut self, tables: Vec<SipTable>) -> Vec<Endpoint> {
        if tables.is_empty() {
            let listen = SocketAddr::new(ANYWHERE, 5060);
            return vec![Endpoint { advertised: self.own_address(listen.ip(), 0..0), ..Endpoint::udp(EndpointId(0), "udp", listen) }];
        }
        let mut names = Names::default();
        let mut endpoints = Vec::with_capacity(tables.len());
        for (number, table) in tables.into_iter().enumerate() {
            let at = table.listen.span();
            let listen = self.socket(Some(table.listen), SocketAddr::new(ANYWHERE, 5060));
            let transport = table.transport.map_or(Transport::Udp, Transport::from);
            let tls = self.endpoint_tls(transport, table.certificate, table.key, table.client_ca);
            let origins = self.origins(transport, &table.origins);
            let advertised = self.advertised(table.advertised, listen.ip(), at.clone());
            let name = match table.name {
                Some(name) => self.unique(&mut names, &name, "endpoint"),
                None => format!("{}-{}", transport.word(), listen.port()),
            };
            let twin = |one: &Endpoint| one.listen == listen && listen.port() != 0 && is_datagram(one.transport) == is_datagram(transport);
            if let Some(twin) = endpoints.iter().find(|one| twin(one)) {
                self.fault(at, &format!("`{}` listens there already", twin.name), Some("each transport over TCP wants a port of its own"));
            }
            endpoints.push(Endpoint { id: EndpointId(number as u64), name, transport, listen, advertised, tls, origins });
        }
        endpoints
    }

    fn endpoint_tls(
        &mut self,
        transport: Transport,
        certificate: Option<Word>,
        key: Option<Word>,
        client_ca: Option<Word>,
    ) -> Option<EndpointTls> {
        if !transport.is_secure() {
            if let Some(word) = certificate.or(key).or(client_ca) {
                let message = format!("nobody is shown a certificate over {}", transport.word());
                self.fault(word.span(), &message, Some("set `transport` to \"tls\" or \"wss\", or leave this out"));
            }
            return None;
        }
        let pair = self.certificate_pair(certificate, key);
        let certificate = pair.map_or(Certificate::SelfSigned, |(chain, key)| Certificate::Files { chain, key });
        Some(EndpointTls { certificate, client_ca: client_ca.map(|word| self.word(&word).into()) })
    }

    fn origins(&mut self, transport: Transport, words: &[Word]) -> Vec<String> {
        if let Some(word) = words.first().filter(|_| !transport.is_web()) {
            let message = format!("no page connects over {}", transport.word());
            self.fault(word.span(), &message, Some("set `transport` to \"ws\" or \"wss\", or leave this out"));
        }
        words.iter().map(|word| self.url(word).to_ascii_lowercase()).collect()
    }

    /// Both or neither.
    fn certificate_pair(&mut self, certificate: Option<Word>, key: Option<Word>) -> Option<(PathBuf, PathBuf)> {
        match (certificate, key) {
            (Some(chain), Some(key)) => Some((self.word(&chain).into(), self.word(&key).into())),
            (None, None) => None,
            (Some(alone), None) | (None, Some(alone)) => {
                self.fault(alone.span(), "a certificate and its key come together", Some("set both `certificate` and `key`, or neither"));
                None
            }
        }
    }

    fn media(&mut self, table: MediaTable, endpoints: &[Endpoint]) -> Media {
        // Media goes where signalling goes, unless it is told otherwise.
        let beside = endpoints.first().map_or(ANYWHERE, |endpoint| endpoint.listen.ip());
        let listen_at = table.listen.as_ref().map_or(0..0, Spanned::span);
        let listen = table.listen.map_or(beside, |word| self.address(&word).unwrap_or(beside));
        let is_told = table.advertised.is_some();
        let advertised = match (table.advertised, endpoints.first()) {
            (None, Some(endpoint)) if endpoint.listen.ip() == listen => endpoint.advertised,
            (word, _) => self.advertised(word, listen, listen_at),
        };
        let ports = match table.ports {
            Some(ports) => self.ports(&ports, endpoints),
            None => PORTS,
        };
        let shards = table.shards.map_or(1, |shards| {
            let count = *shards.get_ref();
            if !(1..=SHARDS_MAX).contains(&count) {
                self.fault(shards.span(), "media threads are 1 to 64", Some("one per core that voice may use"));
            }
            count
        });
        let timeout_s = table.timeout_s.map_or(TIMEOUT_S, |seconds| {
            if *seconds.get_ref() < TIMEOUT_S_MIN {
                self.fault(seconds.span(), "silence is no proof that a phone is gone before 5 s", Some("30 is usual"));
            }
            seconds.into_inner()
        });
        let tones = table.tones.map_or(&COUNTRIES[0], |word| {
            let country = self.word(&word);
            National::of(&country).unwrap_or_else(|| {
                let known: Vec<&str> = COUNTRIES.iter().map(|national| national.country).collect();
                self.fault(word.span(), &format!("the tones of `{country}` are not known"), Some(&format!("one of {}", known.join(", "))));
                &COUNTRIES[0]
            })
        });
        Media { listen, advertised, is_told, ports, web_port: table.web_port.unwrap_or(0), shards, timeout_s, tones }
    }

    fn session(&mut self, table: SessionTable) -> Session {
        let min_s = table.min_s.map_or(MIN_SE_S, |seconds| {
            if *seconds.get_ref() < MIN_SE_S {
                self.fault(seconds.span(), "a session of less than 90 s is refreshed all the time (RFC 4028 5)", Some("90, or more"));
            }
            seconds.into_inner()
        });
        let expires_s = table.expires_s.map_or(SESSION_EXPIRES_S, |seconds| {
            let given = *seconds.get_ref();
            if given != 0 && !(min_s..=DAY_S).contains(&given) {
                self.fault(seconds.span(), "a session lives from `min_s` to a day, or 0 for ever", Some("1800 is usual"));
            }
            given
        });
        Session { expires_s, min_s }
    }

    fn ports(&mut self, ports: &Spanned<[u16; 2]>, endpoints: &[Endpoint]) -> (u16, u16) {
        let [first, last] = *ports.get_ref();
        if first % 2 == 1 {
            let help = format!("begin at {} or {}: RTP takes even ports, RTCP the next (RFC 3550 11)", first - 1, first.saturating_add(1));
            self.fault(ports.span(), "the first RTP port is odd", Some(&help));
        }
        if last <= first {
            self.fault(ports.span(), "the last RTP port comes before the first", Some("such as [20000, 29999]"));
        }
        if first < 1024 {
            self.fault(ports.span(), "RTP ports below 1024 belong to the system", Some("such as [20000, 29999]"));
        }
        for endpoint in endpoints.iter().filter(|endpoint| is_datagram(endpoint.transport)) {
            if (first..=last).contains(&endpoint.listen.port()) {
                let message = format!("SIP listens on port {}, inside the RTP range", endpoint.listen.port());
                self.fault(ports.span(), &message, None);
            }
        }
        (first, last)
    }

    fn trunks(&mut self, tables: Vec<TrunkTable>, media: &Media, endpoints: &[Endpoint]) -> Vec<Trunk> {
        if tables.is_empty() {
            // A node that was told nothing answers this machine and nobody else.
            let sources = vec![(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8), (IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), 128)];
            return vec![Trunk { name: "loopback".into(), sources, codecs: CODECS.into(), ..Trunk::default() }];
        }
        let mut names = Names::default();
        let endpoints: Vec<String> = endpoints.iter().map(|endpoint| endpoint.name.clone()).collect();
        let trunks: Vec<Trunk> = tables.into_iter().map(|table| self.trunk(table, &mut names, media, &endpoints)).collect();
        trunks
    }

    fn trunk(&mut self, table: TrunkTable, names: &mut Names, media: &Media, endpoints: &[String]) -> Trunk {
        let name = self.unique(names, &table.name, "trunk");
        let sources: Vec<(IpAddr, u8)> = table.sources.iter().filter_map(|word| self.network(word)).collect();
        let advertised = table.advertised.as_ref().and_then(|word| self.address(word));
        let public = sources.iter().find(|(address, _)| !address::is_private(*address));
        if let (Some((source, _)), true) = (public, address::is_private(advertised.unwrap_or(media.advertised))) {
            let message = format!("`{name}` calls from {source} and would be told to send its media to {}", media.advertised);
            self.warn(
                table.name.span(),
                &message,
                Some("set `advertised` here or under [media] to the address that the carrier can reach"),
            );
        }
        let default_region = table.default_region.as_ref().map(|word| {
            let region = self.word(word);
            if region.len() != 2 || !region.bytes().all(|letter| letter.is_ascii_uppercase()) {
                self.fault(word.span(), "not an ISO 3166 region", Some("two capital letters, such as \"NL\""));
            }
            region
        });
        let peering = self.peering(&table, endpoints, default_region.as_deref());
        if table.sources.is_empty() && peering.host.is_none() && !peering.is_proven_without_address() {
            let help = "sources = [\"the carrier's networks\"], or `peer_auth`, `subject` or `register`; `host` for calls to it";
            self.fault(table.name.span(), "a trunk with no source never calls", Some(help));
        }
        let codecs = self.codecs(table.codecs, &CODECS, "a trunk");
        let naming = table.identity.as_ref().map_or(Naming::None, |naming| *naming.get_ref());
        if let (Naming::Asserted, false, Some(word)) = (naming, table.trusted, &table.identity) {
            self.fault(
                word.span(),
                "a caller is asserted to trusted trunks alone (RFC 3325 5)",
                Some("trusted = true, or identity = \"none\""),
            );
        }
        let callers = CallerRules { trusted: table.trusted, keep_withheld: table.keep_withheld, stir: table.stir, identity: naming };
        let oversize = match table.oversize {
            Some(OversizeName::Udp) => Oversize::Udp,
            Some(OversizeName::Tcp) | None => Oversize::Tcp,
        };
        let tls = table.tls.map(|tls| TrunkTls {
            certificate: self.certificate_pair(tls.certificate, tls.key),
            ca: tls.ca.map(|word| self.word(&word).into()),
            name: tls.name.map(|word| self.word(&word)),
        });
        let srtp = self.srtp(table.srtp.as_ref(), table.srtp_over_clear, SrtpPolicy::default());
        Trunk {
            name,
            sources,
            default_region,
            nat: table.nat,
            codecs,
            advertised,
            srtp,
            transfer: table.transfer,
            callers,
            oversize,
            tls,
            peering,
        }
    }

    /// `signed` is where the first trunk stands whose callers' signatures are looked at.
    fn stir(&mut self, table: StirTable, signed: Option<Range<usize>>) -> Stir {
        let hosts = table.hosts.iter().filter_map(|word| self.host(word)).collect();
        let roots = table.roots.map(|word| PathBuf::from(self.word(&word)));
        if let (None, Some(at)) = (&roots, signed) {
            self.fault(at, "a trunk whose callers' signatures lead nowhere", Some("[stir] roots = \"/etc/tandem/stir-roots.pem\""));
        }
        let web_roots = table.web_roots.map_or_else(|| Stir::default().web_roots, |word| PathBuf::from(self.word(&word)));
        Stir { hosts, roots, web_roots }
    }

    /// `host` or `host:port`, lower case.
    fn host(&mut self, word: &Word) -> Option<String> {
        let host = self.word(word).to_ascii_lowercase();
        let (name, port) = host.rsplit_once(':').map_or((host.as_str(), None), |(name, port)| (name, Some(port)));
        let is_sound = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
            && port.is_none_or(|port| port.parse::<u16>().is_ok());
        if !is_sound {
            self.fault(word.span(), "not a host", Some("such as \"certificates.carrier.tld\", with no https://"));
        }
        is_sound.then_some(host)
    }

    fn phones(&mut self, tables: Vec<PhoneTable>, node: &str) -> Vec<Phone> {
        let mut names = Names::default();
        tables
            .into_iter()
            .map(|table| Phone {
                user: self.unique(&mut names, &table.user, "phone"),
                realm: self.or(table.realm, node),
                password: Private(self.word(&table.password)),
                srtp: self.srtp(table.srtp.as_ref(), table.srtp_over_clear, SrtpPolicy::PHONE),
                transfer: table.transfer.unwrap_or(true),
                codecs: self.codecs(table.codecs, &PHONE_CODECS, "a phone"),
            })
            .collect()
    }

    fn codecs(&mut self, named: Option<Spanned<Vec<CodecName>>>, usual: &[CodecKind], whose: &str) -> Vec<CodecKind> {
        let Some(named) = named else { return usual.to_vec() };
        if named.get_ref().is_empty() {
            self.fault(named.span(), &format!("{whose} with no codec hears nothing"), Some("such as [\"opus\", \"pcma\", \"pcmu\"]"));
        }
        named.into_inner().into_iter().map(CodecKind::from).collect()
    }

    fn agents(&mut self, tables: Vec<AgentTable>, phones: &[Phone]) -> Vec<AgentEntry> {
        let (mut names, mut owners) = (Names::default(), Names::default());
        let mut ids: BTreeMap<u64, String> = BTreeMap::new();
        let mut agents = Vec::with_capacity(tables.len());
        for table in tables {
            let login = self.unique(&mut names, &table.login, "agent");
            let at = table.id.as_ref().map_or(table.login.span(), Spanned::span);
            let id = table.id.map_or_else(|| id_of(&login), Spanned::into_inner);
            if let Some(other) = ids.insert(id, login.clone()) {
                self.fault(
                    at.clone(),
                    &format!("`{other}` has this id already"),
                    Some("ids stand in history: give each person one for good"),
                );
            }
            if id >= 1 << 53 {
                self.fault(at, "an id does not fit into a page", Some("use a number below 2^53"));
            }
            let hash = self.word(&table.password_hash);
            if !(hash.starts_with("$argon2") && hash.matches('$').count() == 5) {
                self.fault(table.password_hash.span(), "not an argon2 PHC string", Some("make one: tandem config hash"));
            }
            let name = table.name.map_or_else(|| login.clone(), |word| self.word(&word));
            let phone = table.phone.map(|word| {
                let user = self.unique(&mut owners, &word, "agent's phone");
                self.known(word.span(), "phone", &user, phones.iter().map(|phone| phone.user.as_str()));
                user
            });
            let (skills, languages, phone_ready) = (table.skills, table.languages, table.phone_ready.unwrap_or(true));
            agents.push(AgentEntry { id: AgentId(id), login, name, password_hash: hash, skills, languages, phone, phone_ready });
        }
        agents
    }

    fn queues(&mut self, tables: BTreeMap<String, QueueTable>) -> BTreeMap<String, Queue> {
        if tables.is_empty() {
            return BTreeMap::from([("support".to_owned(), self.queue(QueueTable::default()))]);
        }
        tables.into_iter().map(|(name, table)| (name, self.queue(table))).collect()
    }

    fn queue(&mut self, table: QueueTable) -> Queue {
        let mut seconds = |given: Option<Spanned<u32>>, default: u32, what: &str| {
            given.map_or(default, |given| {
                if *given.get_ref() == 0 {
                    self.fault(given.span(), what, None);
                }
                given.into_inner()
            })
        };
        Queue {
            ring_s: seconds(table.ring_s, 20, "an agent who has 0 s cannot answer"),
            wait_max_s: seconds(table.wait_max_s, 900, "a caller who may wait 0 s is never connected"),
            wrapup_s: table.wrapup_s.unwrap_or(60),
            music: self.or(table.music, "music/hold"),
        }
    }
}

/// An id that follows from the login, so that it stays when the file is sorted anew; below 2^48.
fn id_of(login: &str) -> u64 {
    Sha256::digest(login.as_bytes()).iter().take(6).fold(0, |id, byte| id << 8 | u64::from(*byte))
}

fn url_of(listen: SocketAddr, tls: Option<&Tls>) -> String {
    let (scheme, at) = tls.map_or(("http", listen), |tls| ("https", tls.listen));
    let host = if at.ip().is_unspecified() || at.ip().is_loopback() { "localhost".to_owned() } else { at.ip().to_string() };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    format!("{scheme}://{host}:{}", at.port())
}

/// TCP and UDP have ports of their own.
const fn is_datagram(transport: Transport) -> bool {
    !transport.is_reliable()
}

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ANYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Longer than any pause between two packets of a phone that lives.
const TIMEOUT_S: u32 = 30;
/// RTCP comes every 5 s.
const TIMEOUT_S_MIN: u32 = 5;
/// As RFC 4028 4 advises.
const SESSION_EXPIRES_S: u32 = 1800;
/// RFC 4028 5.
const MIN_SE_S: u32 = 90;
const DAY_S: u32 = 86_400;

/// 5,000 ports of two, below the range that systems use for outgoing connections.
const PORTS: (u16, u16) = (20_000, 29_999);

/// Opus where the peer has it, else what every phone has; G.722 costs a transcoding towards most carriers, so it stands last.
const CODECS: [CodecKind; 4] = [CodecKind::Opus, CodecKind::Pcma, CodecKind::Pcmu, CodecKind::G722];

/// What trunks speak, so that most calls between the two need no transcoding.
const PHONE_CODECS: [CodecKind; 3] = [CodecKind::Pcma, CodecKind::Pcmu, CodecKind::G722];

/// Each is a thread.
const SHARDS_MAX: u16 = 64;

/// Of hexadecimal digits: 128 bits.
const SECRET_MIN: usize = 32;

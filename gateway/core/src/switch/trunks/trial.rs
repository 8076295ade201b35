//! One trunk, tried with nothing else alive: by the line, the requests and the words of a node that serves.
//!
//! Whoever drives it finds its servers, carries its bytes and takes the steps one by one. A step says what it came to, and what would help.

use std::{collections::VecDeque, net::SocketAddr};

use media::{
    codec::CodecKind,
    sdp::{
        Flow, LegKeys, Srtp,
        negotiate::{self, Terms},
    },
};
use rand::{Rng, SeedableRng};

use super::{Tools, health, line::Line, profile, registration::Next};
use crate::{
    cause::{Cause, Fault},
    config::Config,
    events::{
        ask::Asks,
        calling::Presented,
        wire::{Candidate, Hop, Transport},
    },
    ids::EndpointId,
    now::Now,
    private::Private,
    routing::{Refusal, outbound::way_out},
    sip::{InviteTarget, RegisterOutcome, RequestId, Settings, UsageId, UserAgent},
    switch::outgoing::invite_by,
};

/// A trunk that is tried.
pub struct Trial<R> {
    user_agent: UserAgent<R>,
    rng: R,
    config: Config,
    line: Line,
}

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub is_good: bool,
    /// In a few words.
    pub said: String,
    /// What would help, or what to know.
    pub hint: Option<String>,
}

/// What follows from an answer to REGISTER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registering {
    /// The carrier wants to be asked for longer (423).
    Again,
    /// It has said its last word.
    Over(Step),
}

impl Step {
    /// As it should be.
    pub fn good(said: impl Into<String>) -> Self {
        Self { is_good: true, said: said.into(), hint: None }
    }

    /// Calls would fail here.
    pub fn bad(said: impl Into<String>, hint: Option<&str>) -> Self {
        Self { is_good: false, said: said.into(), hint: hint.map(str::to_owned) }
    }
}

impl<R: Rng + SeedableRng> Trial<R> {
    /// Of the trunk of that name; the endpoints of `config` are those that its driver has bound.
    ///
    /// # Errors
    /// There is none, or nobody can be called by it.
    pub fn new(config: Config, name: &str, mut rng: R) -> Result<Self, Refusal> {
        let known = config.trunks.iter().find(|trunk| trunk.name == name && trunk.peering.host.is_some()).cloned();
        let Some(trunk) = known else {
            return Err(way_out(&config, "", Some(name), |_| None).err().unwrap_or_else(|| Refusal::unlocated(name, "it has no host")));
        };
        let settings = Settings { endpoints: config.endpoints.clone(), ..Settings::new(&config.node.name, [0; 32]) };
        let mut user_agent = UserAgent::new(R::from_rng(&mut rng), settings);
        let (mut asks, mut outputs) = (Asks::default(), VecDeque::new());
        let line =
            Line::new(&config, &trunk, &mut Tools { user_agent: &mut user_agent, rng: &mut rng, asks: &mut asks, outputs: &mut outputs });
        match line.uri.is_some() {
            true => Ok(Self { user_agent, rng, config, line }),
            false => Err(Refusal::unlocated(name, "its host is no SIP address")),
        }
    }

    /// Where calls go, as configured and read as a URI.
    pub fn uri(&self) -> String {
        self.line.uri.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    /// What may be spoken to its servers, the favourite first.
    pub fn spoken(&self) -> &[Transport] {
        &self.line.spoken
    }

    /// The trunk whose `tls` counts, if it has any.
    pub fn profile(&self) -> Option<String> {
        profile(&self.line.trunk)
    }

    /// Registers before it takes calls.
    pub fn registers(&self) -> bool {
        self.line.registration.is_some()
    }

    /// Its servers are known; gives the order of one call.
    pub fn settle(&mut self, candidates: Vec<Candidate>) -> Vec<Hop> {
        self.line.candidates = candidates;
        self.line.hops(&mut self.rng)
    }

    /// What its driver carries bytes for.
    pub fn user_agent(&mut self) -> &mut UserAgent<R> {
        &mut self.user_agent
    }

    /// The endpoint that speaks to this server.
    pub fn leaves_by(&self, hop: &Hop) -> EndpointId {
        self.user_agent.endpoint_for(self.line.endpoint, hop)
    }

    /// Asks a server whether it is there. `Probed` follows, unless nothing could be sent.
    pub fn ask_options(&mut self, now: Now, hop: &Hop) -> Option<RequestId> {
        let target = self.line.probe_target(hop)?;
        self.user_agent.ask_options(now, &target)
    }

    /// What the answer to OPTIONS says; `None` is silence.
    pub fn probed(&self, status: Option<u16>) -> Step {
        match status {
            None => Step::bad("no answer", Some(SILENT)),
            Some(status) if !health::is_there(Some(status)) => {
                Step::bad(format!("{status}"), Some("it is there and wants no calls; a node would call another server"))
            }
            Some(status @ 200..300) => Step::good(format!("{status}")),
            Some(status) => Step {
                hint: Some("any answer but 503 is a sign of life: it does not serve OPTIONS to us".to_owned()),
                ..Step::good(format!("{status}"))
            },
        }
    }

    /// Registers, or with `is_wanted` false takes that back. `RegisterAnswered` follows, unless nothing could be sent.
    pub fn register(&mut self, now: Now, hop: &Hop, is_wanted: bool) -> Option<RequestId> {
        let asked = self.line.registration.as_ref().map_or(0, |registration| registration.expires_s);
        let target = self.line.register_target(hop, if is_wanted { asked } else { 0 })?;
        self.user_agent.register(now, &target)
    }

    /// Takes an answer to REGISTER in; `number` is the last CSeq that it used.
    pub fn registered(&mut self, now: Now, hop: &Hop, number: u32, outcome: &RegisterOutcome) -> Registering {
        let Some(registration) = &mut self.line.registration else { return Registering::Over(Step::good("not configured")) };
        registration.number = number + 1;
        let next = registration.hear(now.instant, outcome, hop, false, 0);
        match (next, registration.left_s(now.instant), registration.trouble()) {
            (Next::Now, ..) => Registering::Again,
            (_, _, Some(trouble)) => Registering::Over(Step::bad(trouble, None)),
            (_, Some(left), None) => Registering::Over(Step::good(format!("for {left} s"))),
            (_, None, None) => Registering::Over(Step::good("taken back")),
        }
    }

    /// Calls a number, from `caller` where it is given; `local` is where voice would be taken. Gives the number as the carrier reads it.
    ///
    /// # Errors
    /// The allow-list of the trunk, or keys that may not be said to it, in the words of a node that refuses the call.
    pub fn call(
        &mut self,
        now: Now,
        hop: &Hop,
        number: &str,
        caller: Option<&str>,
        local: SocketAddr,
    ) -> Result<(UsageId, String), Refusal> {
        let name = self.line.trunk.name.clone();
        let written = way_out(&self.config, number, Some(&name), |_| None)?.number;
        let (trunk, leaves_by) = (&self.line.trunk, self.leaves_by(hop));
        let may_key = trunk.srtp.may_key(trunk.peering.is_private());
        if trunk.srtp.wanted == Srtp::Require && !may_key {
            return Err(Refusal::unlocated(&name, "srtp = \"require\" wants a host by TLS, or srtp_over_clear = true"));
        }
        let keys = (trunk.srtp.wanted != Srtp::None && may_key).then(|| LegKeys::draw(&mut |bytes| self.rng.fill_bytes(bytes)));
        let said =
            self.config.endpoints.iter().find(|endpoint| endpoint.id == leaves_by).map(|endpoint| self.config.media_address(endpoint));
        let codecs = if trunk.codecs.is_empty() { &CODECS[..] } else { &trunk.codecs };
        let terms = Terms {
            codecs,
            local,
            advertised: trunk.advertised.or(said).unwrap_or(self.config.media.advertised),
            session_id: self.rng.next_u64() >> 1,
            previous: None,
            signalled_from: None,
            flow: Flow::SendRecv,
            srtp: trunk.srtp.wanted,
            keys: keys.as_ref(),
            digits: trunk.peering.dtmf.digits(),
        };
        let presented = Presented { caller: Private(caller.unwrap_or_default().to_owned()), ..Presented::default() };
        let sdp = negotiate::offer(&terms).to_string();
        let endpoint = self.config.endpoints.iter().find(|endpoint| endpoint.id == self.line.endpoint);
        let invite = endpoint.and_then(|endpoint| invite_by(trunk, &written, &presented, endpoint, sdp, None));
        let invite = invite.ok_or_else(|| Refusal::unlocated(&name, "its host is no SIP address"))?;
        Ok((self.user_agent.invite(now, &InviteTarget { to: hop.clone(), ..invite }), written))
    }

    /// Takes the call back, or hangs it up.
    pub fn end(&mut self, now: Now, usage: UsageId, is_answered: bool) {
        match is_answered {
            true => self.user_agent.bye(now, usage, Cause::goodbye(Fault::Gateway)),
            false => self.user_agent.cancel(now, usage, Cause::CANCELLED),
        }
    }

    /// What a final answer to the call says.
    pub fn refused(&self, written: &str, status: u16, phrase: &str) -> Step {
        let said = format!("{written}: {status} {phrase}");
        let has_auth = self.line.trunk.peering.auth.is_some();
        let hint = match status {
            // Whoever says so knows the number: the trunk carried the call.
            480 | 486 | 600 | 603 => return Step::good(said),
            401 | 407 if has_auth => "the realm, the user or the password of `auth` is not the carrier's",
            401 | 407 => "it challenges each call: set `auth`",
            403 => "it refuses us, or this caller: try --from with a number that the carrier gave you, or `headers = { from = .. }`",
            404 | 484 | 604 => "it does not know the number as it is written there: see `numbers_out`",
            408 => "nothing came back within the time",
            488 | 606 => "no codec or security in common: see `codecs` and `srtp`",
            503 => "it wants no calls; a node would call another server",
            _ => return Step::bad(said, None),
        };
        Step::bad(said, Some(hint))
    }
}

/// Where the trunk names none.
const CODECS: [CodecKind; 2] = [CodecKind::Pcma, CodecKind::Pcmu];

/// Of a server that says nothing at all.
const SILENT: &str = "nothing comes back: a firewall, another port or transport, or a carrier that answers known addresses alone";

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::{
        config::{self, Outside},
        ids::UtcMillis,
        now::testing::zero,
        sip::{Message, UaOutput, parse},
    };

    struct Alone;

    impl Outside for Alone {
        fn variable(&self, _: &str) -> Option<String> {
            None
        }

        fn file(&self, _: &std::path::Path) -> Result<String, String> {
            Err("not there".to_owned())
        }

        fn own_address(&self) -> Option<std::net::IpAddr> {
            None
        }

        fn scripts(&self, _: &std::path::Path) -> Option<Vec<String>> {
            None
        }
    }

    fn trial(trunk: &str) -> Result<Trial<ChaCha8Rng>, Refusal> {
        let text = format!("[[sip]]\nname = \"a\"\nlisten = \"10.0.0.1:5060\"\n[[trunk]]\nname = \"carrier\"\n{trunk}\n");
        let config = config::read("tandem.toml", &text, &Alone).unwrap_or_else(|faults| panic!("{faults:?}")).config;
        Trial::new(config, "carrier", ChaCha8Rng::seed_from_u64(1))
    }

    fn now() -> Now {
        Now { instant: zero(), utc: UtcMillis(1_700_000_000_000) }
    }

    fn hop() -> Hop {
        Hop { transport: Transport::Udp, to: "10.0.0.9:5060".parse().unwrap(), domain: None }
    }

    fn rtp() -> SocketAddr {
        "10.0.0.1:20000".parse().unwrap()
    }

    #[test]
    fn a_trunk_that_takes_no_calls_is_told_with_the_line_that_is_missing() {
        let refusal = trial("sources = [\"10.0.0.9\"]").err().unwrap();
        assert!(refusal.to_string().contains("takes no calls from us") && refusal.to_string().contains("host = "), "{refusal}");
    }

    #[test]
    fn a_call_is_the_invite_that_a_node_would_send() {
        let mut trial = trial("host = \"10.0.0.9\"\noutbound = [\"+31\"]\nnumbers_out = { strip = \"+\", prefix = \"00\" }").unwrap();
        let (_, written) = trial.call(now(), &hop(), "+31201234567", Some("+31207654321"), rtp()).unwrap();
        assert_eq!(written, "0031201234567");
        let transmitted = |output| if let UaOutput::Transmit { bytes, .. } = output { Some(bytes) } else { None };
        let sent = std::iter::from_fn(|| trial.user_agent().poll()).find_map(transmitted);
        let Ok(Message::Request(invite)) = parse(&sent.unwrap()) else { panic!("no INVITE") };
        assert_eq!((invite.uri.user().as_deref(), invite.from.uri.user().as_deref()), (Some("0031201234567"), Some("0031207654321")));
        assert!(invite.sdp().unwrap().contains("m=audio 20000 "), "{invite:?}");
    }

    #[test]
    fn a_call_offers_the_security_and_the_address_that_a_node_would_offer() {
        let sdp = |more: &str, media: &str| {
            let more = format!("host = \"10.0.0.9\"\noutbound = [\"+31\"]\n{more}\n[media]\n{media}");
            let mut trial = trial(&more).unwrap();
            let called = trial.call(now(), &hop(), "+31201234567", None, rtp()).map_err(|refusal| refusal.to_string());
            called.map(|_| {
                let transmitted = |output| if let UaOutput::Transmit { bytes, .. } = output { Some(bytes) } else { None };
                let sent = std::iter::from_fn(|| trial.user_agent().poll()).find_map(transmitted);
                String::from_utf8(sent.unwrap().to_vec()).unwrap()
            })
        };
        let secured = sdp("srtp = \"require\"\nsrtp_over_clear = true\noversize = \"udp\"", "listen = \"0.0.0.0\"").unwrap();
        assert!(secured.contains("RTP/SAVP ") && secured.contains("a=crypto:1 "), "{secured}");
        assert!(secured.contains("c=IN IP4 10.0.0.1"), "RTP listens everywhere: {secured}");
        let clear = sdp("", "listen = \"10.0.0.6\"").unwrap();
        assert!(!clear.contains("crypto") && clear.contains("c=IN IP4 10.0.0.6"), "{clear}");
        assert!(sdp("srtp = \"require\"", "").unwrap_err().contains("srtp_over_clear"));
    }

    #[test]
    fn a_number_that_the_trunk_may_not_call_is_refused_as_a_node_refuses_it() {
        let mut trial = trial("host = \"10.0.0.9\"\noutbound = [\"+31\"]").unwrap();
        let refusal = trial.call(now(), &hop(), "+380441112233", None, rtp()).unwrap_err();
        assert!(refusal.to_string().contains("outbound = [\"+31\", \"+380\"]"), "{refusal}");
    }

    #[test]
    fn a_registration_that_must_be_longer_is_asked_for_again_and_a_wrong_password_is_said() {
        let mut trial = trial("host = \"10.0.0.9\"\nauth = { user = \"acme\", password = \"x\" }\nregister = {}").unwrap();
        assert!(trial.register(now(), &hop(), true).is_some());
        assert_eq!(trial.registered(now(), &hop(), 1, &RegisterOutcome::TooBrief { min_s: 7200 }), Registering::Again);
        let wrong = RegisterOutcome::Refused { status: 403, retry_after: None, realm: None };
        let Registering::Over(step) = trial.registered(now(), &hop(), 2, &wrong) else { panic!() };
        assert!(!step.is_good && step.said.contains("password of `auth`"), "{step:?}");
        let granted = RegisterOutcome::Granted { expires_s: 7200 };
        let Registering::Over(step) = trial.registered(now(), &hop(), 3, &granted) else { panic!() };
        assert!(step.is_good && step.said.contains("7200 s"), "{step:?}");
    }

    #[test]
    fn silence_and_503_keep_calls_away_and_any_other_answer_does_not() {
        let trial = trial("host = \"10.0.0.9\"").unwrap();
        let good = [None, Some(503), Some(200), Some(404), Some(405)].map(|status| trial.probed(status).is_good);
        assert_eq!(good, [false, false, true, true, true]);
        let good = [486, 404, 401, 488].map(|status| trial.refused("100", status, "").is_good);
        assert_eq!(good, [true, false, false, false]);
    }
}

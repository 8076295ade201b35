//! Does a trunk work, and if not, where does it fail? Asked by `tandem trunk test`, which is no part of a node and may run beside one.
//!
//! The requests and the words are those of a node: `Trial` of the switch makes them, over the node's own names and streams. `wire` carries
//! bytes, `report` says what was found.

mod report;
mod wire;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use gateway_core::{
    config::Config,
    events::wire::{Hop, Transport},
    sip::{
        RegisterOutcome, RequestId, UaEvent,
        locate::{Query, Record},
    },
    switch::{Registering, SILENT_AFTER, Step, Trial},
};
use rand_chacha::ChaCha20Rng;
use rustls::pki_types::CertificateDer;
use tokio::net::UdpSocket;
use x509_parser::prelude::{FromDer, X509Certificate};

pub(crate) use self::report::{Report, Stage};
use self::{report::Name, wire::Wire};
use super::{
    clock::stamp,
    names::Names,
    stream::{self, Tls},
};

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// The trunk's name.
    pub(crate) trunk: String,
    /// Called once, if it is given.
    pub(crate) to: Option<String>,
    /// Who calls then.
    pub(crate) from: Option<String>,
}

/// Tests a trunk; `told` hears each stage as it ends.
///
/// # Errors
/// What of the configuration leaves nothing to test.
pub(crate) async fn tested(config: &Config, question: &Question, told: impl FnMut(&Stage)) -> Result<Report, String> {
    let mut config = config.clone();
    let names = Names::new(config.dns.server);
    let tls = Tls::read(&config).map_err(|fault| fault.to_string())?;
    let wire = Wire::bind(&mut config.endpoints, tls).await;
    let media = SocketAddr::new(config.media.listen, 0);
    let trial = Trial::new(config, &question.trunk, rand::make_rng::<ChaCha20Rng>()).map_err(|refusal| refusal.to_string())?;
    let mut test = Test { trial, wire, report: Report::new(&question.trunk), told };
    let hops = test.find(&names).await;
    let Some(hop) = test.try_servers(&hops).await else { return Ok(test.report) };
    if test.trial.registers() {
        test.register(&hop).await;
    }
    if let Some(number) = &question.to {
        test.call(&hop, number, question.from.as_deref(), media).await;
    }
    if test.trial.registers() {
        test.leave(&hop).await;
    }
    Ok(test.report)
}

struct Test<F> {
    trial: Trial<ChaCha20Rng>,
    wire: Wire,
    report: Report,
    told: F,
}

impl<F: FnMut(&Stage)> Test<F> {
    fn tell(&mut self, name: Name, server: Option<&Hop>, since: Instant, step: Step) {
        let stage = Stage::new(name, server, since.elapsed(), step);
        (self.told)(&stage);
        self.report.push(stage);
    }

    /// The servers, in the order of one call.
    async fn find(&mut self, names: &Names) -> Vec<Hop> {
        let since = Instant::now();
        let mut steps = Vec::new();
        let told = |query: &Query, records: &[Record]| steps.push(in_words(query, records));
        let located = names.locate_aloud(&self.trial.uri(), self.trial.spoken(), told).await;
        let hops = match located {
            Ok((candidates, _)) => self.trial.settle(candidates),
            Err(why) => {
                let hint = "see `host` of the trunk, and `server` of [dns]";
                self.tell(Name::Dns, None, since, Step::bad(why, Some(hint)));
                return Vec::new();
            }
        };
        if hops.is_empty() {
            let hint = "a trunk is called from one [[sip]] listener: name one of the other family in `endpoint`";
            self.tell(Name::Dns, None, since, Step::bad("only addresses of a family that its listener does not speak", Some(hint)));
            return hops;
        }
        steps.push(hops.iter().map(|hop| format!("{} {}", hop.transport.word(), hop.to)).collect::<Vec<_>>().join(", "));
        self.tell(Name::Dns, None, since, Step::good(steps.join("; ")));
        hops
    }

    /// Asks each server, and gives the one that calls would go to: the first that answers, else the first that could be reached at all.
    async fn try_servers(&mut self, hops: &[Hop]) -> Option<Hop> {
        let (mut answering, mut reached) = (None, None);
        for hop in hops.iter().take(SERVERS_MAX) {
            if hop.transport != Transport::Udp && !self.open(hop).await {
                continue;
            }
            if let Some(why) = self.wire.unbound(self.trial.leaves_by(hop)).filter(|_| hop.transport == Transport::Udp) {
                let step =
                    Step::bad(format!("no socket of our own: {why}"), Some("see `listen` of its [[sip]], and `endpoint` of the trunk"));
                self.tell(Name::Options, Some(hop), Instant::now(), step);
                continue;
            }
            reached.get_or_insert_with(|| hop.clone());
            if self.ask_options(hop).await {
                answering.get_or_insert_with(|| hop.clone());
            }
        }
        answering.or(reached)
    }

    async fn open(&mut self, hop: &Hop) -> bool {
        let since = Instant::now();
        let stream = match stream::reach(hop).await {
            Ok(stream) => stream,
            Err(trouble) => {
                self.tell(Name::Connect, Some(hop), since, Step::bad(trouble.why, trouble.hint.as_deref()));
                return false;
            }
        };
        self.tell(Name::Connect, Some(hop), since, Step::good("stands"));
        if !hop.transport.is_secure() {
            self.wire.keep_ready(hop.clone(), Box::new(stream));
            return true;
        }
        let (since, profile) = (Instant::now(), self.trial.profile());
        let asked = self.wire.tls().connector(profile.as_deref(), hop).map(|(_, name)| name.to_str().into_owned()).unwrap_or_default();
        match stream::secure(self.wire.tls(), hop, profile.as_deref(), stream).await {
            Ok(stream) => {
                let step = shown(stream.get_ref().1.peer_certificates(), &asked);
                self.tell(Name::Tls, Some(hop), since, step);
                self.wire.keep_ready(hop.clone(), Box::new(stream));
                true
            }
            Err(trouble) => {
                self.tell(Name::Tls, Some(hop), since, Step::bad(trouble.why, trouble.hint.as_deref()));
                false
            }
        }
    }

    async fn ask_options(&mut self, hop: &Hop) -> bool {
        let since = Instant::now();
        let Some(asked) = self.trial.ask_options(stamp(), hop) else { return false };
        let status = self.wire.until(self.trial.user_agent(), SILENT_AFTER, |event| answer_to_options(asked, &event)).await.flatten();
        self.trial.user_agent().forget_request(asked);
        let mut step = self.trial.probed(status);
        if let (None, Some(lost)) = (status, self.wire.take_lost()) {
            step = Step::bad(format!("the stream is gone: {}", lost.why), lost.hint.as_deref());
        }
        let is_good = step.is_good;
        self.tell(Name::Options, Some(hop), since, step);
        is_good
    }

    async fn register(&mut self, hop: &Hop) {
        let since = Instant::now();
        let step = loop {
            let Some(asked) = self.trial.register(stamp(), hop, true) else { return };
            let answer = self.wire.until(self.trial.user_agent(), SILENT_AFTER, |event| answer_to_register(asked, event)).await;
            let Some((number, outcome)) = answer else {
                self.trial.user_agent().forget_request(asked);
                break Step::bad(format!("no answer within {} s", SILENT_AFTER.as_secs()), None);
            };
            match self.trial.registered(stamp(), hop, number, &outcome) {
                Registering::Again => {}
                Registering::Over(step) => break step,
            }
        };
        self.tell(Name::Register, Some(hop), since, step);
    }

    /// What was registered for the test is taken back; a carrier that does not answer forgets it by itself.
    async fn leave(&mut self, hop: &Hop) {
        if let Some(asked) = self.trial.register(stamp(), hop, false) {
            self.wire.until(self.trial.user_agent(), GOODBYE_MAX, |event| answer_to_register(asked, event)).await;
        }
    }

    /// Rings, and takes the call back; or hangs up at once.
    async fn call(&mut self, hop: &Hop, number: &str, caller: Option<&str>, media: SocketAddr) {
        // Held until the call is over, so that nobody else's voice is meant by its port.
        let bound = UdpSocket::bind(media).await;
        let local = bound.as_ref().ok().and_then(|socket| socket.local_addr().ok()).unwrap_or(media);
        let (usage, written) = match self.trial.call(stamp(), hop, number, caller, local) {
            Ok(called) => called,
            Err(refusal) => {
                let hint = refusal.admit.as_ref().map(|admit| format!("to admit it: {admit}"));
                return self.tell(Name::Call, None, Instant::now(), Step::bad(refusal.said, hint.as_deref()));
            }
        };
        let since = Instant::now();
        let heard = self.wire.until(self.trial.user_agent(), ANSWER_MAX, |event| sign_of_life(&event)).await;
        let step = match &heard {
            Some(Sign::Rings(status)) => Step::good(format!("{written}: {status}, then taken back")),
            Some(Sign::Answered) => Step::good(format!("{written}: answered, then hung up")),
            Some(Sign::Refused(status, phrase)) => self.trial.refused(&written, *status, phrase),
            None => self.trial.refused(&written, 408, "nothing but 100, or nothing at all"),
        };
        self.tell(Name::Call, Some(hop), since, step);
        if !matches!(heard, Some(Sign::Refused(..))) {
            let is_answered = heard == Some(Sign::Answered);
            self.trial.end(stamp(), usage, is_answered);
        }
        let is_over = |event: UaEvent| matches!(event, UaEvent::Refused { .. } | UaEvent::Gone { .. }).then_some(());
        self.wire.until(self.trial.user_agent(), GOODBYE_MAX, is_over).await;
    }
}

/// What a called number says first.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sign {
    Rings(u16),
    Answered,
    Refused(u16, String),
}

fn sign_of_life(event: &UaEvent) -> Option<Sign> {
    if let UaEvent::Progressed { status, .. } = event {
        return Some(Sign::Rings(*status));
    }
    if let UaEvent::Refused { status, reason, .. } = event {
        return Some(Sign::Refused(*status, reason.clone()));
    }
    matches!(event, UaEvent::Answered { .. }).then_some(Sign::Answered)
}

fn answer_to_options(asked: RequestId, event: &UaEvent) -> Option<Option<u16>> {
    if let UaEvent::Probed { request, status } = event { (*request == asked).then_some(*status) } else { None }
}

fn answer_to_register(asked: RequestId, event: UaEvent) -> Option<(u32, RegisterOutcome)> {
    if let UaEvent::RegisterAnswered { request, number, outcome } = event { (request == asked).then_some((number, outcome)) } else { None }
}

/// `SRV _sip._udp.carrier.tld: 2`
fn in_words(query: &Query, records: &[Record]) -> String {
    let (kind, name) = match query {
        Query::Naptr(name) => ("NAPTR", name),
        Query::Srv(name) => ("SRV", name),
        Query::Address(name) => ("A/AAAA", name),
    };
    match records.len() {
        0 => format!("{kind} {name}: none"),
        many => format!("{kind} {name}: {many}"),
    }
}

/// A certificate that was believed.
fn shown(chain: Option<&[CertificateDer<'_>]>, asked: &str) -> Step {
    let names = stream::subject(chain).join(", ");
    let names = if names.is_empty() { "no name but its address".to_owned() } else { names };
    let own = chain.and_then(|chain| X509Certificate::from_der(chain.first()?).ok());
    let until = own.map(|(_, own)| own.validity().not_after.timestamp());
    let now = i64::try_from(stamp().utc.0 / 1000).unwrap_or(i64::MAX);
    let days = until.map_or(0, |until| (until - now) / DAY_S);
    let step = Step::good(format!("asked for {asked}; its certificate bears {names}, and is good for {days} days"));
    let hint = (days < RENEW_DAYS).then(|| "it must be renewed soon".to_owned());
    Step { hint, ..step }
}

/// A number may take long to ring; a carrier that says nothing for so long is of no use to a caller.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// A goodbye is repeated for so long.
const GOODBYE_MAX: Duration = Duration::from_secs(2);
/// Servers that are asked; a call would have given up before.
const SERVERS_MAX: usize = 8;
const DAY_S: i64 = 86_400;
/// Less is worth a word.
const RENEW_DAYS: i64 = 14;

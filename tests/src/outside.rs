//! The slow systems: who is calling, and which agent is taken.

use std::{collections::BTreeMap, time::Duration};

use gateway_core::{
    context::sums::{Kind, Past, Weights, sums},
    events::{
        ask::{Ask, AskFailure, Finding, Question, Reply},
        calling::{Proof, Signed},
        leg::Direction,
        record::{Happened, Record},
        story::{Customer, Story, Trust},
    },
    ids::{AgentId, AskId, CallId, CustomerId, UtcMillis},
};

/// How the slow systems behave; `None` as a delay is silence.
#[derive(Debug, Clone)]
pub struct Manners {
    /// Until the store says who calls.
    pub identify: Option<Duration>,
    /// Until the table of reservations answers.
    pub reserve: Option<Duration>,
    /// Until a caller's signature is verified.
    pub verify: Option<Duration>,
    /// The store is broken, and says so.
    pub fails: bool,
    /// A reservation stands only when its answer comes, so that a release asked for meanwhile overtakes it.
    pub overtaken: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            identify: Some(Duration::from_millis(20)),
            reserve: Some(Duration::ZERO),
            verify: Some(Duration::from_millis(30)),
            fails: false,
            overtaken: false,
        }
    }
}

/// What the slow systems know.
#[derive(Debug, Default)]
pub struct Outside {
    pub manners: Manners,
    /// What comes of callers' signatures; `None`: they cannot be verified here.
    pub proof: Option<Proof>,
    /// What was asked of signatures.
    pub signed: Vec<Signed>,
    /// By number.
    customers: BTreeMap<String, Known>,
    /// Who called, by call.
    callers: BTreeMap<CallId, String>,
    /// Agents who are taken, and by which call.
    pub reserved: BTreeMap<AgentId, CallId>,
    /// Reservations on their way, where releases overtake them.
    pub coming: BTreeMap<AskId, (AgentId, CallId)>,
}

#[derive(Debug)]
struct Known {
    id: CustomerId,
    past: Vec<Past>,
}

impl Outside {
    /// Makes a number known.
    pub fn know(&mut self, number: &str) {
        let id = CustomerId(self.customers.len() as u64 + 1);
        self.customers.entry(number.to_owned()).or_insert(Known { id, past: Vec::new() });
    }

    /// Answers, and says how long that takes; `None` is never.
    pub fn answer(&mut self, ask: Ask, utc: UtcMillis) -> Option<(Duration, Reply)> {
        let is_identify = matches!(ask.question, Question::Identify { .. });
        let is_verify = matches!(ask.question, Question::Verify(_));
        let after = match (is_identify, is_verify) {
            (true, _) => self.manners.identify,
            (_, true) => self.manners.verify,
            _ => self.manners.reserve,
        };
        let id = ask.id();
        let finding = match ask.question {
            Question::Identify { .. } if self.manners.fails => Err(AskFailure::Failed("the store is away".to_owned())),
            Question::Identify { number, .. } => {
                let number = number.map(|number| number.0).unwrap_or_default();
                Ok(Finding::Identified(Box::new(self.story(&number, utc))))
            }
            Question::ReserveAgent { agent, call } if self.manners.overtaken => {
                self.coming.insert(id, (agent, call));
                Ok(granted(utc))
            }
            Question::ReserveAgent { agent, call } => Ok(self.reserve(agent, call, utc)),
            Question::ReleaseAgent { agent, call } => {
                if self.reserved.get(&agent) == Some(&call) {
                    self.reserved.remove(&agent);
                }
                Ok(Finding::AgentReleased)
            }
            Question::Verify(signed) => {
                self.signed.push(*signed);
                self.proof.clone().map(Finding::Verified).ok_or_else(|| AskFailure::Failed("nobody verifies".to_owned()))
            }
            Question::Lookup { .. } | Question::Speak { .. } | Question::Resolve { .. } | Question::RenderCard { .. } => {
                Err(AskFailure::Failed("nobody answers this".to_owned()))
            }
        };
        Some((after?, ask.token.reply(finding)))
    }

    /// An answer has come to the Switch.
    pub fn answered(&mut self, ask: AskId) {
        self.reserved.extend(self.coming.remove(&ask));
    }

    /// Learns from history, as the store does.
    pub fn learn(&mut self, record: &Record) {
        if let Happened::LegStarted { direction: Direction::Inbound, peer, .. } = &record.happened {
            self.callers.insert(record.call, peer.0.clone());
        }
        if let Happened::MenuChosen(chosen) = &record.happened
            && let Some(known) = self.callers.get(&record.call).and_then(|number| self.customers.get_mut(number))
        {
            known.past.push(Past { item: chosen.item.clone(), kind: Kind::Choice, at: record.at });
        }
    }

    fn story(&self, number: &str, utc: UtcMillis) -> Story {
        let Some(known) = self.customers.get(number) else { return Story::default() };
        Story {
            customer: Some(Customer { id: known.id, name: None, language: Some("en".to_owned()), segment: None }),
            trust: Trust { level: "ani".to_owned(), evidence: vec!["calling number".to_owned()] },
            sums: sums(&known.past, &Weights::default(), utc),
            ..Story::default()
        }
    }

    /// As one statement on a shared table: taken by another call, or ours.
    fn reserve(&mut self, agent: AgentId, call: CallId, utc: UtcMillis) -> Finding {
        match self.reserved.get(&agent) {
            Some(holder) if *holder != call => Finding::AgentTaken,
            _ => {
                self.reserved.insert(agent, call);
                granted(utc)
            }
        }
    }
}

/// For an hour.
fn granted(utc: UtcMillis) -> Finding {
    Finding::AgentReserved { until: UtcMillis(utc.0 + 3_600_000) }
}

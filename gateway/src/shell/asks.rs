//! Puts the Switch's questions to slow systems.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use gateway_core::{
    events::{
        ask::{Ask, AskFailure, Finding, Question, Reply},
        story::Story,
    },
    ids::{AgentId, CallId, UtcMillis},
    now::Now,
    private::Private,
};
use tokio::{runtime, sync::Semaphore};

use super::{driver::Arrival, mailbox::Mailbox, names::Names, stir::Verifier};

/// What the store can answer.
pub(crate) trait Answers: Send + Sync + 'static {
    /// Who calls, by signed token first, then by a context of ours, then by number.
    fn identify(
        &self,
        token: Option<Private<String>>,
        context: Option<String>,
        number: Option<Private<String>>,
    ) -> impl Future<Output = Result<Story, AskFailure>> + Send;
}

/// Carries questions out, `ASKS_MAX` at a time; each ends in one reply, in time or as `TimedOut`.
pub(crate) struct Asks<A> {
    answers: Arc<A>,
    names: Names,
    runtime: runtime::Handle,
    replies: Mailbox<Arrival>,
    places: Arc<Semaphore>,
    leases: Leases,
    verifier: Option<Arc<Verifier>>,
}

impl<A: Answers> Asks<A> {
    /// Questions run on `runtime`, replies go to the switch's thread.
    pub(crate) fn new(answers: Arc<A>, names: Names, runtime: runtime::Handle, replies: Mailbox<Arrival>) -> Self {
        Self { answers, names, runtime, replies, places: Arc::new(Semaphore::new(ASKS_MAX)), leases: Leases::default(), verifier: None }
    }

    /// Proves callers' signatures by this.
    pub(crate) fn proving(self, verifier: Option<Verifier>) -> Self {
        Self { verifier: verifier.map(Arc::new), ..self }
    }

    /// Puts a question; the reply comes back at once where this node knows it, else through the queue.
    pub(crate) fn put(&mut self, now: Now, ask: Ask) -> Option<Reply> {
        let Ask { token, deadline, question } = ask;
        let limit = deadline.saturating_duration_since(now.instant);
        match question {
            Question::ReserveAgent { agent, call } => {
                let until = self.leases.reserve(agent, call, now.utc);
                Some(token.reply(Ok(Finding::AgentReserved { until })))
            }
            Question::ReleaseAgent { agent, call } => {
                self.leases.release(agent, call);
                Some(token.reply(Ok(Finding::AgentReleased)))
            }
            Question::Identify { token: proof, context, number } => {
                let answers = self.answers.clone();
                self.run(token, limit, async move {
                    answers.identify(proof, context, number).await.map(|story| Finding::Identified(Box::new(story)))
                })
            }
            Question::Resolve { uri, spoken } => {
                let names = self.names.clone();
                self.run(token, limit, async move {
                    let located = names.locate(&uri, &spoken).await;
                    located.map(|(candidates, ttl)| Finding::Resolved { candidates, ttl }).map_err(AskFailure::Failed)
                })
            }
            Question::Lookup { .. } => Some(token.reply(unavailable("lookups by HTTP"))),
            Question::Speak { .. } => Some(token.reply(unavailable("speech synthesis"))),
            Question::Verify(call) => match self.verifier.clone() {
                Some(verifier) => self.run(token, limit, async move { Ok(Finding::Verified(verifier.prove(&call).await)) }),
                None => Some(token.reply(unavailable("verification of caller signatures"))),
            },
            Question::RenderCard { .. } => Some(token.reply(unavailable("cards for SIP phones"))),
        }
    }

    fn run(
        &self,
        token: gateway_core::events::ask::AskToken,
        limit: Duration,
        work: impl Future<Output = Result<Finding, AskFailure>> + Send + 'static,
    ) -> Option<Reply> {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            return Some(token.reply(Err(AskFailure::Overloaded)));
        };
        let replies = self.replies.clone();
        self.runtime.spawn(async move {
            let finding = tokio::time::timeout(limit, work).await.unwrap_or(Err(AskFailure::TimedOut));
            drop(place);
            // A switch that is gone needs no reply.
            let _ = replies.send(Arrival::Replied(token.reply(finding))).await;
        });
        None
    }
}

/// The agents' reservations of a node that is alone.
///
/// One Switch asks, and it asks for an agent whom it knows to be free or to be with a call that the new one takes in: so the answer is always
/// yes, and what this table guards is the release, which only the latest holder may do.
#[derive(Debug, Default)]
struct Leases {
    holders: BTreeMap<AgentId, CallId>,
}

impl Leases {
    fn reserve(&mut self, agent: AgentId, call: CallId, now: UtcMillis) -> UtcMillis {
        self.holders.insert(agent, call);
        UtcMillis(now.0.saturating_add(LEASE_MS))
    }

    fn release(&mut self, agent: AgentId, call: CallId) {
        if self.holders.get(&agent) == Some(&call) {
            self.holders.remove(&agent);
        }
    }
}

fn unavailable(what: &str) -> Result<Finding, AskFailure> {
    Err(AskFailure::Failed(format!("{what}: not available on this node")))
}

/// Questions open at once; one more is answered `Overloaded`, and its call goes on with the fallback.
const ASKS_MAX: usize = 1024;

/// Longer than any call with its wrap-up: on one node, nobody else waits for the lease to run out.
const LEASE_MS: u64 = 12 * 3600 * 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_holder_releases_an_agent() {
        let (ada, first, second) = (AgentId(1), CallId(1), CallId(2));
        let mut leases = Leases::default();
        assert_eq!(leases.reserve(ada, first, UtcMillis(5)), UtcMillis(5 + LEASE_MS));
        leases.reserve(ada, second, UtcMillis(6));
        leases.release(ada, first);
        assert_eq!(leases.holders.get(&ada), Some(&second));
        leases.release(ada, second);
        assert!(leases.holders.is_empty());
    }
}

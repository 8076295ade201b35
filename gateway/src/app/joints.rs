//! Where the pure core meets the threads, and the store the switch.

use std::time::Instant;

use gateway_core::{
    events::{ask::AskFailure, record::Record, story::Story},
    now::Now,
    plane::{Shard, ShardInput, ShardOutput},
    private::Private,
    switch::{Input, Output, Rejection, Switch},
};
use rand_chacha::ChaCha20Rng;

use crate::{
    shell::{Answers, Brain, Ledger, Plane, Snapshot},
    store::Store,
};

impl Brain for Switch<ChaCha20Rng> {
    fn handle(&mut self, now: Now, input: Input<'_>) {
        Self::handle(self, now, input);
    }

    fn poll(&mut self) -> Option<Output> {
        Self::poll(self)
    }

    fn deadline(&self) -> Option<Instant> {
        Self::deadline(self)
    }

    fn live(&self) -> Snapshot {
        Snapshot {
            draining: self.is_draining(),
            calls: self.calls().collect(),
            agents: self.agents().map(|agent| agent.id).collect(),
            trunks: self.trunks(),
            leaving: self.is_leaving(),
            idle_ports: self.idle_ports(),
            sip_dropped: self.sip_dropped(),
            turned_away: self.turned_away().map(|(cause, count)| (cause.word(), count)).collect(),
        }
    }
}

impl Plane for Shard<ChaCha20Rng> {
    fn handle(&mut self, now: Now, input: ShardInput<'_>) {
        Self::handle(self, now, input);
    }

    fn poll(&mut self) -> Option<ShardOutput> {
        Self::poll(self)
    }

    fn deadline(&self) -> Option<Instant> {
        Self::deadline(self)
    }

    fn recycle(&mut self, bytes: Vec<u8>) {
        Self::recycle(self, bytes);
    }

    fn dropped(&self) -> u64 {
        let counts = self.counts();
        counts.homeless + counts.dropped
    }
}

impl Answers for Store {
    async fn identify(
        &self,
        token: Option<Private<String>>,
        context: Option<String>,
        number: Option<Private<String>>,
    ) -> Result<Story, AskFailure> {
        let (token, number) = (token.as_ref().map(|token| token.0.as_str()), number.as_ref().map(|number| number.0.as_str()));
        Self::identify_in(self, token, context.as_deref(), number).await.map_err(|error| AskFailure::Failed(error.to_string()))
    }
}

impl Ledger for Store {
    fn write(&mut self, record: Record) {
        self.append(record);
    }

    fn lag(&self) -> usize {
        self.queued()
    }

    fn reject(&mut self, rejection: Rejection) -> u64 {
        Self::reject(self, rejection)
    }
}

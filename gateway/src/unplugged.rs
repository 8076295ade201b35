//! What a node has in place of a part that is not wired in: it says no, and never pretends.

use std::{collections::VecDeque, time::Instant};

use gateway_core::{
    events::{
        ask::AskFailure,
        media::{MediaCommand, MediaEvent},
        record::Record,
        story::Story,
    },
    now::Now,
    plane::{ShardInput, ShardOutput},
    private::Private,
};

use crate::shell::{Answers, Ledger, Plane};

/// A shard without media: it leases no port, so the Switch refuses every call.
#[derive(Debug, Default)]
pub(crate) struct NoMedia {
    outputs: VecDeque<ShardOutput>,
}

impl Plane for NoMedia {
    fn handle(&mut self, _: Now, input: ShardInput<'_>) {
        if let ShardInput::Command(MediaCommand::LeasePorts { .. }) = input {
            self.outputs.push_back(ShardOutput::Event(MediaEvent::PortsLeased { locals: Vec::new() }));
        }
    }

    fn poll(&mut self) -> Option<ShardOutput> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn recycle(&mut self, _: Vec<u8>) {}
}

/// A store that is away.
#[derive(Debug)]
pub(crate) struct NoStore;

impl Answers for NoStore {
    async fn identify(&self, _: Option<Private<String>>, _: Option<Private<String>>) -> Result<Story, AskFailure> {
        Err(AskFailure::Failed("no store is wired in".into()))
    }
}

impl Ledger for NoStore {
    fn write(&mut self, record: Record) {
        tracing::error!(call = record.call.0, "a record is lost: no store is wired in");
    }

    fn lag(&self) -> usize {
        0
    }
}

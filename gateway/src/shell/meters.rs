//! What the shell counts; names are in docs/operate.md.
//!
//! Counters are looked up once, so that counting costs one atomic addition.

use gateway_core::{
    sip::TurnedAway,
    switch::{Input, Output, TrunkView},
};
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// Of the switch's thread.
pub(crate) struct SwitchMeters {
    inputs: [Counter; INPUTS.len()],
    outputs: [Counter; OUTPUTS.len()],
    /// Seconds that one `handle` took.
    pub(crate) handle: Histogram,
    /// Datagrams that the system would not send.
    pub(crate) unsent: Counter,
    /// Datagrams that were no SIP.
    pub(crate) dropped: Counter,
    /// Pages that were closed because they read too slowly.
    pub(crate) slow_pages: Counter,
    /// Bytes for a stream that is not there.
    pub(crate) streamless: Counter,
    /// Pages that listen.
    pub(crate) pages: Gauge,
    /// Records on their way to the store.
    pub(crate) store_lag: Gauge,
    /// Media commands that wait because a shard's ring is full.
    pub(crate) media_backlog: Gauge,
    /// Live calls.
    pub(crate) calls: Gauge,
}

impl SwitchMeters {
    pub(crate) fn new() -> Self {
        turned_away(TurnedAway::ALL.iter().map(|cause| (cause.word(), 0)));
        Self {
            inputs: INPUTS.map(|kind| counter!("tandem_switch_inputs_total", "kind" => kind)),
            outputs: OUTPUTS.map(|kind| counter!("tandem_switch_outputs_total", "kind" => kind)),
            handle: histogram!("tandem_switch_handle_seconds"),
            unsent: counter!("tandem_sip_unsent_total"),
            dropped: counter!("tandem_sip_dropped_total"),
            slow_pages: counter!("tandem_pages_closed_slow_total"),
            streamless: counter!("tandem_sip_streamless_total"),
            pages: gauge!("tandem_pages"),
            store_lag: gauge!("tandem_store_lag_records"),
            media_backlog: gauge!("tandem_media_command_backlog"),
            calls: gauge!("tandem_calls"),
        }
    }

    /// One input went in.
    pub(crate) fn input(&self, input: &Input<'_>) {
        let kind = match input {
            Input::Received { .. } => 0,
            Input::Connected { .. } | Input::ConnectFailed { .. } | Input::Stream { .. } | Input::Disconnected { .. } => 1,
            Input::Joined { .. } | Input::Said { .. } | Input::Left { .. } => 2,
            Input::Media { .. } => 3,
            Input::Replied(_) => 4,
            Input::Told(_) => 5,
            Input::Woke => 6,
        };
        self.inputs[kind].increment(1);
    }

    /// One output came out.
    pub(crate) fn output(&self, output: &Output) {
        let kind = match output {
            Output::Transmit { .. } => 0,
            Output::Connect { .. } | Output::Disconnect { .. } => 1,
            Output::Media { .. } => 2,
            Output::Ask(_) => 3,
            Output::Push { .. } => 4,
            Output::Write(_) => 5,
            Output::Rejected(_) => 6,
            Output::Traced { .. } => 7,
            Output::Trunk(_) => 8,
        };
        self.outputs[kind].increment(1);
    }
}

/// What SIP did not take in, by cause.
pub(crate) fn turned_away(counts: impl Iterator<Item = (&'static str, u64)>) {
    for (cause, count) in counts {
        counter!("tandem_sip_turned_away_total", "cause" => cause).absolute(count);
    }
}

/// The state of each trunk, for dashboards and alarms.
pub(crate) fn trunks(views: &[TrunkView]) {
    let switch = |on: bool| if on { 1.0 } else { 0.0 };
    for view in views {
        let name = || view.name.clone();
        gauge!("tandem_trunk_up", "trunk" => name()).set(switch(view.state != "down"));
        gauge!("tandem_trunk_calls", "trunk" => name()).set(f64::from(view.calls));
        let registered = view.registration.as_ref().is_none_or(|registration| registration.registered);
        gauge!("tandem_trunk_registered", "trunk" => name()).set(switch(registered));
    }
}

/// Of one media thread.
pub(crate) struct ShardMeters {
    /// Datagrams in, RTP and RTCP.
    pub(crate) received: Counter,
    /// Datagrams in, from browsers.
    pub(crate) web_received: Counter,
    /// Datagrams out.
    pub(crate) sent: Counter,
    /// Datagrams that the system would not send.
    pub(crate) unsent: Counter,
    /// Datagrams in that no port took: foreign, malformed, held, or after their call.
    pub(crate) dropped: Counter,
    /// Reports about quality that found the switch busy.
    pub(crate) lost_quality: Counter,
    /// Samples of recordings that found the disk busy; the file has silence there.
    pub(crate) lost_samples: Counter,
    /// Seconds from waking to sleeping again.
    pub(crate) turn: Histogram,
    /// Bound RTP ports.
    pub(crate) ports: Gauge,
    /// Ports that fell over a bug.
    pub(crate) broken: Counter,
}

impl ShardMeters {
    pub(crate) fn new(shard: u64) -> Self {
        let shard = shard.to_string();
        let packets = |way: &'static str| counter!("tandem_media_packets_total", "shard" => shard.clone(), "way" => way);
        Self {
            received: packets("in"),
            web_received: packets("web_in"),
            sent: packets("out"),
            unsent: packets("unsent"),
            dropped: packets("dropped"),
            lost_quality: counter!("tandem_media_reports_dropped_total", "shard" => shard.clone()),
            lost_samples: counter!("tandem_recorder_samples_lost_total", "shard" => shard.clone()),
            turn: histogram!("tandem_media_turn_seconds", "shard" => shard.clone()),
            ports: gauge!("tandem_media_ports", "shard" => shard.clone()),
            broken: counter!("tandem_media_ports_broken_total", "shard" => shard),
        }
    }
}

const INPUTS: [&str; 7] = ["sip_datagram", "sip_stream", "page", "media", "reply", "operator", "timer"];
const OUTPUTS: [&str; 9] = ["transmit", "stream", "media", "ask", "push", "write", "rejected", "traced", "trunk"];

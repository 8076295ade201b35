//! What is done every 20 ms: voices are pulled, prompts and mixes are sent, recordings grow.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use media::{
    frame::{FRAME, Frame},
    mixer::mix,
};

#[cfg(test)]
use super::shard::Wire;
use super::{Shard, bridge, play::Beat, port::Port, speech::Change};
use crate::{
    events::media::{MediaEvent, PlayEnd},
    ids::{PortId, RecordingId},
};

impl<R: rand::Rng> Shard<R> {
    /// To be called after anything that may have made a port need the tick; what needs it no more leaves with the tick itself.
    pub(super) fn keep_beat(&mut self, now: Instant, id: PortId) {
        if self.ports.get(&id).is_some_and(Port::is_ticking) {
            self.beating.insert(id);
            self.tick_at.get_or_insert(now);
        }
    }

    /// One tick, whose place on the grid is `due`.
    pub(super) fn tick(&mut self, now: Instant, due: Instant) {
        let late = now.saturating_duration_since(due);
        if late > CATCH_UP_MAX {
            let missed = (late.as_millis() / FRAME.as_millis()) as u32;
            self.counts.ticks_missed += u64::from(missed);
            for _ in 0..missed {
                self.record_all(due, |_, _| (None, None));
            }
            self.tick_at = Some(due + FRAME * missed);
            return;
        }
        // Whoever shares a bridge with one that ticks is heard too; all other ports rest.
        let mut ids = BTreeSet::new();
        for id in &self.beating {
            let Some(port) = self.ports.get(id) else { continue };
            ids.insert(*id);
            if let Some(topology) = port.bridge.and_then(|bridge| self.bridges.get(&bridge)) {
                ids.extend(bridge::members(topology));
            }
        }
        for &id in &ids {
            self.alone(now, id, |shard| shard.hear(due, id));
        }
        for &id in &ids {
            self.alone(now, id, |shard| shard.speak(due, id));
        }
        self.record_all(due, |shard, caller| {
            let Some(port) = shard.ports.get(&caller) else { return (None, None) };
            let rate = port.line.rate();
            let relayed = port.relayed.filter(|_| port.play.is_none() && port.told.is_none()).and_then(|speaker| shard.ports.get(&speaker));
            let right = port.told.clone().or_else(|| relayed?.voice.at(rate).cloned());
            (port.voice.at(rate).cloned(), right)
        });
        let ports = &self.ports;
        self.beating.retain(|id| ports.get(id).is_some_and(Port::is_ticking));
        self.tick_at = (!self.beating.is_empty()).then(|| due + FRAME);
    }

    /// Pulls what a port has said.
    fn hear(&mut self, now: Instant, id: PortId) {
        let Some(port) = self.ports.get_mut(&id) else { return };
        port.told = None;
        let frame = port.line.inbound_mut().pull(now);
        let change = match &mut port.collect {
            Some(collect) if collect.speech_interrupts => collect.speech.hear(frame.as_ref()),
            Some(_) | None => None,
        };
        port.voice.set(frame.filter(|_| !port.is_muted));
        if port.recording.is_some() {
            port.voice.prepare(port.line.rate());
        }
        match change {
            Some(Change::Started) => {
                self.tell(MediaEvent::SpeechStarted { port: id });
                self.interrupt(id, |_| true);
            }
            Some(Change::Ended { spoken_ms }) => self.tell(MediaEvent::SpeechEnded { port: id, spoken_ms }),
            None => {}
        }
    }

    /// Sends a port its prompt, or the mix of all whom it hears.
    fn speak(&mut self, now: Instant, id: PortId) {
        let Some(port) = self.ports.get_mut(&id) else { return };
        port.line.tick(now, &mut self.outbox);
        let rate = port.line.rate();
        let beat = port.play.as_mut().map(|play| play.beat(rate)).unwrap_or_default();
        let over = port.play.take_if(|_| beat.heard.is_none());
        let is_over = over.is_some();
        if let Some(play) = over {
            self.tell(MediaEvent::PlayDone { port: id, play: play.id, end: PlayEnd::Finished });
        }
        let beat = if beat.heard.is_some() {
            beat
        } else {
            let mixed = self.mix_for(now, id);
            Beat { sent: mixed.clone(), heard: mixed }
        };
        let Some(port) = self.ports.get_mut(&id) else { return };
        match &beat.sent {
            Some(frame) => port.line.send_frame(now, frame, &mut self.outbox),
            None if is_over || beat.heard.is_some() => port.line.end_talk(now, &mut self.outbox),
            None => {}
        }
        port.told = beat.heard;
        #[cfg(test)]
        self.trip(id, Wire::Tick);
        self.flush(id);
    }

    /// What a port hears of the others where it is not relayed; silence while nobody speaks, so that its stream goes on.
    fn mix_for(&mut self, now: Instant, id: PortId) -> Option<Frame> {
        let port = self.ports.get(&id).filter(|port| !port.hears.is_empty() && port.relayed.is_none())?;
        let rate = port.line.rate();
        for place in 0..port.hears.len() {
            let speaker = *self.ports.get(&id)?.hears.get(place)?;
            self.alone(now, speaker, |shard| {
                if let Some(speaker) = shard.ports.get_mut(&speaker) {
                    speaker.voice.prepare(rate);
                }
            });
        }
        let speakers = self.ports.get(&id)?.hears.iter().filter_map(|speaker| self.ports.get(speaker)?.voice.at(rate));
        Some(mix(rate, speakers))
    }

    /// Adds 20 ms to every recording: `sides` says what the caller said and heard.
    fn record_all(&mut self, now: Instant, sides: impl Fn(&Self, PortId) -> (Option<Frame>, Option<Frame>)) {
        let ids: Vec<(RecordingId, PortId)> = self.recordings.iter().map(|(id, recording)| (*id, recording.caller)).collect();
        for (id, caller) in ids {
            self.alone(now, caller, |shard| {
                let (left, right) = sides(shard, caller);
                let full = shard.recordings.get_mut(&id).and_then(|recording| recording.push(now, left.as_ref(), right.as_ref()));
                if let Some(batch) = full {
                    shard.record(batch);
                }
                #[cfg(test)]
                shard.trip(caller, Wire::Tape);
            });
        }
    }
}

/// A wake this late is caught up tick by tick; what is later is given up, since the peers have concealed it by now.
const CATCH_UP_MAX: Duration = Duration::from_millis(100);

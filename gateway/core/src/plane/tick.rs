//! What is done every 20 ms: voices are pulled, prompts and mixes are sent, recordings grow.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use media::{
    frame::{FRAME, Frame, SampleRate},
    mixer::Mix,
};

#[cfg(test)]
use super::shard::Wire;
use super::{Shard, bridge, play::Beat, port::Port, speech::Change};
use crate::{
    events::{
        leg::KeySource,
        media::{MediaEvent, PlayEnd},
    },
    ids::{BridgeId, PortId, RecordingId},
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
        self.mixes.clear();
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
        if port.listens_for_tones(now) {
            port.tones.hear(frame.as_ref());
        }
        port.voice.set(frame.filter(|_| !port.is_muted));
        if port.recording.is_some() {
            port.voice.prepare(port.line.rate());
        }
        while let Some(event) = self.ports.get_mut(&id).and_then(|port| port.tones.poll()) {
            self.key_did(now, id, &event, KeySource::Tone);
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
        match port.bridge {
            Some(bridge) if port.hears.len() > FEW => {
                // Everyone in a conference hears everyone else: one sum serves all of them.
                let mix = match self.mixes.remove(&(bridge, rate)) {
                    Some(mix) => mix,
                    None => self.mix(now, &self.members_of(bridge), rate),
                };
                let Port { voice, limiter, .. } = self.ports.get_mut(&id)?;
                let heard = mix.without(voice.at(rate), limiter);
                self.mixes.insert((bridge, rate), mix);
                Some(heard)
            }
            Some(_) | None => {
                let hears = port.hears.clone();
                let mix = self.mix(now, &hears, rate);
                Some(mix.without(None, &mut self.ports.get_mut(&id)?.limiter))
            }
        }
    }

    /// What these said in this tick.
    fn mix(&mut self, now: Instant, speakers: &[PortId], rate: SampleRate) -> Box<Mix> {
        let mut mix = Box::new(Mix::new(rate));
        for &speaker in speakers {
            self.alone(now, speaker, |shard| {
                if let Some(speaker) = shard.ports.get_mut(&speaker) {
                    speaker.voice.prepare(rate);
                    speaker.voice.at(rate).into_iter().for_each(|voice| mix.add(voice));
                }
            });
        }
        mix
    }

    fn members_of(&self, bridge: BridgeId) -> Vec<PortId> {
        let mut members = self.bridges.get(&bridge).map(bridge::members).unwrap_or_default();
        members.retain(|member| self.ports.get(member).is_some_and(|port| port.bridge == Some(bridge)));
        members
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

/// Speakers that are summed for each listener anew: what a whisper has, and a conference of three.
const FEW: usize = 2;

/// A wake this late is caught up tick by tick; what is later is given up, since the peers have concealed it by now.
const CATCH_UP_MAX: Duration = Duration::from_millis(100);

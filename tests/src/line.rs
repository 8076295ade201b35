//! A far end's RTP: hums a tone of its own, presses keys, and hears.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use media::{
    codec::CodecKind,
    frame::{FRAME, SampleRate},
    rtp::{self, Header},
    sdp::{
        Answer, Description, Digits, Flow, LegKeys, MediaPlan, Offer, Srtp,
        negotiate::{self, Terms},
    },
    srtp::{Guards, Receiver, Sender},
    stream::{Format, Inbound, Outbound},
    tone::Tone,
};

use crate::ears::Ear;

/// One RTP end in a call, with an offer of its own.
#[derive(Debug)]
pub struct Line {
    /// Where its RTP comes from and goes to.
    pub address: SocketAddr,
    /// The frequency that it hums at, in Hz.
    pub hz: f64,
    /// Nobody speaks here, and silence is not sent.
    pub is_mute: bool,
    /// What it has heard since media was agreed.
    pub ear: Option<Ear>,
    codecs: Vec<CodecKind>,
    srtp: Srtp,
    keys: LegKeys,
    said: Option<Description>,
    talk: Option<Talk>,
}

#[derive(Debug)]
struct Talk {
    plan: MediaPlan,
    outbound: Outbound,
    inbound: Inbound,
    sealing: Option<(Sender, Receiver)>,
    tone: Tone,
    /// The next 20 ms.
    next: Instant,
}

impl Line {
    /// Not yet agreed with anybody.
    pub fn new(address: SocketAddr, codecs: &[CodecKind], hz: f64) -> Self {
        let mut next = address.port().to_be_bytes()[1];
        let keys = LegKeys::draw(&mut |bytes| {
            next = next.wrapping_add(1);
            bytes.fill(next);
        });
        Self { address, hz, is_mute: false, ear: None, codecs: codecs.to_vec(), srtp: Srtp::None, keys, said: None, talk: None }
    }

    /// Offers and answers SRTP like this.
    pub fn secured(self, srtp: Srtp) -> Self {
        Self { srtp, ..self }
    }

    /// Whether what is agreed is SRTP.
    pub fn is_secured(&self) -> bool {
        self.talk.as_ref().is_some_and(|talk| talk.sealing.is_some())
    }

    /// Where its RTP goes, once that is agreed.
    pub fn remote(&self) -> Option<SocketAddr> {
        Some(self.talk.as_ref()?.plan.remote)
    }

    /// An offer, or a re-offer within the session; `flow` as this end sees it.
    pub fn offer(&mut self, flow: Flow) -> Offer {
        let offer = negotiate::offer(&self.terms(flow));
        self.said = Some(offer.description().clone());
        offer
    }

    /// Takes the answer to its offer: from here on there is sound.
    pub fn agree(&mut self, now: Instant, offer: &Offer, answer: &str) -> bool {
        let Ok(answer) = Answer::parse(answer) else { return false };
        let plan = negotiate::accept(offer, &answer, &self.terms(Flow::SendRecv));
        plan.is_ok_and(|plan| {
            self.settle(now, plan);
            true
        })
    }

    /// Answers somebody's offer.
    pub fn answer(&mut self, now: Instant, offer: &str) -> Option<String> {
        let offer = Offer::parse(offer).ok()?;
        let (answer, plan) = negotiate::answer(&offer, &self.terms(Flow::SendRecv)).ok()?;
        self.said = Some(answer.description().clone());
        self.settle(now, plan);
        Some(answer.to_string())
    }

    /// Hears and hums no more.
    pub fn close(&mut self) {
        self.talk = None;
    }

    /// When it wants to speak and to hear.
    pub fn deadline(&self) -> Option<Instant> {
        self.talk.as_ref().map(|talk| talk.next)
    }

    /// Presses a key for 100 ms.
    pub fn press(&mut self, digit: char) {
        if let Some(talk) = &mut self.talk {
            talk.outbound.press(digit, Duration::from_millis(100));
        }
    }

    /// Takes a packet.
    pub fn receive(&mut self, now: Instant, bytes: &[u8]) {
        let Some(talk) = self.talk.as_mut().filter(|_| !rtp::is_rtcp(bytes)) else { return };
        let mut clear = bytes.to_vec();
        if talk.sealing.as_mut().is_some_and(|(_, receiver)| receiver.open(&mut clear).is_err()) {
            return;
        }
        if let Ok((header, payload)) = Header::parse(&clear) {
            // What it does not understand it does not hear; the ear says so.
            let _ = talk.inbound.receive(now, &header, payload);
        }
    }

    /// Speaks and hears 20 ms, when they are due: packets, and where they go.
    pub fn tick(&mut self, now: Instant) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut packets = Vec::new();
        while let Some(talk) = self.talk.as_mut().filter(|talk| talk.next <= now) {
            let at = talk.next;
            talk.next += FRAME;
            let remote = talk.plan.remote;
            let mut sink = |header: &Header, payload: &[u8]| {
                let mut bytes = Vec::new();
                header.write(payload, &mut bytes);
                if let Some((sender, _)) = &mut talk.sealing {
                    assert!(sender.seal(&mut bytes));
                }
                packets.push((remote, bytes));
            };
            talk.outbound.tick(at, &mut sink);
            let frame = talk.tone.frame();
            if talk.plan.flow.sends() && !self.is_mute {
                talk.outbound.frame(at, &frame, &mut sink);
            }
            let heard = talk.inbound.pull(at);
            if let Some(ear) = &mut self.ear {
                ear.hear(heard);
            }
        }
        packets
    }

    fn settle(&mut self, now: Instant, plan: MediaPlan) {
        match &mut self.talk {
            Some(talk) => {
                talk.outbound.agree(now, Format::sent(&plan), plan.ptime_ms);
                talk.inbound.agree(Format::received(&plan));
                if talk.plan.secrets != plan.secrets {
                    talk.sealing = sealing(&plan);
                }
                talk.plan = plan;
            }
            None => {
                let mut inbound = Inbound::new(Format::received(&plan));
                inbound.listen(true);
                let numbers = u32::from(self.address.port()) + 65_536 * u32::from(plan.local.port());
                let outbound = Outbound::new(now, Format::sent(&plan), plan.ptime_ms, numbers, 1, numbers);
                self.ear = Some(Ear::new(now, plan.codec.rate()));
                let tone = Tone::new(SampleRate::Narrow, &[self.hz], 8_000);
                let sealing = sealing(&plan);
                self.talk = Some(Talk { plan, outbound, inbound, sealing, tone, next: now });
            }
        }
    }

    fn terms(&self, flow: Flow) -> Terms<'_> {
        Terms {
            codecs: &self.codecs,
            local: self.address,
            advertised: self.address.ip(),
            session_id: u64::from(self.address.port()),
            previous: self.said.as_ref(),
            signalled_from: None,
            flow,
            srtp: self.srtp,
            keys: Some(&self.keys),
            digits: Digits::default(),
        }
    }
}

fn sealing(plan: &MediaPlan) -> Option<(Sender, Receiver)> {
    let secrets = plan.secrets.clone()?;
    Some((Sender::new(secrets.send), Receiver::new(secrets.receive, Guards::default())))
}

//! Two sessions talk over a wire of 40 ms each way.

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::*;
use crate::{
    frame::{FRAME, SampleRate},
    sdp::Secrets,
    srtp::{MasterKey, Profile},
    stream::tests::plan,
    tone::{Tone, level},
    transmit::Transmit,
};

struct Side {
    session: Session,
    rng: ChaCha8Rng,
    outbox: Outbox,
    address: SocketAddr,
}

fn side(start: Start, plan: MediaPlan, seed: u64) -> Side {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let address = plan.local;
    Side { session: Session::new(start, plan, &mut rng), rng, outbox: Outbox::default(), address }
}

fn pair(zero: Instant) -> (Side, Side) {
    let ours = plan();
    let theirs = MediaPlan { local: ours.remote, remote: ours.local, ..ours.clone() };
    let start = Start { instant: zero, unix_ms: 1_700_000_000_000, guard: true };
    (side(start, ours, 1), side(start, theirs, 2))
}

fn deliver(now: Instant, to: &mut Side, from: SocketAddr, transmit: &Transmit) {
    match transmit.channel {
        Channel::Rtp => drop(to.session.receive(now, from, &transmit.bytes, &mut Vec::new())),
        Channel::Rtcp => drop(to.session.receive_report(now, from, &transmit.bytes, &mut Vec::new())),
    }
}

#[test]
fn two_sessions_hear_each_other_and_learn_the_round_trip() {
    let zero = crate::time::zero();
    let (mut ours, mut theirs) = pair(zero);
    ours.session.inbound_mut().listen(true);
    let mut tone = Tone::new(SampleRate::Narrow, &[700.0], 6_000);
    let mut wire: Vec<(u32, bool, Transmit)> = Vec::new();
    let mut heard = Vec::new();
    for tick in 0..1_500_u32 {
        let now = zero + FRAME * tick;
        let due = wire.extract_if(.., |(at, ..)| *at <= tick).collect::<Vec<_>>();
        for (_, is_to_us, transmit) in due {
            let (to, from) = if is_to_us { (&mut ours, theirs.address) } else { (&mut theirs, ours.address) };
            deliver(now, to, from, &transmit);
        }
        let frame = tone.frame();
        for (is_to_us, side) in [(false, &mut ours), (true, &mut theirs)] {
            side.session.send_frame(now, &frame, &mut side.outbox);
            side.session.handle_timeout(now, &mut side.rng, &mut side.outbox);
            wire.extend(std::iter::from_fn(|| side.outbox.poll()).map(|transmit| (tick + 2, is_to_us, transmit)));
        }
        heard.extend(ours.session.inbound_mut().pull(now).iter().flat_map(|frame| frame.samples().to_vec()));
    }
    assert!(level(&heard[8_000..], 8_000, 700.0) > 5_500.0);
    for side in [&ours, &theirs] {
        let trip = side.session.round_trip().unwrap().as_millis();
        assert!((79..=101).contains(&trip), "{trip}");
        assert_eq!((side.session.inbound().reception().lost(), side.session.foreign()), (0, 0));
    }
}

fn key(fill: u8) -> MasterKey {
    MasterKey::draw(Profile::Aes128CmSha1Tag80, &mut |bytes| bytes.fill(fill))
}

/// Two sessions that know each other's keys.
fn secured_pair(zero: Instant, guard: bool) -> (Side, Side) {
    let (ours, theirs) = (key(1), key(2));
    let plan = MediaPlan { secrets: Some(Box::new(Secrets { send: ours.clone(), receive: theirs.clone() })), ..plan() };
    let other = Some(Box::new(Secrets { send: theirs, receive: ours }));
    let far = MediaPlan { local: plan.remote, remote: plan.local, secrets: other, ..plan.clone() };
    let start = Start { instant: zero, unix_ms: 1_700_000_000_000, guard };
    (side(start, plan, 1), side(start, far, 2))
}

/// What one side sends for one frame.
fn spoken(side: &mut Side, now: Instant) -> Transmit {
    side.session.send_frame(now, &Frame::silence(SampleRate::Narrow), &mut side.outbox);
    side.outbox.poll().unwrap()
}

fn heard(side: &mut Side, now: Instant, from: SocketAddr, bytes: &[u8]) -> Result<(), Dropped> {
    side.session.receive(now, from, bytes, &mut Vec::new()).map(|_| ())
}

#[test]
fn a_secured_session_speaks_sealed_and_hears_its_peer_alone() {
    let zero = crate::time::zero();
    let (mut ours, mut theirs) = secured_pair(zero, true);
    let (from, mut clear) = (theirs.address, pair(zero).1);
    let sealed = spoken(&mut theirs, zero);
    assert_eq!(sealed.bytes.len(), 172 + 10);
    assert!(heard(&mut ours, zero, from, &sealed.bytes).is_ok());
    assert_eq!(heard(&mut ours, zero, from, &sealed.bytes), Err(Dropped::Srtp(srtp::Dropped::Replayed)));
    // The same numbers as the true stream, one ahead: what is not new is not even looked at.
    spoken(&mut clear, zero);
    let forged = spoken(&mut clear, zero).bytes;
    assert_eq!(heard(&mut ours, zero, from, &forged), Err(Dropped::Srtp(srtp::Dropped::Forged)));
    theirs.session.close(zero, &mut theirs.outbox);
    let report = theirs.outbox.poll().unwrap().bytes;
    assert!(ours.session.receive_report(zero, from, &report, &mut Vec::new()).is_ok());
    assert!(ours.session.receive_report(zero, from, &report, &mut Vec::new()).is_err(), "a replayed report");
    clear.session.close(zero, &mut clear.outbox);
    let forged = clear.outbox.poll().unwrap().bytes;
    assert!(ours.session.receive_report(zero, from, &forged, &mut Vec::new()).is_err(), "a report in the clear");
}

#[test]
fn without_the_guard_forged_and_replayed_packets_are_heard() {
    let zero = crate::time::zero();
    let (mut ours, mut theirs) = secured_pair(zero, false);
    let from = theirs.address;
    let mut packet = spoken(&mut theirs, zero).bytes;
    assert!(heard(&mut ours, zero, from, &packet).is_ok());
    packet[100] ^= 1;
    let believed = |result| !matches!(result, Err(Dropped::Srtp(_)));
    assert!(believed(heard(&mut ours, zero, from, &packet)));
}

#[test]
fn a_peer_behind_a_nat_is_found_by_its_first_sealed_packet_and_by_no_other() {
    let zero = crate::time::zero();
    let (mut ours, mut theirs) = secured_pair(zero, true);
    let nat: SocketAddr = "203.0.113.7:61000".parse().unwrap();
    let forged = spoken(&mut pair(zero).1, zero).bytes;
    assert!(heard(&mut ours, zero, nat, &forged).is_err());
    assert_eq!(spoken(&mut ours, zero).to, plan().remote);
    assert!(heard(&mut ours, zero, nat, &spoken(&mut theirs, zero).bytes).is_ok());
    assert_eq!(spoken(&mut ours, zero).to, nat);
}

#[test]
fn a_reinvite_keeps_the_counter_with_old_keys_and_with_new_ones() {
    let zero = crate::time::zero();
    for renewed in [false, true] {
        let (mut ours, mut theirs) = secured_pair(zero, true);
        let from = theirs.address;
        // Twice around the sequence numbers, with what a network loses in between.
        for n in 0..140_000_u32 {
            let packet = spoken(&mut theirs, zero).bytes;
            if n.is_multiple_of(500) {
                let now = zero + FRAME * n;
                assert!(heard(&mut ours, now, from, &packet).is_ok(), "{n}");
            }
        }
        let late = spoken(&mut theirs, zero).bytes;
        let receive = if renewed { key(3) } else { key(2) };
        let secrets = Secrets { send: key(1), receive: receive.clone() };
        ours.session.propose(MediaPlan { secrets: Some(Box::new(secrets)), ..plan() });
        ours.session.commit(zero);
        assert!(heard(&mut ours, zero, from, &late).is_ok(), "what was under way is heard");
        let plan = theirs.session.plan().clone();
        theirs.session.propose(MediaPlan { secrets: Some(Box::new(Secrets { send: receive, receive: key(1) })), ..plan });
        theirs.session.commit(zero);
        for _ in 0..3 {
            let packet = spoken(&mut theirs, zero).bytes;
            assert!(heard(&mut ours, zero, from, &packet).is_ok(), "renewed: {renewed}");
        }
        assert_eq!(
            heard(&mut ours, zero, from, &late),
            Err(Dropped::Srtp(if renewed { srtp::Dropped::Forged } else { srtp::Dropped::Replayed }))
        );
    }
}

#[test]
fn a_rolled_back_key_is_not_heard() {
    let zero = crate::time::zero();
    let (mut ours, mut theirs) = secured_pair(zero, true);
    let from = theirs.address;
    let plan = theirs.session.plan().clone();
    theirs.session.propose(MediaPlan { secrets: Some(Box::new(Secrets { send: key(3), receive: key(1) })), ..plan });
    theirs.session.commit(zero);
    ours.session.propose(MediaPlan { secrets: Some(Box::new(Secrets { send: key(1), receive: key(3) })), ..ours.session.plan().clone() });
    assert!(heard(&mut ours, zero, from, &spoken(&mut theirs, zero).bytes).is_ok());
    ours.session.roll_back();
    assert!(heard(&mut ours, zero, from, &spoken(&mut theirs, zero).bytes).is_err());
}

#[test]
fn a_held_session_sends_nothing_and_hears_nothing() {
    let zero = crate::time::zero();
    let (mut ours, mut theirs) = pair(zero);
    let silence = Frame::silence(SampleRate::Narrow);
    ours.session.direct(zero, Flow::Inactive);
    ours.session.send_frame(zero, &silence, &mut ours.outbox);
    assert_eq!(ours.outbox.poll(), None);
    theirs.session.send_frame(zero, &silence, &mut theirs.outbox);
    let sent = theirs.outbox.poll().unwrap();
    assert_eq!(ours.session.receive(zero, theirs.address, &sent.bytes, &mut Vec::new()), Err(Dropped::Held));
    ours.session.direct(zero, Flow::SendRecv);
    ours.session.send_frame(zero, &silence, &mut ours.outbox);
    assert!(ours.outbox.poll().is_some());
}

#[test]
fn a_proposed_address_is_heard_but_not_sent_to_until_it_is_agreed() {
    let zero = crate::time::zero();
    let (mut ours, mut theirs) = pair(zero);
    let elsewhere: SocketAddr = "192.0.2.99:6000".parse().unwrap();
    let spoken = |side: &mut Side| {
        side.session.send_frame(zero, &Frame::silence(SampleRate::Narrow), &mut side.outbox);
        side.outbox.poll().unwrap()
    };
    let packet = spoken(&mut theirs).bytes;
    assert_eq!(ours.session.receive(zero, elsewhere, &packet, &mut Vec::new()), Err(Dropped::Foreign));
    ours.session.propose(MediaPlan { remote: elsewhere, ..plan() });
    assert!(ours.session.receive(zero, elsewhere, &packet, &mut Vec::new()).is_ok());
    assert_eq!(spoken(&mut ours).to, plan().remote);
    ours.session.roll_back();
    assert_eq!(ours.session.receive(zero, elsewhere, &packet, &mut Vec::new()), Err(Dropped::Foreign));
    ours.session.propose(MediaPlan { remote: elsewhere, ..plan() });
    ours.session.commit(zero);
    assert_eq!(spoken(&mut ours).to, elsewhere);
    assert_eq!(ours.session.receive(zero, theirs.address, &packet, &mut Vec::new()), Err(Dropped::Foreign));
}

#[test]
fn a_hold_of_the_old_kind_is_not_sent_to() {
    let zero = crate::time::zero();
    let mut side =
        side(Start { instant: zero, unix_ms: 0, guard: true }, MediaPlan { remote: "0.0.0.0:4000".parse().unwrap(), ..plan() }, 1);
    side.session.send_frame(zero, &Frame::silence(SampleRate::Narrow), &mut side.outbox);
    side.session.close(zero, &mut side.outbox);
    assert_eq!(side.outbox.poll(), None);
}

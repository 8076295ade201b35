//! Two sessions talk over a wire of 40 ms each way.

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::*;
use crate::{
    frame::{FRAME, SampleRate},
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
        Channel::Rtp => drop(to.session.receive(now, from, &transmit.bytes)),
        Channel::Rtcp => drop(to.session.receive_report(now, from, &transmit.bytes)),
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
    assert_eq!(ours.session.receive(zero, theirs.address, &sent.bytes), Err(Dropped::Held));
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
    assert_eq!(ours.session.receive(zero, elsewhere, &packet), Err(Dropped::Foreign));
    ours.session.propose(MediaPlan { remote: elsewhere, ..plan() });
    assert!(ours.session.receive(zero, elsewhere, &packet).is_ok());
    assert_eq!(spoken(&mut ours).to, plan().remote);
    ours.session.roll_back();
    assert_eq!(ours.session.receive(zero, elsewhere, &packet), Err(Dropped::Foreign));
    ours.session.propose(MediaPlan { remote: elsewhere, ..plan() });
    ours.session.commit(zero);
    assert_eq!(spoken(&mut ours).to, elsewhere);
    assert_eq!(ours.session.receive(zero, theirs.address, &packet), Err(Dropped::Foreign));
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

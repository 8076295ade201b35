//! Calls with phones in browsers: what the legs and the shard are told, where the world's own peers can't say it.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use media::{
    codec::CodecKind,
    sdp::{Answer, Digits, Srtp},
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::{
    config::Config,
    events::{
        ask::Asks,
        leg::{KeySource, Spoken, Target},
        media::{MediaCommand, Topology},
    },
    ids::UtcMillis,
    ivr::{Library, PromptBook},
    now::{Now, testing},
};

/// One call that is bridged to a user with a phone of each kind, and all that it wished since it was last looked at.
struct Bench {
    call: Call,
    config: Config,
    now: Instant,
    asks: Asks,
    mint: Mint,
    rng: ChaCha8Rng,
    leases: VecDeque<SocketAddr>,
    wishes: VecDeque<Wish>,
}

impl Bench {
    /// Both phones ring for a caller who comes this way.
    fn ringing(media: LegMedia, offer: &str) -> Self {
        let arrival = Arrival {
            caller: Private("+31201112222".to_owned()),
            calling: Calling::default(),
            dialled: "200".to_owned(),
            trunk: None,
            region: None,
            token: None,
            medium: Medium::Call,
            media,
            offer: Some(Offer::parse(offer).unwrap()),
            action: RouteAction::Bridge(BOTH.to_owned()),
            record: false,
        };
        let (mut asks, mut mint, mut rng) = (Asks::default(), Mint::default(), ChaCha8Rng::seed_from_u64(6));
        let mut leases = (0..8).map(|n| SocketAddr::new(GATEWAY, 20_000 + 2 * n)).collect();
        let (config, now, mut wishes) = (Config::default(), testing::zero(), VecDeque::new());
        let mut turn = turn(&config, now, &mut asks, &mut mint, &mut rng, &mut leases, &mut wishes);
        let call = Call::begin(CallId(1), ("context".to_owned(), String::new()), CALLER, arrival, &mut turn);
        let mut bench = Self { call, config, now, asks, mint, rng, leases, wishes };
        let peer = bench.peer();
        bench.hears(MediaEvent::PeerOffered { port: peer, offer: Offer::parse(WEB).unwrap() });
        assert!(bench.legs().iter().any(|(_, command)| matches!(command, LegCommand::Dial { .. })), "{:?}", bench.wishes);
        bench
    }

    /// The same, and the phone in the browser has taken it.
    fn talking() -> Self {
        let mut bench = Self::ringing(rtp(), RTP);
        bench.far(LegEvent::Answered { answer: answer(WEB) });
        bench
    }

    fn give(&mut self, stimulus: Stimulus) {
        let Self { call, config, now, asks, mint, rng, leases, wishes } = self;
        call.handle(stimulus, &mut turn(config, *now, asks, mint, rng, leases, wishes));
    }

    fn hears(&mut self, event: MediaEvent) {
        self.give(Stimulus::Media(event));
    }

    fn far(&mut self, event: LegEvent) {
        let far = self.call.far.as_ref().unwrap().id;
        self.give(Stimulus::Leg(far, event));
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.give(Stimulus::Woke);
    }

    fn media(&self) -> Vec<&MediaCommand> {
        self.wishes.iter().filter_map(|wish| if let Wish::Media(command) = wish { Some(command) } else { None }).collect()
    }

    fn legs(&self) -> Vec<(LegId, &LegCommand)> {
        self.wishes.iter().filter_map(|wish| if let Wish::Leg(leg, command) = wish { Some((*leg, command)) } else { None }).collect()
    }

    /// The peer that was asked for its offer.
    fn peer(&self) -> PortId {
        let asked =
            self.media().into_iter().find_map(|command| if let MediaCommand::OfferPeer { port } = command { Some(*port) } else { None });
        asked.expect("a peer is asked for its offer")
    }

    fn closed(&self, port: PortId) -> usize {
        self.media().into_iter().filter(|command| **command == MediaCommand::Close { port }).count()
    }

    fn joined(&self) -> Option<PortId> {
        self.media().into_iter().rev().find_map(|command| {
            if let MediaCommand::Bridge { topology: Topology::Pair { agent, .. }, .. } = command { Some(*agent) } else { None }
        })
    }

    /// What a leg was told of the other side.
    fn told(&self, leg: LegId) -> Vec<&str> {
        let told = self.legs().into_iter().filter(|(to, _)| *to == leg);
        told.filter_map(|(_, command)| if let LegCommand::Status { state, .. } = command { Some(state.as_str()) } else { None }).collect()
    }
}

fn turn<'a>(
    config: &'a Config,
    now: Instant,
    asks: &'a mut Asks,
    mint: &'a mut Mint,
    rng: &'a mut ChaCha8Rng,
    leases: &'a mut VecDeque<SocketAddr>,
    wishes: &'a mut VecDeque<Wish>,
) -> Turn<'a> {
    let library = Library { scripts: BTreeMap::new(), prompts: Arc::new(PromptBook::new()) };
    Turn {
        now: Now { instant: now, utc: UtcMillis(0) },
        config,
        library: Box::leak(Box::new(library)),
        desks: &NO_DESKS,
        spoken: &|to| Spoken { rtp: true, web: *to == Target::Uri(BOTH.to_owned()), trunk: None, srtp: Srtp::None, may_key: false },
        secret: &[7; 32],
        asks,
        mint,
        rng,
        leases,
        wishes,
    }
}

fn rtp() -> LegMedia {
    let codecs = vec![CodecKind::Pcmu];
    LegMedia::Rtp(RtpTerms {
        codecs,
        advertised: GATEWAY,
        signalled_from: None,
        srtp: Srtp::None,
        may_key: false,
        digits: Digits::default(),
    })
}

fn answer(text: &str) -> Answer {
    Answer::parse(text).unwrap()
}

#[test]
fn a_phone_on_the_table_that_speaks_early_does_not_take_the_call_from_the_one_in_the_browser() {
    let mut bench = Bench::ringing(rtp(), RTP);
    let peer = bench.peer();
    bench.far(LegEvent::Progressed { status: 183, answer: Some(answer(RTP)) });
    let early = bench.joined().expect("the caller hears it");
    assert_eq!(bench.closed(peer), 0, "the browser may still answer");
    bench.far(LegEvent::Answered { answer: answer(WEB) });
    assert!(bench.media().contains(&&MediaCommand::AnswerPeer { port: peer, answer: answer(WEB) }));
    assert_eq!((bench.joined(), bench.closed(early), bench.closed(peer)), (Some(peer), 1, 0));
    assert!(matches!(bench.call.phase(), Phase::Through { .. }));
}

#[test]
fn a_phone_on_the_table_that_takes_the_call_lets_the_peer_go() {
    let mut bench = Bench::ringing(rtp(), RTP);
    let peer = bench.peer();
    bench.far(LegEvent::Progressed { status: 183, answer: Some(answer(RTP)) });
    let early = bench.joined();
    bench.far(LegEvent::Answered { answer: answer(RTP) });
    assert_eq!((bench.joined(), bench.closed(peer)), (early, 1));
}

#[test]
fn a_hold_that_the_peer_refuses_is_told_to_nobody_and_one_that_it_takes_is() {
    let mut bench = Bench::ringing(LegMedia::Web, WEB);
    bench.far(LegEvent::Answered { answer: answer(RTP) });
    let (far, port) = (bench.call.far.as_ref().unwrap().id, bench.call.caller.port.unwrap());
    bench.hears(MediaEvent::PeerAnswered { port, answer: answer(WEB) });
    let hold = Offer::parse(&format!("{WEB}a=sendonly\r\n")).unwrap();
    bench.wishes.clear();
    bench.give(Stimulus::Leg(CALLER, LegEvent::Reoffered { offer: Some(hold.clone()) }));
    bench.hears(MediaEvent::PeerRefused { port, cause: Cause::NOT_ACCEPTABLE });
    assert!(bench.legs().contains(&(CALLER, &LegCommand::RejectReoffer(Cause::NOT_ACCEPTABLE))));
    assert!(bench.told(far).is_empty(), "what stood before stands");
    bench.give(Stimulus::Leg(CALLER, LegEvent::Reoffered { offer: Some(hold) }));
    assert!(bench.told(far).is_empty());
    bench.hears(MediaEvent::PeerAnswered { port, answer: answer(WEB) });
    assert_eq!(bench.told(far), ["caller_held"]);
}

#[test]
fn a_browser_whose_answer_is_unfit_ends_the_call_by_its_own_cause() {
    let mut bench = Bench::talking();
    let peer = bench.peer();
    bench.hears(MediaEvent::PeerGone { port: peer, cause: Cause::NOT_ACCEPTABLE });
    assert!(bench.legs().contains(&(CALLER, &LegCommand::Hangup(Cause::NOT_ACCEPTABLE))));
    assert!(matches!(bench.call.phase(), Phase::Ending(Cause::NOT_ACCEPTABLE)));
}

#[test]
fn a_transfer_that_fails_leads_back_to_nobody_whose_media_is_gone() {
    for before in [true, false] {
        let mut bench = Bench::talking();
        let peer = bench.peer();
        bench.hears(MediaEvent::PeerConnected { port: peer });
        if before {
            bench.hears(MediaEvent::PeerGone { port: peer, cause: Cause::MEDIA_LOST });
        }
        bench.far(LegEvent::Referred { to: Target::Uri("sip:other@tandem".to_owned()), replacing: None, replaces: None, by: None });
        if !before {
            bench.hears(MediaEvent::PeerGone { port: peer, cause: Cause::MEDIA_LOST });
        }
        let third = bench.call.third.as_ref().unwrap().id;
        bench.wait(Duration::from_secs(2));
        assert!(matches!(bench.call.phase(), Phase::Transferring { .. }), "the transfer goes on: {}", bench.call.phase().name());
        assert_eq!(bench.closed(peer), 1);
        bench.wishes.clear();
        bench.give(Stimulus::Leg(third, LegEvent::Refused(Cause::NO_ANSWER)));
        assert_eq!(bench.joined(), None);
        assert!(matches!(bench.call.phase(), Phase::Ending(Cause::NO_ANSWER)));
    }
}

const CALLER: LegId = LegId(1_000);
const GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
/// A user with a phone of each kind.
const BOTH: &str = "sip:desk7@tandem";
const RTP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
const WEB: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n";
static NO_DESKS: BTreeMap<AgentId, crate::ids::ChannelId> = BTreeMap::new();

/// An answered caller, as after a script, for whom a leg is being dialled.
fn dialling_for_an_answered_caller() -> Bench {
    let mut bench = Bench::talking();
    let far = bench.call.far.as_ref().unwrap().id;
    bench.call.phase = Phase::Dialling { early: None, rings: false };
    bench.wishes.clear();
    assert!(bench.call.caller.answered && far != CALLER);
    bench
}

/// The clips that were played to the caller.
fn played(bench: &Bench) -> Vec<&str> {
    let played =
        bench.media().into_iter().filter_map(|command| if let MediaCommand::Play { clips, .. } = command { clips.first() } else { None });
    played.map(String::as_str).collect()
}

#[test]
fn an_answered_caller_hears_that_the_far_end_rings_once_and_why_it_is_refused() {
    for (cause, tone) in [(Cause::of_status(486, Fault::Carrier), "tone/busy"), (Cause::of_status(503, Fault::Carrier), "tone/congestion")]
    {
        let mut bench = dialling_for_an_answered_caller();
        bench.far(LegEvent::Progressed { status: 180, answer: None });
        bench.far(LegEvent::Progressed { status: 180, answer: None });
        assert_eq!(played(&bench), ["tone/ringback"]);
        bench.far(LegEvent::Refused(cause));
        assert_eq!(played(&bench), ["tone/ringback", tone]);
        assert!(matches!(bench.call.phase(), Phase::Refused(why) if *why == cause));
        bench.wait(Duration::from_millis(4_900));
        assert!(!matches!(bench.call.phase(), Phase::Ending(_)));
        bench.wait(Duration::from_millis(200));
        assert!(matches!(bench.call.phase(), Phase::Ending(why) if *why == cause));
    }
}

#[test]
fn who_hangs_up_on_a_busy_tone_was_refused() {
    let mut bench = dialling_for_an_answered_caller();
    let busy = Cause::of_status(486, Fault::Carrier);
    bench.far(LegEvent::Refused(busy));
    bench.give(Stimulus::Leg(CALLER, LegEvent::HungUp(Cause::goodbye(Fault::Caller))));
    assert!(matches!(bench.call.phase(), Phase::Ending(why) if *why == busy));
}

#[test]
fn a_key_by_event_and_info_goes_on_to_the_far_end_once() {
    let mut bench = Bench::talking();
    bench.wishes.clear();
    for source in [KeySource::Event, KeySource::Info] {
        let heard = LegEvent::DigitHeard { digit: Private('5'), length: Duration::from_millis(100), source };
        bench.give(Stimulus::Leg(CALLER, heard));
    }
    let sent = bench.media().into_iter().filter(|command| matches!(command, MediaCommand::SendDigit { .. })).count();
    assert_eq!(sent, 1);
}

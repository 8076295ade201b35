//! Trunks against a carrier with a script, in virtual time.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::{
    config::{Peering, Registration as Registers, TrunkAuth},
    ids::{EndpointId, UtcMillis},
    private::Private,
    sip::{Message, Method, Request, Response, Settings, UaEvent, UaOutput, parse},
};

const SERVER: &str = "10.0.0.1:5060";

/// The trunks of a node, its user agent, and what the carrier has been sent.
struct Scene {
    trunks: Trunks,
    user_agent: UserAgent<ChaCha8Rng>,
    rng: ChaCha8Rng,
    asks: Asks,
    outputs: VecDeque<Output>,
    zero: Instant,
    ms: u64,
    sent: VecDeque<Request>,
}

fn config(peering: Peering) -> Config {
    let trunk = Trunk { name: "carrier".to_owned(), peering, ..Trunk::default() };
    Config { trunks: vec![trunk], ..Config::default() }
}

impl Scene {
    fn new(peering: Peering) -> Self {
        let config = config(peering);
        let settings = Settings { endpoints: config.endpoints.clone(), ..Settings::new("tandem", [1; 32]) };
        let mut scene = Self {
            trunks: Trunks::default(),
            user_agent: UserAgent::new(ChaCha8Rng::seed_from_u64(1), settings),
            rng: ChaCha8Rng::seed_from_u64(2),
            asks: Asks::default(),
            outputs: VecDeque::new(),
            zero: crate::now::testing::zero(),
            ms: 0,
            sent: VecDeque::new(),
        };
        scene.does(|trunks, now, tools| trunks.reconfigure(now, &config, tools));
        scene
    }

    fn now(&self) -> Now {
        Now { instant: self.zero + Duration::from_millis(self.ms), utc: UtcMillis(1_800_000_000_000 + self.ms) }
    }

    fn does(&mut self, act: impl FnOnce(&mut Trunks, Now, &mut Tools<'_, ChaCha8Rng>)) {
        let now = self.now();
        let mut tools = Tools { user_agent: &mut self.user_agent, rng: &mut self.rng, asks: &mut self.asks, outputs: &mut self.outputs };
        act(&mut self.trunks, now, &mut tools);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.user_agent.poll() {
            if let UaOutput::Transmit { bytes, .. } = &output
                && let Ok(Message::Request(request)) = parse(bytes)
            {
                self.sent.push_back(request);
            } else if let UaOutput::Event(UaEvent::RegisterAnswered { request, number, outcome }) = output {
                self.does(|trunks, now, tools| trunks.registered(now, request, Some(number), &outcome, tools));
            } else if let UaOutput::Event(UaEvent::Probed { request, status }) = output {
                self.does(|trunks, now, tools| trunks.probed(now, request, status, tools));
            }
        }
    }

    /// Runs all timers of the next `ms`.
    fn pass(&mut self, ms: u64) {
        let end = self.ms + ms;
        loop {
            let due = [self.trunks.deadline(), self.user_agent.deadline()].into_iter().flatten().min();
            let Some(due) = due.filter(|due| *due <= self.zero + Duration::from_millis(end)) else { break };
            self.ms = u64::try_from((due - self.zero).as_millis()).unwrap();
            let now = Now { instant: due, ..self.now() };
            self.user_agent.wake(now);
            self.drain();
            let mut tools =
                Tools { user_agent: &mut self.user_agent, rng: &mut self.rng, asks: &mut self.asks, outputs: &mut self.outputs };
            self.trunks.wake(now, &mut tools);
            self.drain();
        }
        self.ms = end;
    }

    /// The newest request of a method; repetitions before it are forgotten.
    fn request(&mut self, method: &Method) -> Request {
        let request = self.sent.iter().rfind(|request| request.method == *method).cloned();
        self.sent.clear();
        request.unwrap_or_else(|| panic!("no {method} was sent"))
    }

    fn hears(&mut self, response: &Response) {
        self.user_agent.receive(self.now(), EndpointId(0), SERVER.parse().unwrap(), &response.to_bytes());
        self.drain();
    }

    fn news(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        for output in self.outputs.drain(..) {
            if let Output::Trunk(news) = output {
                told.push(news.what);
            }
        }
        told
    }

    fn view(&self) -> TrunkView {
        self.trunks.views(self.now()).remove(0)
    }
}

fn peering() -> Peering {
    Peering { host: Some(format!("sip:{SERVER}")), ..Peering::default() }
}

fn registering() -> Peering {
    Peering {
        register: Some(Registers { user: "acme".to_owned(), expires_s: 3600, domain: None }),
        auth: Some(TrunkAuth { user: "acme".to_owned(), realm: "carrier.tld".to_owned(), password: Private("sesame".to_owned()) }),
        ..peering()
    }
}

fn granted(request: &Request, seconds: u32) -> Response {
    let mut response = request.answer(200, Some("reg"));
    response.headers.push("Expires", seconds.to_string());
    response
}

#[test]
fn a_registration_is_kept_alive_and_a_call_to_it_is_known() {
    let mut scene = Scene::new(registering());
    let first = scene.request(&Method::Register);
    scene.hears(&granted(&first, 100));
    assert_eq!(scene.news(), ["registered"]);
    let view = scene.view().registration.unwrap();
    assert_eq!((view.registered, view.left_s), (true, Some(100)));
    let contact = first.headers.addresses("Contact").unwrap().remove(0);
    let line = contact.uri.params.value("line").unwrap().to_owned();
    let stranger: SocketAddr = "172.16.0.9:5060".parse().unwrap();
    assert_eq!(scene.trunks.registered_line(stranger, Some(&line)), Some("carrier"));
    assert_eq!(scene.trunks.registered_line(stranger, Some("guess")), None);
    assert_eq!(scene.trunks.registered_line(SERVER.parse().unwrap(), None), Some("carrier"));
    scene.pass(84_000);
    assert!(scene.sent.is_empty());
    scene.pass(1_500);
    let second = scene.request(&Method::Register);
    assert_eq!((second.call_id, second.cseq.number > first.cseq.number), (first.call_id, true));
}

#[test]
fn the_answer_to_a_farewell_says_nothing_to_the_trunk_that_bears_the_name_now() {
    let mut scene = Scene::new(registering());
    let first = scene.request(&Method::Register);
    scene.hears(&granted(&first, 3600));
    scene.news();
    let changed = config(Peering { cps_max: Some(5), ..registering() });
    scene.does(|trunks, now, tools| trunks.reconfigure(now, &changed, tools));
    let sent: Vec<Request> = scene.sent.drain(..).collect();
    let [farewell, anew] = sent.as_slice() else { panic!("it takes its leave and comes again: {sent:?}") };
    assert_eq!((farewell.headers.first("Expires"), &farewell.call_id), (Some("0"), &first.call_id));
    assert_ne!(anew.call_id, first.call_id);
    scene.hears(&granted(anew, 100));
    scene.hears(&granted(farewell, 0));
    assert!(scene.view().registration.unwrap().registered);
    assert_eq!(scene.news(), ["registered"]);
    scene.pass(86_000);
    assert_eq!(scene.request(&Method::Register).call_id, anew.call_id, "it is refreshed");
}

#[test]
fn a_trunk_that_challenges_within_calls_is_told_of_once() {
    let mut scene = Scene::new(peering());
    for method in [Method::Bye, Method::Update] {
        scene.does(|trunks, _, tools| trunks.challenged(SERVER.parse().unwrap(), None, &method, 407, tools));
    }
    let stranger = "172.16.0.9:5060".parse().unwrap();
    scene.does(|trunks, _, tools| trunks.challenged(stranger, None, &Method::Bye, 407, tools));
    let news = scene.news();
    assert!(news.len() == 1 && news[0].starts_with("it challenges BYE within a call (407)"), "{news:?}");
    scene.does(|trunks, now, tools| trunks.reconfigure(now, &config(Peering { cps_max: Some(5), ..peering() }), tools));
    scene.does(|trunks, _, tools| trunks.challenged(stranger, Some("carrier"), &Method::Bye, 401, tools));
    assert_eq!(scene.news().len(), 1, "a trunk that was changed is looked at anew");
}

#[test]
fn a_draining_node_takes_its_registration_back() {
    let mut scene = Scene::new(registering());
    let first = scene.request(&Method::Register);
    scene.hears(&granted(&first, 3600));
    scene.does(|trunks, now, tools| trunks.drain(now, tools));
    let last = scene.request(&Method::Register);
    assert_eq!(last.headers.first("Expires"), Some("0"));
    assert!(scene.trunks.is_leaving());
    scene.hears(&granted(&last, 0));
    assert!(!scene.trunks.is_leaving());
    scene.pass(4_000_000);
    assert!(scene.sent.is_empty());
}

#[test]
fn a_silent_registrar_is_asked_again_ever_later() {
    let mut scene = Scene::new(registering());
    scene.pass(600_000);
    let calls: std::collections::BTreeSet<u32> = scene.sent.iter().map(|request| request.cseq.number).collect();
    assert!((5..=12).contains(&calls.len()), "{calls:?}");
    assert!(!scene.view().registration.unwrap().registered);
}

#[test]
fn probes_turn_a_trunk_down_and_up_and_calls_follow() {
    let mut scene = Scene::new(Peering { probe_s: Some(30), outbound: vec!["+".to_owned()], ..peering() });
    let probe = scene.request(&Method::Options);
    scene.hears(&probe.answer(200, Some("up")));
    assert_eq!((scene.view().state, scene.view().servers[0].probes.len()), ("up", 1));
    scene.pass(95_000);
    assert_eq!(scene.view().state, "down");
    assert_eq!(scene.news(), [format!("down: UDP {SERVER} no longer answers")]);
    let trunk = Trunk { name: "carrier".to_owned(), ..Trunk::default() };
    let now = scene.now();
    assert!(matches!(scene.trunks.hindrance(now, &trunk), Some(Hindrance::Down(_))));
    for _ in 0..2 {
        scene.sent.clear();
        while scene.sent.is_empty() {
            scene.pass(1_000);
        }
        let probe = scene.request(&Method::Options);
        scene.hears(&probe.answer(405, Some("up")));
    }
    assert_eq!((scene.view().state, scene.trunks.hindrance(scene.now(), &trunk)), ("up", None));
}

#[test]
fn a_server_that_surprises_is_asked_again_at_once_and_one_that_is_as_believed_is_not() {
    let mut scene = Scene::new(Peering { probe_s: Some(30), ..peering() });
    for at in [0, 1_000, 1_000] {
        scene.pass(at);
        let probe = scene.request(&Method::Options);
        scene.hears(&probe.answer(503, Some("down")));
    }
    assert_eq!(scene.view().state, "down");
    scene.pass(28_000);
    assert!(scene.sent.is_empty(), "that it is down is no surprise any more");
    for at in [2_000, 1_000] {
        scene.pass(at);
        let probe = scene.request(&Method::Options);
        scene.hears(&probe.answer(200, Some("up")));
    }
    assert_eq!(scene.view().state, "up");
}

#[test]
fn places_are_taken_and_given_back_once() {
    let mut scene = Scene::new(Peering { calls_max: Some(1), ..peering() });
    let now = scene.now();
    assert_eq!(scene.trunks.take(now, "carrier", LegId(1)), Ok(()));
    assert_eq!(scene.trunks.take(now, "carrier", LegId(2)), Err(Full::Calls(1)));
    scene.trunks.release(LegId(2));
    assert_eq!(scene.view().calls, 1);
    scene.trunks.release(LegId(1));
    scene.trunks.release(LegId(1));
    assert_eq!(scene.view().calls, 0);
}

#[test]
fn a_name_is_asked_for_and_what_was_known_outlives_a_name_server() {
    let mut scene = Scene::new(Peering { host: Some("sip:carrier.tld".to_owned()), ..Peering::default() });
    let ask = |scene: &mut Scene| match scene.outputs.pop_front() {
        Some(Output::Ask(ask)) => ask,
        other => panic!("{other:?}"),
    };
    let first = ask(&mut scene).id();
    let hop = Hop { transport: Transport::Udp, to: SERVER.parse().unwrap(), domain: None };
    let candidates = vec![Candidate { hops: vec![hop.clone()], rank: 0, weight: 0 }];
    let found = Ok(Finding::Resolved { candidates, ttl: Duration::from_secs(60) });
    scene.does(|trunks, now, tools| assert!(trunks.located(now, first, &found, tools)));
    scene.pass(61_000);
    let second = ask(&mut scene).id();
    scene.does(|trunks, now, tools| assert!(trunks.located(now, second, &Err(AskFailure::TimedOut), tools)));
    assert_eq!(scene.news(), ["its name leads nowhere: the name server did not answer"]);
    scene.does(|trunks, now, tools| match trunks.ways(now, "carrier", tools) {
        Ways::Known(hops) => assert_eq!(hops, [hop]),
        Ways::Asked(_) | Ways::Nowhere(_) => panic!("what was known is forgotten"),
    });
}

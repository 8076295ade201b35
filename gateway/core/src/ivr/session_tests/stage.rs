//! The stage of the stories: scripts, prompts, and a caller whose session answers in words.

use super::*;

pub(super) const SHOP: &str = include_str!("../../../../../ivr-scripts/main.yaml");

pub(super) const PAY: &str = "
flow: pay
languages: [en]
agent: person
start: card
nodes:
  card:
    form: {slots: {number: {type: digits, length: [13, 19], say: ask_order, from: [ask], pii: pci}}, go: bye}
  bye: {hangup: {say: goodbye}}
  person: {queue: {name: support}}
";

pub(super) const VIP: &str = "
flow: vip
languages: [en]
start: first
nodes:
  first:
    branch: {cases: [{when: \"customer.segment == 'gold'\", go: gold}], else: root}
  gold: {queue: {name: gold}}
  root:
    menu:
      say: welcome
      items:
        - {id: billing, key: 1, say: billing, go: person, when: \"customer.segment != 'trial'\"}
        - {id: returns, key: 2, say: returns, go: person}
        - {id: agent, key: 0, say: operator, go: person}
  person: {queue: {name: support}}
";

pub(super) const NEWS: &str = "
flow: news
languages: [en]
start: news
nodes:
  news: {say: {prompts: welcome, go: root}}
  root:
    menu: {say: welcome_short, items: [{id: billing, key: 1, say: billing, go: person}, {id: agent, key: 0, say: operator, go: person}]}
  person: {queue: {name: support}}
";

pub(super) const CIRCLE: &str = "
flow: circle
languages: [en]
agent: person
start: root
nodes:
  root: {menu: {say: welcome, items: [{id: round, key: 1, say: billing, go: root}]}}
  person: {queue: {name: support}}
";

pub(super) const UTC: UtcMillis = UtcMillis(1_780_000_000_000);

pub(super) fn prompts() -> Arc<PromptBook> {
    let mut book = PromptBook::new();
    for (language, source) in [
        ("en", include_str!("../../../../../ivr-scripts/prompts/en.ftl")),
        ("ru", include_str!("../../../../../ivr-scripts/prompts/ru.ftl")),
        ("uk", include_str!("../../../../../ivr-scripts/prompts/uk.ftl")),
    ] {
        book.add_texts(language, source).expect("sound Fluent");
    }
    book.assume_clips();
    Arc::new(book)
}

pub(super) fn fact(key: &str, value: serde_json::Value) -> Fact {
    Fact {
        key: key.into(),
        value: Private(value),
        source: "chat".into(),
        at: UTC,
        confidence: 90,
        confirmed: false,
        privacy: Privacy::Open,
    }
}

pub(super) fn chatted() -> Story {
    let past = Past { item: "delivery".into(), kind: Kind::ChatIntent, at: UtcMillis(UTC.0 - 300_000) };
    Story {
        customer: Some(Customer { id: CustomerId(1), name: None, language: None, segment: None }),
        sums: sums(&[past], &crate::context::sums::Weights::default(), UTC),
        reason: Some(Reason { intent: "parcel_late".into(), label: "Parcel is late".into(), confidence: 75, evidence: Vec::new() }),
        ..Story::default()
    }
}

pub(super) fn at_order_number(story: Story) -> Call {
    let mut call = Call::begin(SHOP, Start { story, ..Start::default() });
    call.presses('3');
    while call.session.poll().is_some_and(|action| action != Action::ShowMenu { items: Vec::new() }) {}
    call
}

/// A caller with a clock.
pub(super) struct Call {
    pub(super) session: Session,
    pub(super) now: Now,
    pub(super) heard: Vec<String>,
}

impl Call {
    pub(super) fn begin(script: &str, start: Start) -> Self {
        let prompts = prompts();
        let script = Script::check("test.yaml", script, &prompts).map_err(|faults| faults.iter().map(Fault::to_string).collect::<Vec<_>>());
        #[expect(clippy::disallowed_methods, reason = "the one instant that all others of the test are counted from")]
        let now = Now { instant: Instant::now(), utc: UTC };
        Self { session: Session::begin(Arc::new(script.expect("a sound script")), prompts, start, now), now, heard: Vec::new() }
    }

    pub(super) fn after(&mut self, ms: u64) -> &mut Self {
        self.now.instant += Duration::from_millis(ms);
        self.now.utc.0 += ms;
        self
    }

    pub(super) fn event(&mut self, event: Event) {
        self.session.handle(self.now, event);
    }

    pub(super) fn presses(&mut self, key: char) {
        self.event(Event::Digit(Private(key)));
    }

    pub(super) fn types(&mut self, keys: &str) {
        for key in keys.chars() {
            self.after(100).presses(key);
        }
    }

    pub(super) fn played(&mut self) {
        self.event(Event::Played(PlayEnd::Finished));
    }

    pub(super) fn wakes(&mut self, ms: u64) {
        self.after(ms).event(Event::TimeReached);
    }

    pub(super) fn peek(&mut self) -> String {
        while let Some(action) = self.session.poll() {
            self.heard.push(told(action));
        }
        self.heard.join(" | ")
    }

    pub(super) fn drain(&mut self) -> String {
        let all = self.peek();
        self.heard.clear();
        all
    }

    #[track_caller]
    pub(super) fn hears(&mut self, expected: &str) {
        assert_eq!(self.drain(), expected);
    }
}

fn told(action: Action) -> String {
    let id = |said: &Utterance| said.clip.split('/').next_back().unwrap_or_default().to_owned();
    match action {
        Action::Say { utterances, barge_in } => {
            assert!(barge_in, "keys work from the first word on");
            assert!(utterances.iter().all(|said| !said.text.0.is_empty()), "every clip has a caption");
            format!("say {}", utterances.iter().map(id).collect::<Vec<_>>().join(" "))
        }
        Action::Stop => "stop".into(),
        Action::ShowMenu { items } if items.is_empty() => "menu -".into(),
        Action::ShowMenu { items } => {
            format!("menu {}", items.iter().map(|(key, label)| format!("{key} {label}")).collect::<Vec<_>>().join(", "))
        }
        Action::Presented(menu) => {
            format!("presented {}", menu.order.iter().map(|scored| scored.item.as_str()).collect::<Vec<_>>().join(" "))
        }
        Action::Chosen(chosen) => format!("chosen {} at {} after {} by {}", chosen.item, chosen.position, chosen.after_ms, chosen.key.0),
        Action::Learned(fact) => format!("learned {}={}", fact.key, fact.value.0),
        Action::PauseRecording(pause) => format!("pause {pause}"),
        Action::LookUp { url, .. } => format!("look up {url}"),
        Action::Left { reason, node, detail } => {
            let reason = serde_json::to_value(reason).expect("a word");
            format!("left {} {node} {}", reason.as_str().expect("a word"), detail.as_deref().unwrap_or("-"))
        }
        Action::Enqueue { queue, skills, .. } => format!("queue {queue} [{}]", skills.join(" ")),
        Action::Dial { to } => format!("dial {to}"),
        Action::Hangup(_) => "hangup".into(),
    }
}

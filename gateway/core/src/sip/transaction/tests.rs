//! The tables of docs/specs/transaction.md, walked row by row.

use std::fmt::Debug;

use super::{
    Effect, Event,
    Timer::{A, B, D, E, F, G, H, I, J, K, L, M},
    invite_client, invite_server, other_client, other_server,
};

const SPEC: &str = include_str!("../../../../../docs/specs/transaction.md");

macro_rules! table_is_the_code {
    ($test:ident, $heading:literal, $machine:ident, [$($state:ident),+]) => {
        #[test]
        fn $test() {
            use $machine::State;
            let states = [$(State::$state),+, State::Ended];
            walk($heading, &states, State::begin(), State::step);
        }
    };
}

table_is_the_code!(the_invite_server_is_its_table, "1 INVITE server", invite_server, [Proceeding, Completed, Confirmed, Accepted]);
table_is_the_code!(the_invite_client_is_its_table, "2 INVITE client", invite_client, [Calling, Proceeding, Completed, Accepted]);
table_is_the_code!(the_other_server_is_its_table, "3 Other server", other_server, [Trying, Proceeding, Completed]);
table_is_the_code!(the_other_client_is_its_table, "4 Other client", other_client, [Trying, Proceeding, Completed]);

fn walk<S: Copy + Debug + PartialEq>(
    heading: &str,
    states: &[S],
    begin: (S, &'static [Effect]),
    step: impl Fn(S, Event) -> (S, &'static [Effect]),
) {
    let section = SPEC.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    assert!(section.contains(&format!("Begins in `{:?}`, with `{}`.", begin.0, words(begin.1))), "{heading}: beginning");
    let mut rows: Vec<[&str; 4]> = section
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect::<Vec<_>>().try_into().unwrap())
        .collect();
    rows.remove(0);
    let mut matched = 0;
    for state in states {
        for event in events() {
            let (next, effects) = step(*state, event);
            let (state, event) = (format!("{state:?}"), format!("{event:?}"));
            match rows.iter().find(|row| row[0] == state && row[1] == event) {
                Some(row) => {
                    assert_eq!([row[2], row[3]], [&words(effects), &format!("{next:?}")], "{state} {event}");
                    matched += 1;
                }
                None => assert!(effects.is_empty() && format!("{next:?}") == state, "{state} {event} has no row"),
            }
        }
    }
    assert_eq!(matched, rows.len(), "{heading}: a row names an unknown state or event");
}

fn events() -> impl Iterator<Item = Event> {
    [Event::Request, Event::Ack, Event::Provisional, Event::Success, Event::Failure, Event::Broken]
        .into_iter()
        .chain([A, B, D, E, F, G, H, I, J, K, L, M].map(Event::Timer))
}

fn words(effects: &[Effect]) -> String {
    effects.iter().map(|effect| format!("{effect:?}")).collect::<Vec<_>>().join(", ")
}

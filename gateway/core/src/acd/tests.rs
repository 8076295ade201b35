use std::time::Duration;

use super::*;

fn agent(id: u64, skills: &[&str]) -> AgentEntry {
    AgentEntry {
        id: AgentId(id),
        login: format!("agent{id}"),
        name: format!("Agent {id}"),
        password_hash: String::new(),
        skills: skills.iter().map(|skill| (*skill).to_owned()).collect(),
        languages: vec![],
        phone: None,
        phone_ready: true,
    }
}

fn entry(id: u64, skills: &[&str], since: Instant) -> Entry {
    Entry {
        id: EntryId(id),
        call: CallId(id),
        queue: "support".to_owned(),
        skills: skills.iter().map(|skill| (*skill).to_owned()).collect(),
        priority: 5,
        since,
        offered: false,
        tried: vec![],
    }
}

fn available(acd: &mut Acd, id: u64, skills: &[&str], now: Instant) {
    acd.seat(&agent(id, skills), now);
    assert!(acd.turn(AgentId(id), AgentState::Available, now));
}

#[test]
fn the_longest_waiting_caller_gets_the_longest_idle_agent_with_the_skill() {
    let (mut acd, zero) = (Acd::default(), crate::now::testing::zero());
    let at = |s| zero + Duration::from_secs(s);
    available(&mut acd, 1, &["billing"], at(0));
    available(&mut acd, 2, &["delivery"], at(1));
    available(&mut acd, 3, &["delivery"], at(2));
    acd.enqueue(entry(11, &["delivery"], at(4)));
    acd.enqueue(entry(10, &["delivery"], at(3)));
    let first = acd.next_match(at(5)).unwrap();
    assert_eq!((first.entry, first.agent), (EntryId(10), AgentId(2)));
    let second = acd.next_match(at(5)).unwrap();
    assert_eq!((second.entry, second.agent), (EntryId(11), AgentId(3)));
    assert_eq!(acd.next_match(at(5)), None);
}

#[test]
fn an_agent_who_let_it_ring_is_tried_last() {
    let (mut acd, zero) = (Acd::default(), crate::now::testing::zero());
    available(&mut acd, 1, &[], zero);
    available(&mut acd, 2, &[], zero + Duration::from_secs(1));
    acd.enqueue(entry(10, &[], zero));
    assert_eq!(acd.next_match(zero).unwrap().agent, AgentId(1));
    acd.turn(AgentId(1), AgentState::Available, zero);
    acd.requeue(EntryId(10), AgentId(1));
    assert_eq!(acd.next_match(zero).unwrap().agent, AgentId(2));
}

#[test]
fn a_talking_agent_is_never_offered_a_second_caller() {
    let (mut acd, zero) = (Acd::default(), crate::now::testing::zero());
    available(&mut acd, 1, &[], zero);
    acd.enqueue(entry(10, &[], zero));
    acd.next_match(zero).unwrap();
    assert!(acd.turn(AgentId(1), AgentState::Offered(CallId(10)), zero));
    assert!(!acd.turn(AgentId(1), AgentState::Talking(CallId(11)), zero));
    assert!(acd.turn(AgentId(1), AgentState::Talking(CallId(10)), zero));
    assert!(!acd.turn(AgentId(1), AgentState::Available, zero));
    acd.dequeue(EntryId(10));
    acd.enqueue(entry(11, &[], zero));
    assert_eq!(acd.next_match(zero), None);
}

#[test]
fn a_callers_place_counts_only_those_before_in_the_same_queue() {
    let (mut acd, zero) = (Acd::default(), crate::now::testing::zero());
    acd.enqueue(entry(1, &[], zero));
    acd.enqueue(Entry { priority: 9, ..entry(2, &[], zero + Duration::from_secs(1)) });
    acd.enqueue(Entry { queue: "sales".to_owned(), ..entry(3, &[], zero) });
    assert_eq!(acd.place(EntryId(2)), Some(1));
    assert_eq!(acd.place(EntryId(1)), Some(2));
    assert_eq!(acd.place(EntryId(3)), Some(1));
}

/// One of each kind; `Talking` and the like with the call in `id`.
fn states(id: u64) -> [(&'static str, AgentState); 7] {
    [
        ("Away", AgentState::Away),
        ("Available", AgentState::Available),
        ("Reserved", AgentState::Reserved),
        ("Offered", AgentState::Offered(CallId(id))),
        ("Talking", AgentState::Talking(CallId(id))),
        ("WrapUp", AgentState::WrapUp(CallId(id))),
        ("Unreachable", AgentState::Unreachable),
    ]
}

/// docs/specs/call.md is right where the two differ.
#[test]
fn the_agent_table_of_the_specification_and_the_code_agree() {
    let specification = include_str!("../../../../docs/specs/call.md");
    let table = specification.split_once("## Agent").expect("the page has the table").1;
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| state"));
    let words = |cell: &str| -> Vec<String> {
        let of_state = |word: &str| word.trim().split('(').next().unwrap_or_default().trim().to_owned();
        cell.split(',').map(of_state).collect()
    };
    let mut allowed = std::collections::BTreeSet::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        for from in words(cells[0]) {
            allowed.extend(words(cells[1]).into_iter().map(|to| (from.clone(), to)));
        }
    }
    let now = crate::now::testing::zero();
    for (from, before) in states(1) {
        for call in [1, 2] {
            for (to, next) in states(call) {
                let mut someone = Agent::new(&agent(1, &[]), now);
                let path: &[AgentState] = match before {
                    AgentState::Away | AgentState::Unreachable | AgentState::Available => &[],
                    AgentState::Reserved => &[AgentState::Available],
                    AgentState::Offered(_) => &[AgentState::Available, AgentState::Reserved],
                    AgentState::Talking(id) => &[AgentState::Available, AgentState::Reserved, AgentState::Offered(id)],
                    AgentState::WrapUp(id) => {
                        &[AgentState::Available, AgentState::Reserved, AgentState::Offered(id), AgentState::Talking(id)]
                    }
                };
                assert!(path.iter().chain([&before]).all(|step| someone.turn(*step, now)), "{from} can be reached");
                let names_call = matches!(next, AgentState::Talking(_) | AgentState::WrapUp(_));
                let wanted = allowed.contains(&(from.to_owned(), to.to_owned())) && (!names_call || call == 1);
                assert_eq!(someone.turn(next, now), wanted, "{from} to {to} of call {call}");
            }
        }
    }
}

//! A call that is refused, and one that is not: the node says why, and shows what was said.

use std::{fs, time::Duration};

use serde_json::Value;
use tests::{
    node::{Node, tandem},
    program::wait_until,
};

use super::report;

#[test]
fn a_refused_call_is_a_row_with_the_line_that_would_admit_it() {
    let node = Node::start();
    for _ in 0..2 {
        let refused =
            report(&node.dial(&[&node.sip_uri("nowhere"), "--as", "+380501112233", "--duration", "1"]).end(Duration::from_secs(30)));
        assert_eq!(refused["ok"], false, "{refused}");
    }
    let rows = wait_until(Duration::from_secs(10), || {
        let rows = node.api("GET", "/v1/rejections", &Value::Null).json()["rejections"].as_array()?.clone();
        (rows.first()?["count"] == 2).then_some(rows)
    });
    let rows = rows.unwrap_or_else(|| panic!("no row\n{}", node.log()));
    let row = &rows[0];
    assert_eq!((rows.len(), &row["reason"], &row["status"], &row["dialled"]), (1, &"no_route".into(), &404.into(), &"nowhere".into()));
    assert!(row["call_id"].as_str().is_some_and(|id| !id.is_empty()), "{row}");
    assert!(node.log().contains("a call was not let in") && node.log().contains("no_route"), "{}", node.log());

    // The words are those of a test, and the line does what it says.
    let asked = node.api("GET", "/v1/route-test?to=nowhere&source=127.0.0.1", &Value::Null).json();
    assert_eq!((&asked["admitted"], &asked["refused"]["why"]), (&false.into(), &row["why"]), "{asked}");
    let file = node.directory().join("tandem.toml");
    let mended = node.directory().join("mended.toml");
    fs::write(&mended, format!("{}\n{}\n", fs::read_to_string(file).unwrap(), row["admit"]["toml"].as_str().unwrap())).unwrap();
    let ask = ["route-test", "--to", "nowhere", "--source", "127.0.0.1", "--from", "+380501112233", "-c", mended.to_str().unwrap()];
    let told = tandem(&ask);
    assert!(told.status.success() && told.out.contains("goes to   script main"), "{told:?}");
}

#[test]
fn a_call_shows_its_ladder_without_what_the_caller_typed() {
    let node = Node::start();
    let called = report(&node.dial(&[&node.sip_uri("main"), "--as", "+380501112233", "--duration", "2"]).end(Duration::from_secs(30)));
    let id = node.ended_calls(1)[0]["id"].clone();
    let path = format!("/v1/calls/{id}/ladder");
    let told = wait_until(Duration::from_secs(10), || {
        let told = node.api("GET", &path, &Value::Null).json();
        let labels: Vec<String> =
            told["messages"].as_array()?.iter().map(|message| message["label"].as_str().unwrap_or_default().to_owned()).collect();
        (labels.iter().filter(|label| *label == "BYE").count() == 1 && labels.last()? == "200 OK").then_some((told, labels))
    });
    let (told, labels) = told.unwrap_or_else(|| panic!("{}\n{called}", node.api("GET", &path, &Value::Null).text()));
    assert_eq!(labels[0], "INVITE (sdp)", "{labels:?}");
    assert!(labels.contains(&"200 OK (sdp)".to_owned()) && labels.contains(&"ACK".to_owned()), "{labels:?}");
    assert_eq!(
        (&told["messages"][0]["way"], &told["messages"][0]["transport"], &told["left_out"]),
        (&"in".into(), &"UDP".into(), &0.into())
    );
    let drawn = node.api("GET", &format!("{path}?form=text"), &Value::Null).text();
    assert!(drawn.contains("-- INVITE (sdp) -") && drawn.lines().all(|line| line.chars().count() <= 80), "{drawn}");
}

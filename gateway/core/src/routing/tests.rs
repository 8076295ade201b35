use super::*;
use crate::config::RouteAction;

fn trunk(name: &str, sources: &[(&str, u8)]) -> Trunk {
    Trunk {
        name: name.to_owned(),
        sources: sources.iter().map(|(address, prefix)| (address.parse().unwrap(), *prefix)).collect(),
        ..Trunk::default()
    }
}

fn route(dialled: &str, trunk: Option<&str>) -> Route {
    Route { dialled: dialled.to_owned(), trunk: trunk.map(str::to_owned), action: RouteAction::Script("main".to_owned()), record: true }
}

fn config(trunks: Vec<Trunk>, routes: Vec<Route>) -> Config {
    Config { trunks, routes, ..Config::default() }
}

#[test]
fn the_longest_prefix_speaks_for_an_address() {
    let config = config(vec![trunk("wide", &[("10.0.0.0", 8)]), trunk("narrow", &[("10.1.2.0", 24)])], vec![]);
    assert_eq!(trunk_of(&config, "10.1.2.3:5060".parse().unwrap()).unwrap().name, "narrow");
    assert_eq!(trunk_of(&config, "10.9.2.3:5060".parse().unwrap()).unwrap().name, "wide");
    assert_eq!(trunk_of(&config, "[::ffff:10.9.2.3]:5060".parse().unwrap()).unwrap().name, "wide");
}

#[test]
fn an_unknown_source_gets_a_bare_code_and_the_log_names_the_nearest_trunk() {
    let config = config(vec![trunk("far", &[("192.168.0.0", 16)]), trunk("near", &[("10.1.2.0", 24)])], vec![]);
    let refusal = trunk_of(&config, "10.1.3.3:5060".parse().unwrap()).unwrap_err();
    assert_eq!((refusal.cause.sip, refusal.to_peer), (403, false));
    assert!(refusal.why.contains("trunk near with 10.1.2.0/24"), "{}", refusal.why);
}

#[test]
fn a_plus_does_not_matter_and_a_name_is_left_alone() {
    let config = config(vec![], vec![route("+380441112233", None), route("demo", None)]);
    assert!(route_of(&config, None, "380441112233").is_ok());
    assert!(route_of(&config, None, "demo").is_ok());
    assert!(route_of(&config, None, "Demo").is_err());
}

#[test]
fn a_route_of_another_trunk_is_named_as_the_nearest() {
    let config = config(vec![], vec![route("100", Some("acme"))]);
    let refusal = route_of(&config, Some("other"), "100").unwrap_err();
    assert_eq!(refusal.cause.sip, 404);
    assert!(refusal.to_peer && refusal.why.contains("only for trunk acme"), "{}", refusal.why);
}

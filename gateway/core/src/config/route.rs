//! `[[route]]`: what a dialled number does, read and proven.

use std::{collections::BTreeMap, net::SocketAddr};

use super::{
    ConfigFault, Route, RouteAction, RouteNumber, Trunk, address,
    file::{RouteTable, Word},
    walk::Walk,
};

impl Walk<'_> {
    pub(super) fn routes(&mut self, tables: Vec<RouteTable>, trunks: &[Trunk], scripts: Option<&[String]>, record: bool) -> Vec<Route> {
        if tables.is_empty() {
            let script = scripts.and_then(|names| names.iter().find(|name| *name == "main").or(names.first()));
            let Some(script) = script else {
                self.warn(0..0, "no route: every call is refused with 404", Some("[[route]] dialled = \"*\" script = \"main\""));
                return Vec::new();
            };
            return vec![Route { dialled: "*".into(), trunk: None, action: RouteAction::Script(script.clone()), record }];
        }
        let mut catch_all = None;
        let mut seen: BTreeMap<(String, Option<String>), usize> = BTreeMap::new();
        let mut routes = Vec::with_capacity(tables.len());
        for table in tables {
            let at = table.dialled.span();
            let line = ConfigFault::at(self.file, self.text, at.clone(), String::new(), None).line;
            let Some(route) = self.route(table, trunks, scripts, record) else { continue };
            let twin = seen.insert((route.dialled.clone(), route.trunk.clone()), line);
            if let Some(earlier) = catch_all.or(twin) {
                self.fault(
                    at,
                    &format!("this route is never reached: the one on line {earlier} takes its calls"),
                    Some("the first that fits wins"),
                );
            }
            if route.dialled == "*" && route.trunk.is_none() {
                catch_all = catch_all.or(Some(line));
            }
            routes.push(route);
        }
        routes
    }

    fn route(&mut self, table: RouteTable, trunks: &[Trunk], scripts: Option<&[String]>, record: bool) -> Option<Route> {
        let action = match (&table.script, &table.bridge) {
            (Some(script), None) => {
                let name = self.word(script);
                if let Some(known) = scripts {
                    self.known(script.span(), "script", &name, known.iter().map(String::as_str));
                }
                RouteAction::Script(name)
            }
            (None, Some(word)) => self.bridge(word, trunks),
            (None, None) => {
                self.fault(table.dialled.span(), "a route that leads nowhere", Some("add `script = \"..\"` or `bridge = \"sip:..\"`"));
                return None;
            }
            (Some(_), Some(uri)) => {
                self.fault(uri.span(), "a route leads to a script or to a bridge, not to both", None);
                return None;
            }
        };
        let trunk = table.trunk.map(|word| {
            let name = self.word(&word);
            self.known(word.span(), "trunk", &name, trunks.iter().map(|trunk| trunk.name.as_str()));
            name
        });
        Some(Route { dialled: self.word(&table.dialled), trunk, action, record: table.record.unwrap_or(record) })
    }

    /// `sip:..` is an address; `+380441112233`, `*` for the dialled number, each with `@trunk` or without, is a number.
    fn bridge(&mut self, word: &Word, trunks: &[Trunk]) -> RouteAction {
        let text = self.word(word);
        if text.starts_with("sip:") || text.starts_with("sips:") {
            return RouteAction::Bridge(self.uri(word));
        }
        let (number, trunk) = text.split_once('@').map_or((text.as_str(), None), |(number, trunk)| (number, Some(trunk)));
        let is_number = number == "*" || (!number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || "+*#".contains(c)));
        if !is_number {
            self.fault(
                word.span(),
                "neither a SIP URI nor a number",
                Some("\"sip:desk@10.0.0.5:5060\", \"+31201234567@trunk\" or \"*@trunk\""),
            );
        }
        match trunk {
            Some(name) => {
                self.known(word.span(), "trunk", name, trunks.iter().map(|trunk| trunk.name.as_str()));
                let called = trunks.iter().find(|trunk| trunk.name == name);
                if called.is_some_and(|trunk| trunk.peering.host.is_none()) {
                    self.fault(
                        word.span(),
                        &format!("trunk `{name}` takes no calls from us"),
                        Some("give it a `host`, and `outbound` prefixes"),
                    );
                }
            }
            None if trunks.iter().all(|trunk| trunk.peering.outbound.is_empty()) => {
                self.fault(word.span(), "no trunk may be called out on", Some("outbound = [\"+31\"] in a [[trunk]] that has a `host`"));
            }
            None => {}
        }
        RouteAction::Number(RouteNumber { number: (number != "*").then(|| number.to_owned()), trunk: trunk.map(str::to_owned) })
    }

    fn uri(&mut self, word: &Word) -> String {
        let uri = self.word(word);
        let host = uri.strip_prefix("sip:").or_else(|| uri.strip_prefix("sips:")).map(|rest| rest.rsplit('@').next().unwrap_or(rest));
        match host {
            None | Some("") => self.fault(word.span(), "not a SIP URI", Some("such as \"sip:desk@10.0.0.5:5060\"")),
            Some(host) => {
                let host = host.split([';', '?']).next().unwrap_or(host);
                let literal = host.parse::<SocketAddr>().map(|socket| socket.ip()).or_else(|_| host.trim_matches(['[', ']']).parse());
                if literal.is_ok_and(address::is_example) {
                    self.example(word.span());
                }
            }
        }
        uri
    }
}

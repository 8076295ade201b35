//! The gateway's configuration in the world, and who is where.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use gateway_core::{
    config::{AgentEntry, CallerRules, Config, Endpoint, Media, Phone, Queue, Route, RouteAction, SrtpPolicy, Trunk},
    ids::{AgentId, EndpointId},
    private::Private,
};

/// Where the gateway listens for SIP.
pub const GATEWAY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 5060);
/// Where calls to 200 are bridged to.
pub const UAS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 3, 0, 1)), 5090);
/// Someone whom no trunk speaks for.
pub const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(172, 16, 0, 9));
/// The password of the one registered phone, `desk7`.
pub const PASSWORD: &str = "open sesame";

/// Address of the n-th caller, behind the carrier's trunk.
pub fn caller(n: usize) -> SocketAddr {
    SocketAddr::from(([10, 1, (n / 250) as u8, 1 + (n % 250) as u8], 5060))
}

/// Address of the n-th desk's media.
pub fn desk(n: usize) -> IpAddr {
    IpAddr::from([10, 2, 0, 1 + n as u8])
}

/// Number of the n-th caller, E.164.
pub fn number(n: usize) -> String {
    format!("+3120123{:04}", 4_000 + n)
}

/// The usual: a trunk, a menu at 100, a bridge at 200, a queue, and so many agents.
pub fn usual(agents: usize) -> Config {
    let ip = GATEWAY.ip();
    let route = |dialled: &str, action, record| Route { dialled: dialled.to_owned(), trunk: None, action, record };
    Config {
        endpoints: vec![Endpoint::udp(EndpointId(0), "udp", GATEWAY)],
        trunks: vec![Trunk {
            name: "carrier".to_owned(),
            sources: vec![(IpAddr::from([10, 1, 0, 0]), 16)],
            default_region: Some("NL".to_owned()),
            callers: CallerRules { trusted: true, ..CallerRules::default() },
            ..Trunk::default()
        }],
        phones: vec![Phone {
            user: "desk7".to_owned(),
            realm: "tandem".to_owned(),
            password: Private(PASSWORD.to_owned()),
            srtp: SrtpPolicy::PHONE,
            transfer: true,
            codecs: Vec::new(),
        }],
        routes: vec![
            route("100", RouteAction::Script("main".to_owned()), true),
            route("200", RouteAction::Bridge(format!("sip:uas@{UAS}")), true),
            route("300", RouteAction::Script("gone".to_owned()), false),
        ],
        agents: (1..=agents as u64).map(agent).collect(),
        queues: BTreeMap::from([(
            "support".to_owned(),
            Queue { music: "music/wait".to_owned(), ring_s: 15, wait_max_s: 60, wrapup_s: 10 },
        )]),
        media: Media { listen: ip, advertised: ip, ..Config::default().media },
        ..Config::default()
    }
}

/// The usual, each agent with a phone: that of user `desk7`, of `desk8` and so on.
pub fn on_phones(agents: usize) -> Config {
    let mut config = usual(agents);
    let first = config.phones[0].clone();
    config.phones = (0..agents).map(|n| Phone { user: phone_user(n), ..first.clone() }).collect();
    config.agents.iter_mut().enumerate().for_each(|(n, agent)| agent.phone = Some(phone_user(n)));
    config
}

/// Who the n-th agent is to the registrar.
pub fn phone_user(agent: usize) -> String {
    format!("desk{}", 7 + agent)
}

/// Address of an agent's n-th phone, behind no trunk.
pub fn handset(agent: usize, n: usize) -> SocketAddr {
    SocketAddr::from(([10, 4, agent as u8, 1 + n as u8], 5060))
}

fn agent(id: u64) -> AgentEntry {
    AgentEntry {
        id: AgentId(id),
        login: format!("agent{id}"),
        name: format!("Agent {id}"),
        password_hash: String::new(),
        skills: ["delivery", "billing", "returns"].map(str::to_owned).to_vec(),
        languages: vec!["en".to_owned()],
        phone: None,
        phone_ready: true,
    }
}

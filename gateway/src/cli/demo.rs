//! `tandem demo`: a node with no configuration, on ports that are free.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    path::Path,
};

use gateway_core::config::{self, Config};

use super::{
    Demo, Next, Plan,
    outside::Outside,
    report::{Failed, Remark},
};

/// A plan for a demo node.
pub(super) fn plan(demo: &Demo, json: bool) -> Result<Next, Failed> {
    let checked = config::read("demo", DEMO, &Surroundings { scripts: &demo.scripts })
        .map_err(|faults| Failed::Remarks(faults.into_iter().map(|fault| Remark::fault(fault, DEMO)).collect()))?;
    let mut config = checked.config;
    config.node.data_dir.clone_from(&demo.data);
    config.recording.dir = demo.data.join("recordings");
    config.ivr.dir.clone_from(&demo.scripts);
    settle(&mut config)?;
    Ok(Next::Serve(Box::new(Plan { config, demo: true, json })))
}

/// As for any node, but that scripts lie where the command line says: routes follow from their names.
struct Surroundings<'a> {
    scripts: &'a Path,
}

impl config::Outside for Surroundings<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        Outside.variable(name)
    }

    fn file(&self, path: &Path) -> Result<String, String> {
        Outside.file(path)
    }

    fn own_address(&self) -> Option<IpAddr> {
        Outside.own_address()
    }

    fn scripts(&self, _: &Path) -> Option<Vec<String>> {
        Outside.scripts(self.scripts)
    }
}

/// Takes the usual ports where they are free, else the next ones.
fn settle(config: &mut Config) -> Result<(), Failed> {
    let by_both = |at| UdpSocket::bind(at).is_ok() && TcpListener::bind(at).is_ok();
    let sip = free(5060, by_both).ok_or("no free port for SIP from 5060 on".to_owned())?;
    let http = free(8080, |at| TcpListener::bind(at).is_ok()).ok_or("no free port for HTTP from 8080 on".to_owned())?;
    let web =
        free(8088, |at| at != http && TcpListener::bind(at).is_ok()).ok_or("no free port for SIP by WebSocket from 8088 on".to_owned())?;
    for endpoint in &mut config.endpoints {
        endpoint.listen = if endpoint.transport.is_web() { web } else { sip };
    }
    config.http.listen = http;
    config.http.public_url = format!("http://localhost:{}", config.http.listen.port());
    Ok(())
}

fn free(first: u16, is_free: impl Fn(SocketAddr) -> bool) -> Option<SocketAddr> {
    (first..first.saturating_add(TRIES)).map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)).find(|at| is_free(*at))
}

const DEMO: &str = include_str!("demo.toml");

/// Somebody who runs this many demos at once can name a port.
const TRIES: u16 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_is_a_sound_configuration_on_a_free_port() {
        let holder = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let taken = holder.local_addr().unwrap().port();
        let found = free(taken, |at| UdpSocket::bind(at).is_ok()).unwrap();
        assert_ne!(found.port(), taken);
        let checked = config::read("demo", DEMO, &Outside).unwrap();
        assert_eq!(checked.config.agents[0].login, "ada");
    }

    #[test]
    fn scripts_of_another_folder_are_what_callers_reach() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("main.yaml"), "").unwrap();
        let Ok(Next::Serve(plan)) = plan(&Demo { data: "data".into(), scripts: directory.path().into() }, false) else { panic!("no plan") };
        assert!(plan.config.routes.iter().any(|route| route.dialled == "*"), "{:?}", plan.config.routes);
    }
}

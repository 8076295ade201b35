//! SIPp as a carrier: it is called, or it calls, as a scenario says. Its exit code is 0 only if every call went as it is written.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    node::root,
    program::{Program, wait_until},
};

/// One run of SIPp.
#[derive(Debug)]
pub struct Sipp {
    program: Program,
    scenario: String,
    /// Holds the scenario with its words put in.
    file: PathBuf,
}

impl Sipp {
    /// Waits at `address` for `calls` calls; returns once it listens. `words` are put into the scenario, as in `("STATUS", "200 OK")`.
    pub fn listen(directory: &Path, scenario: &str, words: &[(&str, &str)], address: SocketAddr, calls: u32) -> Self {
        let sipp = Self::start(directory, scenario, words, address, &["-m", &calls.to_string()]);
        sipp.once_bound("udp", address)
    }

    /// The same by TCP.
    pub fn listen_by_tcp(directory: &Path, scenario: &str, words: &[(&str, &str)], address: SocketAddr, calls: u32) -> Self {
        let sipp = Self::start(directory, scenario, words, address, &["-t", "t1", "-m", &calls.to_string()]);
        sipp.once_bound("tcp", address)
    }

    fn once_bound(self, transport: &str, address: SocketAddr) -> Self {
        let mut sipp = self;
        let is_settled = |sipp: &mut Self| is_bound(transport, address) || !sipp.program.is_running();
        let listens = wait_until(PATIENCE, || is_settled(&mut sipp).then(|| sipp.program.is_running()));
        assert_eq!(listens, Some(true), "SIPp does not listen on {address}\n{}", sipp.program.story());
        sipp
    }

    /// Calls `target` from `address`, once.
    pub fn call(directory: &Path, scenario: &str, words: &[(&str, &str)], address: SocketAddr, target: SocketAddr) -> Self {
        Self::start(directory, scenario, words, address, &["-m", "1", &target.to_string()])
    }

    /// The same, `calls` times at once.
    pub fn burst(directory: &Path, scenario: &str, words: &[(&str, &str)], address: SocketAddr, target: SocketAddr, calls: u32) -> Self {
        Self::start(directory, scenario, words, address, &["-m", &calls.to_string(), "-r", "100", &target.to_string()])
    }

    fn start(directory: &Path, scenario: &str, words: &[(&str, &str)], address: SocketAddr, more: &[&str]) -> Self {
        let source = root().join("tests/tests/interop/sipp/carrier").join(scenario);
        let mut text = fs::read_to_string(&source).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
        for (word, meaning) in words {
            text = text.replace(word, meaning);
        }
        let file = directory.join(format!("{}-{}-{scenario}", address.ip(), address.port()));
        fs::write(&file, text).expect("a directory of our own");
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        let most = format!("{}s", LIFE_MAX.as_secs());
        let program = Program::start(
            Command::new("sipp")
                .args(["-sf", &file.to_string_lossy(), "-i", &ip, "-p", &port, "-mi", &ip, "-nostdin", "-timeout", &most, "-timeout_error"])
                .args(["-trace_err", "-error_file", "/dev/stderr"])
                .args(["-trace_logs", "-log_file", &logged(&file).to_string_lossy()])
                .args(["-trace_msg", "-message_file", &heard(&file).to_string_lossy()])
                .args(more)
                .current_dir(directory),
        );
        Self { program, scenario: scenario.to_owned(), file }
    }

    /// Waits for its last call, and proves that all went as it is written.
    pub fn went_well(&mut self) {
        let ended = self.program.end(LIFE_MAX + Duration::from_secs(5));
        assert_eq!(ended.status.code(), Some(0), "{}: {}\n{}", self.scenario, last_screen(&ended.out), ended.err);
    }

    /// Enough: it need not wait for more calls.
    pub fn stop(&mut self) {
        self.program.kill();
    }

    /// What the scenario has written down, after its end.
    pub fn log(&self) -> String {
        fs::read_to_string(logged(&self.file)).unwrap_or_else(|error| panic!("{}: {error}\n{}", self.scenario, self.program.story()))
    }

    /// The messages that it has received, in order, after its end.
    pub fn messages(&self) -> Vec<String> {
        let told =
            fs::read_to_string(heard(&self.file)).unwrap_or_else(|error| panic!("{}: {error}\n{}", self.scenario, self.program.story()));
        // Each stands below a line of dashes with its time, and one that says how long it is and which way it went.
        let parts = told.split("-----------------------------------------------").filter(|part| part.contains(" message received ["));
        parts.filter_map(|part| Some(part.split_once("\n\n")?.1.to_owned())).collect()
    }
}

/// SIPp redraws its screen each second; the last one has the sums.
pub fn last_screen(out: &str) -> &str {
    out.rfind("Scenario Screen").map_or(out, |from| &out[from..])
}

fn logged(file: &Path) -> PathBuf {
    file.with_extension("log")
}

fn heard(file: &Path) -> PathBuf {
    file.with_extension("messages")
}

/// Somebody's socket is bound there. Binding it to find out would take it from whom it is meant for.
fn is_bound(transport: &str, address: SocketAddr) -> bool {
    let IpAddr::V4(ip) = address.ip() else { return false };
    // The kernel writes an address as one number of the machine's own order.
    let shown = format!("{:08X}:{:04X}", u32::from_ne_bytes(ip.octets()), address.port());
    let table = fs::read_to_string(format!("/proc/net/{transport}")).expect("Linux has it");
    table.lines().any(|line| line.split_whitespace().nth(1) == Some(&shown))
}

/// Starting a program on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// A scenario that has not ended by then hangs.
const LIFE_MAX: Duration = Duration::from_secs(40);

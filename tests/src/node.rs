//! The built binary as a running node, with a configuration and a data directory of its own.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    http::{self, Answer},
    ports::Ports,
    program::{Ended, Program, run, wait_until},
};

/// What a node is to be like, where it is not the usual one.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Seconds that calls have after SIGTERM.
    pub drain_s: u32,
    /// Whether calls to `main` are recorded.
    pub record: bool,
    /// Scripts and prompts.
    pub scripts: PathBuf,
    /// `[[route]]` blocks besides that of `main`.
    pub routes: String,
    /// Where the trunk `loopback` speaks from.
    pub trunk: &'static str,
    /// The addresses in `[media]`.
    pub media: &'static str,
    /// More keys of `[recording]`, and its tables.
    pub recording: String,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            drain_s: 5,
            record: true,
            scripts: root().join("ivr-scripts"),
            routes: String::new(),
            trunk: "127.0.0.1/32",
            media: "listen = \"127.0.0.1\"",
            recording: String::new(),
        }
    }
}

/// A node that serves; dropped, it is killed and its directory removed.
#[derive(Debug)]
pub struct Node {
    pub ports: Ports,
    program: Program,
    directory: TempDir,
    /// What it printed when it was ready.
    pub ready: Value,
}

impl Node {
    /// The usual one: the number `main` leads to the script `main`, calls are recorded, `ada` and `ben` are agents with the password `demo`.
    pub fn start() -> Self {
        Self::with(&Plan::default())
    }

    /// The usual one with `[[route]]` blocks that name this test's ports.
    pub fn with_routes(routes: impl FnOnce(&Ports) -> String) -> Self {
        let ports = Ports::claim();
        let plan = Plan { routes: routes(&ports), ..Plan::default() };
        Self::on(ports, &plan)
    }

    /// A node after a plan that names this test's ports, and papers that were put into its directory.
    pub fn prepared(plan: impl FnOnce(&Ports, &Path) -> Plan) -> Self {
        let (ports, directory) = (Ports::claim(), own_directory());
        let plan = plan(&ports, directory.path());
        Self::within(directory, ports, &plan)
    }

    /// A node after a plan; returns when it is ready.
    pub fn with(plan: &Plan) -> Self {
        Self::on(Ports::claim(), plan)
    }

    fn on(ports: Ports, plan: &Plan) -> Self {
        Self::within(own_directory(), ports, plan)
    }

    fn within(directory: TempDir, ports: Ports, plan: &Plan) -> Self {
        fs::write(directory.path().join("tandem.toml"), configuration(plan, &ports, directory.path())).expect("a directory of our own");
        let (program, ready) = serve(directory.path());
        Self { ports, program, directory, ready }
    }

    /// Starts it again after its end, on the same ports and data.
    pub fn restart(&mut self) {
        assert!(!self.program.is_running(), "it still runs");
        (self.program, self.ready) = serve(self.directory.path());
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.program.kill();
    }

    /// SIGTERM; it drains.
    pub fn terminate(&self) {
        self.program.signal("TERM");
    }

    /// Waits for its end.
    pub fn end(&mut self, most: Duration) -> Ended {
        self.program.end(most)
    }

    pub fn is_running(&mut self) -> bool {
        self.program.is_running()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.program.err()
    }

    /// Memory that it holds, in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.program.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says so");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// A directory of this node's own.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Holds the store, recordings and the API key.
    pub fn data(&self) -> PathBuf {
        self.directory().join("data")
    }

    /// `sip:main@127.0.0.1:PORT`.
    pub fn sip_uri(&self, user: &str) -> String {
        format!("sip:{user}@127.0.0.1:{}", self.ports.sip())
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.http())
    }

    /// The test phone against this node.
    pub fn dial(&self, arguments: &[&str]) -> Program {
        Program::start(Command::new(binary()).arg("dial").arg("--json").args(arguments).current_dir(self.directory()))
    }

    /// An agent at a desk without a browser; returns when the desk is open.
    pub fn desk(&self, login: &str, arguments: &[&str]) -> Program {
        let url = self.url();
        let mut all = vec!["--web", &url, "--desk", "--login", login, "--password", "demo"];
        all.extend(arguments);
        let before = self.metric("tandem_pages").unwrap_or(0.0);
        let program = self.dial(&all);
        let opened = wait_until(Duration::from_secs(10), || (self.metric("tandem_pages").unwrap_or(0.0) > before).then_some(()));
        assert!(opened.is_some(), "the desk of {login} did not open\n{}\n{}", program.story(), self.log());
        program
    }

    /// An integrator's request.
    pub fn api(&self, method: &str, path: &str, body: &Value) -> Answer {
        let key = format!("Authorization: Bearer {}", self.key());
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        http::ask(self.ports.http(), method, path, &[&key, "Content-Type: application/json"], &body)
    }

    /// The integrator's key that the node made for itself.
    pub fn key(&self) -> String {
        fs::read_to_string(self.data().join("api.key")).expect("a node that is ready has made it").trim().to_owned()
    }

    /// All calls, newest first.
    pub fn calls(&self) -> Vec<Value> {
        let answer = self.api("GET", "/v1/calls?limit=200", &Value::Null);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["calls"].as_array().expect("a list").clone()
    }

    /// A call's records in order.
    pub fn records(&self, call: &Value) -> Vec<Value> {
        let answer = self.api("GET", &format!("/v1/calls/{call}"), &Value::Null);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["records"].as_array().expect("a list").clone()
    }

    /// Waits until `count` calls are over, and gives them, newest first.
    pub fn ended_calls(&self, count: usize) -> Vec<Value> {
        let ended = wait_until(Duration::from_secs(10), || {
            let calls = self.calls();
            (calls.len() >= count && calls.iter().all(|call| !call["ended"].is_null())).then_some(calls)
        });
        ended.unwrap_or_else(|| panic!("{count} calls have not ended: {}\n{}", json!(self.calls()), self.log()))
    }

    /// The sum of a counter or gauge over its labels; `None` while nothing has counted.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let page = http::ask(self.ports.http(), "GET", "/metrics", &[], &[]).text();
        let values: Vec<f64> = page
            .lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])))
            .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
            .collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }

    /// The same with one label, as in `kind="page"`.
    pub fn metric_of(&self, name: &str, label: &str) -> f64 {
        let page = http::ask(self.ports.http(), "GET", "/metrics", &[], &[]).text();
        let value =
            page.lines().find(|line| line.starts_with(name) && line.contains(label)).and_then(|line| line.rsplit(' ').next()?.parse().ok());
        value.unwrap_or(0.0)
    }

    /// Proves that it still serves.
    pub fn assert_alive(&mut self) {
        assert!(self.is_running(), "the node is gone\n{}", self.log());
        assert_eq!(http::ask(self.ports.http(), "GET", "/readyz", &[], &[]).status, 200, "{}", self.log());
        assert!(!self.log().contains("panicked"), "{}", self.log());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Captured by the test runner, shown with the failure.
            eprintln!("--- the node's log ---\n{}---", self.log());
        }
    }
}

/// Runs a verb of the binary to its end.
pub fn tandem(arguments: &[&str]) -> Ended {
    run(binary(), arguments, Duration::from_secs(20))
}

/// The workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate stands in the workspace").to_owned()
}

/// TANDEM_BIN, else the one that was built beside this test.
pub fn binary() -> PathBuf {
    if let Some(path) = env::var_os("TANDEM_BIN") {
        return path.into();
    }
    let test = env::current_exe().expect("a running test has a path");
    let profile = test.parent().and_then(Path::parent).expect("tests stand in target/PROFILE/deps");
    let path = profile.join("tandem");
    assert!(path.exists(), "{} is not there: run `cargo build --bin tandem` first, as `make test` does", path.display());
    path
}

fn own_directory() -> TempDir {
    TempDir::with_prefix("tandem-").expect("a directory for temporary files")
}

fn serve(directory: &Path) -> (Program, Value) {
    let mut program = Program::start(
        Command::new(binary()).args(["--json", "run", "-c", "tandem.toml"]).env("RUST_LOG", "info,tandem=debug").current_dir(directory),
    );
    let ready = program.wait_for("that it is ready", Duration::from_secs(10), |said| {
        said.lines().find(|line| line.contains("ready_ms")).and_then(|line| serde_json::from_str(line).ok())
    });
    (program, ready)
}

fn configuration(plan: &Plan, ports: &Ports, directory: &Path) -> String {
    let (first, last) = ports.media();
    let agent = |id: u8, login: &str| {
        format!(
            "[[agent]]\nid = {id}\nlogin = \"{login}\"\nname = \"{login}\"\npassword_hash = \"{DEMO_HASH}\"\n\
             skills = [\"support\", \"billing\", \"delivery\", \"returns\"]\nlanguages = [\"en\", \"uk\", \"ru\"]\n\n"
        )
    };
    format!(
        "[node]\nname = \"test\"\ndata_dir = \"{data}\"\ndrain_s = {drain_s}\n\n[http]\nlisten = \"127.0.0.1:{http}\"\n\n\
         [[sip]]\nname = \"test\"\nlisten = \"127.0.0.1:{sip}\"\n\n\
         [[sip]]\nname = \"test-tcp\"\ntransport = \"tcp\"\nlisten = \"127.0.0.1:{sip}\"\n\n\
         [[sip]]\nname = \"test-tls\"\ntransport = \"tls\"\nlisten = \"127.0.0.1:{tls}\"\n\n\
         [[sip]]\nname = \"test-ws\"\ntransport = \"ws\"\nlisten = \"127.0.0.1:{ws}\"\n\n\
         [media]\n{media}\nports = [{first}, {last}]\nweb_port = {web}\n\n[recording]\ndir = \"{data}/recordings\"\n{recording}\n\n\
         [ivr]\ndir = \"{scripts}\"\nlanguages = [\"en\", \"ru\", \"uk\"]\n\n\
         [[trunk]]\nname = \"loopback\"\nsources = [\"{trunk}\"]\nsrtp = \"prefer\"\n\n\
         {routes}\n[[route]]\ndialled = \"main\"\nscript = \"main\"\nrecord = {record}\n\n{ada}{ben}",
        data = directory.join("data").display(),
        drain_s = plan.drain_s,
        http = ports.http(),
        sip = ports.sip(),
        tls = ports.tls(),
        ws = ports.ws(),
        web = ports.web(),
        scripts = plan.scripts.display(),
        routes = plan.routes,
        trunk = plan.trunk,
        media = plan.media,
        recording = plan.recording,
        record = plan.record,
        ada = agent(1, "ada"),
        ben = agent(2, "ben"),
    )
}

/// Of the password `demo`.
pub const DEMO_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$evLeRZihbzOxf9wcJWmZ1A$LOFqh4fOH+935/BgfzSsqByLlyOHBnZ25XrxaNT7W9k";

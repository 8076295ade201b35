//! What the documents say is so: commands run, files are there, metrics and keys are those of the binary.
//!
//! Needs the built binary: `cargo build --bin tandem`, or its path in `TANDEM_BIN`. One demo node on free ports serves all commands.

#![expect(clippy::unwrap_used, reason = "whatever cannot be looked at fails its test")]

use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

#[test]
fn every_command_of_the_documents_runs() {
    let node = Node::start();
    let mut ran = 0;
    for (document, text) in documents() {
        // One shell for a whole document, as its reader has: what is set above is known below.
        let commands: Vec<String> = blocks(&text).into_iter().flatten().filter(|command| reason_to_skip(command).is_none()).collect();
        let output = node.run(&format!("set -x\n{}", commands.join("\n")));
        let told = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{}:\n{}", document.display(), String::from_utf8_lossy(&told));
        ran += commands.len();
    }
    assert!(ran >= COMMANDS_MIN, "only {ran} commands were found");
}

#[test]
fn metrics_of_the_binary_and_of_operate_md_are_the_same() {
    let node = Node::start();
    let called = node.run("tandem dial sip:demo@127.0.0.1:5060 --as +380501112233 --duration 2 --expect-audio");
    assert!(called.status.success(), "{}", String::from_utf8_lossy(&called.stdout));
    let text = read("docs/operate.md");
    let told: BTreeSet<String> = text.split('`').filter(|word| is_metric(word)).map(str::to_owned).collect();
    // The call's last records may still be on their way.
    let patience = Instant::now() + Duration::from_secs(10);
    loop {
        let scraped = String::from_utf8(node.run("curl -fsS http://127.0.0.1:8080/metrics").stdout).unwrap();
        let exported: BTreeSet<String> =
            scraped.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).map(str::to_owned).collect();
        if exported == told {
            return;
        }
        let (untold, unknown): (Vec<_>, Vec<_>) = (exported.difference(&told).collect(), told.difference(&exported).collect());
        assert!(Instant::now() < patience, "not in docs/operate.md: {untold:?}; not exported: {unknown:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn every_file_that_a_document_names_is_there() {
    let mut missing = Vec::new();
    for (path, text) in documents() {
        let folder = path.parent().expect("a document lies in a folder");
        for target in links(&text) {
            if !folder.join(&target).exists() {
                missing.push(format!("{}: {target}", path.display()));
            }
        }
        let quoted = without_fences(&text);
        for word in quoted.split('`').skip(1).step_by(2).filter(|word| is_path(word)) {
            if !SHORT_FOR.iter().any(|base| root().join(base).join(word).exists()) {
                missing.push(format!("{}: {word}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn the_example_configuration_is_sound_with_every_key_that_it_shows() {
    let text = read("deploy/tandem.example.toml");
    let folder = Scratch::new("example");
    let shown: Vec<String> = text.lines().map(shown_key).collect();
    let (plain, all) = (folder.path().join("plain.toml"), folder.path().join("all.toml"));
    fs::write(&plain, &text).unwrap();
    fs::write(&all, shown.join("\n")).unwrap();
    assert!(
        shown.iter().zip(text.lines()).filter(|(shown, line)| shown != line).count() > 8,
        "keys that are not set are shown as comments"
    );
    for file in [plain, all] {
        let checked = tandem()
            .args(["check", "-c"])
            .arg(&file)
            .current_dir(root())
            .env("PHONE_100", "a password")
            .env("CARRIER", "a password")
            .env("CARRIER_IN", "another password")
            .env("SESSION_SECRET", "0123456789abcdef0123456789abcdef")
            .env("RECORDINGS_KEY", "0123456789abcdef".repeat(4))
            .env("RECORDINGS_OLD_KEY", "fedcba9876543210".repeat(4))
            .env("S3_SECRET", "a secret")
            .output()
            .unwrap();
        assert!(checked.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&checked.stderr));
    }
}

#[test]
fn systemd_understands_the_unit() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("no systemd-analyze on this machine: not checked");
        return;
    }
    let folder = Scratch::new("unit");
    let unit = folder.path().join("tandem.service");
    fs::write(&unit, read("deploy/systemd/tandem.service").replace("/usr/bin/tandem", &binary().display().to_string())).unwrap();
    let verified = Command::new("systemd-analyze").arg("verify").arg(&unit).output().unwrap();
    let told = String::from_utf8_lossy(&verified.stderr).into_owned();
    // Other units of this machine are not ours to judge.
    let ours: Vec<&str> = told.lines().filter(|line| line.contains("tandem")).collect();
    assert!(verified.status.success() && ours.is_empty(), "{told}");
}

/// Why a command of a document is not run here.
fn reason_to_skip(command: &str) -> Option<&'static str> {
    let word = command.split_whitespace().next()?;
    match word {
        "make" => Some("this very test is part of it, or it takes long"),
        "cargo" => Some("a build within a build"),
        "sudo" | "systemctl" => Some("changes the machine"),
        "docker" => Some("is not everywhere"),
        _ => None,
    }
}

/// The commands of each ```sh block; a comment is none, and a line that ends in a backslash goes on.
fn blocks(text: &str) -> Vec<Vec<String>> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() != "```sh" {
            continue;
        }
        let mut commands: Vec<String> = Vec::new();
        for line in lines.by_ref().take_while(|line| line.trim() != "```") {
            let line = line.split(" # ").next().unwrap_or_default().trim_end();
            match commands.last_mut().filter(|last| last.ends_with('\\')) {
                Some(last) => {
                    last.pop();
                    last.push_str(line.trim_start());
                }
                None if line.is_empty() || line.starts_with('#') => {}
                None => commands.push(line.to_owned()),
            }
        }
        blocks.push(commands);
    }
    blocks
}

fn without_fences(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// Targets of `[..](..)` in this repository.
fn links(text: &str) -> Vec<String> {
    let targets = without_fences(text);
    let targets = targets.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next().map(str::to_owned));
    targets.filter(|target| !target.is_empty() && !target.contains("://")).collect()
}

/// `docs/a-call.md`, `call/ending.rs`, `gateway/web/`: what can only be a path; not `*.yaml`, `<lang>/x`, `/v1/calls` or a file that a node makes.
fn is_path(word: &str) -> bool {
    let plain = word.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-".contains(letter));
    let ending = Path::new(word).extension().and_then(|ending| ending.to_str());
    plain
        && word.contains('/')
        && !word.starts_with('/')
        && !NOT_OURS.iter().any(|prefix| word.starts_with(prefix))
        && (word.ends_with('/') || ending.is_some_and(|ending| ENDINGS.contains(&ending)))
}

fn is_metric(word: &str) -> bool {
    word.strip_prefix("tandem_").is_some_and(|rest| rest.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_'))
}

/// A key that is shown as a comment, set; everything else as it is.
fn shown_key(line: &str) -> String {
    let Some(comment) = line.strip_prefix("# ") else { return line.to_owned() };
    let is_key = comment.split_once(" = ").is_some_and(|(key, _)| key.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_'));
    let is_table = comment.starts_with('[') && comment.ends_with(']');
    match is_key || is_table {
        true => comment.replace("\"...\"", "\"127.0.0.1\"").replace("${file:/etc/tandem/key-path}", "/etc/tandem/key.pem"),
        false => line.to_owned(),
    }
}

/// `README.md` and all below `docs/`.
fn documents() -> Vec<(PathBuf, String)> {
    let mut paths = vec![root().join("README.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension().and_then(|ending| ending.to_str()) {
                _ if path.is_dir() => folders.push(path),
                Some("md") => paths.push(path),
                _ => {}
            }
        }
    }
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// A demo node of our own, and a folder that looks to its commands as the repository does to a reader.
struct Node {
    process: Child,
    sip: String,
    http: String,
    folder: Scratch,
}

impl Node {
    fn start() -> Self {
        // Two nodes that begin at once may find the same port free; the loser says so and ends.
        (0..5).find_map(|_| Self::try_start()).expect("a demo node starts")
    }

    fn try_start() -> Option<Self> {
        let folder = Scratch::new("docs");
        for name in ["ivr-scripts", "deploy"] {
            std::os::unix::fs::symlink(root().join(name), folder.path().join(name)).unwrap();
        }
        let mut process = tandem().args(["demo", "--json"]).current_dir(folder.path()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Ok(ready) = serde_json::from_str::<serde_json::Value>(&line) else {
            let _ = process.wait();
            return None;
        };
        let http = ready["url"].as_str().unwrap().trim_start_matches("http://localhost:").to_owned();
        Some(Self { process, sip: ready["sip"][0].as_str().unwrap().to_owned(), http, folder })
    }

    /// In a shell where `tandem` is the built binary, and the ports of the documents are those of this node.
    fn run(&self, script: &str) -> Output {
        let script = script
            .replace("127.0.0.1:5060", &self.sip)
            .replace("localhost:8080", &format!("localhost:{}", self.http))
            .replace("127.0.0.1:8080", &format!("127.0.0.1:{}", self.http));
        let binary = binary();
        let path = format!("{}:{}", binary.parent().unwrap().display(), env::var("PATH").unwrap_or_default());
        Command::new("timeout")
            .args(["60", "bash", "-euo", "pipefail", "-c", &script])
            .env("PATH", path)
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A folder that goes when its test does.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let moment = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
        let path = env::temp_dir().join(format!("tandem-{name}-{}-{moment}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn tandem() -> Command {
    Command::new(binary())
}

fn binary() -> PathBuf {
    let beside = || env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("tandem");
    let binary = env::var_os("TANDEM_BIN").map_or_else(beside, PathBuf::from);
    assert!(binary.exists(), "{} is not there: cargo build --bin tandem", binary.display());
    binary
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// README, operate and integrate have more than these; a test that finds none is broken.
const COMMANDS_MIN: usize = 12;
/// A path may be said in short: `call/ending.rs`.
const SHORT_FOR: [&str; 7] = ["", "docs", "gateway", "gateway/src", "gateway/core/src", "media/src", "ivr-scripts"];
/// Made by a node, by a build, or on another machine.
const NOT_OURS: [&str; 3] = ["tandem-data/", "recordings/", "target/"];
const ENDINGS: [&str; 9] = ["md", "rs", "yaml", "toml", "sh", "svg", "service", "ftl", "ts"];

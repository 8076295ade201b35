//! A program under test or beside it: its output is kept, its end is bounded, and it never outlives its test.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// A program that runs; dropped, it is killed.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    out: Arc<Mutex<String>>,
    err: Arc<Mutex<String>>,
}

/// How a program ended, and all that it said.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

impl Program {
    /// Starts `command` with all three streams in our hands.
    pub fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{name} does not start: {error}; deploy/setup.sh installs what tests need"));
        let (out, err) = (keep(child.stdout.take()), keep(child.stderr.take()));
        Self { name, stdin: child.stdin.take(), child, out, err }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes to its standard input.
    pub fn type_in(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("nobody has closed it");
        stdin
            .write_all(text.as_bytes())
            .and_then(|()| stdin.flush())
            .unwrap_or_else(|error| panic!("{} reads no more: {error}", self.name));
    }

    /// Standard output so far.
    pub fn out(&self) -> String {
        text(&self.out)
    }

    /// Standard error so far.
    pub fn err(&self) -> String {
        text(&self.err)
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until `said` finds what it looks for in the output, both streams.
    pub fn wait_for<T>(&mut self, what: &str, most: Duration, said: impl Fn(&str) -> Option<T>) -> T {
        let found = wait_until(most, || said(&format!("{}\n{}", self.out(), self.err())));
        found.unwrap_or_else(|| panic!("{} did not say {what} in {most:?}\n{}", self.name, self.story()))
    }

    /// Waits for its end.
    pub fn end(&mut self, most: Duration) -> Ended {
        let ended = wait_until(most, || self.child.try_wait().ok().flatten());
        let Some(status) = ended else { panic!("{} has not ended after {most:?}\n{}", self.name, self.story()) };
        // Its last words may still be on their way to us.
        wait_until(Duration::from_secs(2), || (Arc::strong_count(&self.out) + Arc::strong_count(&self.err) == 2).then_some(()));
        Ended { status, out: self.out(), err: self.err() }
    }

    /// Sends a signal by its name: TERM, INT.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{signal} {}", self.pid())).status();
        assert!(sent.is_ok_and(|status| status.success()), "{} takes no {signal}", self.name);
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        // One that has ended by itself is just as dead.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// All that it has said, for the message of a failed test.
    pub fn story(&self) -> String {
        format!("--- {} said ---\n{}--- and complained ---\n{}---", self.name, self.out(), self.err())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a program to its end.
pub fn run<S: AsRef<OsStr>>(program: S, arguments: &[&str], most: Duration) -> Ended {
    Program::start(Command::new(program).args(arguments)).end(most)
}

/// Looks every 10 ms until there is something to see.
pub fn wait_until<T>(most: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return Some(seen);
        }
        if begun.elapsed() > most {
            return None;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Reads a stream to its end into a text that others may look at meanwhile.
fn keep(stream: Option<impl Read + Send + 'static>) -> Arc<Mutex<String>> {
    let kept = Arc::new(Mutex::new(String::new()));
    let stream = stream.expect("it was asked for as a pipe");
    let page = kept.clone();
    thread::spawn(move || {
        let mut lines = BufReader::new(stream);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            page.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    });
    kept
}

fn text(kept: &Mutex<String>) -> String {
    kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_heard_to_its_last_word() {
        let ended = run("sh", &["-c", "echo one; echo two >&2; exit 3"], Duration::from_secs(5));
        assert_eq!((ended.out.as_str(), ended.err.as_str(), ended.status.code()), ("one\n", "two\n", Some(3)));
    }
}

//! A carrier with a will of its own: what stands between a phone and the gateway, and loses, delays, doubles and forks their signalling.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::{net::Datagram, sip_text::Seen};

/// One thing that a carrier does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Will {
    /// Loses the first so many of a kind, whichever way they go: `ACK`, `BYE`, `1xx INVITE`, `2xx INVITE`.
    Lose(&'static str, u32),
    /// Delivers all of a kind so much later.
    Slow(&'static str, Duration),
    /// Everything arrives twice.
    Double,
    /// Nothing arrives.
    Silent,
    /// So long after its phone takes a call, another branch of the proxy takes it too.
    Fork(Duration),
}

/// Another branch's 2xx, and what became of it.
#[derive(Debug, Clone)]
pub struct Branch {
    pub call_id: String,
    /// Its 2xx has been sent.
    pub said: bool,
    pub acked: bool,
    pub over: bool,
    /// As it stands in its To.
    pub tag: String,
    answer: Datagram,
    /// Between this 2xx and the next (13.3.1.4).
    wait: Duration,
    gives_up: Instant,
}

/// Which way a datagram goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the phone to the gateway.
    Out,
    /// From the gateway to the phone.
    In,
}

/// What stands before one phone.
#[derive(Debug, Default)]
pub struct Carrier {
    wills: Vec<Will>,
    lost: BTreeMap<usize, u32>,
    late: BTreeMap<(Instant, u64), (Way, Datagram)>,
    counted: u64,
    /// All that ever forked.
    pub branches: Vec<Branch>,
}

impl Carrier {
    /// With these; none passes everything on.
    pub fn new(wills: Vec<Will>) -> Self {
        Self { wills, ..Self::default() }
    }

    /// Takes a datagram that is under way; what of it goes on now.
    pub fn carry(&mut self, now: Instant, way: Way, datagram: Datagram) -> Vec<(Way, Datagram)> {
        if self.wills.is_empty() {
            return vec![(way, datagram)];
        }
        let seen = read(now, way, &datagram);
        if way == Way::In
            && let Some(branch) = self.branches.iter().position(|branch| seen.header("To").is_some_and(|to| to.contains(&branch.tag)))
        {
            return self.branches[branch].hear(&seen, &datagram).into_iter().map(|answer| (Way::Out, answer)).collect();
        }
        let kind = kind(&seen);
        let mut copies = 1;
        for (n, will) in self.wills.clone().into_iter().enumerate() {
            match will {
                Will::Lose(what, first) if what == kind => {
                    let lost = self.lost.entry(n).or_default();
                    if *lost < first {
                        *lost += 1;
                        return Vec::new();
                    }
                }
                Will::Slow(what, by) if what == kind => {
                    self.delay(now + by, way, datagram);
                    return Vec::new();
                }
                Will::Silent => return Vec::new(),
                Will::Double => copies = 2,
                Will::Fork(after) if way == Way::Out && kind == "2xx INVITE" => self.fork(now, after, &seen, &datagram),
                Will::Lose(..) | Will::Slow(..) | Will::Fork(_) => {}
            }
        }
        vec![(way, datagram); copies]
    }

    /// So many of a kind were lost that whoever sent them has given up.
    pub fn swallowed(&self, kind: &str) -> bool {
        let lost = |n: usize| self.lost.get(&n).copied().unwrap_or_default();
        self.wills.iter().enumerate().any(|(n, will)| matches!(will, Will::Lose(what, _) if *what == kind) && lost(n) >= TIMES)
    }

    /// When it wants to do something.
    pub fn deadline(&self) -> Option<Instant> {
        self.late.keys().next().map(|(at, _)| *at)
    }

    /// What has become due.
    pub fn wake(&mut self, now: Instant) -> Vec<(Way, Datagram)> {
        let mut due = Vec::new();
        while let Some(entry) = self.late.first_entry().filter(|entry| entry.key().0 <= now) {
            let (way, datagram) = entry.remove();
            if let Some(branch) = self.branches.iter_mut().find(|branch| branch.answer.bytes == datagram.bytes) {
                if branch.acked || branch.over || now >= branch.gives_up {
                    continue;
                }
                branch.said = true;
                branch.wait = (branch.wait * 2).min(Duration::from_secs(4));
                let next = now + branch.wait;
                self.delay(next, way, datagram.clone());
            }
            due.push((way, datagram));
        }
        due
    }

    fn delay(&mut self, at: Instant, way: Way, datagram: Datagram) {
        self.counted += 1;
        self.late.insert((at, self.counted), (way, datagram));
    }

    /// The 2xx once more, in the name of another phone: one such branch for each call and each phase of it.
    fn fork(&mut self, now: Instant, after: Duration, seen: &Seen, datagram: &Datagram) {
        if self.branches.iter().any(|branch| branch.call_id == seen.call_id()) {
            return;
        }
        let to = seen.header("To").unwrap_or_default();
        let Some((_, tag)) = to.split_once(";tag=") else { return };
        let tag = tag.split(';').next().unwrap_or_default();
        let other = format!("fork{}", self.branches.len());
        // The other phone hears at a port of its own, where nobody listens.
        let text = seen.text.replace(tag, &other).replace("m=audio 4", "m=audio 5");
        let answer = Datagram { bytes: text.into_bytes(), ..datagram.clone() };
        self.branches.push(Branch {
            call_id: seen.call_id().to_owned(),
            said: false,
            acked: false,
            over: false,
            tag: format!(";tag={other}"),
            answer: answer.clone(),
            wait: Duration::from_millis(250),
            gives_up: now + Duration::from_secs(32),
        });
        self.delay(now + after, Way::Out, answer);
    }
}

impl Branch {
    /// A phone that took the call and does nothing more: acknowledges what it is asked, and is hung up.
    fn hear(&mut self, seen: &Seen, datagram: &Datagram) -> Option<Datagram> {
        let status = match (seen.status(), seen.method()) {
            (Some(_), _) => return None,
            (None, "ACK") => {
                self.acked = true;
                return None;
            }
            (None, "BYE") => {
                self.over = true;
                "200 OK"
            }
            (None, "OPTIONS") => "200 OK",
            (None, _) => "501 Not Implemented",
        };
        Some(Datagram { from: datagram.to, to: datagram.from, bytes: answer_to(&seen.text, status).into_bytes() })
    }
}

/// How often an INVITE is sent over UDP before it is given up (RFC 3261 17.1.1.2); other requests are sent oftener.
const TIMES: u32 = 7;

/// A response with nothing but what RFC 3261 8.2.6.2 copies.
fn answer_to(request: &str, status: &str) -> String {
    let copied = ["via:", "from:", "to:", "call-id:", "cseq:"];
    let lines = request.lines().skip(1).take_while(|line| !line.is_empty());
    let kept = lines.filter(|line| copied.iter().any(|name| line.to_ascii_lowercase().starts_with(name)));
    let headers: String = kept.map(|line| format!("{line}\r\n")).collect();
    format!("SIP/2.0 {status}\r\n{headers}Content-Length: 0\r\n\r\n")
}

/// `BYE`, or `2xx BYE`.
fn kind(seen: &Seen) -> String {
    match seen.status() {
        Some(status) => format!("{}xx {}", status / 100, seen.method()),
        None => seen.method().to_owned(),
    }
}

fn read(at: Instant, way: Way, datagram: &Datagram) -> Seen {
    let peer: SocketAddr = if way == Way::Out { datagram.from } else { datagram.to };
    Seen { at, peer, inbound: way == Way::Out, text: String::from_utf8_lossy(&datagram.bytes).into_owned() }
}

//! Our registration with a carrier as it ages: when to refresh, and how long to wait after a failure.

use std::time::{Duration, Instant};

use crate::{events::wire::Hop, sip::RegisterOutcome};

/// One trunk's registration.
#[derive(Debug, Clone)]
pub(super) struct Registration {
    /// Stands in our Contact.
    pub(super) line: String,
    pub(super) call_id: String,
    /// The next CSeq.
    pub(super) number: u32,
    /// What we ask for; a carrier may have raised it (423).
    pub(super) expires_s: u32,
    /// Where the carrier answered last: calls go this way and come this way.
    pub(super) flow: Option<Hop>,
    state: State,
    /// In a row.
    failures: u32,
    /// The last failure, for the operator.
    trouble: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Away,
    Registered { until: Instant },
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Register again then.
    At(Instant),
    /// Register again at once, by the same way.
    Now,
    /// Register again at once, by the next server.
    Elsewhere,
    /// Taken back: nothing more.
    Over,
}

impl Registration {
    pub(super) fn new(line: String, call_id: String, expires_s: u32) -> Self {
        Self { line, call_id, number: 1, expires_s, flow: None, state: State::Away, failures: 0, trouble: None }
    }

    /// What follows from an outcome. `others` are servers that have not been tried yet, `chance` is between 0 and 2^32.
    pub(super) fn hear(&mut self, now: Instant, outcome: &RegisterOutcome, by: &Hop, others: bool, chance: u32) -> Next {
        let (trouble, wait) = match outcome {
            RegisterOutcome::Granted { expires_s: 0 } => {
                self.state = State::Away;
                return Next::Over;
            }
            RegisterOutcome::Granted { expires_s } => {
                let life = Duration::from_secs((*expires_s).into());
                self.state = State::Registered { until: now + life };
                self.flow = Some(by.clone());
                self.failures = 0;
                self.trouble = None;
                return Next::At(now + life.mul_f64(REFRESH_AT).max(REFRESH_MIN));
            }
            RegisterOutcome::TooBrief { min_s } if *min_s > self.expires_s && *min_s <= EXPIRES_MAX_S => {
                self.expires_s = *min_s;
                return Next::Now;
            }
            RegisterOutcome::TooBrief { min_s } => (format!("423: it wants at least {min_s} s"), None),
            RegisterOutcome::Refused { realm: Some(realm), status, .. } => {
                (format!("{status}: it challenges for the realm \"{realm}\"; set that in `auth`"), None)
            }
            RegisterOutcome::Refused { status: status @ (401 | 403 | 407), .. } => {
                (format!("{status}: user or password of `auth` is wrong, or the carrier knows us by another name"), None)
            }
            RegisterOutcome::Refused { status, retry_after, .. } if *status >= 500 => {
                if others {
                    return Next::Elsewhere;
                }
                (format!("{status}"), retry_after.map(|seconds| Duration::from_secs(seconds.min(RETRY_AFTER_MAX_S).into())))
            }
            RegisterOutcome::Refused { status, .. } => (format!("{status}"), None),
            RegisterOutcome::Silent if others => return Next::Elsewhere,
            RegisterOutcome::Silent => (format!("no answer from {} by {}", by.to, by.transport.token()), None),
        };
        self.trouble = Some(trouble);
        Next::At(now + wait.unwrap_or_else(|| self.back_off(chance)))
    }

    /// There is nowhere to register: the name leads nowhere.
    pub(super) fn lost(&mut self, now: Instant, why: &str, chance: u32) -> Instant {
        self.trouble = Some(why.to_owned());
        now + self.back_off(chance)
    }

    pub(super) fn is_registered(&self, now: Instant) -> bool {
        matches!(self.state, State::Registered { until } if now < until)
    }

    /// Seconds that the carrier holds us for.
    pub(super) fn left_s(&self, now: Instant) -> Option<u64> {
        match self.state {
            State::Registered { until } if now < until => Some((until - now).as_secs()),
            State::Registered { .. } | State::Away => None,
        }
    }

    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Twice as long after each failure, and between half and all of it, so that a thousand customers of a carrier that comes back do not
    /// come back as one (RFC 5626 4.5).
    fn back_off(&mut self, chance: u32) -> Duration {
        let whole = BACK_OFF_MIN.saturating_mul(1 << self.failures.min(10)).min(BACK_OFF_MAX);
        self.failures += 1;
        whole / 2 + (whole / 2).mul_f64(f64::from(chance) / f64::from(u32::MAX))
    }
}

/// Of what was granted: early enough for a lost REGISTER and its repetitions.
const REFRESH_AT: f64 = 0.85;
/// A carrier that grants a second is not asked twice in one.
const REFRESH_MIN: Duration = Duration::from_secs(5);

/// 423 may not make us ask for more.
const EXPIRES_MAX_S: u32 = 86_400;
const RETRY_AFTER_MAX_S: u32 = 3600;

const BACK_OFF_MIN: Duration = Duration::from_secs(4);
const BACK_OFF_MAX: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{events::wire::Transport, now::testing::zero};

    fn hop() -> Hop {
        Hop { transport: Transport::Udp, to: "10.0.0.1:5060".parse().unwrap(), domain: None }
    }

    fn registration() -> Registration {
        Registration::new("c0ffee".to_owned(), "boot".to_owned(), 3600)
    }

    fn seconds(next: Next) -> f64 {
        let Next::At(at) = next else { panic!("{next:?}") };
        (at - zero()).as_secs_f64().round()
    }

    fn refused(status: u16) -> RegisterOutcome {
        RegisterOutcome::Refused { status, retry_after: None, realm: None }
    }

    #[test]
    fn it_is_refreshed_at_85_percent_of_what_was_granted() {
        let mut registration = registration();
        let next = registration.hear(zero(), &RegisterOutcome::Granted { expires_s: 300 }, &hop(), false, 0);
        assert!((seconds(next) - 255.0).abs() < 0.01, "{next:?}");
        assert!(registration.is_registered(zero() + Duration::from_secs(299)));
        assert!(!registration.is_registered(zero() + Duration::from_secs(300)));
        assert_eq!(registration.flow, Some(hop()));
    }

    #[test]
    fn failures_wait_longer_each_time_with_chance_and_success_forgets_them() {
        let mut registration = registration();
        let mut wait = |chance| seconds(registration.hear(zero(), &refused(403), &hop(), false, chance));
        let waits: Vec<f64> = (0..9).map(|_| wait(u32::MAX)).collect();
        assert_eq!(waits, [4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 600.0]);
        assert_eq!(wait(0), 300.0);
        registration.hear(zero(), &RegisterOutcome::Granted { expires_s: 300 }, &hop(), false, 0);
        assert_eq!(seconds(registration.hear(zero(), &refused(403), &hop(), false, u32::MAX)), 4.0);
    }

    #[test]
    fn a_carrier_that_wants_longer_gets_it_once() {
        let mut registration = registration();
        assert_eq!(registration.hear(zero(), &RegisterOutcome::TooBrief { min_s: 7200 }, &hop(), false, 0), Next::Now);
        assert_eq!(registration.expires_s, 7200);
        // The same word again would go round for ever.
        assert!(matches!(registration.hear(zero(), &RegisterOutcome::TooBrief { min_s: 7200 }, &hop(), false, 0), Next::At(_)));
    }

    #[test]
    fn a_silent_server_is_left_for_the_next_and_retry_after_is_kept() {
        let mut registration = registration();
        assert_eq!(registration.hear(zero(), &RegisterOutcome::Silent, &hop(), true, 0), Next::Elsewhere);
        assert_eq!(registration.hear(zero(), &refused(503), &hop(), true, 0), Next::Elsewhere);
        let later = RegisterOutcome::Refused { status: 503, retry_after: Some(90), realm: None };
        assert_eq!(seconds(registration.hear(zero(), &later, &hop(), false, 0)), 90.0);
    }

    #[test]
    fn a_foreign_realm_is_said_with_its_remedy() {
        let mut registration = registration();
        let outcome = RegisterOutcome::Refused { status: 401, retry_after: None, realm: Some("asterisk".to_owned()) };
        registration.hear(zero(), &outcome, &hop(), false, 0);
        assert!(registration.trouble().unwrap().contains("realm \"asterisk\""));
    }
}

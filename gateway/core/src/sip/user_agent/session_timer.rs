//! Session timers (RFC 4028): a call whose peer is dead ends by itself.
//!
//! Whoever is the refresher renews the session at half its interval, by UPDATE where the peer serves it, else by re-INVITE; who hears no
//! renewal hangs up a little before the end. Where the peer leaves it open we refresh, for our own clock is the one that we can trust.
//! A peer without session timers is refreshed as well: any answer but 408 and 481 shows that it lives. Table: docs/specs/dialog.md.

use std::{sync::Arc, time::Duration};

use rand::Rng;

use super::{
    ALLOW, SUPPORTED, TimerKey, UaEvent, UsageId, UserAgent,
    clients::Role,
    usage::{Asking, Phase},
};
use crate::{
    now::Now,
    sip::{
        Headers, Method, Request, Response,
        header::{Refresher, SessionExpires, min_se},
        transaction::T1_64,
    },
};

/// The session timer of a usage.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// Seconds; `None` until it is agreed, or where timers are off.
    interval: Option<u32>,
    /// It is our turn to renew.
    we_refresh: bool,
    /// The peer knows of it: it expires for the peer as well.
    is_agreed: bool,
    /// The peer's Allow names UPDATE.
    pub(super) takes_update: bool,
    /// An UPDATE of ours has been challenged: this session is renewed by re-INVITE, if at all.
    is_update_barred: bool,
    /// The least that a 422 has asked for.
    floor: u32,
    /// Times that a 422 was met in a row.
    small: u8,
}

/// What our user agents want of session timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTimer {
    /// Seconds without a sign of life after which a call is dead; 0 for never.
    pub expires_s: u32,
    /// Shorter intervals are refused with 422; at least 90 (RFC 4028 5).
    pub min_s: u32,
}

impl Default for SessionTimer {
    /// Half an hour, as RFC 4028 4 advises, and its least interval.
    fn default() -> Self {
        Self { expires_s: 1800, min_s: 90 }
    }
}

impl<R: Rng> UserAgent<R> {
    /// The interval of a request is too short for us; only a peer that knows 422 may be told so (RFC 4028 9).
    pub(super) fn is_too_short(&self, request: &Request) -> bool {
        let is_timed = matches!(request.method, Method::Invite | Method::Update) && self.session_timer.expires_s != 0;
        let wanted = SessionExpires::of(&request.headers).filter(|_| is_timed && request.headers.lists("Supported", "timer"));
        wanted.is_some_and(|wanted| wanted.seconds < self.session_timer.min_s)
    }

    /// What a request of ours says of the session.
    pub(super) fn put_timer(&self, id: UsageId, headers: &mut Headers) {
        headers.push("Supported", SUPPORTED);
        let Some(usage) = self.usages.get(&id).filter(|_| self.session_timer.expires_s != 0) else { return };
        let Session { interval, we_refresh, floor, .. } = usage.session;
        let seconds = interval.unwrap_or(self.session_timer.expires_s).max(floor).max(self.session_timer.min_s);
        // Once it is agreed, whoever renews keeps on renewing (RFC 4028 7.4).
        let refresher = interval.map(|_| if we_refresh { Refresher::Uac } else { Refresher::Uas });
        headers.push("Session-Expires", SessionExpires { seconds, refresher }.to_string());
        headers.push("Min-SE", self.session_timer.min_s.max(floor).to_string());
    }

    /// What our 2xx to an INVITE or UPDATE says of the session, and the timers that follow (RFC 4028 9).
    pub(super) fn agree_as_answerer(&mut self, now: Now, id: UsageId, request: &Request, response: &mut Response) {
        self.learn_methods(id, &request.headers);
        response.headers.push("Supported", SUPPORTED);
        if self.session_timer.expires_s == 0 {
            return;
        }
        let knows_timers = request.headers.lists("Supported", "timer");
        let wanted = SessionExpires::of(&request.headers);
        // A proxy may ask for more than its caller understands; what is too short to be borne is then passed over.
        let wanted = wanted.filter(|wanted| wanted.seconds >= self.session_timer.min_s);
        let least = min_se(&request.headers).unwrap_or(0);
        let ours = self.session_timer.expires_s.max(least);
        let seconds = wanted.map_or(ours, |wanted| wanted.seconds.min(ours));
        let peer_refreshes = knows_timers && wanted.and_then(|wanted| wanted.refresher) == Some(Refresher::Uac);
        let refresher = if peer_refreshes { Refresher::Uac } else { Refresher::Uas };
        response.headers.push("Session-Expires", SessionExpires { seconds, refresher: Some(refresher) }.to_string());
        if peer_refreshes {
            response.headers.push("Require", "timer");
        }
        self.arm_session(now, id, seconds, !peer_refreshes, knows_timers);
    }

    /// What the peer's 2xx says of the session (RFC 4028 7.2).
    pub(super) fn agree_as_asker(&mut self, now: Now, id: UsageId, headers: &Headers) {
        self.learn_methods(id, headers);
        if self.session_timer.expires_s == 0 {
            return;
        }
        let ours = self.session_timer.expires_s;
        match SessionExpires::of(headers).filter(|agreed| agreed.seconds > 0) {
            Some(agreed) => self.arm_session(now, id, agreed.seconds, agreed.refresher != Some(Refresher::Uas), true),
            None => self.arm_session(now, id, ours, true, false),
        }
    }

    /// A 422: the interval to ask for next, if there is any use in asking again (RFC 4028 7.3).
    pub(super) fn is_worth_asking_longer(&mut self, id: UsageId, response: &Response) -> bool {
        let Some(usage) = self.usages.get_mut(&id).filter(|_| response.status == 422) else { return false };
        let Some(least) = min_se(&response.headers).filter(|least| *least > usage.session.floor) else { return false };
        if usage.session.small >= TOO_SMALL_MAX || least > SECONDS_MAX {
            return false;
        }
        usage.session.small += 1;
        usage.session.floor = least;
        true
    }

    /// It is time to renew.
    pub(super) fn refresh_session(&mut self, now: Now, id: UsageId) {
        let Some(usage) = self.usages.get_mut(&id).filter(|usage| matches!(usage.phase, Phase::Confirmed)) else { return };
        // Should the answer get lost, or a re-INVITE of the owner's be under way, another try comes before the end.
        let by_update = usage.session.takes_update && !usage.session.is_update_barred;
        self.set_timer(now, TimerKey::Refresh(id), T1_64 + T1_64 / 2);
        let Some(usage) = self.usages.get_mut(&id) else { return };
        if usage.asking.is_some() {
            return;
        }
        if by_update {
            self.send_update(now, id);
        } else if let Some(sdp) = usage.said.clone() {
            usage.asking = Some(Asking { sdp, glares: 0, challenges: 0, is_running: false, tx: None, is_refresh: true, next: None });
            self.start_waiting_reinvite(now, id);
        }
    }

    /// Nobody has renewed it: "the UA SHOULD send a BYE" (RFC 4028 10).
    pub(super) fn expire_session(&mut self, now: Now, id: UsageId) {
        if self.usages.get(&id).is_some_and(|usage| matches!(usage.phase, Phase::Confirmed)) {
            self.lose(now, id);
        }
    }

    pub(super) fn update_answered(&mut self, now: Now, id: UsageId, request: &Request, response: &Response, challenged: bool) {
        if response.is_provisional() {
            return;
        }
        let Some(usage) = self.usages.get_mut(&id).filter(|usage| matches!(usage.phase, Phase::Confirmed)) else { return };
        if response.is_success() {
            if let Some(dialog) = &mut usage.dialog {
                dialog.refresh(&response.headers);
            }
            return self.agree_as_asker(now, id, &response.headers);
        }
        match response.status {
            401 | 407 if !challenged => match self.authorized(id, request, response) {
                Some(again) => self.send_within(now, id, again, Role::Update(true)),
                None => self.refresh_refused(now, id, response.status, response, false),
            },
            // It said that it serves UPDATE, and does not.
            405 | 501 => {
                usage.session.takes_update = false;
                self.refresh_session(now, id);
            }
            status => self.refresh_refused(now, id, status, response, false),
        }
    }

    /// A refresh that was not taken, by re-INVITE or by UPDATE.
    pub(super) fn refresh_refused(&mut self, now: Now, id: UsageId, status: u16, response: &Response, by_reinvite: bool) {
        // "If a UAC receives a 481 or a 408, or no response at all, it SHOULD terminate the dialog" (RFC 3261 12.2.1.2).
        if matches!(status, 408 | 481) {
            return self.lose(now, id);
        }
        if self.is_worth_asking_longer(id, response) {
            return self.refresh_session(now, id);
        }
        let Some(usage) = self.usages.get_mut(&id) else { return };
        match usage.session.interval {
            // It lives, and never promised more.
            Some(interval) if !usage.session.is_agreed => self.arm_session(now, id, interval, true, false),
            // Credentials are given to nobody within a dialog, so asking again is of no use. Some carriers challenge the one method alone;
            // where it is both, the session stands until it expires, and then the call is said goodbye to.
            Some(_) if matches!(status, 401 | 407) && by_reinvite => {
                self.timers.stop(&TimerKey::Refresh(id));
            }
            Some(_) if matches!(status, 401 | 407) => {
                usage.session.is_update_barred = true;
                self.refresh_session(now, id);
            }
            Some(_) => {
                let wanted = response.headers.first("Retry-After").and_then(|value| value.split([';', ' ', '(']).next()?.parse().ok());
                let pause = Duration::from_secs(wanted.unwrap_or(RETRY_S).clamp(1, RETRY_S));
                self.set_timer(now, TimerKey::Refresh(id), pause);
            }
            None => {}
        }
    }

    /// The peer does not answer any more: it is told goodbye all the same.
    pub(super) fn lose(&mut self, now: Now, id: UsageId) {
        self.tell(UaEvent::Lost { usage: id });
        self.hang_up(now, id, RECOVERY_ON_TIMER_EXPIRY);
    }

    fn send_update(&mut self, now: Now, id: UsageId) {
        let Some(usage) = self.usages.get(&id) else { return };
        let contact = self.contact_of(usage);
        let Some((mut update, path)) = self.request_within(id, Method::Update) else { return };
        update.headers.push("Contact", contact);
        update.headers.push("Allow", ALLOW);
        self.put_timer(id, &mut update.headers);
        self.open_client(now, Arc::new(update), path, id, Role::Update(false));
    }

    /// A request of ours within the usage's dialog.
    pub(super) fn send_within(&mut self, now: Now, id: UsageId, request: Request, role: Role) {
        if let Some(path) = self.way_within(id) {
            self.open_client(now, Arc::new(request), path, id, role);
        }
    }

    fn arm_session(&mut self, now: Now, id: UsageId, seconds: u32, we_refresh: bool, is_agreed: bool) {
        let Some(usage) = self.usages.get_mut(&id) else { return };
        let seconds = seconds.min(SECONDS_MAX);
        let session = &mut usage.session;
        (session.interval, session.we_refresh, session.is_agreed, session.small) = (Some(seconds), we_refresh, is_agreed, 0);
        let interval = Duration::from_secs(seconds.into());
        if we_refresh {
            self.set_timer(now, TimerKey::Refresh(id), interval / 2);
        } else {
            self.timers.stop(&TimerKey::Refresh(id));
        }
        // "slightly before the session expiration: the minimum of 32 seconds and one third of the session interval" (RFC 4028 10).
        self.set_timer(now, TimerKey::Expire(id), interval - (interval / 3).min(T1_64));
    }

    fn learn_methods(&mut self, id: UsageId, headers: &Headers) {
        if let Some(usage) = self.usages.get_mut(&id)
            && headers.first("Allow").is_some()
        {
            usage.session.takes_update = headers.lists("Allow", "UPDATE");
        }
    }
}

/// Intervals that we ask for in a row; each 422 must ask for more than the last.
const TOO_SMALL_MAX: u8 = 3;
/// A day: whoever asks for more may as well ask for nothing.
const SECONDS_MAX: u32 = 86_400;
/// How long a refused refresh rests, in seconds, at most.
const RETRY_S: u64 = 10;
/// Q.850.
const RECOVERY_ON_TIMER_EXPIRY: u8 = 102;

//! Being asked to call someone, and asking it of a peer: REFER and what is heard of it (RFC 3515, 3892, 4488).
//!
//! The NOTIFYs of a REFER belong to its dialog and may outlive the call in it: a phone that transfers blindly hangs up at once (RFC 5589 6.1), so a
//! usage stays until its referrer has been told the end, or `REFERRAL_MAX` has passed.

use std::{sync::Arc, time::Duration};

use rand::Rng;

use super::{
    Refusal, TimerKey, TxId, UaEvent, UsageId, UserAgent,
    clients::Role,
    invited::put_refusal,
    screen::{Arrival, with},
    usage::Phase,
};
use crate::{
    now::Now,
    sip::{
        Method, NameAddr, Request, Response, Uri,
        dialog::DialogId,
        header::{Scheme, replaces::Replaces},
        message::phrase,
    },
};

/// What a REFER asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referral {
    /// Whom to call.
    pub to: Uri,
    /// The dialog whose place that call shall take (RFC 3891), from the side of who is called.
    pub replaces: Option<Replaces>,
    /// The usage of ours that this is, if it is one.
    pub replacing: Option<UsageId>,
    /// Who asks, as it stands (RFC 3892).
    pub referred_by: Option<String>,
}

/// A REFER that we have been sent.
#[derive(Debug)]
pub(super) struct Referred {
    /// Until it is answered.
    tx: Option<TxId>,
    request: Arc<Request>,
    /// "Refer-Sub: false": the referrer wants to hear no more than our answer (RFC 4488 4).
    is_silent: bool,
}

/// A REFER of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Referring {
    Never,
    /// Its end has not been heard. NOTIFYs name it by its CSeq; the first that the peer has taken in this dialog may go without (RFC 3515 2.4.6).
    Waiting {
        number: u32,
        is_first: bool,
    },
    Over,
}

impl<R: Rng> UserAgent<R> {
    /// Takes the peer's REFER: 202, and a first NOTIFY at once (RFC 3515 2.4.4).
    pub fn accept_refer(&mut self, now: Now, usage: UsageId) {
        let Some((tx, mut answer)) = self.refer_answer(usage, 202) else { return };
        let Some(held) = self.usages.get(&usage) else { return };
        answer.headers.push("Contact", self.contact_of(held));
        let is_silent = held.referral.as_ref().is_some_and(|referral| referral.is_silent);
        if is_silent {
            answer.headers.push("Refer-Sub", "false");
        }
        self.respond(now, tx, &answer);
        if is_silent {
            self.forget_referral(usage);
        } else {
            self.notify_refer(now, usage, 100);
        }
    }

    /// Does not take it.
    pub fn refuse_refer(&mut self, now: Now, usage: UsageId, refusal: &Refusal) {
        let Some((tx, mut answer)) = self.refer_answer(usage, refusal.status.clamp(300, 699)) else { return };
        put_refusal(&mut answer, refusal);
        self.respond(now, tx, &answer);
        self.forget_referral(usage);
    }

    /// Tells the referrer how the call goes; a final status ends the telling.
    pub fn notify_refer(&mut self, now: Now, usage: UsageId, status: u16) {
        let Some(held) = self.usages.get(&usage) else { return };
        let Some(referral) = held.referral.as_ref().filter(|referral| referral.tx.is_none()) else { return };
        let (number, is_first) = (referral.request.cseq.number, held.referrals == 1);
        let contact = self.contact_of(held);
        let Some((mut notify, path)) = self.request_within(usage, Method::Notify) else { return };
        notify.headers.push("Contact", contact);
        // "The first REFER of a dialog may go without id, every later one must have it" (2.4.6).
        notify.headers.push("Event", if is_first { "refer".to_owned() } else { format!("refer;id={number}") });
        let state = match status {
            ..200 => format!("active;expires={}", REFERRAL_MAX.as_secs()),
            200.. => "terminated;reason=noresource".to_owned(),
        };
        notify.headers.push("Subscription-State", state);
        notify.headers.push("Content-Type", "message/sipfrag;version=2.0");
        notify.body = format!("SIP/2.0 {status} {}\r\n", phrase(status)).into_bytes();
        self.open_client(now, Arc::new(notify), path, usage, Role::Notify);
        if status >= 200 {
            self.forget_referral(usage);
        }
    }

    /// Asks the peer to call someone. `ReferProgressed` follows, the last time with a final status.
    pub fn refer(&mut self, now: Now, usage: UsageId, to: &str, referred_by: Option<&str>) {
        let Some(held) = self.usages.get(&usage).filter(|held| matches!(held.phase, Phase::Confirmed)) else { return };
        let contact = self.contact_of(held);
        let Some((mut refer, path)) = self.request_within(usage, Method::Refer) else { return };
        if let Some(held) = self.usages.get_mut(&usage) {
            held.referring = Referring::Waiting { number: refer.cseq.number, is_first: held.referring == Referring::Never };
        }
        refer.headers.push("Contact", contact);
        refer.headers.push("Refer-To", format!("<{to}>"));
        if let Some(referrer) = referred_by {
            refer.headers.push("Referred-By", referrer);
        }
        self.open_client(now, Arc::new(refer), path, usage, Role::Refer);
    }

    /// How a Replaces names the dialog of a usage of ours to whoever is at its other end.
    pub fn replaces(&self, usage: UsageId) -> Option<Replaces> {
        let id = self.usages.get(&usage)?.dialog.as_ref()?.id().clone();
        let dialog = DialogId { local_tag: id.remote_tag, remote_tag: id.local_tag, ..id };
        Some(Replaces { dialog, early_only: false })
    }

    pub(super) fn receive_refer(&mut self, now: Now, id: UsageId, arrival: Arrival, request: Request) {
        let Some(usage) = self.usages.get(&id) else { return };
        let is_busy = usage.referral.is_some();
        let is_confirmed = matches!(usage.phase, Phase::Confirmed);
        let read = read_referral(&request);
        let tx = self.open_server(&request, arrival.key, arrival.reply, Some(id));
        let (to, replaces) = match read {
            _ if is_busy => return drop(self.respond(now, tx, &request.answer(491, None))),
            _ if !is_confirmed => return drop(self.respond(now, tx, &request.answer(603, None))),
            Err(status) => return drop(self.respond(now, tx, &request.answer(status, None))),
            Ok(read) => read,
        };
        let replacing = replaces.as_ref().and_then(|replaces| self.dialogs.get(&replaces.dialog).copied());
        let referred_by = request.headers.first("Referred-By").map(str::to_owned);
        let is_silent = request.headers.first("Refer-Sub").is_some_and(|value| value.trim().eq_ignore_ascii_case("false"));
        if let Some(usage) = self.usages.get_mut(&id) {
            usage.referral = Some(Referred { tx: Some(tx), request: Arc::new(request), is_silent });
            usage.referrals += 1;
        }
        self.set_timer(now, TimerKey::Referral(id), REFERRAL_MAX);
        self.tell(UaEvent::Referred { usage: id, referral: Box::new(Referral { to, replaces, replacing, referred_by }) });
    }

    pub(super) fn receive_notify(&mut self, now: Now, id: UsageId, arrival: Arrival, request: &Request) {
        let tx = self.open_server(request, arrival.key, arrival.reply, Some(id));
        let event = request.headers.first("Event").unwrap_or_default();
        let package = event.split(';').next().unwrap_or_default().trim();
        let state = self.usages.get(&id).map_or(Referring::Never, |usage| usage.referring);
        if !package.eq_ignore_ascii_case("refer") {
            let answer = with(request.answer(489, None), "Allow-Events", "refer");
            self.respond(now, tx, &answer);
        } else if state == Referring::Never {
            self.respond(now, tx, &request.answer(481, None));
        } else {
            self.respond(now, tx, &request.answer(200, None));
            if is_about(event, state) {
                self.refer_heard(id, request);
            }
        }
    }

    pub(super) fn refer_answered(&mut self, id: UsageId, response: &Response) {
        let state = self.usages.get(&id).map(|usage| usage.referring);
        let Some(Referring::Waiting { number, is_first }) = state.filter(|_| response.status >= 300) else { return };
        // A NOTIFY may have come before our REFER was answered; only a refusal says how it ends, and of one given up it says nothing.
        if number != response.cseq.number {
            return;
        }
        self.refer_progressed(id, response.status);
        // Nothing was taken, so that the next is the first; of silence nobody knows.
        if let Some(usage) = self.usages.get_mut(&id).filter(|_| is_first && response.status != 408) {
            usage.referring = Referring::Never;
        }
    }

    pub(super) fn give_up_referral(&mut self, id: UsageId) {
        self.forget_referral(id);
    }

    fn refer_heard(&mut self, id: UsageId, request: &Request) {
        let text = String::from_utf8_lossy(&request.body);
        let status = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)).and_then(|digits| digits.parse().ok());
        let state = request.headers.first("Subscription-State").unwrap_or_default();
        let is_over = state.trim_start().to_ascii_lowercase().starts_with("terminated");
        match status {
            Some(status @ 101..=699) if status >= 200 || !is_over => self.refer_progressed(id, status),
            // It will say no more, and has not said how it ended.
            Some(_) | None if is_over => self.refer_progressed(id, 480),
            Some(_) | None => {}
        }
    }

    fn refer_progressed(&mut self, id: UsageId, status: u16) {
        let Some(usage) = self.usages.get_mut(&id).filter(|usage| matches!(usage.referring, Referring::Waiting { .. })) else { return };
        if status >= 200 {
            usage.referring = Referring::Over;
        }
        self.tell(UaEvent::ReferProgressed { usage: id, status });
    }

    fn refer_answer(&mut self, id: UsageId, status: u16) -> Option<(TxId, Response)> {
        let referral = self.usages.get_mut(&id)?.referral.as_mut()?;
        Some((referral.tx.take()?, referral.request.answer(status, None)))
    }

    fn forget_referral(&mut self, id: UsageId) {
        self.timers.stop(&TimerKey::Referral(id));
        if let Some(usage) = self.usages.get_mut(&id) {
            usage.referral = None;
        }
        self.forget_if_over(id);
    }
}

/// Whether a NOTIFY with this Event tells of the REFER that we wait for: an earlier one, given up, may still have its own to tell.
fn is_about(event: &str, state: Referring) -> bool {
    let Referring::Waiting { number, is_first } = state else { return false };
    let id = event.split(';').skip(1).filter_map(|param| param.split_once('=')).find(|(name, _)| name.trim().eq_ignore_ascii_case("id"));
    id.map_or(is_first, |(_, id)| id.trim().parse() == Ok(number))
}

/// One Refer-To (RFC 3515 2.1), to be called by INVITE; else the status of the refusal.
fn read_referral(request: &Request) -> Result<(Uri, Option<Replaces>), u16> {
    let mut targets = request.headers.addresses("Refer-To").map_err(|_| 400_u16)?;
    let (Some(NameAddr { mut uri, .. }), true) = (targets.pop(), targets.is_empty()) else { return Err(400) };
    if !matches!(uri.scheme, Scheme::Sip | Scheme::Sips | Scheme::Tel) {
        return Err(416);
    }
    if uri.params.value("method").is_some_and(|method| !method.eq_ignore_ascii_case("INVITE")) {
        return Err(603);
    }
    uri.params.remove("method");
    let replaces = match uri.headers.take().and_then(|headers| Replaces::of_uri_headers(&headers)) {
        Some(Ok(replaces)) => Some(replaces),
        Some(Err(_)) => return Err(400),
        None => None,
    };
    Ok((uri, replaces))
}

/// A phone rings two minutes at most, and its referrer hears of it.
const REFERRAL_MAX: Duration = Duration::from_secs(180);

//! Provisional responses that must arrive, at the calling end (RFC 3262 4): taken in order, each acknowledged by PRACK.

use std::sync::Arc;

use rand::Rng;

use super::{
    UsageId, UserAgent,
    clients::Role,
    usage::{FORKS_MAX, Fork},
};
use crate::{
    now::Now,
    sip::{
        Method, Request, Response,
        dialog::Dialog,
        header::{RAck, rseq},
    },
};

impl<R: Rng> UserAgent<R> {
    /// Takes a provisional response of one fork in, and acknowledges it where it asks for that; `false` where it is to be ignored: a
    /// repetition, or one that came too early.
    pub(super) fn take_provisional(&mut self, now: Now, id: UsageId, request: &Request, response: &Response) -> bool {
        let Some(usage) = self.usages.get_mut(&id) else { return false };
        let Some(tag) = response.to.tag() else { return true };
        if !usage.forks.iter().any(|fork| fork.tag == tag) {
            if usage.forks.len() >= FORKS_MAX {
                return false;
            }
            let own = usage.dialog.as_ref().is_some_and(|dialog| dialog.id().remote_tag == tag);
            let dialog = if own { None } else { Dialog::calling(request, response) };
            if let Some(dialog) = &dialog {
                self.dialogs.insert(dialog.id().clone(), id);
            }
            usage.forks.push(Fork { tag: tag.to_owned(), dialog, rseq: None, sdp: None, is_agreed: false });
        }
        let Some(fork) = usage.forks.iter_mut().find(|fork| fork.tag == tag) else { return false };
        let number = rseq(&response.headers);
        if let Some(number) = number {
            // "If the UAC receives another reliable provisional response to the same request, and its RSeq value is not one higher than the
            // value of the sequence number, that response MUST NOT be acknowledged with a PRACK, and MUST NOT be processed further".
            let cseq = response.cseq.number;
            if fork.rseq.is_some_and(|(request, last)| request == cseq && number != last.wrapping_add(1)) {
                return false;
            }
            fork.rseq = Some((cseq, number));
        }
        if let Some(sdp) = response.sdp() {
            fork.sdp = Some(sdp);
            fork.is_agreed |= number.is_some();
        }
        if let Some(number) = number {
            self.send_prack(now, id, tag, RAck { rseq: number, cseq: response.cseq.clone() });
        }
        true
    }

    /// The answer that came early from the fork that has now taken the call: its 2xx need not repeat it.
    pub(super) fn early_answer(&self, id: UsageId, tag: Option<&str>) -> Option<String> {
        let usage = self.usages.get(&id)?;
        usage.forks.iter().find(|fork| Some(fork.tag.as_str()) == tag)?.sdp.clone()
    }

    /// The early dialog of a fork, with the numbers that it has used.
    pub(super) fn early_dialog(&self, id: UsageId, tag: Option<&str>) -> Option<Dialog> {
        let usage = self.usages.get(&id)?;
        let own = usage.dialog.as_ref().filter(|dialog| Some(dialog.id().remote_tag.as_str()) == tag);
        own.or_else(|| usage.forks.iter().find(|fork| Some(fork.tag.as_str()) == tag)?.dialog.as_ref()).cloned()
    }

    /// Has the early dialog with this fork agreed on media, reliably, so that UPDATE may change it (RFC 3311 5.1)?
    pub(super) fn is_agreed_early(&self, id: UsageId, tag: Option<&str>) -> bool {
        let Some(usage) = self.usages.get(&id) else { return false };
        usage.forks.iter().any(|fork| fork.is_agreed && Some(fork.tag.as_str()) == tag)
    }

    /// Has the usage's own?
    pub(super) fn is_own_agreed_early(&self, id: UsageId) -> bool {
        let own = self.usages.get(&id).and_then(|usage| usage.dialog.as_ref());
        self.is_agreed_early(id, own.map(|dialog| dialog.id().remote_tag.as_str()))
    }

    /// The early dialogs of forks that did not win, or of an INVITE that failed, are 481 from now on; their numbers stay known, for goodbyes.
    pub(super) fn forget_early(&mut self, id: UsageId) {
        let Some(usage) = self.usages.get(&id) else { return };
        for dialog in usage.forks.iter().filter_map(|fork| fork.dialog.as_ref()) {
            self.dialogs.remove(dialog.id());
        }
    }

    fn send_prack(&mut self, now: Now, id: UsageId, tag: &str, rack: RAck) {
        let Some(usage) = self.usages.get(&id) else { return };
        let (endpoint, advertised) = (usage.endpoint, usage.advertised);
        let via = self.mint_via(endpoint, advertised);
        let Some(usage) = self.usages.get_mut(&id) else { return };
        let Some(dialog) = usage.dialog_with(tag) else { return };
        let mut prack = dialog.next_request(Method::Prack, via);
        prack.headers.push("RAck", rack.to_string());
        let dialog = dialog.clone();
        let Some(path) = self.way_to(id, &dialog) else { return };
        self.open_client(now, Arc::new(prack), path, id, Role::Prack(false));
    }
}

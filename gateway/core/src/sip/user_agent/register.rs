//! REGISTER: phones say where they are (RFC 3261 10.3), and always prove who they are.

use rand::Rng;

use super::{TimerKey, TurnedAway, UaEvent, UserAgent, screen::Arrival, screen::with};
use crate::{
    events::wire::Path,
    now::Now,
    sip::{
        Request, Response,
        registrar::{Declined, EXPIRES_MIN, Origin},
    },
};

impl<R: Rng> UserAgent<R> {
    pub(super) fn receive_register(&mut self, now: Now, arrival: Arrival, request: &Request) {
        let proof = self.authenticate(now, arrival.from, request);
        let Some(user) = proof.user else {
            let mut challenge = self.stateless(request, 401);
            self.put_challenge(now, arrival.from, &mut challenge, proof.is_stale);
            return self.respond_stateless(arrival.reply, &challenge);
        };
        self.wall.refund(arrival.from.ip());
        // Nobody registers for another: "the registrar MUST verify that the user is authorized to modify" (10.3, step 4).
        let is_own = request.to.uri.user().as_deref() == Some(&user);
        let flow = match arrival.reply {
            Path::Datagram { endpoint, .. } => Path::Datagram { endpoint, to: arrival.from },
            stream @ Path::Stream(_) => stream,
        };
        let origin = Origin { flow, source: arrival.from };
        let before = self.registrar.bindings(&user, now.instant).len();
        let outcome = if is_own { self.registrar.register(now.instant, &user, &origin, request) } else { Ok(()) };
        let status = match outcome {
            Ok(()) if !is_own => 403,
            Ok(()) => 200,
            Err(Declined::Malformed) => 400,
            Err(Declined::TooMany) => 403,
            Err(Declined::TooBrief) => 423,
            Err(Declined::NoOutbound) => 439,
            Err(Declined::Full) => 503,
            Err(Declined::OutOfOrder) => 500,
        };
        if matches!(outcome, Err(Declined::TooMany | Declined::Full)) {
            self.turn_away(TurnedAway::Registrations);
        }
        let tag = self.mint_tag();
        let mut response = request.answer(status, Some(&tag));
        match status {
            200 => self.put_bindings(now, &user, request, &mut response),
            423 => response = with(response, "Min-Expires", &EXPIRES_MIN.to_string()),
            503 => response = with(response, "Retry-After", "30"),
            _ => {}
        }
        // A count that has been used does not pass again, so a repetition needs the answer kept.
        let tx = self.open_server(request, arrival.key, arrival.reply, None);
        self.respond(now, tx, &response);
        let bindings = self.registrar.bindings(&user, now.instant).len();
        let is_query = request.headers.first("Contact").is_none();
        if status == 200 && !(is_query && bindings == before) {
            self.tell(UaEvent::Registered { user, endpoint: arrival.endpoint, from: arrival.from, bindings });
        }
        self.await_expiry();
    }

    /// A stream is gone: whoever was reached over it is not any more, until the phone comes back by another (RFC 5626 4.2.1).
    pub(super) fn lose_flow(&mut self, flow: Path) {
        let left = self.registrar.lose(flow);
        self.tell_departures(left);
    }

    pub(super) fn expire_bindings(&mut self, now: Now) {
        let left = self.registrar.expire(now.instant);
        self.tell_departures(left);
    }

    fn tell_departures(&mut self, left: Vec<(String, usize)>) {
        for (user, bindings) in left {
            self.tell(UaEvent::Departed { user, bindings });
        }
        self.await_expiry();
    }

    fn await_expiry(&mut self) {
        match self.registrar.deadline() {
            Some(at) => self.timers.set(TimerKey::Expiry, at),
            None => {
                self.timers.stop(&TimerKey::Expiry);
            }
        }
    }

    /// All that stands, and the extensions of the answer: the way back (RFC 3327 5.3), flows (RFC 5626 6), names of devices (RFC 5627 5.1).
    fn put_bindings(&self, now: Now, user: &str, request: &Request, response: &mut Response) {
        let supports = |extension: &str| request.headers.lists("Supported", extension);
        let address = supports("gruu").then_some(&request.to.uri);
        let contacts = self.registrar.contacts(user, now.instant, address);
        if supports("outbound") && contacts.iter().any(|contact| contact.contains(";reg-id=")) {
            response.headers.push("Require", "outbound");
        }
        if supports("path") {
            request.headers.all("Path").for_each(|path| response.headers.push("Path", path));
        }
        response.headers.push("Supported", "path, outbound, gruu");
        contacts.into_iter().for_each(|contact| response.headers.push("Contact", contact));
    }
}

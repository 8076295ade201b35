//! REGISTER: phones say where they are (RFC 3261 10.3), and always prove who they are.

use rand::Rng;

use super::{UaEvent, UserAgent, screen::Arrival, screen::with};
use crate::{
    now::Now,
    sip::{
        Request,
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
        let origin = Origin { endpoint: arrival.endpoint, source: arrival.from };
        let before = self.registrar.bindings(&user, now.instant).len();
        let outcome = if is_own { self.registrar.register(now.instant, &user, origin, request) } else { Ok(()) };
        let status = match outcome {
            Ok(()) if !is_own => 403,
            Ok(()) => 200,
            Err(Declined::Malformed) => 400,
            Err(Declined::TooMany) => 403,
            Err(Declined::TooBrief) => 423,
            Err(Declined::OutOfOrder) => 500,
        };
        let tag = self.mint_tag();
        let mut response = request.answer(status, Some(&tag));
        match status {
            200 => self.registrar.contacts(&user, now.instant).into_iter().for_each(|contact| response.headers.push("Contact", contact)),
            423 => response = with(response, "Min-Expires", &EXPIRES_MIN.to_string()),
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
    }
}

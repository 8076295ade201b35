//! OPTIONS outside dialogs: can we be called? (RFC 3261 11)

use rand::Rng;

use super::{ALLOW, SUPPORTED, UserAgent, screen::Arrival, screen::with};
use crate::sip::{Request, Response};

impl<R: Rng> UserAgent<R> {
    /// Answered without state: a probe every second from every proxy shall cost nothing.
    pub(super) fn receive_options(&mut self, arrival: Arrival, request: &Request) {
        let answer = capabilities(self.stateless(request, self.options_status));
        self.respond_stateless(arrival.reply, &answer);
    }
}

/// What we can do (11.2).
pub(super) fn capabilities(response: Response) -> Response {
    with(with(with(response, "Allow", ALLOW), "Accept", ACCEPT), "Supported", SUPPORTED)
}

/// The bodies that we understand.
pub(super) const ACCEPT: &str = "application/sdp, application/dtmf-relay";

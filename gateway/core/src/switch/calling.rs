//! What an INVITE says of its caller, and how much of that is believed (RFC 3323, 3325, 5806, 7044, 7433, 8224).
//!
//! Everything is read first and judged later, when the trunk is known: a peer that is not trusted has its From and nothing else.

use std::time::Duration;

use crate::{
    config::{CallerRules, StirPolicy},
    context::{passport, pointer},
    events::{
        calling::{Calling, Passport, Signed},
        story::{Diversion, DivertReason},
    },
    ids::UtcMillis,
    private::Private,
    sip::{
        Request, Uri,
        header::{Diverter, Identity, Privacy, SessionId, UserToUser, asserted, date, diversions, history},
    },
};

/// All of it, unjudged.
#[derive(Debug, Clone)]
pub(super) struct Claims {
    /// The user in From, and nobody where it is anonymous.
    shown: String,
    asserted: Option<String>,
    hides_caller: bool,
    hides_diverters: bool,
    diverters: Vec<Diverter>,
    information: Vec<UserToUser>,
    /// Values that may be a pointer of ours.
    pointers: Vec<String>,
    signatures: Vec<Identity>,
    /// What was dialled, as To and the Request-URI say it.
    dialled: Vec<String>,
    date: Option<u64>,
    session: SessionId,
    /// Max-Forwards, as it came.
    forwards: u8,
}

/// What of it a peer is believed.
#[derive(Debug, Clone)]
pub(super) struct Believed {
    /// Empty where it is withheld.
    pub(super) caller: Private<String>,
    pub(super) calling: Calling,
}

/// By what the claims are judged.
pub(super) struct Judge<'a> {
    pub(super) rules: CallerRules,
    /// The trunk's region of numbers.
    pub(super) region: Option<&'a str>,
    /// Ours, for pointers.
    pub(super) secret: &'a [u8],
    pub(super) now: UtcMillis,
}

impl Claims {
    /// Reads an INVITE; `session` is our half and the peer's.
    pub(super) fn of(request: &Request, session: SessionId) -> Self {
        let headers = &request.headers;
        let shown = request.from.uri.user().unwrap_or_default();
        let is_anonymous = shown.eq_ignore_ascii_case("anonymous") || request.from.uri.host.eq_ignore_ascii_case("anonymous.invalid");
        let privacy = Privacy::of(headers);
        let remote_party = asserted::remote_party(headers);
        let addresses = asserted::asserted(headers);
        let own = asserted::number_among(&addresses).or(remote_party.as_ref().map(|(party, _)| party));
        let mut diverters = diversions(headers);
        if diverters.is_empty() {
            diverters = history::diversions(headers);
        }
        let pointers = headers.all("X-Context-Ref").map(str::to_owned);
        let pointers = pointers.chain(headers.list("User-to-User").filter_map(|value| pointer::from_user_to_user(value).ok()));
        Self {
            asserted: own.and_then(|address| address.uri.user()),
            hides_caller: is_anonymous || privacy.hides_caller() || remote_party.as_ref().is_some_and(|(_, hides)| *hides),
            hides_diverters: privacy.history,
            diverters,
            information: UserToUser::all(headers),
            pointers: pointers.take(POINTERS_MAX).collect(),
            signatures: Identity::all(headers),
            dialled: [&request.to.uri, &request.uri].into_iter().filter_map(Uri::user).collect(),
            date: headers.first("Date").and_then(date),
            shown: if is_anonymous { String::new() } else { shown },
            session,
            forwards: request.max_forwards(),
        }
    }

    /// The user in From, for the log of who was not let in.
    pub(super) fn shown(&self) -> Private<String> {
        Private(if self.hides_caller { String::new() } else { self.shown.clone() })
    }

    /// What a phone of ours is: itself, whatever it says (RFC 3325 9.2 lets it choose among its own names, and it has one).
    pub(super) fn of_phone(&self, user: &str) -> Believed {
        let caller = if self.hides_caller { String::new() } else { user.to_owned() };
        let calling = Calling { is_withheld: self.hides_caller, ..self.sessions() };
        Believed { caller: Private(caller), calling }
    }

    /// What a trunk is believed. A wish for privacy is granted to everyone: it can take nothing that was another's.
    pub(super) fn of_trunk(&self, judge: &Judge<'_>) -> Believed {
        let Judge { rules, .. } = judge;
        let asserted = self.asserted.as_ref().filter(|_| rules.trusted);
        let number = asserted.unwrap_or(&self.shown);
        let caller = if self.hides_caller { String::new() } else { number.clone() };
        let mut calling = Calling {
            is_withheld: self.hides_caller,
            withheld: (self.hides_caller && rules.trusted && rules.keep_withheld && !number.is_empty()).then(|| Private(number.clone())),
            context: self.context(judge),
            signed: self.signed(number, judge),
            must_prove: rules.stir == StirPolicy::Require,
            ..self.sessions()
        };
        if rules.trusted {
            calling.diverted = self.diverters.iter().map(|diverter| self.diversion(diverter)).collect();
            let foreign = || self.information.iter().filter(|piece| pointer::from_user_to_user(&piece.print()).is_err());
            calling.note = foreign().find_map(UserToUser::text).map(Private);
            calling.information = foreign().map(UserToUser::print).collect();
        }
        Believed { caller: Private(caller), calling }
    }

    fn sessions(&self) -> Calling {
        let peer = self.session.remote;
        Calling {
            session: self.session.local.to_string(),
            peer_session: (!peer.is_null()).then(|| peer.to_string()),
            forwards: Some(self.forwards.saturating_sub(1)),
            ..Calling::default()
        }
    }

    fn diversion(&self, diverter: &Diverter) -> Diversion {
        let is_hidden = diverter.is_private || self.hides_diverters;
        let from = if is_hidden { String::new() } else { diverter.address.uri.user().unwrap_or_default() };
        let because: DivertReason = diverter.because;
        Diversion { from: Private(from.chars().take(NUMBER_MAX).collect()), because }
    }

    /// A pointer opens a story only to whoever we gave it to, and not for ever.
    fn context(&self, judge: &Judge<'_>) -> Option<String> {
        let verified = self.pointers.iter().find_map(|token| pointer::verify(token, judge.secret).ok())?;
        let age = judge.now.0.saturating_sub(pointer::born(verified)?.0);
        (age <= POINTER_AGE_MAX.as_millis().try_into().unwrap_or(u64::MAX)).then(|| verified.to_owned())
    }

    fn signed(&self, number: &str, judge: &Judge<'_>) -> Option<Signed> {
        if judge.rules.stir == StirPolicy::Off || self.signatures.is_empty() {
            return None;
        }
        let passport = |signature: &Identity| Passport {
            token: signature.token.clone(),
            info: signature.info.clone(),
            alg: signature.alg.clone(),
            ppt: signature.ppt.clone(),
        };
        Some(Signed {
            passports: self.signatures.iter().map(passport).collect(),
            orig: Private(passport::canonical(number, judge.region)),
            dest: self.dialled.iter().map(|dialled| Private(passport::canonical(dialled, judge.region))).collect(),
            at: judge.now,
            date: self.date,
            region: judge.region.map(str::to_owned),
        })
    }
}

/// Of ours there is one, perhaps in both fields.
const POINTERS_MAX: usize = 4;
/// A call that is handed from node to node comes back within the hour; a capture that is found comes later.
const POINTER_AGE_MAX: Duration = Duration::from_secs(24 * 3600);
const NUMBER_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Naming,
        sip::{Message, parse},
    };

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
    const TRUSTED: CallerRules = CallerRules { trusted: true, keep_withheld: false, stir: StirPolicy::Off, identity: Naming::None };

    fn claims(lines: &str) -> Claims {
        let text = format!(
            "INVITE sip:100@h SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:+31200000001@h>;tag=1\r\n\
             To: <sip:100@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n{lines}\r\n\r\n"
        );
        match parse(text.as_bytes()) {
            Ok(Message::Request(request)) => Claims::of(&request, SessionId::default()),
            Ok(Message::Response(_)) | Err(_) => panic!("{text}"),
        }
    }

    fn judged(lines: &str, rules: CallerRules) -> Believed {
        let now = UtcMillis(1_750_000_100_000);
        claims(lines).of_trunk(&Judge { rules, region: Some("NL"), secret: SECRET, now })
    }

    const ALL: &str = "P-Asserted-Identity: <tel:+31201234567>\r\nDiversion: <sip:+31207000001@h>;reason=no-answer\r\n\
                       User-to-User: 04616263;encoding=hex";

    #[test]
    fn a_trusted_trunk_is_believed_and_another_one_is_not() {
        let believed = judged(ALL, TRUSTED);
        assert_eq!(believed.caller.0, "+31201234567");
        assert_eq!(believed.calling.diverted, [Diversion { from: Private("+31207000001".into()), because: DivertReason::NoAnswer }]);
        assert_eq!((believed.calling.note.unwrap().0.as_str(), believed.calling.information.len()), ("abc", 1));

        let believed = judged(ALL, CallerRules::default());
        assert_eq!(believed.caller.0, "+31200000001");
        assert_eq!(believed.calling, Calling { session: "0".repeat(32), forwards: Some(69), ..Calling::default() });
    }

    #[test]
    fn a_withheld_number_is_kept_for_the_record_alone_and_only_where_it_must_be() {
        let lines = "P-Asserted-Identity: <tel:+31201234567>\r\nPrivacy: user;id";
        let believed = judged(lines, TRUSTED);
        assert_eq!((believed.caller.0.as_str(), believed.calling.is_withheld, believed.calling.withheld), ("", true, None));
        let believed = judged(lines, CallerRules { keep_withheld: true, ..TRUSTED });
        assert_eq!((believed.caller.0.as_str(), believed.calling.withheld), ("", Some(Private("+31201234567".into()))));
        let believed = judged(lines, CallerRules { keep_withheld: true, ..CallerRules::default() });
        assert_eq!((believed.caller.0.as_str(), believed.calling.withheld), ("", None), "nobody vouches for it");
    }

    #[test]
    fn privacy_of_the_way_hides_who_sent_the_call_on_but_not_why() {
        let believed = judged("History-Info: <sip:+31207000001@h>;index=1,<sip:100@h;cause=486>;index=1.1\r\nPrivacy: history", TRUSTED);
        assert_eq!(believed.calling.diverted, [Diversion { from: Private(String::new()), because: DivertReason::Busy }]);
        assert!(!believed.calling.is_withheld);
    }

    #[test]
    fn a_pointer_is_followed_when_it_is_ours_and_fresh() {
        let born = |at: u64| format!("{}{}", pointer::context_id(UtcMillis(at), &mut rng()), "");
        let token = |at: u64, key: &[u8]| pointer::make(&born(at), key);
        let fresh = token(1_750_000_000_000, SECRET);
        for line in
            [format!("X-Context-Ref: {fresh}"), format!("User-to-User: {}", pointer::user_to_user(&fresh, pointer::Form::default()))]
        {
            let believed = judged(&line, TRUSTED);
            assert_eq!(believed.calling.context.as_deref(), Some(&fresh[3..29]), "{line}");
            assert!(believed.calling.information.is_empty(), "ours is not handed on as another's");
        }
        for line in [token(1_750_000_000_000, b"another"), token(1_749_000_000_000, SECRET), "c1.x".to_owned()] {
            assert_eq!(judged(&format!("X-Context-Ref: {line}"), TRUSTED).calling.context, None, "{line}");
        }
    }

    #[test]
    fn a_phone_of_ours_is_itself_whatever_it_says() {
        let believed = claims(ALL).of_phone("desk7");
        assert_eq!((believed.caller.0.as_str(), believed.calling.diverted.len()), ("desk7", 0));
        assert_eq!(claims("Privacy: id").of_phone("desk7").caller.0, "");
    }

    #[test]
    fn what_is_signed_is_asked_only_where_the_trunk_wants_it() {
        let lines = "P-Asserted-Identity: <tel:020-1234567;phone-context=+31>\r\ny: a.b.c;info=<https://h/c>;ppt=shaken";
        assert_eq!(judged(lines, TRUSTED).calling.signed, None);
        let signed = judged(lines, CallerRules { stir: StirPolicy::Show, ..TRUSTED }).calling.signed.unwrap();
        assert_eq!((signed.orig.0.as_str(), signed.dest[0].0.as_str()), ("31201234567", "100"));
        assert_eq!(signed.passports[0].info, "https://h/c");
    }

    fn rng() -> rand_chacha::ChaCha8Rng {
        rand::SeedableRng::seed_from_u64(7)
    }
}

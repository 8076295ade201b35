//! How a caller appears to whom we call: From, P-Asserted-Identity, Privacy, and the trace headers (RFC 3323 4.1, RFC 3325, 7433, 7989).

use std::net::SocketAddr;

use crate::{
    config::{CallerShown, Naming, Trunk, UserToUser},
    context::pointer::{self, Form},
    events::{calling::Presented, leg::Shown},
    sip::{NameAddr, Uri},
};

/// What an INVITE of ours says of the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Appearance {
    pub(super) from_uri: Uri,
    pub(super) display: Option<String>,
    pub(super) headers: Vec<(String, String)>,
}

impl Appearance {
    /// To a trunk, or to an address that none speaks for, from the address `local`; `pointer` is the token of our context.
    pub(super) fn of(presented: &Presented, pointer: Option<String>, trunk: Option<&Trunk>, local: SocketAddr) -> Self {
        let Presented { caller, is_withheld, session, information, forwards } = presented;
        let mut headers = Vec::new();
        let mut push = |name: &str, value: String| headers.push((name.to_owned(), value));
        let caller = Some(caller.0.as_str()).filter(|caller| !*is_withheld && !caller.is_empty());
        let peering = trunk.map(|trunk| &trunk.peering);
        let account = || peering.and_then(|peering| peering.auth.as_ref().map(|auth| auth.user.as_str()));
        let (shown, hides) = match peering.map(|peering| &peering.headers.from) {
            Some(CallerShown::Caller) => (caller, *is_withheld),
            Some(CallerShown::Account) => (account(), false),
            Some(CallerShown::Fixed(number)) => (Some(number.as_str()), false),
            // Somebody's address in a route, and no carrier's: it is told that we call, and no more.
            None => (None, false),
        };
        // "The user part ... SHOULD be 'anonymous', the host 'anonymous.invalid'" (RFC 3323 4.1.1.3).
        let anonymous = Uri::parse(ANONYMOUS).ok().filter(|_| hides);
        let display = anonymous.is_some().then(|| "Anonymous".to_owned());
        let from_uri = anonymous.unwrap_or_else(|| Uri::sip(Some(shown.unwrap_or("tandem")), local));
        let is_trusted = trunk.is_some_and(|trunk| trunk.callers.trusted);
        if let (true, Some(caller)) = (is_trusted && trunk.is_some_and(|trunk| trunk.callers.identity == Naming::Asserted), caller) {
            push("P-Asserted-Identity", NameAddr::new(Uri::sip(Some(caller), local)).to_string());
        }
        if hides || peering.is_some_and(|peering| peering.headers.privacy) {
            push("Privacy", "id".to_owned());
        }
        if let Some(token) = pointer {
            if let Some(form) = form(peering.map(|peering| peering.headers.user_to_user)) {
                push("User-to-User", pointer::user_to_user(&token, form));
            }
            push("X-Context-Ref", token);
        }
        // Another's information goes no further than among those who trust each other.
        if is_trusted {
            information.iter().for_each(|value| push("User-to-User", value.clone()));
        }
        if let Some(forwards) = forwards {
            push("Max-Forwards", forwards.to_string());
        }
        if !session.is_empty() {
            push("Session-ID", format!("{session};remote={}", "0".repeat(32)));
        }
        Self { from_uri, display, headers }
    }
}

/// What an INVITE says besides who calls: the card, the referrer (RFC 3892), and the dialog whose place it takes (RFC 3891).
pub(super) fn further(replacing: Option<String>, shown: &Shown) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    let mut put = |name: &str, value: String| headers.push((name.to_owned(), value));
    if let Some(url) = &shown.story {
        put("Call-Info", format!("<{url}>;purpose=info"));
    }
    if let Some(referrer) = &shown.referred_by {
        put("Referred-By", referrer.clone());
    }
    if let Some(replaced) = replacing {
        put("Require", "replaces".to_owned());
        put("Replaces", replaced);
    }
    headers
}

pub(super) fn form(written: Option<UserToUser>) -> Option<Form> {
    match written {
        None | Some(UserToUser::Text) => Some(Form::default()),
        Some(UserToUser::Specific) => Some(Form { discriminator: Some(0), hex: true }),
        Some(UserToUser::Hex) => Some(Form { discriminator: None, hex: true }),
        Some(UserToUser::Bare) => Some(Form { discriminator: None, hex: false }),
        Some(UserToUser::Off) => None,
    }
}

const ANONYMOUS: &str = "sip:anonymous@anonymous.invalid";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::CallerRules, private::Private};

    const LOCAL: &str = "10.0.0.1:5060";

    fn presented(is_withheld: bool) -> Presented {
        let caller = Private(if is_withheld { String::new() } else { "+31201234567".to_owned() });
        Presented { caller, is_withheld, session: "ab".repeat(16), information: vec!["0461;encoding=hex".to_owned()], forwards: None }
    }

    fn trunk(identity: Naming, trusted: bool, from: CallerShown) -> Trunk {
        let mut trunk = Trunk { callers: CallerRules { identity, trusted, ..CallerRules::default() }, ..Trunk::default() };
        trunk.peering.headers.from = from;
        trunk
    }

    fn said(presented: &Presented, trunk: Option<&Trunk>) -> String {
        let Appearance { from_uri, display, headers } = Appearance::of(presented, None, trunk, LOCAL.parse().unwrap());
        let headers = headers.iter().filter(|(name, _)| name != "Session-ID").map(|(name, value)| format!("{name}: {value}"));
        format!("{}{from_uri} {}", display.unwrap_or_default(), headers.collect::<Vec<_>>().join(" | "))
    }

    #[test]
    fn a_caller_is_named_as_far_as_the_trunk_is_told() {
        let call = presented(false);
        assert_eq!(said(&call, None), "sip:tandem@10.0.0.1:5060 ");
        assert_eq!(said(&call, Some(&trunk(Naming::None, false, CallerShown::Caller))), "sip:+31201234567@10.0.0.1:5060 ");
        assert_eq!(said(&call, Some(&trunk(Naming::None, false, CallerShown::Fixed("+3120".into())))), "sip:+3120@10.0.0.1:5060 ");
        assert_eq!(
            said(&call, Some(&trunk(Naming::Asserted, true, CallerShown::Caller))),
            "sip:+31201234567@10.0.0.1:5060 P-Asserted-Identity: <sip:+31201234567@10.0.0.1:5060> | User-to-User: 0461;encoding=hex"
        );
        assert!(
            !said(&call, Some(&trunk(Naming::Asserted, false, CallerShown::Caller))).contains("Asserted"),
            "not to one who is not trusted"
        );
    }

    #[test]
    fn one_who_is_withheld_appears_to_nobody() {
        for (identity, trusted) in [(Naming::None, false), (Naming::None, true), (Naming::Asserted, true)] {
            let said = said(&presented(true), Some(&trunk(identity, trusted, CallerShown::Caller)));
            assert!(said.starts_with("Anonymoussip:anonymous@anonymous.invalid Privacy: id"), "{said}");
            assert!(!said.contains("3120") && !said.contains("Asserted"), "{said}");
        }
    }

    #[test]
    fn every_leg_bears_our_half_of_the_session_and_the_pointer_in_the_trunks_form() {
        let mut carrier = trunk(Naming::None, false, CallerShown::Caller);
        let headers = |trunk: &Trunk| Appearance::of(&presented(false), Some("c1.x".into()), Some(trunk), LOCAL.parse().unwrap()).headers;
        assert_eq!(headers(&carrier)[0], ("User-to-User".to_owned(), "0463312e78;encoding=hex".to_owned()));
        assert_eq!(headers(&carrier)[2], ("Session-ID".to_owned(), format!("{};remote={}", "ab".repeat(16), "0".repeat(32))));
        carrier.peering.headers.user_to_user = UserToUser::Off;
        assert_eq!(headers(&carrier)[0], ("X-Context-Ref".to_owned(), "c1.x".to_owned()));
    }
}

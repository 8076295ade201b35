//! How a caller appears to whom we call: From, P-Asserted-Identity, Privacy, and the trace headers (RFC 3323 4.1, RFC 3325, 7433, 7989).

use std::net::SocketAddr;

use crate::{
    config::{CallerRules, Naming},
    context::pointer,
    events::calling::Presented,
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
    /// To a peer of these rules, from the address `local`; `pointer` is the token of our context.
    pub(super) fn of(presented: &Presented, pointer: Option<String>, rules: CallerRules, local: SocketAddr) -> Self {
        let Presented { caller, is_withheld, session, information } = presented;
        let mut headers = Vec::new();
        let mut push = |name: &str, value: String| headers.push((name.to_owned(), value));
        let names = rules.identity != Naming::None;
        let caller = Some(&caller.0).filter(|caller| names && !*is_withheld && !caller.is_empty());
        let own = || Uri::sip(Some("tandem"), local);
        let (from_uri, display) = match caller {
            Some(caller) => (Uri::sip(Some(caller), local), None),
            // "The user part ... SHOULD be 'anonymous', the host 'anonymous.invalid'" (RFC 3323 4.1.1.3). To a peer that is told no caller at
            // all there is nothing to hide.
            None if *is_withheld && names => (Uri::parse(ANONYMOUS).unwrap_or_else(|_| own()), Some("Anonymous".to_owned())),
            None => (own(), None),
        };
        if rules.identity == Naming::Asserted
            && rules.trusted
            && let Some(caller) = caller
        {
            push("P-Asserted-Identity", NameAddr::new(Uri::sip(Some(caller), local)).to_string());
        }
        if *is_withheld && names {
            push("Privacy", "id".to_owned());
        }
        if let Some(token) = pointer {
            push("User-to-User", pointer::user_to_user(&token, pointer::Form::default()));
            push("X-Context-Ref", token);
        }
        // Another's information goes no further than among those who trust each other.
        if rules.trusted {
            information.iter().for_each(|value| push("User-to-User", value.clone()));
        }
        if !session.is_empty() {
            push("Session-ID", format!("{session};remote={}", "0".repeat(32)));
        }
        Self { from_uri, display, headers }
    }
}

const ANONYMOUS: &str = "sip:anonymous@anonymous.invalid";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::private::Private;

    fn appearance(identity: Naming, trusted: bool, is_withheld: bool) -> String {
        let caller = Private(if is_withheld { String::new() } else { "+31201234567".to_owned() });
        let presented = Presented { caller, is_withheld, session: "ab".repeat(16), information: vec!["0461;encoding=hex".to_owned()] };
        let rules = CallerRules { identity, trusted, ..CallerRules::default() };
        let Appearance { from_uri, display, headers } = Appearance::of(&presented, None, rules, "10.0.0.1:5060".parse().unwrap());
        let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        format!("{} {from_uri} {}", display.unwrap_or_default(), headers.join(" | "))
    }

    #[test]
    fn a_caller_is_named_as_far_as_the_trunk_is_told() {
        let session = format!("Session-ID: {};remote={}", "ab".repeat(16), "0".repeat(32));
        assert_eq!(appearance(Naming::None, false, false), format!(" sip:tandem@10.0.0.1:5060 {session}"));
        assert_eq!(appearance(Naming::From, false, false), format!(" sip:+31201234567@10.0.0.1:5060 {session}"));
        assert_eq!(
            appearance(Naming::Asserted, true, false),
            format!(
                " sip:+31201234567@10.0.0.1:5060 P-Asserted-Identity: <sip:+31201234567@10.0.0.1:5060> | User-to-User: 0461;encoding=hex | {session}"
            )
        );
    }

    #[test]
    fn one_who_is_withheld_appears_to_nobody() {
        for (identity, trusted) in [(Naming::From, false), (Naming::From, true), (Naming::Asserted, true)] {
            let said = appearance(identity, trusted, true);
            assert!(said.starts_with("Anonymous sip:anonymous@anonymous.invalid Privacy: id | "), "{said}");
            assert!(!said.contains("3120"), "{said}");
        }
        assert!(appearance(Naming::None, false, true).starts_with(" sip:tandem@"));
    }
}

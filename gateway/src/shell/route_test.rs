//! What would become of a call, asked from outside: by `tandem route-test` of a file, by `POST /v1/route-test` of a running node.
//!
//! The decisions are those of `routing`, which the Switch asks too; here words become a question, and a verdict becomes words.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use gateway_core::{
    config::{Config, RouteAction},
    events::story::Story,
    ids::UtcMillis,
    ivr::{PromptBook, Script, preview},
    now::Now,
    routing::{Asked, By, Refusal, Verdict, judge},
    sip::{NameAddr, Uri},
};
use serde::Deserialize;
use serde_json::{Value, json};

/// A call that might come, in the caller's words.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Question {
    /// A number, or a SIP URI.
    pub(crate) from: String,
    /// A number, or a SIP URI: its user part is what counts.
    pub(crate) to: String,
    /// The trunk that it comes by; without it and `source`, a phone of ours or a page calls.
    pub(crate) trunk: Option<String>,
    /// The address that it comes from.
    pub(crate) source: Option<IpAddr>,
    /// Headers of the INVITE, `Name: value`.
    pub(crate) headers: Vec<String>,
    /// When, in ms since 1970 UTC; now where it is not said.
    pub(crate) at: Option<u64>,
}

/// What would become of it.
#[derive(Debug, Clone)]
pub(crate) struct Foretold {
    verdict: Verdict,
    /// What a caller of whom nothing is known hears first: the items of the menu, in order.
    opens: Option<Vec<String>>,
    /// The script is not there, or has a fault.
    is_missing: bool,
}

/// Asks. `script` gives a script by its name, with its prompts.
///
/// # Errors
/// What of the question is not understood.
pub(crate) fn foretell(
    config: &Config,
    script: impl Fn(&str) -> Option<(Arc<Script>, Arc<PromptBook>)>,
    question: &Question,
    now: UtcMillis,
) -> Result<Foretold, String> {
    let by = match (&question.trunk, question.source) {
        (Some(_), Some(_)) => return Err("give a trunk or a source, not both".to_owned()),
        (Some(name), None) if config.trunks.iter().any(|trunk| trunk.name == *name) => By::Trunk(name.clone()),
        (Some(name), None) => {
            let known: Vec<&str> = config.trunks.iter().map(|trunk| trunk.name.as_str()).collect();
            return Err(format!("no trunk is called {name}; known: {}", known.join(", ")));
        }
        (None, Some(source)) => By::Address(SocketAddr::new(source, 5060)),
        (None, None) => By::Phone,
    };
    let dialled = user_of(&question.to).ok_or_else(|| format!("{} is neither a number nor a SIP URI", question.to))?;
    let shown = user_of(&question.from).ok_or_else(|| format!("{} is neither a number nor a SIP URI", question.from))?;
    let caller = caller_of(&question.headers, shown)?;
    let is_identity = |name: &str| ["Identity", "y"].iter().any(|spelling| spelling.eq_ignore_ascii_case(name.trim()));
    let is_signed = question.headers.iter().filter_map(|line| line.split_once(':')).any(|(name, _)| is_identity(name));
    let verdict = judge(config, Asked { by, caller, dialled, is_signed });
    let at = question.at.map_or(now, UtcMillis);
    let found = verdict.script().map(&script);
    let is_missing = matches!(found, Some(None));
    let opens = found.flatten().and_then(|(script, prompts)| {
        let menu = preview(script, prompts, Story::default(), Now { instant: Instant::now(), utc: at })?;
        Some(menu.order.into_iter().map(|scored| scored.item).collect())
    });
    Ok(Foretold { verdict, opens, is_missing })
}

impl Foretold {
    /// The call would be let in, and its script runs.
    pub(crate) fn is_admitted(&self) -> bool {
        self.verdict.way.is_ok() && !self.is_missing
    }

    /// For programs, with the sentence for people as `text`.
    pub(crate) fn json(&self) -> Value {
        let Verdict { asked, trunk, number, way } = &self.verdict;
        let mut told = json!({
            "admitted": self.is_admitted(), "caller": asked.caller, "number": number,
            "trunk": trunk.as_ref().map(|(name, _)| name), "source": trunk.as_ref().and_then(|(_, source)| source.clone()),
            "text": self.to_string(),
        });
        match way {
            Ok(way) => {
                let (script, bridge) = match &way.action {
                    RouteAction::Script(name) => (Some(name.clone()), None),
                    RouteAction::Bridge(uri) => (None, Some(uri.clone())),
                    RouteAction::Number(to) => (None, Some(to.to_string())),
                };
                told["route"] =
                    json!({ "place": way.place, "dialled": way.dialled, "script": script, "bridge": bridge, "record": way.record });
                told["opens"] = json!(self.opens);
            }
            Err(refusal) => told["refused"] = refusal_json(refusal),
        }
        told
    }
}

/// A refusal for programs: what `GET /v1/rejections` has in each row.
pub(crate) fn refusal_json(refusal: &Refusal) -> Value {
    let cause = refusal.cause();
    json!({
        "reason": refusal.reason, "status": cause.sip, "q850": cause.q850, "said": refusal.said, "nearest": refusal.nearest,
        "differs": refusal.differs, "admit": refusal.admit, "why": refusal.to_string(),
    })
}

impl fmt::Display for Foretold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.verdict)?;
        match &self.opens {
            Some(items) => write!(f, "\nopens     {}", items.join(", ")),
            None if self.is_missing => f.write_str("\nopens     nothing: the script is not there or has a fault; see tandem check"),
            None => Ok(()),
        }
    }
}

/// The user part of a URI, or the word itself.
fn user_of(word: &str) -> Option<String> {
    if !word.contains(':') {
        return Some(word.trim().to_owned());
    }
    match NameAddr::parse(word) {
        Ok(address) => address.uri.user(),
        Err(_) => Uri::parse(word).ok()?.user(),
    }
}

/// The caller as a trusted trunk's INVITE shows it (RFC 3325): asserted, else From; empty where it is withheld.
fn caller_of(headers: &[String], shown: String) -> Result<String, String> {
    let mut caller = shown;
    for line in headers {
        let (name, value) = line.split_once(':').ok_or_else(|| format!("{line} is no header: write Name: value"))?;
        if name.trim().eq_ignore_ascii_case("P-Asserted-Identity") {
            caller = user_of(value.trim()).ok_or_else(|| format!("{value} is no identity"))?;
        }
    }
    let is_withheld = headers.iter().filter_map(|line| line.split_once(':')).any(|(name, value)| {
        name.trim().eq_ignore_ascii_case("Privacy") && value.split([';', ',']).any(|word| word.trim().eq_ignore_ascii_case("id"))
    });
    Ok(if is_withheld || caller.eq_ignore_ascii_case("anonymous") { String::new() } else { caller })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    use gateway_core::config::{self, Outside};

    const FILE: &str = r#"
        [[trunk]]
        name = "carrier"
        sources = ["10.1.0.0/16"]
        [[trunk]]
        name = "other"
        sources = ["10.2.0.0/16"]
        [[route]]
        dialled = "100"
        trunk = "carrier"
        script = "main"
        [[route]]
        dialled = "200"
        bridge = "sip:uas@10.3.0.1"
    "#;

    struct Alone;

    impl Outside for Alone {
        fn variable(&self, _: &str) -> Option<String> {
            None
        }

        fn file(&self, _: &Path) -> Result<String, String> {
            Err("not there".into())
        }

        fn own_address(&self) -> Option<IpAddr> {
            Some(IpAddr::from([127, 0, 0, 1]))
        }

        fn scripts(&self, _: &Path) -> Option<Vec<String>> {
            Some(vec!["main".into()])
        }
    }

    fn config() -> Config {
        config::read("tandem.toml", FILE, &Alone).unwrap().config
    }

    fn ask(question: &Question) -> Result<Foretold, String> {
        foretell(&config(), |_| None, question, UtcMillis(0))
    }

    fn to(to: &str, trunk: Option<&str>) -> Question {
        Question { from: "+380501112233".into(), to: to.into(), trunk: trunk.map(str::to_owned), ..Question::default() }
    }

    #[test]
    fn a_bridge_is_foretold_with_the_trunk_that_the_address_belongs_to() {
        let question = Question { source: Some("10.2.0.9".parse().unwrap()), ..to("sip:200@gateway:5060", None) };
        let told = ask(&question).unwrap().json();
        assert_eq!((&told["admitted"], &told["trunk"], &told["source"]), (&true.into(), &"other".into(), &"10.2.0.0/16".into()));
        assert_eq!((&told["route"]["place"], &told["route"]["bridge"]), (&2.into(), &"sip:uas@10.3.0.1".into()));
    }

    #[test]
    fn a_refusal_says_the_words_of_a_rejection() {
        let told = ask(&to("100", Some("other"))).unwrap();
        assert!(!told.is_admitted());
        let json = told.json();
        assert_eq!((&json["refused"]["reason"], &json["refused"]["status"]), (&"route_of_another_trunk".into(), &404.into()));
        assert_eq!(json["refused"]["differs"]["wanted"], "carrier");
        assert!(told.to_string().contains("refused   404 route_of_another_trunk (Q.850 3): no route for 100 by other"), "{told}");
    }

    #[test]
    fn a_script_that_is_not_there_is_no_admission() {
        let told = ask(&to("100", Some("carrier"))).unwrap();
        assert!(!told.is_admitted() && told.to_string().contains("the script is not there"), "{told}");
    }

    #[test]
    fn the_asserted_number_wins_and_a_withheld_one_is_not_shown() {
        let with = |headers: &[&str]| {
            let question = Question { headers: headers.iter().map(|line| (*line).to_owned()).collect(), ..to("200", None) };
            ask(&question).unwrap().json()["caller"].as_str().unwrap().to_owned()
        };
        assert_eq!(with(&[]), "+380501112233");
        assert_eq!(with(&["P-Asserted-Identity: \"Olena\" <sip:+31201234567@carrier>"]), "+31201234567");
        assert_eq!(with(&["P-Asserted-Identity: <tel:+31201234567>", "Privacy: user;id"]), "");
    }

    #[test]
    fn a_question_that_makes_no_sense_is_told_so() {
        assert!(ask(&to("100", Some("carier"))).unwrap_err().contains("known: carrier, other"));
        assert!(ask(&Question { source: Some("10.1.0.1".parse().unwrap()), ..to("100", Some("other")) }).is_err());
        assert!(ask(&to("sip:[", None)).is_err());
        assert!(ask(&Question { headers: vec!["nonsense".into()], ..to("200", None) }).is_err());
    }
}

//! `when:` conditions: CEL over `customer`, `slots`, `facts` and `call`.
//!
//! Total, free of side effects and bounded: a source of at most `SOURCE_MAX` bytes, no loops over lists, and a value that is missing
//! makes the condition false.

use cel::{Context, IdedExpr, Program, Value, common::ast::Expr};
use serde_json::json;

use super::{
    fault::{Faults, suggest},
    yaml::Word,
};
use crate::{
    context::card::is_open,
    events::story::{Fact, Privacy, Story},
};

/// A checked condition.
pub(super) struct Condition {
    source: String,
    program: Program,
}

impl Condition {
    pub(super) fn read(word: &Word, faults: &mut Faults) -> Option<Self> {
        if word.text.len() > SOURCE_MAX {
            faults.add(word.at, format!("the condition is longer than {SOURCE_MAX} bytes"), None);
            return None;
        }
        if word.text.chars().filter(|letter| matches!(letter, '(' | '[' | '{' | '?')).count() > NESTED_MAX {
            faults.add(word.at, format!("the condition has more than {NESTED_MAX} brackets and question marks"), None);
            return None;
        }
        let program = match Program::compile(&word.text) {
            Ok(program) => program,
            Err(errors) => {
                let text = errors.to_string();
                let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("broken").to_owned();
                faults.add(word.at, format!("the condition is not CEL: {first}"), None);
                return None;
            }
        };
        let references = program.references();
        let mut strange: Vec<&str> = references.variables().into_iter().filter(|name| !VARIABLES.contains(name)).collect();
        strange.sort_unstable();
        if loops(program.expression()) {
            faults.add(word.at, "a condition holds no loop and no map: all, exists, map, filter and {..} are not for scripts", None);
            return None;
        }
        let mut functions: Vec<&str> =
            references.functions().into_iter().filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic())).collect();
        functions.sort_unstable();
        functions.retain(|name| !FUNCTIONS.contains(name));
        for name in &strange {
            faults.add(word.at, format!("a condition knows no `{name}`"), suggest(name, VARIABLES));
        }
        for name in &functions {
            faults.add(word.at, format!("a condition knows no function `{name}`"), suggest(name, FUNCTIONS));
        }
        let sound = strange.is_empty() && functions.is_empty();
        sound.then(|| Self { source: word.text.clone(), program })
    }

    /// Whether it holds.
    pub(super) fn holds(&self, known: &Known) -> bool {
        let mut context = Context::default();
        for (name, value) in [("customer", &known.customer), ("slots", &known.slots), ("facts", &known.facts), ("call", &known.call)] {
            context.add_variable_from_value(name, value.clone());
        }
        matches!(self.program.execute(&context), Ok(Value::Bool(true)))
    }
}

/// Whether a macro made a loop of it. Maps and messages are not for conditions either.
fn loops(expression: &IdedExpr) -> bool {
    match &expression.expr {
        Expr::Call(call) => call.target.iter().map(AsRef::as_ref).chain(&call.args).any(loops),
        Expr::Select(select) => loops(&select.operand),
        Expr::Comprehension(_) | Expr::Map(_) | Expr::Struct(_) => true,
        Expr::List(list) => list.elements.iter().any(loops),
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => false,
    }
}

impl std::fmt::Debug for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Condition").field(&self.source).finish()
    }
}

/// What conditions may look at.
pub(super) struct Known {
    customer: Value,
    slots: Value,
    facts: Value,
    call: Value,
}

impl Known {
    pub(super) fn of<'a>(story: &'a Story, slots: impl IntoIterator<Item = &'a Fact>) -> Self {
        let customer = story.customer.as_ref();
        let customer = json!({
            "known": customer.is_some(),
            "name": customer.and_then(|c| c.name.as_ref()).map_or("", |name| &name.0),
            "language": customer.and_then(|c| c.language.as_deref()).unwrap_or(""),
            "segment": customer.and_then(|c| c.segment.as_deref()).unwrap_or(""),
            "trust": story.trust.level,
            "open_cases": story.cases.iter().filter(|case| is_open(&case.status)).count(),
        });
        let came = &story.came;
        let diverted = came.diverted.as_ref();
        let call = json!({
            "dialled": came.dialled,
            "trunk": came.trunk.as_deref().unwrap_or(""),
            "diverted": diverted.is_some(),
            "diverted_from": diverted.map_or("", |diversion| &diversion.from.0),
            "diverted_because": diverted.map_or_else(|| json!(""), |diversion| json!(diversion.because)),
            "withheld": came.is_withheld,
            "attestation": came.attestation.map_or_else(String::new, |level| level.to_string()),
            "note": came.note.as_ref().map_or("", |note| &note.0),
        });
        Self { customer: value(&customer), slots: facts(slots), facts: facts(&story.facts), call: value(&call) }
    }
}

/// The latest of a key counts; what may travel nowhere is not looked at either.
fn facts<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Value {
    let mut facts: Vec<&Fact> = facts.into_iter().filter(|fact| fact.privacy != Privacy::Pci).collect();
    facts.sort_by_key(|fact| fact.at);
    let map: serde_json::Map<String, serde_json::Value> = facts.into_iter().map(|fact| (fact.key.clone(), fact.value.0.clone())).collect();
    value(&serde_json::Value::Object(map))
}

fn value(json: &serde_json::Value) -> Value {
    cel::to_value(json).unwrap_or(Value::Null)
}

const SOURCE_MAX: usize = 512;
/// The parser of CEL goes one deep chain of calls down for each; unoptimised, some twenty use up a thread's stack of 2 MB.
const NESTED_MAX: usize = 12;
const VARIABLES: [&str; 4] = ["customer", "slots", "facts", "call"];
const FUNCTIONS: [&str; 9] = ["size", "contains", "startsWith", "endsWith", "has", "int", "double", "string", "bool"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        events::story::{Came, Customer, Diversion, DivertReason},
        ids::CustomerId,
        ivr::fault::Place,
        private::Private,
    };

    fn read(source: &str) -> Result<Condition, String> {
        let mut faults = Faults::of("x.yaml");
        let word = Word { text: source.into(), at: Place { line: 1, column: 1 } };
        let read = Condition::read(&word, &mut faults);
        read.ok_or_else(|| faults.sorted().iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }

    fn gold() -> Known {
        let customer = Customer { id: CustomerId(7), name: None, language: None, segment: Some("gold".into()) };
        Known::of(&Story { customer: Some(customer), ..Story::default() }, [])
    }

    #[test]
    fn a_condition_reads_the_customer() {
        assert!(read("customer.segment == 'gold' && customer.known").expect("sound").holds(&gold()));
        assert!(!read("customer.segment != 'gold'").expect("sound").holds(&gold()));
    }

    #[test]
    fn a_condition_asks_how_the_call_came() {
        let diverted = Diversion { from: Private("+31207000001".into()), because: DivertReason::NoAnswer };
        let came = Came { dialled: "100".into(), diverted: Some(diverted), attestation: Some('A'), ..Came::default() };
        let known = Known::of(&Story { came, ..Story::default() }, []);
        let holds = |source: &str| read(source).expect("sound").holds(&known);
        assert!(holds("call.diverted_from == '+31207000001' && call.diverted_because == 'no_answer'"));
        assert!(holds("call.attestation == 'A' && !call.withheld && call.dialled == '100'"));
        assert!(!read("call.diverted").expect("sound").holds(&gold()));
    }

    #[test]
    fn what_is_missing_makes_it_false() {
        assert!(!read("facts.balance > 3").expect("sound").holds(&gold()));
        assert!(read("!has(facts.balance)").expect("sound").holds(&gold()));
        assert!(!read("customer.segment").expect("sound").holds(&gold()), "not a yes or no");
    }

    #[test]
    fn strangers_loops_and_broken_words_are_faults() {
        assert!(read("custmer.segment == 'x'").expect_err("stranger").contains("did you mean `customer`?"));
        assert!(read("[1, 2, 3].all(customer, customer > 0)").is_err());
        assert!(read("[1, 2].map(x, x * 2) == [2]").is_err());
        assert!(read("customer.segment ==").expect_err("broken").contains("not CEL"));
        assert!(read("exec('rm')").expect_err("function").contains("no function `exec`"));
    }

    #[test]
    fn nesting_that_would_use_up_the_stack_is_a_fault() {
        for open in ["(", "[", "{", "1?", "!("] {
            for count in [1, NESTED_MAX, NESTED_MAX + 1, 200] {
                let found = read(&open.repeat(count)).expect_err("never closed");
                assert_eq!(found.contains("brackets and question marks"), count > NESTED_MAX, "{found}");
            }
        }
        assert!(read(&format!("{}customer.known", "!".repeat(400))).is_ok());
        let deep = format!("{}customer.known{}", "(".repeat(NESTED_MAX), ")".repeat(NESTED_MAX));
        assert!(read(&deep).expect("sound").holds(&gold()));
    }
}

//! `tandem ivr explain`: in which order a caller would hear the menu now, and why.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use gateway_core::{
    events::story::{MenuPresented, Story},
    ivr::{self, PromptBook, Script, preview},
    now::Now,
};
use serde_json::json;
use tokio::runtime;

use super::report::{self, Failed, Remark};
use crate::{
    shell::library::Shelf,
    store::{self, Store, utc_now},
};

/// What `tandem ivr explain` is asked.
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// The caller's number, E.164.
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    caller: String,
    /// Where the node keeps its store; the node may be running.
    #[arg(long, default_value = "tandem-data", value_name = "DIR")]
    data: PathBuf,
    /// Scripts and prompts.
    #[arg(long, default_value = "ivr-scripts", value_name = "DIR")]
    scripts: PathBuf,
    /// The script, by name.
    #[arg(long, default_value = "main", value_name = "NAME")]
    script: String,
}

/// Explains, and says so.
pub(super) fn explain(ask: &Explain, json: bool) -> Result<(), Failed> {
    let shelf = Shelf::read(&ask.scripts);
    let Some(script) = shelf.scripts.get(&ask.script).cloned() else {
        if shelf.faults.is_empty() {
            return Err(format!("there is no script {} in {}", ask.script, ask.scripts.display()).into());
        }
        return Err(Failed::Remarks(shelf.faults.into_iter().map(Remark::script).collect()));
    };
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let told = runtime.block_on(tell(&ask.data, &ask.caller, json, script, shelf.prompts));
    report::say(&told.map_err(|error| error.to_string())?);
    Ok(())
}

/// Looks the caller up, walks the script to its first menu and says what decided the order.
async fn tell(data: &Path, caller: &str, json: bool, script: Arc<Script>, prompts: Arc<PromptBook>) -> Result<String, store::Error> {
    let store = Store::look(data).await?;
    store.set_lessons(store::Lessons { rules: script.rules().clone(), weights: script.weights() });
    let now = Now { instant: Instant::now(), utc: utc_now() };
    let story = store.identify_at(None, Some(caller), now.utc).await?;
    let menu = preview(script, prompts, story.clone(), now);
    Ok(if json { as_json(caller, &story, menu.as_ref()) } else { in_words(caller, &story, menu.as_ref()) })
}

fn as_json(caller: &str, story: &Story, menu: Option<&MenuPresented>) -> String {
    let why = menu.map(|menu| ivr::explain(menu, "en"));
    json!({
        "caller": caller,
        "customer": story.customer,
        "trust": story.trust,
        "past_events": story.sums.get("count").copied().unwrap_or(0.0),
        "menu": menu,
        "why": why,
    })
    .to_string()
}

fn in_words(caller: &str, story: &Story, menu: Option<&MenuPresented>) -> String {
    let who = match &story.customer {
        Some(customer) => {
            let name = customer.name.as_ref().map_or("a customer with no name", |name| &name.0);
            let events = story.sums.get("count").copied().unwrap_or(0.0);
            format!("{caller} is {name} (customer {}), with {events:.0} past events", customer.id.0)
        }
        None => {
            let why = story.trust.evidence.first().map_or("nobody we know", String::as_str);
            format!("{caller}: {why}; the order is that of all callers")
        }
    };
    let Some(menu) = menu else { return format!("{who}.\nThe script comes to no menu for this caller.") };
    let order: Vec<String> = menu.order.iter().map(|scored| scored.item.replace('_', " ")).collect();
    format!("{who}.\nHears: {}.\n{}", order.join(", "), ivr::explain(menu, "en"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_demo_customer_hears_an_order_of_their_own() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).await.unwrap();
        store::demo::seed(&store).await.unwrap();
        store.close().await;
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ivr-scripts");
        let mut prompts = PromptBook::new();
        for language in ["en", "ru", "uk"] {
            prompts.add_texts(language, &std::fs::read_to_string(scripts.join(format!("prompts/{language}.ftl"))).unwrap()).unwrap();
        }
        prompts.assume_clips();
        let script = Arc::new(Script::check("main.yaml", &std::fs::read_to_string(scripts.join("main.yaml")).unwrap(), &prompts).unwrap());
        let prompts = Arc::new(prompts);

        let mut firsts = Vec::new();
        for (number, name) in store::demo::CUSTOMERS {
            let said = tell(directory.path(), number, false, script.clone(), prompts.clone()).await.unwrap();
            assert!(said.contains(name), "{said}");
            let (_, order) = said.split_once("Hears: ").unwrap();
            firsts.push(order.split([',', '.']).next().unwrap().to_owned());
        }
        assert_eq!(firsts, ["delivery", "billing", "returns"]);

        let stranger = tell(directory.path(), "+4420712345678", true, script, prompts).await.unwrap();
        let stranger: serde_json::Value = serde_json::from_str(&stranger).unwrap();
        assert_eq!(stranger["customer"], serde_json::Value::Null);
        assert!(stranger["why"].as_str().is_some_and(|why| !why.is_empty()));
    }
}

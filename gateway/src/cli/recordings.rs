//! `tandem recordings`: what an operator does with recordings that are kept.

use std::process::ExitCode;

use tokio::runtime;

use super::{
    File, check,
    report::{self, Failed},
};
use crate::{
    archive::{Archive, Rewrapped},
    store::Store,
};

/// Wraps all keys of files anew, and says so; one that had to be left is a failure of the verb.
pub(super) fn rewrap(file: &File, json: bool) -> Result<ExitCode, Failed> {
    let config = check::configured(file, json)?;
    let Some(key) = &config.recording.key else {
        return Err("recordings are kept in the clear: give [recording] a `key` first".to_owned().into());
    };
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let told = runtime.block_on(async {
        let store = Store::look(&config.node.data_dir).await.map_err(|error| error.to_string())?;
        let archive = Archive::new(store, &config.recording).map_err(|error| error.to_string())?;
        archive.rewrap().await.map_err(|error| error.to_string())
    })?;
    report::say(&if json { serde_json::to_string(&told).map_err(|error| error.to_string())? } else { in_words(&told, &key.id) });
    Ok(if told.left.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn in_words(told: &Rewrapped, id: &str) -> String {
    let mut words = format!("{} recordings are under `{id}` now", told.rewrapped);
    if told.left.is_empty() {
        words.push_str("; old_keys may go");
    }
    for left in &told.left {
        words.push_str(&format!("\ncall {}: {}", left.call.0, left.reason));
    }
    words
}

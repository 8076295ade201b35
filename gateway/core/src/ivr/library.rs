//! All scripts and prompts of a node.

use std::{collections::BTreeMap, sync::Arc};

use super::{PromptBook, Script};

/// All scripts and prompts of a node; a session keeps those that it began with, so that a new library troubles no live call.
#[derive(Debug, Clone)]
pub struct Library {
    /// By name of the file, without its ending.
    pub scripts: BTreeMap<String, Arc<Script>>,
    /// Texts and clips of all languages.
    pub prompts: Arc<PromptBook>,
}

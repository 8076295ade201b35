//! Reads scripts and prompts from their directory.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::clips;
use gateway_core::ivr::{Fault, PromptBook, Script};

/// Everything that `[ivr] dir` holds.
pub(crate) struct Shelf {
    /// By name of the file, without its ending.
    pub(crate) scripts: BTreeMap<String, Arc<Script>>,
    pub(crate) prompts: Arc<PromptBook>,
    /// What is wrong; a script with a fault is not among `scripts`.
    pub(crate) faults: Vec<Fault>,
}

impl Shelf {
    /// Reads `*.yaml`, `prompts/*.ftl` and the lengths of the clips under `prompts/`; a directory that is missing is empty.
    pub(crate) fn read(directory: &Path) -> Self {
        let mut faults = Vec::new();
        let prompts = prompts(&directory.join("prompts"), &mut faults);
        let mut scripts = BTreeMap::new();
        for path in files(directory, "yaml", &mut faults) {
            match script(&path, &prompts) {
                Ok(script) => {
                    scripts.insert(stem(&path), Arc::new(script));
                }
                Err(found) => faults.extend(found),
            }
        }
        Self { scripts, prompts: Arc::new(prompts), faults }
    }
}

/// Reads and proves one script.
pub(crate) fn script(path: &Path, prompts: &PromptBook) -> Result<Script, Vec<Fault>> {
    let source = fs::read_to_string(path).map_err(|error| vec![unreadable(path, &error.to_string())])?;
    Script::check(&path.to_string_lossy(), &source, prompts)
}

/// Texts of all languages, and the names and lengths of the clips; the sound itself is loaded by who plays it (`clips::load`).
pub(crate) fn prompts(directory: &Path, faults: &mut Vec<Fault>) -> PromptBook {
    let mut book = PromptBook::new();
    for path in files(directory, "ftl", faults) {
        let added = fs::read_to_string(&path).map_err(|error| vec![error.to_string()]).and_then(|text| book.add_texts(&stem(&path), &text));
        if let Err(reasons) = added {
            faults.extend(reasons.iter().map(|reason| unreadable(&path, reason)));
        }
    }
    match clips::lengths(directory) {
        Ok(clips) => clips.iter().for_each(|(name, seconds)| book.add_clip(name, *seconds)),
        Err(unplayable) => faults.extend(unplayable.iter().map(|clip| unreadable(&clip.path, &clip.reason))),
    }
    book
}

/// Names of the scripts in a directory, unread; `None` when there is no such directory.
pub(crate) fn names(directory: &Path) -> Option<Vec<String>> {
    directory.is_dir().then(|| files(directory, "yaml", &mut Vec::new()).iter().map(|path| stem(path)).collect())
}

/// Files with this ending, by name.
fn files(directory: &Path, ending: &str, faults: &mut Vec<Fault>) -> Vec<PathBuf> {
    let listed =
        fs::read_dir(directory).and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>());
    let mut paths = match listed {
        Ok(paths) => paths,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            faults.push(unreadable(directory, &error.to_string()));
            Vec::new()
        }
    };
    paths.retain(|path| path.extension().is_some_and(|extension| extension == ending));
    paths.sort();
    paths
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn unreadable(path: &Path, reason: &str) -> Fault {
    Fault { file: path.to_string_lossy().into_owned(), line: 1, column: 1, message: reason.to_owned(), help: None }
}

//! `tandem check`: proves a configuration and its scripts without serving.

use std::{
    fs,
    path::{Path, PathBuf},
};

use gateway_core::config::{self, Config};
use serde_json::json;

use super::{
    File,
    outside::Outside,
    report::{self, Failed, Remark},
};
use crate::shell::library::{self, Shelf};

/// Proves, and says so.
pub(super) fn run(file: &File, scripts: &[PathBuf], json: bool) -> Result<(), Failed> {
    let (config, warnings) = read(file)?;
    let (proven, faults) = if scripts.is_empty() { all(&config.ivr.dir) } else { some(&config.ivr.dir, scripts) };
    if !faults.is_empty() {
        return Err(Failed::Remarks(warnings.into_iter().chain(faults).collect()));
    }
    if json {
        report::say(&json!({ "ok": true, "scripts": proven, "remarks": report::as_json(&warnings) }).to_string());
    } else {
        report::warn(warnings);
        report::say(&format!("ok: configuration sound, {proven} scripts proven"));
    }
    Ok(())
}

/// A sound configuration; what is odd about it has been told.
pub(super) fn configured(file: &File, json: bool) -> Result<Config, Failed> {
    let (config, warnings) = read(file)?;
    if !json {
        report::warn(warnings);
    }
    Ok(config)
}

fn read(file: &File) -> Result<(Config, Vec<Remark>), Failed> {
    let here = Path::new("tandem.toml");
    let path = file.config.as_deref().or_else(|| here.exists().then_some(here));
    let (name, text) = match path {
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            (path.display().to_string(), text)
        }
        None => ("defaults".to_owned(), String::new()),
    };
    match config::read(&name, &text, &Outside) {
        Ok(checked) => Ok((checked.config, checked.warnings.into_iter().map(|fault| Remark::warning(fault, &text)).collect())),
        Err(faults) => Err(Failed::Remarks(faults.into_iter().map(|fault| Remark::fault(fault, &text)).collect())),
    }
}

fn all(directory: &Path) -> (usize, Vec<Remark>) {
    let shelf = Shelf::read(directory);
    (shelf.scripts.len(), shelf.faults.into_iter().map(Remark::script).collect())
}

fn some(directory: &Path, scripts: &[PathBuf]) -> (usize, Vec<Remark>) {
    let mut faults = Vec::new();
    let prompts = library::prompts(&directory.join("prompts"), &mut faults);
    faults.extend(scripts.iter().filter_map(|path| library::script(path, &prompts).err()).flatten());
    (scripts.len(), faults.into_iter().map(Remark::script).collect())
}

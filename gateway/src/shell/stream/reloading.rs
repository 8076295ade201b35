//! A thing made of files that is made again when they change.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// What `make` made of `files`; whoever holds the old one keeps it.
pub(super) struct Reloading<T> {
    files: Vec<PathBuf>,
    make: Box<dyn Fn() -> Result<T, String> + Send + Sync>,
    held: Mutex<Held<T>>,
}

struct Held<T> {
    made: Arc<T>,
    stamps: Vec<Stamp>,
    looked: Instant,
}

/// When a file was changed and how long it is; `None` while it is not there.
type Stamp = Option<(SystemTime, u64)>;

impl<T> Reloading<T> {
    /// Made once now, so that a fault is told at the start.
    pub(super) fn new(files: Vec<PathBuf>, make: impl Fn() -> Result<T, String> + Send + Sync + 'static) -> Result<Self, String> {
        let stamps = stamps(&files);
        let held = Held { made: Arc::new(make()?), stamps, looked: Instant::now() };
        Ok(Self { files, make: Box::new(make), held: Mutex::new(held) })
    }

    /// The newest that could be made. Files are looked at when somebody asks, and not more often than every `LOOK_EVERY`.
    pub(super) fn current(&self) -> Arc<T> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.looked.elapsed() >= LOOK_EVERY {
            held.looked = Instant::now();
            let stamps = stamps(&self.files);
            if stamps != held.stamps {
                match (self.make)() {
                    Ok(made) => {
                        tracing::info!(files = ?self.files, "certificates were read anew; new streams show them");
                        (held.made, held.stamps) = (Arc::new(made), stamps);
                    }
                    // Half of a pair may be written and the other half not: it is tried again.
                    Err(error) => {
                        tracing::warn!(files = ?self.files, error, "certificates have changed and are of no use; the old ones stand")
                    }
                }
            }
        }
        held.made.clone()
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    files.iter().map(|file| fs::metadata(file).and_then(|file| Ok((file.modified()?, file.len()))).ok()).collect()
}

/// Whoever renews a certificate waits no longer for it to be shown.
const LOOK_EVERY: Duration = Duration::from_secs(1);

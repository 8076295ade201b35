//! What becomes of a recording once its call is over: it is brought into the form in which it is kept, encrypted, copied, and erased in time.
//!
//! A recording's row in the store says where it stands, and each step ends with one write to that row: a node that dies between two steps
//! goes on with the same one at its next start. `worker` takes the steps, `press` does what costs CPU, on one thread that yields to all
//! others; nothing here runs on a thread of the media or of the switch. Decisions 31 to 33 weigh the ways not taken.

mod bucket;
mod connector;
mod key;
mod press;
mod seal;
mod sound;
#[cfg(test)]
mod tests;
mod worker;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use gateway_core::{
    config::Recording,
    ids::{CallId, RecordingId, UtcMillis},
};

pub(crate) use key::KeyFault;
pub(crate) use sound::Sound;

use self::{bucket::Shelf, key::Ring, press::Press, seal::Part};
use crate::store::{self, RecordingRow, RecordingState, Step, Store};

/// The recordings of a node; a cheap clone.
#[derive(Debug, Clone)]
pub(crate) struct Archive {
    store: Store,
    settings: Arc<Recording>,
    ring: Arc<Ring>,
    press: Press,
    /// Where copies go.
    shelf: Option<Arc<Shelf>>,
}

/// Why recordings cannot be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("recordings are kept in {path}: {source}; make the folder, and let the user that runs Tandem write there")]
    Folder { path: PathBuf, source: io::Error },
    #[error("[recording.upload]: {0}")]
    Upload(String),
    #[error("the archive's thread does not start: {0}")]
    Thread(io::Error),
}

/// Why a recording cannot be heard.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unheard {
    #[error("it was erased at {} by {by}", .at.0)]
    Gone { at: UtcMillis, by: String },
    #[error("the recording failed: {0}")]
    Failed(String),
    #[error("its file is not where it was written")]
    Missing,
    #[error("its file does not open: {0}")]
    Broken(io::Error),
    #[error("{0}")]
    Key(#[from] KeyFault),
}

/// What a change of the master key came to.
#[derive(Debug, Default, serde::Serialize)]
pub(crate) struct Rewrapped {
    pub(crate) rewrapped: u64,
    /// Those whose old key is not to be had, and why.
    pub(crate) left: Vec<Left>,
}

/// A recording that stays under its old key.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Left {
    pub(crate) call: CallId,
    pub(crate) reason: String,
}

impl Archive {
    /// Proves that its folders can be written to, and starts its thread.
    pub(crate) fn new(store: Store, settings: &Recording) -> Result<Self, Error> {
        for folder in [&settings.dir, &settings.archive_dir] {
            probe(folder).map_err(|source| Error::Folder { path: folder.clone(), source })?;
        }
        let shelf = settings.upload.as_ref().map(Shelf::open).transpose().map_err(Error::Upload)?.map(Arc::new);
        worker::count_from_nothing();
        Ok(Self {
            store,
            ring: Arc::new(Ring::of(settings)),
            settings: Arc::new(settings.clone()),
            press: Press::start().map_err(Error::Thread)?,
            shelf,
        })
    }

    /// A recording's sound.
    pub(crate) async fn sound(&self, row: &RecordingRow) -> Result<Sound, Unheard> {
        self.opened(row, self.sound_file(row), Part::Sound).await
    }

    /// A recording's outline, as JSON; nothing before it is archived.
    pub(crate) async fn peaks(&self, row: &RecordingRow) -> Result<Vec<u8>, Unheard> {
        let path = self.settings.archive_dir.join(peaks_name(row.id, row.key.is_some()));
        let mut peaks = self.opened(row, Some(path), Part::Peaks).await?;
        tokio::task::spawn_blocking(move || peaks.read_whole())
            .await
            .map_err(|error| Unheard::Broken(io::Error::other(error)))?
            .map_err(Unheard::Broken)
    }

    /// Destroys what there is of a call's recordings, keys first. `false`: there was nothing left to destroy.
    pub(crate) async fn erase(&self, call: CallId, by: &str, now: UtcMillis) -> Result<bool, store::Error> {
        let mut is_new = false;
        for row in self.store.recordings(call).await? {
            if self.store.recording_gone(&row, RecordingState::Erased, by, now).await? {
                is_new = true;
                worker::count("erased");
                tracing::info!(call = call.0, by, "a recording was erased");
            }
        }
        // What cannot be removed now, the worker removes later.
        for row in self.store.recordings(call).await?.iter().filter(|row| row.file.is_some() || row.remote.is_some()) {
            self.take(Step::Clear, row, now).await?;
        }
        Ok(is_new)
    }

    /// Wraps all keys of files by the newest master key. The files stay as they are.
    pub(crate) async fn rewrap(&self) -> Result<Rewrapped, store::Error> {
        let mut told = Rewrapped::default();
        let Some(newest) = self.ring.newest() else { return Ok(told) };
        let mut last = None;
        loop {
            let page = self.store.recordings_not_under(newest, last.as_ref()).await?;
            for row in &page {
                let Some(old) = &row.key else { continue };
                let new = self.ring.unwrap(old, row.call, row.id).and_then(|key| self.ring.wrap(&key, row.call, row.id));
                match new {
                    Ok(Some(new)) => told.rewrapped += u64::from(self.store.recording_rewrapped(row, &new).await?),
                    Ok(None) => {}
                    Err(fault) => told.left.push(Left { call: row.call, reason: fault.to_string() }),
                }
            }
            last = page.into_iter().next_back();
            if last.is_none() {
                return Ok(told);
            }
        }
    }

    /// Says of each master key that recordings are under whether we hold it.
    async fn prove_keys(&self) -> Result<(), store::Error> {
        for row in self.store.recordings_by_key().await? {
            if let Some(Err(fault)) = row.key.as_ref().map(|key| self.ring.unwrap(key, row.call, row.id)) {
                tracing::error!(%fault, call = row.call.0, "recordings cannot be heard");
            }
        }
        Ok(())
    }

    async fn opened(&self, row: &RecordingRow, path: Option<PathBuf>, part: Part) -> Result<Sound, Unheard> {
        if let Some((at, by)) = row.gone.clone() {
            return Err(Unheard::Gone { at, by });
        }
        if row.state == RecordingState::Failed {
            return Err(Unheard::Failed(row.failure.clone().unwrap_or_else(|| "unknown".to_owned())));
        }
        let path = path.ok_or(Unheard::Missing)?;
        let key = row.key.as_ref().map(|key| self.ring.unwrap(key, row.call, row.id)).transpose()?;
        let opened = tokio::task::spawn_blocking(move || Sound::open(&path, key.as_ref(), part)).await;
        let is_gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        opened.map_err(io::Error::other).flatten().map_err(|error| if is_gone(&error) { Unheard::Missing } else { Unheard::Broken(error) })
    }

    /// Where its sound stands, if its name is one of ours.
    fn sound_file(&self, row: &RecordingRow) -> Option<PathBuf> {
        let folder = if row.state == RecordingState::Sealed { &self.settings.dir } else { &self.settings.archive_dir };
        row.file.as_deref().filter(|file| is_name(file)).map(|file| folder.join(file))
    }
}

/// A name and no way: what a row says leads nowhere but into our folders.
fn is_name(file: &str) -> bool {
    Path::new(file).file_name().is_some_and(|name| name == file)
}

fn sound_name(RecordingId(id): RecordingId, form: media::recorder::Form, is_sealed: bool) -> String {
    format!("{id}.{}{}", form.ending(), if is_sealed { SEALED } else { "" })
}

fn peaks_name(RecordingId(id): RecordingId, is_sealed: bool) -> String {
    format!("{id}.peaks.json{}", if is_sealed { SEALED } else { "" })
}

/// Makes the folder, and a file in it.
fn probe(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let file = folder.join(format!(".probe-{}", std::process::id()));
    fs::write(&file, b"")?;
    fs::remove_file(file)
}

/// Behind the name of a file that is encrypted.
const SEALED: &str = ".sealed";

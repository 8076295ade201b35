//! Where records go: customers, their story, and every call's history, in SQLite.
//!
//! Records come in by `append` and leave through one batching writer (`writer.rs`), which spools to a file while the database is away.
//! Everything else reads, or writes a few rows in a transaction of its own. Tables: `migrations/sqlite`.

mod address;
mod begun;
mod calls;
mod chats;
mod customers;
pub(crate) mod demo;
mod ended;
mod identify;
mod lines;
mod logins;
mod past;
mod project;
mod recordings;
mod rejections;
mod spool;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use gateway_core::{
    context::{sums::Weights, understanding::Rules},
    events::record::Record,
    ids::UtcMillis,
};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{
    ConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous},
};

pub(crate) use address::Address;
pub(crate) use chats::ChatOpened;
pub(crate) use customers::{Dossier, NewInteraction};
pub(crate) use logins::Answered;
pub(crate) use recordings::{Archived, Found, RecordingRow, RecordingState, Step, WrappedKey};
use writer::Jobs;
pub(crate) use writer::Lag;

/// One node's store; a cheap clone of one pool and one writer.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pool: SqlitePool,
    jobs: Jobs,
    lessons: Arc<RwLock<Arc<Lessons>>>,
    rejections: rejections::Rejections,
}

/// How the past becomes evidence for menu items, as the running script says: `Script::rules`, `Script::weights`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lessons {
    /// Which item serves which matter.
    pub rules: Rules,
    /// What an event is worth, and how fast it fades.
    pub weights: Weights,
}

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The database refused, or is away.
    #[error("the database did not do it: {0}")]
    Database(#[from] sqlx::Error),
    /// Its tables could not be brought up to date.
    #[error("the database at {path} could not be brought up to date: {source}; was it made by a newer version?")]
    Migrate { path: PathBuf, source: sqlx::migrate::MigrateError },
    /// A file of ours could not be read or written.
    #[error("{path}: {source}; is the data directory writable, and the disk not full?")]
    File { path: PathBuf, source: std::io::Error },
    /// Something stored is not what we wrote.
    #[error("{what} in the database is unreadable: {source}")]
    Unreadable { what: &'static str, source: serde_json::Error },
    /// Privacy `pci` is used and forgotten, never stored.
    #[error("fact {key} is card data (pci), which is never stored")]
    CardData { key: String },
    /// No such thing.
    #[error("there is no {what} {id}")]
    Absent { what: &'static str, id: String },
    /// The number is under two customers.
    #[error("two customers share this address; name one by its id")]
    Ambiguous,
}

impl Store {
    /// Opens, or makes, the store in `directory`: replays what was spooled, and closes as crashed the calls that a dead node left open.
    pub(crate) async fn open(directory: &Path) -> Result<Self, Error> {
        std::fs::create_dir_all(directory).map_err(|source| Error::File { path: directory.to_owned(), source })?;
        Self::open_with(directory, BUSY_TIMEOUT).await
    }

    /// Looks into the store of a node that may be running: no replay, no closing of calls, nothing is appended.
    pub(crate) async fn look(directory: &Path) -> Result<Self, Error> {
        let path = directory.join(DATABASE);
        if !path.exists() {
            return Err(Error::Absent { what: "store in", id: directory.display().to_string() });
        }
        let pool = connect(&path, BUSY_TIMEOUT).await?;
        let (jobs, _) = Jobs::new();
        Ok(Self { pool, jobs, lessons: Arc::default(), rejections: rejections::Rejections::default() })
    }

    async fn open_with(directory: &Path, busy: Duration) -> Result<Self, Error> {
        let path = directory.join(DATABASE);
        let pool = connect(&path, busy).await?;
        sqlx::migrate!("migrations/sqlite").run(&pool).await.map_err(|source| Error::Migrate { path, source })?;
        let (jobs, waiting) = Jobs::new();
        let mut writer = writer::Writer::open(pool.clone(), directory, &jobs, waiting)?;
        writer.replay_all().await?;
        calls::close_crashed(&pool, utc_now()).await?;
        tokio::spawn(writer.run());
        let rejections = rejections::Rejections::read(&pool).await?;
        tokio::spawn(rejections.clone().keep(pool.clone()));
        Ok(Self { pool, jobs, lessons: Arc::default(), rejections })
    }

    /// Appends to history: never waits, never drops. Records of privacy `pci` are refused.
    pub(crate) fn append(&self, record: Record) {
        self.jobs.append(record);
    }

    /// Records that are neither in the database nor in the spool yet.
    pub(crate) fn queued(&self) -> usize {
        self.jobs.queued()
    }

    /// Whether there is room for new calls' records; when not, new calls are refused.
    pub(crate) fn has_room(&self) -> bool {
        self.queued() < writer::WAITING_MAX
    }

    /// Waits until all that was appended before is in the database or the spool, and says how far behind the database is.
    pub(crate) async fn flush(&self) -> Lag {
        self.jobs.flush().await
    }

    /// Writes what waits and closes the database.
    pub(crate) async fn close(self) {
        self.flush().await;
        if let Err(error) = self.rejections.save(&self.pool).await {
            tracing::warn!(%error, "the last rejections are in the log alone");
        }
        self.pool.close().await;
    }

    /// Takes over what the running script says of matters and of what the past is worth; at start and at each reload.
    pub(crate) fn set_lessons(&self, lessons: Lessons) {
        *self.lessons.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(lessons);
    }

    /// The lessons in force.
    pub(crate) fn lessons(&self) -> Arc<Lessons> {
        self.lessons.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the database answers.
    pub(crate) async fn is_up(&self) -> bool {
        sqlx::query("SELECT 1").execute(&self.pool).await.is_ok()
    }
}

async fn connect(path: &Path, busy: Duration) -> Result<SqlitePool, Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A CDR survives a power cut; the batching writer pays for the sync once per batch.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(busy)
        .disable_statement_logging()
        // What a customer asks us to forget is overwritten, not only unlinked.
        .pragma("secure_delete", "ON");
    Ok(SqlitePoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(ACQUIRE_TIMEOUT).connect_with(options).await?)
}

/// The wall clock of this floor.
pub(crate) fn utc_now() -> UtcMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UtcMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// SQLite's integers are signed; our ids and times stay far below the sign.
fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Back from SQLite.
fn nat(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// The word by which serde names a unit variant.
fn word(variant: &impl Serialize) -> String {
    match serde_json::to_value(variant) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The variant that serde names by this word.
fn variant<T: DeserializeOwned>(what: &'static str, word: String) -> Result<T, Error> {
    serde_json::from_value(serde_json::Value::String(word)).map_err(|source| Error::Unreadable { what, source })
}

/// A JSON column.
fn json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|source| Error::Unreadable { what, source })
}

/// What goes into a JSON column. Our own types have string keys and finite numbers, so they always have a JSON form.
fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

/// Rows for `json_each`: one statement for many of them, whatever their number.
fn rows(rows: impl IntoIterator<Item = serde_json::Value>) -> String {
    serde_json::Value::Array(rows.into_iter().collect()).to_string()
}

/// The database's file in the data directory.
const DATABASE: &str = "tandem.db";
/// A writer waits this long for another one before it counts as away.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Readers do not wait for the writer (WAL), so a few serve all.
const CONNECTIONS_MAX: u32 = 6;
/// No request may hang on a drowned pool.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

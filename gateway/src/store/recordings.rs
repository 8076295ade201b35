//! Recordings, from their sealing to their end: where each stands, under which key, and what is to be done with it next.
//!
//! A recording's row is the truth about its file: what a crash leaves on disk is judged by it. A change of state and the record that tells of it
//! are one transaction. Keys stand here alone, never in a record, so that an erased one is nowhere.

use gateway_core::{
    events::record::{Happened, Record},
    ids::{CallId, RecordingId, UtcMillis},
};
use media::recorder::Form;
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{Error, Store, int, lines, nat, variant, word};

/// One recording of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordingRow {
    pub call: CallId,
    pub id: RecordingId,
    /// When it was sealed, or failed.
    pub at: UtcMillis,
    pub state: RecordingState,
    /// Its name in the recorder's folder while it is sealed, in the archive's afterwards; `None`: there is no file.
    pub file: Option<String>,
    pub length_ms: u64,
    pub form: Form,
    /// Of what is heard, as its digest is.
    pub bytes: u64,
    pub sha256: Option<String>,
    /// `None`: the file is in the clear.
    pub key: Option<WrappedKey>,
    /// The name of its copy.
    pub remote: Option<String>,
    /// How often the next step has failed.
    pub tries: u32,
    /// What went wrong last.
    pub trouble: Option<String>,
    /// Why there is nothing to hear.
    pub failure: Option<String>,
    /// When and by whom it was erased.
    pub gone: Option<(UtcMillis, String)>,
}

/// How far a recording is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RecordingState {
    /// The recorder is done with it.
    Sealed,
    /// In the form in which it is kept.
    Archived,
    /// And a copy stands elsewhere.
    Uploaded,
    /// There is nothing to hear.
    Failed,
    /// Kept long enough.
    Expired,
    /// Somebody wished it gone.
    Erased,
}

/// A file's key, wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrappedKey {
    /// Of the master key.
    pub id: String,
    pub bytes: Vec<u8>,
}

/// What is to be done with a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Remove what is left of an erased one.
    Clear,
    /// Its time is over.
    Expire,
    /// Bring it into the form in which it is kept.
    Archive,
    /// Copy it.
    Upload,
}

/// What a recording has become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Archived {
    pub file: String,
    pub form: Form,
    pub bytes: u64,
    pub sha256: String,
    pub key: Option<WrappedKey>,
}

#[derive(sqlx::FromRow)]
struct Row {
    call: i64,
    id: i64,
    at: i64,
    state: String,
    file: Option<String>,
    length_ms: i64,
    form: String,
    bytes: i64,
    sha256: Option<String>,
    key_id: Option<String>,
    key: Option<Vec<u8>>,
    remote: Option<String>,
    tries: i64,
    trouble: Option<String>,
    failure: Option<String>,
    gone_at: Option<i64>,
    gone_by: Option<String>,
}

impl Store {
    /// The recordings of a call, oldest first.
    pub(crate) async fn recordings(&self, call: CallId) -> Result<Vec<RecordingRow>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM recordings WHERE call = ? ORDER BY at, id");
        let rows = sqlx::query_as::<_, Row>(AssertSqlSafe(sql)).bind(int(call.0)).fetch_all(&self.pool).await?;
        rows.into_iter().map(RecordingRow::try_from).collect()
    }

    /// The recording that has waited longest for a step, and is not put off beyond `now`. `before`: older ones have expired.
    pub(crate) async fn recording_for(&self, step: Step, now: UtcMillis, before: Option<UtcMillis>) -> Result<Option<RecordingRow>, Error> {
        let (which, before) = match (step, before) {
            (Step::Clear, _) => ("state IN ('expired', 'erased') AND (file IS NOT NULL OR remote IS NOT NULL)", UtcMillis(u64::MAX)),
            (Step::Archive, _) => ("state = 'sealed'", UtcMillis(u64::MAX)),
            (Step::Upload, _) => ("state = 'archived'", UtcMillis(u64::MAX)),
            (Step::Expire, Some(before)) => ("(state IN ('archived', 'uploaded') OR (state = 'failed' AND file IS NOT NULL))", before),
            (Step::Expire, None) => return Ok(None),
        };
        let sql = format!("SELECT {COLUMNS} FROM recordings WHERE {which} AND due <= ? AND at < ? ORDER BY at, id LIMIT 1");
        let row = sqlx::query_as::<_, Row>(AssertSqlSafe(sql)).bind(int(now.0)).bind(int(before.0)).fetch_optional(&self.pool).await?;
        row.map(RecordingRow::try_from).transpose()
    }

    /// When the next one that was put off may be tried again.
    pub(crate) async fn recordings_due(&self, now: UtcMillis) -> Result<Option<UtcMillis>, Error> {
        let due = sqlx::query_scalar::<_, Option<i64>>("SELECT MIN(due) FROM recordings WHERE due > ? AND due > 0")
            .bind(int(now.0))
            .fetch_one(&self.pool)
            .await?;
        Ok(due.map(|due| UtcMillis(nat(due))))
    }

    /// How many wait to be archived, copied or cleared away.
    pub(crate) async fn recordings_waiting(&self, upload: bool) -> Result<u64, Error> {
        let waiting = sqlx::query_scalar::<_, i64>(
            "SELECT (SELECT COUNT(*) FROM recordings WHERE state = 'sealed')
             + (SELECT COUNT(*) FROM recordings WHERE state = 'archived' AND ?)
             + (SELECT COUNT(*) FROM recordings WHERE state IN ('expired', 'erased') AND (file IS NOT NULL OR remote IS NOT NULL))",
        )
        .bind(upload)
        .fetch_one(&self.pool)
        .await?;
        Ok(nat(waiting))
    }

    /// A sealed one has its last form, and `recording_ready` is told; `false` when it was erased meanwhile.
    pub(crate) async fn recording_archived(&self, row: &RecordingRow, into: &Archived, now: UtcMillis) -> Result<bool, Error> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let changed = sqlx::query(
            "UPDATE recordings SET state = 'archived', file = ?, form = ?, bytes = ?, sha256 = ?, key_id = ?, key = ?, tries = 0, due = 0,
             trouble = NULL WHERE call = ? AND id = ? AND state = 'sealed'",
        )
        .bind(&into.file)
        .bind(into.form.word())
        .bind(int(into.bytes))
        .bind(&into.sha256)
        .bind(into.key.as_ref().map(|key| &key.id))
        .bind(into.key.as_ref().map(|key| &key.bytes))
        .bind(int(row.call.0))
        .bind(int(row.id.0))
        .execute(&mut *transaction)
        .await?;
        let is_changed = changed.rows_affected() > 0;
        if is_changed {
            let happened = Happened::RecordingReady {
                recording: row.id,
                form: into.form.word().to_owned(),
                bytes: into.bytes,
                length_ms: row.length_ms,
                sha256: into.sha256.clone(),
            };
            tell(&mut transaction, row, now, happened).await?;
        }
        transaction.commit().await?;
        Ok(is_changed)
    }

    /// A copy stands elsewhere; `false` when it was erased meanwhile, and then the copy's name is kept to be removed.
    pub(crate) async fn recording_uploaded(&self, row: &RecordingRow, remote: &str) -> Result<bool, Error> {
        let state = sqlx::query_scalar::<_, String>(
            "UPDATE recordings SET remote = ?, state = CASE WHEN state = 'archived' THEN 'uploaded' ELSE state END, tries = 0, due = 0,
             trouble = NULL WHERE call = ? AND id = ? RETURNING state",
        )
        .bind(remote)
        .bind(int(row.call.0))
        .bind(int(row.id.0))
        .fetch_optional(&self.pool)
        .await?;
        Ok(state.as_deref() == Some("uploaded"))
    }

    /// A step failed, and is tried again at `due`.
    pub(crate) async fn recording_put_off(&self, row: &RecordingRow, due: UtcMillis, trouble: &str) -> Result<(), Error> {
        sqlx::query("UPDATE recordings SET tries = tries + 1, due = ?, trouble = ? WHERE call = ? AND id = ?")
            .bind(int(due.0))
            .bind(trouble)
            .bind(int(row.call.0))
            .bind(int(row.id.0))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Its sound cannot be had any more; `recording_failed` is told.
    pub(crate) async fn recording_lost(&self, row: &RecordingRow, reason: &str, now: UtcMillis) -> Result<(), Error> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let changed =
            sqlx::query("UPDATE recordings SET state = 'failed', failure = ?, due = 0 WHERE call = ? AND id = ? AND state = 'sealed'")
                .bind(reason)
                .bind(int(row.call.0))
                .bind(int(row.id.0))
                .execute(&mut *transaction)
                .await?;
        if changed.rows_affected() > 0 {
            let happened = Happened::RecordingFailed { recording: row.id, reason: reason.to_owned() };
            tell(&mut transaction, row, now, happened).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Destroys the key of a recording, and tells who wished it; its files are still to be cleared away. `false`: it was gone before.
    pub(crate) async fn recording_gone(&self, row: &RecordingRow, how: RecordingState, by: &str, now: UtcMillis) -> Result<bool, Error> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let changed = sqlx::query(
            "UPDATE recordings SET state = ?, key = NULL, key_id = NULL, sha256 = NULL, gone_at = ?, gone_by = ?, tries = 0, due = 0,
             trouble = NULL WHERE call = ? AND id = ? AND state NOT IN ('expired', 'erased')",
        )
        .bind(word(&how))
        .bind(int(now.0))
        .bind(by)
        .bind(int(row.call.0))
        .bind(int(row.id.0))
        .execute(&mut *transaction)
        .await?;
        let is_changed = changed.rows_affected() > 0;
        if is_changed {
            let happened = Happened::RecordingErased { recording: row.id, by: by.to_owned() };
            tell(&mut transaction, row, now, happened).await?;
        }
        transaction.commit().await?;
        if is_changed {
            // The row is overwritten (`secure_delete`); what the write-ahead log remembers of the key goes too, unless a reader holds it.
            if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.pool).await {
                tracing::debug!(%error, "the write-ahead log is cut at its next checkpoint");
            }
        }
        Ok(is_changed)
    }

    /// Nothing is left of an erased one but its row.
    pub(crate) async fn recording_cleared(&self, row: &RecordingRow) -> Result<(), Error> {
        sqlx::query("UPDATE recordings SET file = NULL, remote = NULL, tries = 0, due = 0, trouble = NULL WHERE call = ? AND id = ?")
            .bind(int(row.call.0))
            .bind(int(row.id.0))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Recordings whose keys are wrapped by another master key than this, oldest first, after the given one.
    pub(crate) async fn recordings_not_under(&self, id: &str, after: Option<&RecordingRow>) -> Result<Vec<RecordingRow>, Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM recordings WHERE key IS NOT NULL AND key_id <> ? AND (call, id) > (?, ?) ORDER BY call, id LIMIT {PAGE}"
        );
        let (call, recording) = after.map_or((-1, -1), |row| (int(row.call.0), int(row.id.0)));
        let rows = sqlx::query_as::<_, Row>(AssertSqlSafe(sql)).bind(id).bind(call).bind(recording).fetch_all(&self.pool).await?;
        rows.into_iter().map(RecordingRow::try_from).collect()
    }

    /// One recording under each master key that any is under.
    pub(crate) async fn recordings_by_key(&self) -> Result<Vec<RecordingRow>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM recordings WHERE key IS NOT NULL GROUP BY key_id");
        let rows = sqlx::query_as::<_, Row>(AssertSqlSafe(sql)).fetch_all(&self.pool).await?;
        rows.into_iter().map(RecordingRow::try_from).collect()
    }

    /// The same key under another master key; `false` when it has changed meanwhile.
    pub(crate) async fn recording_rewrapped(&self, row: &RecordingRow, key: &WrappedKey) -> Result<bool, Error> {
        let changed = sqlx::query("UPDATE recordings SET key_id = ?, key = ? WHERE call = ? AND id = ? AND key = ?")
            .bind(&key.id)
            .bind(&key.bytes)
            .bind(int(row.call.0))
            .bind(int(row.id.0))
            .bind(row.key.as_ref().map(|key| &key.bytes))
            .execute(&self.pool)
            .await?;
        Ok(changed.rows_affected() > 0)
    }

    /// The recording of a file that a crash left, whose sealing nobody has told: the call's, if the call is over.
    pub(crate) async fn recording_found(&self, id: RecordingId) -> Result<Found, Error> {
        let sql = format!("SELECT {COLUMNS} FROM recordings WHERE id = ?");
        let row = sqlx::query_as::<_, Row>(AssertSqlSafe(sql)).bind(int(id.0)).fetch_optional(&self.pool).await?;
        if let Some(row) = row {
            return Ok(Found::Known(Box::new(row.try_into()?)));
        }
        // A recording has its call's id.
        let is_over = sqlx::query_scalar::<_, bool>("SELECT ended IS NOT NULL FROM calls WHERE id = ?")
            .bind(int(id.0))
            .fetch_optional(&self.pool)
            .await?;
        Ok(if is_over == Some(true) { Found::Untold(CallId(id.0)) } else { Found::Strange })
    }

    /// Wakes whenever a recording may have been sealed.
    pub(crate) fn sealings(&self) -> tokio::sync::watch::Receiver<u64> {
        self.jobs.sealings()
    }
}

/// What is known of a file in the recorder's folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It has its row.
    Known(Box<RecordingRow>),
    /// It is this call's, and has none.
    Untold(CallId),
    /// Nothing.
    Strange,
}

impl TryFrom<Row> for RecordingRow {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            call: CallId(nat(row.call)),
            id: RecordingId(nat(row.id)),
            at: UtcMillis(nat(row.at)),
            state: variant("a recording's state", row.state)?,
            file: row.file,
            length_ms: nat(row.length_ms),
            form: Form::named(&row.form).unwrap_or_default(),
            bytes: nat(row.bytes),
            sha256: row.sha256,
            key: row.key_id.zip(row.key).map(|(id, bytes)| WrappedKey { id, bytes }),
            remote: row.remote,
            tries: u32::try_from(row.tries).unwrap_or(u32::MAX),
            trouble: row.trouble,
            failure: row.failure,
            gone: row.gone_at.map(|at| UtcMillis(nat(at))).zip(row.gone_by),
        })
    }
}

async fn tell(connection: &mut SqliteConnection, row: &RecordingRow, at: UtcMillis, happened: Happened) -> Result<(), Error> {
    lines::append(connection, &[Record { at, call: row.call, happened }]).await
}

const COLUMNS: &str =
    "call, id, at, state, file, length_ms, form, bytes, sha256, key_id, key, remote, tries, trouble, failure, gone_at, gone_by";

/// Rows at a time, so that a rotation of keys holds nobody up.
const PAGE: u32 = 256;

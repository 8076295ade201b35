//! The worker: looks what is to be done with recordings, does it, and tries again later what failed.
//!
//! Two lanes, so that a slow network does not hold up the disk: one archives, expires and clears, the other copies. Each takes one recording at
//! a time. What fails is put off in its row, longer each time, and over restarts too.

use std::{fs, io, path::Path, time::Duration};

use gateway_core::{
    events::record::{Happened, Record},
    ids::{RecordingId, UtcMillis},
};
use media::recorder::Form;
use rand::RngExt;
use tokio::sync::watch;

use super::{
    Archive, is_name,
    key::FileKey,
    peaks_name,
    press::{Fault, Job, NEW},
    sound_name,
};
use crate::store::{self, Archived, Found, RecordingRow, RecordingState, Step, utc_now};

/// Why a step was not taken.
enum Trouble {
    /// Another try would find the same.
    Lost(String),
    /// It is tried again.
    Later(String),
}

impl From<store::Error> for Trouble {
    fn from(error: store::Error) -> Self {
        Self::Later(error.to_string())
    }
}

impl Archive {
    /// Until the node ends.
    pub(crate) async fn run(self) {
        if let Err(error) = self.look_around().await {
            tracing::warn!(%error, "what an earlier run left of recordings is looked at again at the next start");
        }
        tokio::join!(self.lane(&[Step::Clear, Step::Expire, Step::Archive]), self.lane(&[Step::Upload]));
    }

    /// Takes what an earlier run left: sound that nobody has told of, sound in the clear that has been sealed, and halves.
    pub(super) async fn look_around(&self) -> Result<(), store::Error> {
        self.prove_keys().await?;
        for name in names(&self.settings.archive_dir) {
            if name.ends_with(NEW) {
                remove(&self.settings.archive_dir.join(name));
            }
        }
        for name in names(&self.settings.dir) {
            let Some(id) = name.strip_suffix(".wav").and_then(|id| id.parse().ok()).map(RecordingId) else { continue };
            let path = self.settings.dir.join(&name);
            let call = match self.store.recording_found(id).await? {
                Found::Strange => continue,
                Found::Untold(call) => call,
                Found::Known(row) => match (row.state, &row.file) {
                    (RecordingState::Sealed, _) | (RecordingState::Failed, Some(_)) => continue,
                    (RecordingState::Failed, None) => row.call,
                    _ => {
                        if self.sound_file(&row).as_ref() != Some(&path) {
                            tracing::info!(file = name, "sound that is kept in another form was still there; it is removed");
                            remove(&path);
                        }
                        continue;
                    }
                },
            };
            let Some(length_ms) = length_of(&path) else { continue };
            tracing::warn!(call = call.0, file = name, length_ms, "a recording was found that nobody had told of");
            let happened = Happened::RecordingSealed { recording: id, file: name, length_ms };
            self.store.append(Record { at: utc_now(), call, happened });
        }
        Ok(())
    }

    async fn lane(&self, steps: &[Step]) {
        let mut sealings = self.store.sealings();
        loop {
            sealings.mark_unchanged();
            if let Err(error) = self.work_off(steps, utc_now).await {
                tracing::warn!(%error, "the archive waits for the database");
            }
            self.rest(&mut sealings).await;
        }
    }

    /// Takes all steps that are due.
    pub(crate) async fn work_off(&self, steps: &[Step], now: impl Fn() -> UtcMillis) -> Result<(), store::Error> {
        for step in steps {
            if *step == Step::Upload && self.shelf.is_none() {
                continue;
            }
            while let Some(row) = self.store.recording_for(*step, now(), self.expired_before(now())).await? {
                self.take(*step, &row, now()).await?;
            }
        }
        let waiting = self.store.recordings_waiting(self.shelf.is_some()).await?;
        metrics::gauge!("tandem_recordings_waiting").set(waiting as f64);
        Ok(())
    }

    /// Until something was sealed, or is due, or might have expired.
    async fn rest(&self, sealings: &mut watch::Receiver<u64>) {
        let now = utc_now();
        let due = self.store.recordings_due(now).await.ok().flatten();
        let until = due.map_or(LOOK_EVERY, |due| Duration::from_millis(due.0.saturating_sub(now.0))).min(LOOK_EVERY);
        tokio::select! {
            // The store outlives its archive, so this does not fail.
            _ = sealings.changed() => {}
            () = tokio::time::sleep(until.max(REST_MIN)) => {}
        }
    }

    fn expired_before(&self, now: UtcMillis) -> Option<UtcMillis> {
        self.settings.keep_days.map(|days| UtcMillis(now.0.saturating_sub(u64::from(days) * DAY_MS)))
    }

    /// One step; one that fails is put off.
    pub(super) async fn take(&self, step: Step, row: &RecordingRow, now: UtcMillis) -> Result<(), store::Error> {
        let taken = match step {
            Step::Clear => self.clear(row).await.map_err(Trouble::Later),
            Step::Expire => self.expire(row, now).await,
            Step::Archive => self.archive(row, now).await,
            Step::Upload => self.upload(row).await,
        };
        match taken {
            Ok(()) => Ok(()),
            Err(Trouble::Lost(reason)) => {
                count("failed");
                tracing::error!(call = row.call.0, reason, "a recording is lost");
                self.store.recording_lost(row, &reason, now).await
            }
            Err(Trouble::Later(reason)) => {
                let pause = pause(row.tries, rand::rng().random_range(0.5..1.0));
                let word = match step {
                    Step::Clear => "clear",
                    Step::Expire => "expire",
                    Step::Archive => "archive",
                    Step::Upload => "upload",
                };
                metrics::counter!("tandem_recordings_retries_total", "step" => word).increment(1);
                tracing::warn!(
                    call = row.call.0,
                    step = word,
                    tries = row.tries + 1,
                    again_in_s = pause.as_secs(),
                    reason,
                    "a recording waits"
                );
                let due = UtcMillis(now.0.saturating_add(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)));
                self.store.recording_put_off(row, due, &reason).await
            }
        }
    }

    /// Into the form in which it is kept. The key is a new one with each try: two tries under one would spend its nonces twice.
    async fn archive(&self, row: &RecordingRow, now: UtcMillis) -> Result<(), Trouble> {
        let wav = self.sound_file(row).ok_or_else(|| Trouble::Lost("its file has no name of ours".to_owned()))?;
        let later = |fault: super::KeyFault| Trouble::Later(fault.to_string());
        let drawn = FileKey::draw().map_err(later)?;
        let wrapped = self.ring.wrap(&drawn, row.call, row.id).map_err(later)?;
        let form = self.settings.form;
        let file = sound_name(row.id, form, wrapped.is_some());
        let sound = self.settings.archive_dir.join(&file);
        let peaks = self.settings.archive_dir.join(peaks_name(row.id, wrapped.is_some()));
        let job = Job { wav: wav.clone(), sound: sound.clone(), peaks: peaks.clone(), form, key: wrapped.is_some().then_some(drawn) };
        let pressed = self.press.take(job).await.map_err(|fault| match fault {
            Fault::Unreadable { .. } => Trouble::Lost(fault.to_string()),
            Fault::Unwritable { .. } | Fault::Gone => Trouble::Later(fault.to_string()),
        })?;
        let into = Archived { file, form, bytes: pressed.bytes, sha256: pressed.sha256, key: wrapped };
        let is_kept = self.store.recording_archived(row, &into, now).await?;
        if is_kept {
            count("ready");
            tracing::info!(call = row.call.0, form = form.word(), bytes = into.bytes, "a recording is ready");
        } else {
            // Somebody erased it while it was at work.
            remove(&sound);
            remove(&peaks);
        }
        if wav != sound {
            remove(&wav);
        }
        Ok(())
    }

    async fn upload(&self, row: &RecordingRow) -> Result<(), Trouble> {
        let (Some(shelf), Some(path)) = (&self.shelf, self.sound_file(row)) else {
            return Err(Trouble::Later("its file has no name of ours".to_owned()));
        };
        let name = row.file.as_deref().unwrap_or_default();
        let remote = shelf.put(name, &path).await.map_err(Trouble::Later)?;
        if self.store.recording_uploaded(row, &remote).await? {
            count("uploaded");
            tracing::info!(call = row.call.0, to = remote, "a recording was copied");
        }
        Ok(())
    }

    async fn expire(&self, row: &RecordingRow, now: UtcMillis) -> Result<(), Trouble> {
        if self.store.recording_gone(row, RecordingState::Expired, RETENTION, now).await? {
            count("expired");
            tracing::info!(call = row.call.0, "a recording has been kept long enough");
        }
        Ok(())
    }

    /// Removes what is left of an erased one, here and elsewhere. What is gone already is as good as removed.
    pub(super) async fn clear(&self, row: &RecordingRow) -> Result<(), String> {
        for folder in [&self.settings.dir, &self.settings.archive_dir] {
            let peaks = [false, true].map(|is_sealed| peaks_name(row.id, is_sealed));
            let sounds =
                [Form::Wav, Form::Opus].into_iter().flat_map(|form| [false, true].map(|is_sealed| sound_name(row.id, form, is_sealed)));
            for name in row.file.iter().filter(|file| is_name(file)).cloned().chain(sounds).chain(peaks) {
                match fs::remove_file(folder.join(&name)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(format!("{}: {error}; remove it by hand, or let us", folder.join(name).display()));
                    }
                    Ok(()) | Err(_) => {}
                }
            }
        }
        if let Some(remote) = &row.remote {
            let shelf =
                self.shelf.as_ref().ok_or_else(|| format!("its copy {remote} stays: there is no [recording.upload] to remove it from"))?;
            shelf.remove(remote).await?;
        }
        self.store.recording_cleared(row).await.map_err(|error| error.to_string())
    }
}

/// From five seconds, doubled with each try, to an hour at most, times `chance` of 0.5 to 1: nodes that lost one store do not come back to it as one.
fn pause(tries: u32, chance: f64) -> Duration {
    PAUSE_MIN.saturating_mul(1 << tries.min(16)).min(PAUSE_MAX).mul_f64(chance)
}

/// What recordings came to.
pub(super) fn count(outcome: &'static str) {
    metrics::counter!("tandem_recordings_total", "outcome" => outcome).increment(1);
}

/// A counter that is there from the start can be watched before it first counts.
pub(super) fn count_from_nothing() {
    for outcome in ["ready", "uploaded", "expired", "erased", "failed"] {
        metrics::counter!("tandem_recordings_total", "outcome" => outcome).increment(0);
    }
    for step in ["archive", "upload", "expire", "clear"] {
        metrics::counter!("tandem_recordings_retries_total", "step" => step).increment(0);
    }
    metrics::gauge!("tandem_recordings_waiting").set(0.0);
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

fn length_of(wav: &Path) -> Option<u64> {
    let reader = hound::WavReader::open(wav).ok()?;
    Some(u64::from(reader.duration()) * 1_000 / u64::from(reader.spec().sample_rate.max(1)))
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => tracing::error!(file = %path.display(), %error, "it could not be removed"),
        Ok(()) | Err(_) => {}
    }
}

/// Who erases what has been kept long enough.
const RETENTION: &str = "retention";

const DAY_MS: u64 = 86_400_000;

/// Between two looks when nothing is said: retention is a matter of days.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Between two looks in any case, for a clock that is set back.
const REST_MIN: Duration = Duration::from_millis(50);

const PAUSE_MIN: Duration = Duration::from_secs(5);
const PAUSE_MAX: Duration = Duration::from_secs(3_600);

use std::{path::PathBuf, process::Command};

use gateway_core::{
    config::{MasterKey, Place, Upload},
    events::record::{Happened, Record},
    private::Private,
};
use media::{
    frame::SampleRate,
    recorder::Form,
    tone::{Tone, level},
};
use tempfile::TempDir;

use super::*;
use crate::store::WrappedKey;

const CALL: CallId = CallId(7);
const ALL: [Step; 4] = [Step::Clear, Step::Expire, Step::Archive, Step::Upload];
const DAY: u64 = 86_400_000;

/// A node's folders, and what it is told to do with recordings.
struct Bench {
    directory: TempDir,
    store: Store,
    settings: Recording,
}

impl Bench {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).await.unwrap();
        let settings = Recording { key: Some(master("a", 1)), ..Recording::plain(directory.path().join("recordings")) };
        Self { directory, store, settings }
    }

    fn archive(&self) -> Archive {
        Archive::new(self.store.clone(), &self.settings).unwrap()
    }

    fn recordings(&self) -> PathBuf {
        self.settings.dir.clone()
    }

    /// Two seconds, 440 Hz on the left and 880 Hz on the right, as the recorder leaves them.
    async fn record(&self) -> Vec<u8> {
        std::fs::create_dir_all(&self.settings.dir).unwrap();
        let wav = self.settings.dir.join("7.wav");
        let spec = hound::WavSpec { channels: 2, sample_rate: 8_000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
        let mut writer = hound::WavWriter::create(&wav, spec).unwrap();
        let [mut left, mut right] = [440.0, 880.0].map(|hz| Tone::new(SampleRate::Narrow, &[hz], 8_000));
        for _ in 0..100 {
            for (left, right) in left.frame().samples().iter().zip(right.frame().samples()) {
                writer.write_sample(*left).unwrap();
                writer.write_sample(*right).unwrap();
            }
        }
        writer.finalize().unwrap();
        self.tell(Happened::RecordingSealed { recording: RecordingId(CALL.0), file: "7.wav".into(), length_ms: 2_000 }).await;
        std::fs::read(wav).unwrap()
    }

    async fn tell(&self, happened: Happened) {
        self.store.append(Record { at: UtcMillis(1), call: CALL, happened });
        self.store.flush().await;
    }

    async fn row(&self) -> RecordingRow {
        self.store.recordings(CALL).await.unwrap().pop().unwrap()
    }

    async fn heard(&self, archive: &Archive) -> Result<Vec<u8>, String> {
        let mut sound = archive.sound(&self.row().await).await.map_err(|unheard| unheard.to_string())?;
        sound.read_whole().map_err(|error| error.to_string())
    }

    fn files(&self) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(self.recordings()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn master(id: &str, byte: u8) -> MasterKey {
    MasterKey { id: id.into(), secret: Private([byte; 32]) }
}

#[tokio::test]
async fn a_sealed_recording_is_encrypted_outlined_and_heard_as_it_was() {
    let bench = Bench::new().await;
    let wav = bench.record().await;
    let archive = bench.archive();
    assert_eq!(bench.heard(&archive).await.unwrap(), wav, "before it is archived, too");
    archive.work_off(&ALL, || UtcMillis(9)).await.unwrap();
    let row = bench.row().await;
    assert_eq!((row.state, row.form, row.bytes), (RecordingState::Archived, Form::Wav, wav.len() as u64));
    assert_eq!(bench.files(), ["7.peaks.json.sealed", "7.wav.sealed"]);
    let sealed = std::fs::read(bench.recordings().join("7.wav.sealed")).unwrap();
    assert!(!sealed.windows(32).any(|window| window == &wav[1_000..1_032]));
    assert_eq!(bench.heard(&archive).await.unwrap(), wav);
    let peaks: serde_json::Value = serde_json::from_slice(&archive.peaks(&row).await.unwrap()).unwrap();
    assert_eq!((&peaks["length"], peaks["data"].as_array().map(Vec::len)), (&100.into(), Some(400)));
}

#[tokio::test]
async fn without_a_key_the_wav_stays_where_it_is() {
    let mut bench = Bench::new().await;
    bench.settings.key = None;
    let wav = bench.record().await;
    let archive = bench.archive();
    archive.work_off(&ALL, || UtcMillis(9)).await.unwrap();
    assert_eq!(bench.files(), ["7.peaks.json", "7.wav"]);
    assert_eq!(bench.heard(&archive).await.unwrap(), wav);
    archive.look_around().await.unwrap();
    assert_eq!(bench.files(), ["7.peaks.json", "7.wav"], "it is what is kept");
}

#[tokio::test]
async fn opus_is_kept_with_both_sides_and_the_true_length() {
    let mut bench = Bench::new().await;
    bench.settings.form = Form::Opus;
    bench.record().await;
    let archive = bench.archive();
    archive.work_off(&ALL, || UtcMillis(9)).await.unwrap();
    let ogg = bench.heard(&archive).await.unwrap();
    assert!(ogg.starts_with(b"OggS") && ogg.len() < 20_000, "{}", ogg.len());
    let [file, decoded] = ["heard.ogg", "heard.wav"].map(|name| bench.directory.path().join(name));
    std::fs::write(&file, &ogg).unwrap();
    // An ear that is not ours; deploy/setup.sh installs it.
    let ffmpeg =
        Command::new("ffmpeg").args(["-loglevel", "warning", "-i"]).arg(&file).args(["-ar", "8000"]).arg(&decoded).output().unwrap();
    assert!(ffmpeg.status.success() && ffmpeg.stderr.is_empty(), "{}", String::from_utf8_lossy(&ffmpeg.stderr));
    let samples: Vec<i16> = hound::WavReader::open(&decoded).unwrap().into_samples().map(Result::unwrap).collect();
    assert!(samples.len().abs_diff(2 * 16_000) <= 2 * 160, "{} samples, true to 20 ms", samples.len());
    let side = |side: usize| -> Vec<i16> { samples.iter().skip(side).step_by(2).skip(1_600).copied().collect() };
    for (side, own, foreign) in [(side(0), 440.0, 880.0), (side(1), 880.0, 440.0)] {
        let (own, foreign) = (level(&side, 8_000, own), level(&side, 8_000, foreign));
        assert!(own > 7_000.0 && foreign < own / 30.0, "{own} against {foreign}");
    }
}

#[tokio::test]
async fn keys_are_wrapped_anew_without_touching_a_file() {
    let mut bench = Bench::new().await;
    let wav = bench.record().await;
    bench.archive().work_off(&ALL, || UtcMillis(9)).await.unwrap();
    let sealed = std::fs::read(bench.recordings().join("7.wav.sealed")).unwrap();

    bench.settings.key = Some(master("b", 2));
    let unheard = bench.heard(&bench.archive()).await.unwrap_err();
    assert!(unheard.contains("the key `a`, which is not configured"), "{unheard}");
    let left = bench.archive().rewrap().await.unwrap();
    assert_eq!((left.rewrapped, left.left.len()), (0, 1), "{left:?}");
    assert!(left.left[0].reason.contains("`a`"), "{left:?}");

    bench.settings.old_keys = vec![master("a", 3)];
    let unheard = bench.heard(&bench.archive()).await.unwrap_err();
    assert!(unheard.contains("the secret that is configured under that id is another one"), "{unheard}");

    bench.settings.old_keys = vec![master("a", 1)];
    let told = bench.archive().rewrap().await.unwrap();
    assert_eq!((told.rewrapped, told.left.len()), (1, 0));
    assert_eq!(bench.archive().rewrap().await.unwrap().rewrapped, 0, "all are under it");
    bench.settings.old_keys.clear();
    assert_eq!(bench.heard(&bench.archive()).await.unwrap(), wav);
    assert_eq!(std::fs::read(bench.recordings().join("7.wav.sealed")).unwrap(), sealed);
}

#[tokio::test]
async fn an_erased_recording_is_noise_even_to_whoever_kept_a_copy() {
    let bench = Bench::new().await;
    bench.record().await;
    let archive = bench.archive();
    archive.work_off(&ALL, || UtcMillis(9)).await.unwrap();
    let WrappedKey { bytes, .. } = bench.row().await.key.unwrap();
    assert!(archive.erase(CALL, "ada", UtcMillis(10)).await.unwrap());
    assert!(!archive.erase(CALL, "ben", UtcMillis(11)).await.unwrap(), "a repeat finds nothing to do");
    assert!(bench.files().is_empty(), "{:?}", bench.files());
    let row = bench.row().await;
    assert_eq!((row.state, row.key.clone(), row.gone), (RecordingState::Erased, None, Some((UtcMillis(10), "ada".to_owned()))));
    assert!(bench.heard(&archive).await.unwrap_err().contains("erased at 10 by ada"));
    for name in ["tandem.db", "tandem.db-wal"] {
        let page = std::fs::read(bench.directory.path().join(name)).unwrap_or_default();
        assert!(!page.windows(bytes.len()).any(|window| window == bytes), "{name} remembers the key");
    }
}

#[tokio::test]
async fn what_has_been_kept_long_enough_expires() {
    let mut bench = Bench::new().await;
    bench.settings.keep_days = Some(30);
    bench.record().await;
    let archive = bench.archive();
    archive.work_off(&ALL, || UtcMillis(29 * DAY)).await.unwrap();
    assert_eq!(bench.row().await.state, RecordingState::Archived);
    archive.work_off(&ALL, || UtcMillis(31 * DAY)).await.unwrap();
    archive.work_off(&ALL, || UtcMillis(31 * DAY)).await.unwrap();
    let row = bench.row().await;
    assert_eq!((row.state, row.gone.map(|(_, by)| by)), (RecordingState::Expired, Some("retention".to_owned())));
    assert!(bench.files().is_empty());
}

#[tokio::test]
async fn a_copy_goes_to_a_folder_and_is_removed_with_the_recording() {
    let mut bench = Bench::new().await;
    let folder = bench.directory.path().join("copies");
    std::fs::create_dir(&folder).unwrap();
    bench.settings.upload = Some(Upload { place: Place::Folder(folder.clone()), prefix: "node-1".into() });
    bench.record().await;
    let archive = bench.archive();
    archive.work_off(&ALL, || UtcMillis(9)).await.unwrap();
    let row = bench.row().await;
    assert_eq!((row.state, row.remote.as_deref()), (RecordingState::Uploaded, Some("node-1/7.wav.sealed")));
    let copy = folder.join("node-1/7.wav.sealed");
    assert_eq!(std::fs::read(&copy).unwrap(), std::fs::read(bench.recordings().join("7.wav.sealed")).unwrap());
    archive.erase(CALL, "ada", UtcMillis(10)).await.unwrap();
    assert!(!copy.exists());
}

#[tokio::test]
async fn a_copy_that_fails_is_tried_again_later_and_over_restarts() {
    let mut bench = Bench::new().await;
    let folder = bench.directory.path().join("copies");
    std::fs::create_dir(&folder).unwrap();
    bench.settings.upload = Some(Upload { place: Place::Folder(folder.clone()), prefix: String::new() });
    bench.record().await;
    let archive = bench.archive();
    // What was mounted there is gone, and a file is in its place.
    std::fs::remove_dir(&folder).unwrap();
    std::fs::write(&folder, b"").unwrap();
    archive.work_off(&ALL, || UtcMillis(9)).await.unwrap();
    let row = bench.row().await;
    assert_eq!((row.state, row.tries), (RecordingState::Archived, 1));
    assert!(row.trouble.as_deref().is_some_and(|trouble| trouble.contains("copies") && trouble.contains("is it mounted")), "{row:?}");
    archive.work_off(&ALL, || UtcMillis(10)).await.unwrap();
    assert_eq!(bench.row().await.tries, 1, "not before its time");
    let due = bench.store.recordings_due(UtcMillis(10)).await.unwrap().unwrap();
    assert!((2_500..=5_009).contains(&due.0), "{due:?}");
    std::fs::remove_file(&folder).unwrap();
    std::fs::create_dir(&folder).unwrap();
    bench.archive().work_off(&ALL, || due).await.unwrap();
    let row = bench.row().await;
    assert_eq!((row.state, row.tries, row.trouble), (RecordingState::Uploaded, 0, None));
}

#[tokio::test]
async fn a_node_goes_on_where_a_crash_left_it() {
    let bench = Bench::new().await;
    let wav = bench.record().await;
    let archive = bench.archive();
    archive.work_off(&ALL, || UtcMillis(9)).await.unwrap();
    // Killed between the row and the removal, and in the middle of another file.
    std::fs::write(bench.recordings().join("7.wav"), &wav).unwrap();
    std::fs::write(bench.recordings().join("8.wav.sealed.new"), b"half").unwrap();
    // And one that the recorder mended, of a call that was closed as crashed.
    let over = [
        Happened::CallStarted { context_id: "c".into(), session_id: "s".into(), previous: None },
        Happened::CallEnded {
            cause: gateway_core::cause::Cause { sip: 500, q850: 41, fault: gateway_core::cause::Fault::Gateway, retry: true },
            agent: None,
            waited_ms: 0,
            talked_ms: 0,
            crashed: true,
        },
    ];
    for happened in over {
        bench.store.append(Record { at: UtcMillis(1), call: CallId(9), happened });
    }
    bench.store.flush().await;
    std::fs::write(bench.recordings().join("9.wav"), &wav).unwrap();
    archive.look_around().await.unwrap();
    bench.store.flush().await;
    assert_eq!(bench.files(), ["7.peaks.json.sealed", "7.wav.sealed", "9.wav"]);
    archive.work_off(&ALL, || UtcMillis(10)).await.unwrap();
    assert_eq!(bench.files(), ["7.peaks.json.sealed", "7.wav.sealed", "9.peaks.json.sealed", "9.wav.sealed"]);
    let (_, records) = bench.store.call(CallId(9), 0).await.unwrap();
    assert!(records.iter().any(|record| matches!(&record.happened, Happened::RecordingReady { length_ms: 2_000, .. })), "{records:?}");
}

#[tokio::test]
async fn a_wav_that_cannot_be_read_is_lost_and_told() {
    let bench = Bench::new().await;
    bench.record().await;
    std::fs::write(bench.recordings().join("7.wav"), b"no sound").unwrap();
    let archive = bench.archive();
    archive.work_off(&ALL, || UtcMillis(9)).await.unwrap();
    let row = bench.row().await;
    assert_eq!(row.state, RecordingState::Failed);
    assert!(row.failure.as_deref().is_some_and(|failure| failure.contains("7.wav")), "{row:?}");
    assert!(bench.heard(&archive).await.unwrap_err().contains("the recording failed"));
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named_at_the_start() {
    let mut bench = Bench::new().await;
    bench.settings.archive_dir = bench.directory.path().join("tandem.db");
    let error = Archive::new(bench.store.clone(), &bench.settings).unwrap_err().to_string();
    assert!(error.contains("tandem.db") && error.contains("let the user that runs Tandem write there"), "{error}");
    bench.settings.archive_dir = bench.recordings();
    bench.settings.upload = Some(Upload { place: Place::Folder("/nowhere/copies".into()), prefix: String::new() });
    let error = Archive::new(bench.store.clone(), &bench.settings).unwrap_err().to_string();
    assert!(error.contains("[recording.upload]") && error.contains("/nowhere/copies"), "{error}");
}

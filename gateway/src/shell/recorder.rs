//! The recorder's thread: appends what the shards hear to files, and never makes a shard wait.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufWriter},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use gateway_core::{ids::RecordingId, plane::RecorderCommand};

use media::recorder::{self, repair};

use super::{mailbox::Mailbox, shard::ShardTold};

/// A shard's end of the recorder's queue.
///
/// Only audio is bounded: `Start` and `Seal` always fit, for they are as few as calls. Audio that finds the queue full is lost; its place in
/// the file is silence, for what follows says where it belongs.
pub(crate) struct Tape {
    words: mpsc::Sender<Word>,
    waiting: Arc<AtomicUsize>,
    shard: Mailbox<ShardTold>,
}

/// The thread, seen from where it was started.
pub(crate) struct Recorder {
    words: mpsc::Sender<Word>,
    waiting: Arc<AtomicUsize>,
    thread: thread::JoinHandle<()>,
}

enum Word {
    Said { command: RecorderCommand, shard: Mailbox<ShardTold> },
    Stop,
}

type StereoFile = recorder::Recorder<BufWriter<File>>;

/// Files under way.
struct Deck {
    directory: PathBuf,
    reels: BTreeMap<RecordingId, Reel>,
    flushed: Instant,
}

struct Reel {
    writer: StereoFile,
    /// `NAME.wav.part` while it is written, `NAME.wav` once it is whole.
    part: PathBuf,
    shard: Mailbox<ShardTold>,
    dirty: bool,
}

impl Recorder {
    /// Starts the thread; files go to `directory`, which is made if it is missing. Unfinished files of an earlier run are made whole first.
    pub(crate) fn start(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        mend(directory)?;
        let (words, inbox) = mpsc::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let mut deck = Deck { directory: directory.to_owned(), reels: BTreeMap::new(), flushed: Instant::now() };
        let played = waiting.clone();
        let thread = thread::Builder::new().name("recorder".into()).spawn(move || deck.run(&inbox, &played))?;
        Ok(Self { words, waiting, thread })
    }

    /// An end for the shard behind `shard`, which hears how its recordings end.
    pub(crate) fn tape(&self, shard: Mailbox<ShardTold>) -> Tape {
        Tape { words: self.words.clone(), waiting: self.waiting.clone(), shard }
    }

    /// Seals what is open and waits for the thread.
    pub(crate) fn stop(self) {
        // A thread that is gone has sealed what it could.
        let _ = self.words.send(Word::Stop);
        let _ = self.thread.join();
    }
}

impl Tape {
    /// Hands a command on; returns the samples that were lost to a full queue.
    pub(crate) fn put(&mut self, command: RecorderCommand) -> usize {
        match command {
            RecorderCommand::Append { samples, .. } if self.waiting.load(Ordering::Relaxed) >= APPENDS_MAX => return samples.len(),
            append @ RecorderCommand::Append { .. } => {
                self.waiting.fetch_add(1, Ordering::Relaxed);
                self.say(append);
            }
            other @ (RecorderCommand::Start { .. } | RecorderCommand::Seal { .. }) => self.say(other),
        }
        0
    }

    fn say(&self, command: RecorderCommand) {
        // Without its recorder a node still carries calls; the thread has logged why it ended.
        let _ = self.words.send(Word::Said { command, shard: self.shard.clone() });
    }
}

impl Deck {
    fn run(&mut self, inbox: &mpsc::Receiver<Word>, waiting: &AtomicUsize) {
        loop {
            match inbox.recv_timeout(FLUSH_EVERY) {
                Ok(Word::Said { command: RecorderCommand::Start { recording, rate }, shard }) => self.start(recording, rate, shard),
                Ok(Word::Said { command: RecorderCommand::Append { recording, position, samples }, .. }) => {
                    waiting.fetch_sub(1, Ordering::Relaxed);
                    self.append(recording, |writer| writer.append(position, &samples));
                }
                Ok(Word::Said { command: RecorderCommand::Seal { recording }, .. }) => self.seal(recording),
                Ok(Word::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.flushed.elapsed() >= FLUSH_EVERY {
                self.flush();
            }
        }
        while let Some((recording, _)) = self.reels.first_key_value() {
            self.seal(*recording);
        }
    }

    fn start(&mut self, recording: RecordingId, rate: u32, shard: Mailbox<ShardTold>) {
        // A recording has its call's id, which no other call has: a name is never used twice.
        let part = self.directory.join(format!("{}.wav.part", recording.0));
        let opened = File::create_new(&part).map_err(media::Error::from).and_then(|file| StereoFile::new(BufWriter::new(file), rate));
        match opened {
            Ok(writer) => {
                self.reels.insert(recording, Reel { writer, part, shard, dirty: true });
            }
            Err(error) => fail(&shard, recording, &error),
        }
    }

    fn append(&mut self, recording: RecordingId, append: impl FnOnce(&mut StereoFile) -> Result<(), media::Error>) {
        // A recording that failed before is spoken of no more.
        let Some(reel) = self.reels.get_mut(&recording) else { return };
        reel.dirty = true;
        if let Err(error) = append(&mut reel.writer) {
            self.give_up(recording, &error);
        }
    }

    fn flush(&mut self) {
        let mut failed = Vec::new();
        for (recording, reel) in self.reels.iter_mut().filter(|(_, reel)| reel.dirty) {
            reel.dirty = false;
            if let Err(error) = reel.writer.flush() {
                failed.push((*recording, error));
            }
        }
        for (recording, error) in failed {
            self.give_up(recording, &error);
        }
        self.flushed = Instant::now();
    }

    fn seal(&mut self, recording: RecordingId) {
        let Some(reel) = self.reels.remove(&recording) else { return };
        let sealed = reel.writer.seal().and_then(|length_ms| Ok((finish(&reel.part)?, length_ms)));
        match sealed {
            Ok((file, length_ms)) => {
                // A shard that is gone at shutdown has nobody left to tell.
                let _ = reel.shard.blocking_send(ShardTold::Recorded { recording, file, length_ms });
            }
            Err(error) => fail(&reel.shard, recording, &error),
        }
    }

    /// What is on disk stays there, and is made whole at the next start.
    fn give_up(&mut self, recording: RecordingId, error: &media::Error) {
        if let Some(reel) = self.reels.remove(&recording) {
            fail(&reel.shard, recording, error);
        }
    }
}

/// Makes the unfinished files of an earlier run whole.
fn mend(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let part = entry?.path();
        if part.extension().is_none_or(|extension| extension != "part") {
            continue;
        }
        let mended = File::options().read(true).write(true).open(&part).map_err(media::Error::from).and_then(|mut file| repair(&mut file));
        match mended {
            Ok(length_ms) => {
                let file = finish(&part)?;
                tracing::warn!(file, length_ms, "a recording that a crash cut off was made whole");
            }
            Err(error) => tracing::warn!(file = %part.display(), %error, "an unfinished recording cannot be read; it is left as it is"),
        }
    }
    Ok(())
}

/// Takes `.part` off; the name that remains, without its directory.
fn finish(part: &Path) -> io::Result<String> {
    let whole = part.with_extension("");
    fs::rename(part, &whole)?;
    Ok(whole.file_name().unwrap_or_default().to_string_lossy().into_owned())
}

fn fail(shard: &Mailbox<ShardTold>, recording: RecordingId, error: &media::Error) {
    tracing::error!(recording = recording.0, %error, "a recording cannot go on");
    let _ = shard.blocking_send(ShardTold::RecordingFailed { recording, reason: error.to_string() });
}

/// Appends of 20 ms that wait: 8,192 of them are 160 ms of 1,000 calls, 3 s of 50, and 32 MB at 48 kHz.
const APPENDS_MAX: usize = 8192;

/// A kill loses less than a second of audio.
const FLUSH_EVERY: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_sealed_under_a_name_of_ours() {
        let directory = tempfile::tempdir().unwrap();
        let recorder = Recorder::start(directory.path()).unwrap();
        let (shard, mut heard) = Mailbox::new(8);
        let mut tape = recorder.tape(shard);
        let recording = RecordingId(7);
        assert_eq!(tape.put(RecorderCommand::Start { recording, rate: 8000 }), 0);
        assert_eq!(tape.put(RecorderCommand::Append { recording, position: 0, samples: vec![5; 320] }), 0);
        assert_eq!(tape.put(RecorderCommand::Seal { recording }), 0);
        let Some(ShardTold::Recorded { recording: sealed, file, length_ms }) = heard.blocking_recv() else { panic!("not sealed") };
        recorder.stop();
        assert_eq!((sealed, length_ms), (recording, 20));
        assert_eq!(file, "7.wav");
        assert_eq!(hound::WavReader::open(directory.path().join(file)).unwrap().len(), 320);
    }

    #[test]
    fn what_a_full_queue_lost_is_silence_of_the_same_length() {
        let directory = tempfile::tempdir().unwrap();
        let recorder = Recorder::start(directory.path()).unwrap();
        let (shard, mut heard) = Mailbox::new(8);
        let mut tape = recorder.tape(shard);
        let recording = RecordingId(1);
        tape.put(RecorderCommand::Start { recording, rate: 8000 });
        recorder.waiting.store(APPENDS_MAX, Ordering::Relaxed);
        assert_eq!(tape.put(RecorderCommand::Append { recording, position: 0, samples: vec![5; 320] }), 320);
        recorder.waiting.store(0, Ordering::Relaxed);
        tape.put(RecorderCommand::Append { recording, position: 160, samples: vec![6; 320] });
        tape.put(RecorderCommand::Seal { recording });
        let Some(ShardTold::Recorded { file, length_ms, .. }) = heard.blocking_recv() else { panic!("not sealed") };
        recorder.stop();
        assert_eq!(length_ms, 40);
        let reader = hound::WavReader::open(directory.path().join(file)).unwrap();
        let samples: Vec<i16> = reader.into_samples().map(Result::unwrap).collect();
        assert_eq!((samples[0], samples[319], samples[320]), (0, 0, 6));
    }

    #[test]
    fn an_unfinished_file_is_made_whole_at_start() {
        let directory = tempfile::tempdir().unwrap();
        let part = directory.path().join("1-2.wav.part");
        let mut writer = StereoFile::new(BufWriter::new(File::create(&part).unwrap()), 8000).unwrap();
        writer.append(0, &[1, 2]).unwrap();
        writer.flush().unwrap();
        std::mem::forget(writer);
        Recorder::start(directory.path()).unwrap().stop();
        assert!(!part.exists());
        assert_eq!(hound::WavReader::open(directory.path().join("1-2.wav")).unwrap().len(), 2);
    }

    #[test]
    fn a_directory_that_is_gone_fails_the_recording_and_not_the_thread() {
        let directory = tempfile::tempdir().unwrap();
        let recorder = Recorder::start(&directory.path().join("gone")).unwrap();
        fs::remove_dir(directory.path().join("gone")).unwrap();
        let (shard, mut heard) = Mailbox::new(8);
        recorder.tape(shard).put(RecorderCommand::Start { recording: RecordingId(3), rate: 8000 });
        assert!(matches!(heard.blocking_recv(), Some(ShardTold::RecordingFailed { recording: RecordingId(3), .. })));
        recorder.stop();
    }
}

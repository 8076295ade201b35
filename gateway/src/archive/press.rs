//! The press: makes of a sealed WAV the form in which it is kept. One at a time, on a thread that yields to all others.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
};

use media::recorder::{Form, OggOpus, Peaks};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::{
    key::FileKey,
    seal::{Part, Sealer},
};

/// What is to be made of one file.
pub(super) struct Job {
    pub(super) wav: PathBuf,
    /// May be the WAV itself, which then stays as it is.
    pub(super) sound: PathBuf,
    pub(super) peaks: PathBuf,
    pub(super) form: Form,
    /// Without it, all is written in the clear.
    pub(super) key: Option<FileKey>,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pressed {
    /// Of what is heard.
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// Why it was not.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// Another try would find the same.
    #[error("{path}: {reason}; its recording cannot be heard any more")]
    Unreadable { path: PathBuf, reason: String },
    /// Another try may succeed.
    #[error("{path}: {source}; is the folder writable by us, and the disk not full?")]
    Unwritable { path: PathBuf, source: io::Error },
    /// The thread is gone.
    #[error("the archive's thread has ended")]
    Gone,
}

type Wav = hound::WavReader<BufReader<File>>;

/// A way to the thread.
#[derive(Debug, Clone)]
pub(super) struct Press {
    jobs: mpsc::SyncSender<(Job, oneshot::Sender<Result<Pressed, Fault>>)>,
}

impl Press {
    /// Starts the thread; it ends with the last `Press`.
    pub(super) fn start() -> io::Result<Self> {
        let (jobs, inbox) = mpsc::sync_channel::<(Job, oneshot::Sender<_>)>(1);
        thread::Builder::new().name("archive".into()).spawn(move || {
            // On Linux this is of the thread, not of the process. Where it is forbidden, encoding still takes one core at most.
            if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
                tracing::debug!(%error, "the archive's thread runs at the common priority");
            }
            while let Ok((job, done)) = inbox.recv() {
                // Whoever asked may be gone with its runtime; the row then says that nothing was done.
                let _ = done.send(press(&job));
            }
        })?;
        Ok(Self { jobs })
    }

    /// Waits for its turn, and for the work.
    pub(super) async fn take(&self, job: Job) -> Result<Pressed, Fault> {
        let (done, pressed) = oneshot::channel();
        // The one who asks is alone, so there is room.
        self.jobs.try_send((job, done)).map_err(|_| Fault::Gone)?;
        pressed.await.map_err(|_| Fault::Gone)?
    }
}

/// Writes both files under other names first, so that a name is only ever a whole file's.
fn press(job: &Job) -> Result<Pressed, Fault> {
    // First, for a WAV that cannot be read leaves nothing behind.
    let reader = opened(&job.wav)?;
    let mut peaks = Peaks::new(reader.spec().sample_rate);
    play(reader, &job.wav, |samples| {
        peaks.append(samples);
        Ok(())
    })?;
    let json = peaks.json();
    let pressed = if job.sound == job.wav {
        let mut digest = Counted::new(io::sink());
        copy(&job.wav, &mut digest, &job.sound)?;
        digest.finish()
    } else {
        write_whole(&job.sound, job.key.as_ref(), Part::Sound, |file| match job.form {
            Form::Wav => copy(&job.wav, file, &job.sound),
            Form::Opus => encode(&job.wav, file, &job.sound),
        })?
    };
    write_whole(&job.peaks, job.key.as_ref(), Part::Peaks, |file| file.write_all(json.as_bytes()).map_err(unwritable(&job.peaks)))?;
    Ok(pressed)
}

/// The bytes as they are.
fn copy(wav: &Path, into: &mut impl Write, at: &Path) -> Result<(), Fault> {
    let mut file = File::open(wav).map_err(unreadable(wav))?;
    io::copy(&mut file, into).map(drop).map_err(unwritable(at))
}

fn encode(wav: &Path, into: &mut dyn Write, at: &Path) -> Result<(), Fault> {
    let fault = |error: media::Error| match matches!(error, media::Error::SampleRate(_)) {
        true => Fault::Unreadable { path: wav.to_owned(), reason: error.to_string() },
        false => Fault::Unwritable { path: at.to_owned(), source: io::Error::other(error) },
    };
    let reader = opened(wav)?;
    let mut ogg = OggOpus::new(into, reader.spec().sample_rate, SERIAL).map_err(fault)?;
    play(reader, wav, |samples| ogg.append(samples).map_err(fault))?;
    ogg.seal().map(drop).map_err(fault)
}

/// A WAV of ours.
fn opened(wav: &Path) -> Result<Wav, Fault> {
    // Forbidden, or too many files at once: that may pass.
    let may_pass = |error: &io::Error| error.kind() != io::ErrorKind::NotFound;
    let file = File::open(wav).map_err(|error| if may_pass(&error) { unwritable(wav)(error) } else { unreadable(wav)(error) })?;
    let reader = hound::WavReader::new(BufReader::new(file)).map_err(unreadable(wav))?;
    let spec = reader.spec();
    if spec.channels != 2 || spec.bits_per_sample != 16 {
        let reason = format!("{} channels of {} bits are no recording of ours", spec.channels, spec.bits_per_sample);
        return Err(Fault::Unreadable { path: wav.to_owned(), reason });
    }
    Ok(reader)
}

/// Plays it to `ear`, some seconds at a time.
fn play(mut reader: Wav, wav: &Path, mut ear: impl FnMut(&[i16]) -> Result<(), Fault>) -> Result<(), Fault> {
    let mut samples = Vec::with_capacity(SAMPLES_MAX);
    for sample in reader.samples::<i16>() {
        samples.push(sample.map_err(unreadable(wav))?);
        if samples.len() == SAMPLES_MAX {
            ear(&samples)?;
            samples.clear();
        }
    }
    ear(&samples)
}

/// Writes a file, sealed where there is a key, to the disk and then to its name.
fn write_whole(
    path: &Path,
    key: Option<&FileKey>,
    part: Part,
    fill: impl FnOnce(&mut Counted<&mut dyn Write>) -> Result<(), Fault>,
) -> Result<Pressed, Fault> {
    let unwritable = unwritable(path);
    let new = beside(path);
    let mut file = BufWriter::new(File::create(&new).map_err(&unwritable)?);
    let pressed = match key {
        Some(key) => {
            let mut sealer = Sealer::new(&mut file, key, part).map_err(&unwritable)?;
            let mut counted = Counted::new(&mut sealer as &mut dyn Write);
            fill(&mut counted)?;
            let pressed = counted.finish();
            sealer.finish().map_err(&unwritable)?;
            pressed
        }
        None => {
            let mut counted = Counted::new(&mut file as &mut dyn Write);
            fill(&mut counted)?;
            counted.finish()
        }
    };
    file.flush().and_then(|()| file.get_ref().sync_all()).map_err(&unwritable)?;
    fs::rename(&new, path).map_err(&unwritable)?;
    // The name is on disk too before the row says so.
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(&unwritable)?;
    Ok(pressed)
}

/// What a file is called until it is whole.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(NEW);
    name.into()
}

/// Counts and digests what passes.
struct Counted<W> {
    into: W,
    bytes: u64,
    digest: Sha256,
}

impl<W: Write> Counted<W> {
    fn new(into: W) -> Self {
        Self { into, bytes: 0, digest: Sha256::new() }
    }

    fn finish(self) -> Pressed {
        let sha256 = self.digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Pressed { bytes: self.bytes, sha256 }
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.into.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.into.flush()
    }
}

fn unreadable<E: std::fmt::Display>(path: &Path) -> impl Fn(E) -> Fault {
    move |error| Fault::Unreadable { path: path.to_owned(), reason: error.to_string() }
}

fn unwritable(path: &Path) -> impl Fn(io::Error) -> Fault {
    move |source| Fault::Unwritable { path: path.to_owned(), source }
}

/// Behind the name of a file that is not whole.
pub(super) const NEW: &str = ".new";

/// Voice comes first.
const NICENESS: i32 = 15;

/// One stream a file: any number tells it from no other.
const SERIAL: u32 = 1;

/// Four seconds of 8 kHz.
const SAMPLES_MAX: usize = 65_536;

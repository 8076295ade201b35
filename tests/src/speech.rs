//! Speech to listen to: what espeak-ng says in three languages, and the recordings of Debian's Asterisk.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use media::{
    dtmf::{DigitEvent, ToneReceiver, ToneSender},
    frame::{Frame, SampleRate},
    resample::convert_whole,
    tone::amplitude,
};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Languages of the prompts, by espeak-ng's name.
pub const LANGUAGES: [&str; 3] = ["en", "ru", "uk"];

/// At least so much speech of a language at 8 kHz: words of its prompts and numbers in an order of `seed`, by many voices, at many speeds.
pub fn spoken(language: &str, seed: u64, length: Duration) -> Vec<i16> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let words = words(language);
    let mut samples = Vec::new();
    while samples.len() < (length.as_secs_f64() * 8_000.0) as usize {
        let text: Vec<String> = (0..100)
            .map(|_| match rng.next_u32() % 5 {
                0 => (rng.next_u32() % 100_000).to_string(),
                _ => words[rng.next_u32() as usize % words.len()].clone(),
            })
            .collect();
        let voice = format!("{language}{}", VOICES[rng.next_u32() as usize % VOICES.len()]);
        let (speed, pitch) = (110 + rng.next_u32() % 110, 10 + rng.next_u32() % 80);
        samples.extend(say(&voice, speed, pitch, &text.join(" ")));
    }
    samples
}

/// What people have said for Asterisk, at 8 kHz; empty where Debian's package is not installed.
pub fn recorded() -> Vec<i16> {
    let mut files = Vec::new();
    files_below(Path::new("/usr/share/asterisk/sounds"), &mut files);
    files.sort();
    let is_speech = |file: &&PathBuf| file.extension().is_some_and(|extension| extension == "gsm") && !is_beep(file);
    files.iter().filter(is_speech).flat_map(|file| gsm(file)).collect()
}

/// The keys that are heard in sound at 8 kHz.
pub fn keys_in(samples: &[i16]) -> String {
    let mut ear = ToneReceiver::new();
    let mut keys = String::new();
    for samples in samples.chunks_exact(SampleRate::Narrow.frame_len()) {
        ear.hear(Some(&Frame::from_samples(SampleRate::Narrow, samples)));
        let began = |event| if let DigitEvent::Began { digit } = event { Some(digit) } else { None };
        keys.extend(std::iter::from_fn(|| ear.poll()).filter_map(began));
    }
    keys
}

/// The same speech as loud as people talk into phones, with keys of 80 ms pressed into it, one in every 400 ms; and those keys.
pub fn dialled_over(speech: &[i16], seed: u64) -> (Vec<i16>, String) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let power = speech.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / speech.len().max(1) as f64;
    let quieter = amplitude(SPEECH_DBM0) / 2.0_f64.sqrt() / power.sqrt().max(1.0);
    let (mut keys, mut dialler) = (String::new(), ToneSender::new(SampleRate::Narrow));
    let mut mixed = Vec::with_capacity(speech.len());
    for (at, samples) in speech.chunks_exact(SampleRate::Narrow.frame_len()).enumerate() {
        if at % 20 == 0 {
            let key = char::from(b"0123456789*#ABCD"[rng.next_u32() as usize % 16]);
            keys.push(key);
            dialler.press(key, Duration::from_millis(80));
        }
        let tone = dialler.frame().unwrap_or(Frame::silence(SampleRate::Narrow));
        let mix = |(&voice, &tone): (&i16, &i16)| (f64::from(voice) * quieter + f64::from(tone)).clamp(-32_768.0, 32_767.0) as i16;
        mixed.extend(samples.iter().zip(tone.samples()).map(mix));
    }
    (mixed, keys)
}

fn say(voice: &str, speed: u32, pitch: u32, text: &str) -> Vec<i16> {
    let arguments = ["-v", voice, "-s", &speed.to_string(), "-p", &pitch.to_string(), "--stdout", "--", text];
    let said = Command::new("espeak-ng").args(arguments).stderr(Stdio::null()).output().expect("espeak-ng is installed by deploy/setup.sh");
    let mut reader = hound::WavReader::new(said.stdout.as_slice()).expect("espeak-ng writes WAV");
    let rate = reader.spec().sample_rate;
    // A header written to a pipe claims more than comes.
    let samples: Vec<i16> = reader.samples::<i16>().map_while(Result::ok).collect();
    convert_whole(&samples, rate, 8_000)
}

fn words(language: &str) -> Vec<String> {
    let file = format!("{}/../ivr-scripts/prompts/{language}.ftl", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(&file).expect("the prompts' texts");
    let said = text.lines().filter_map(|line| line.split_once('=')).map(|(_, said)| said);
    said.flat_map(|said| said.split(|c: char| !c.is_alphabetic())).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn gsm(file: &Path) -> Vec<i16> {
    let raw = ["-t", "raw", "-r", "8000", "-c", "1", "-b", "16", "-e", "signed", "-L", "-"];
    let said = Command::new("sox").arg(file).args(raw).output().expect("sox is installed by deploy/setup.sh");
    said.stdout.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files_below(&path, files) } else { files.push(path) }
    }
}

/// Asterisk's own tones are no speech.
fn is_beep(file: &Path) -> bool {
    file.file_stem().is_some_and(|name| name.to_string_lossy().contains("beep") || name.to_string_lossy().contains("tone"))
}

const VOICES: [&str; 10] = ["", "+f1", "+f2", "+f3", "+f5", "+m1", "+m3", "+m5", "+m7", "+croak"];

/// What people's speech comes to on a line.
const SPEECH_DBM0: f64 = -22.0;

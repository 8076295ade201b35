//! Loads prompts and music, at the two rates that ports play.

use std::{
    collections::BTreeMap,
    f64::consts::PI,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use media::clip::{Clip, ClipBook};

/// A clip that could not be loaded.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub(crate) struct Unplayable {
    pub(crate) path: PathBuf,
    pub(crate) reason: String,
}

/// Loads `directory/<lang>/<prompt id>.wav` and `directory/music/<name>.wav`, each under the name that `Play` uses. Files that cannot be
/// played are told and left out; a directory that is missing has no clips.
pub(crate) fn load(directory: &Path) -> (ClipBook, Vec<Unplayable>) {
    let files = match list(directory) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (ClipBook::default(), Vec::new()),
        Err(error) => return (ClipBook::default(), vec![Unplayable { path: directory.to_owned(), reason: error.to_string() }]),
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let share = files.len().div_ceil(workers).max(1);
    let loaded: Vec<Result<(String, Clip), Unplayable>> = thread::scope(|scope| {
        let workers: Vec<_> =
            files.chunks(share).map(|files| scope.spawn(move || files.iter().map(read_named).collect::<Vec<_>>())).collect();
        // A worker that panicked loses its share, and the checks name the prompts that are missing.
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    let mut clips = BTreeMap::new();
    let mut faults = Vec::new();
    for one in loaded {
        match one {
            Ok((name, clip)) => {
                clips.insert(name, Arc::new(clip));
            }
            Err(fault) => faults.push(fault),
        }
    }
    (ClipBook { clips }, faults)
}

/// How long a clip plays, in seconds.
pub(crate) fn seconds(clip: &Clip) -> f64 {
    clip.narrow.len() as f64 / f64::from(NARROW)
}

/// WAV files one directory down, with their names.
fn list(directory: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for group in fs::read_dir(directory)? {
        let group = group?.path();
        if !group.is_dir() {
            continue;
        }
        for file in fs::read_dir(&group)? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "wav")
                && let (Some(group), Some(stem)) = (group.file_name(), path.file_stem())
            {
                files.push((format!("{}/{}", group.to_string_lossy(), stem.to_string_lossy()), path));
            }
        }
    }
    files.sort();
    Ok(files)
}

fn read_named((name, path): &(String, PathBuf)) -> Result<(String, Clip), Unplayable> {
    read(path).map(|clip| (name.clone(), clip)).map_err(|reason| Unplayable { path: path.clone(), reason })
}

fn read(path: &Path) -> Result<Clip, String> {
    let mut reader = hound::WavReader::open(path).map_err(|error| error.to_string())?;
    let spec = reader.spec();
    if spec.bits_per_sample != 16 || spec.sample_format != hound::SampleFormat::Int {
        return Err(format!("{} bits; a clip has 16-bit samples", spec.bits_per_sample));
    }
    if !(NARROW..=FULL).contains(&spec.sample_rate) {
        return Err(format!("{} Hz; a clip has 8000 to 48000", spec.sample_rate));
    }
    let samples: Vec<i16> = reader.samples().collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    let channels = usize::from(spec.channels.max(1));
    let mono: Vec<i16> = samples.chunks_exact(channels).map(mix).collect();
    Ok(Clip { narrow: resample(&mono, spec.sample_rate, NARROW).into(), full: resample(&mono, spec.sample_rate, FULL).into() })
}

fn mix(frame: &[i16]) -> i16 {
    let sum: i32 = frame.iter().map(|sample| i32::from(*sample)).sum();
    i16::try_from(sum / frame.len().max(1) as i32).unwrap_or_default()
}

/// Band-limited resampling by a polyphase windowed sinc; done once per clip, so it favours quality.
fn resample(samples: &[i16], from: u32, to: u32) -> Vec<i16> {
    if from == to {
        return samples.to_vec();
    }
    let divisor = gcd(from, to);
    let (up, down) = ((to / divisor) as usize, (from / divisor) as usize);
    // Below the lower of the two Nyquist rates, in cycles per input sample, with room for the filter's slope.
    let cutoff = 0.46 * (f64::from(to) / f64::from(from)).min(1.0);
    let phases: Vec<Vec<f64>> = (0..up).map(|phase| taps(phase as f64 / up as f64, cutoff)).collect();
    let length = samples.len() * up / down;
    (0..length)
        .map(|place| {
            let (whole, phase) = (place * down / up, place * down % up);
            let sum: f64 = phases[phase]
                .iter()
                .enumerate()
                .filter_map(|(tap, weight)| Some(weight * f64::from(*samples.get((whole + tap).checked_sub(REACH - 1)?)?)))
                .sum();
            sum.round().clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16
        })
        .collect()
}

/// Weights of the `2 * REACH` input samples around a point that lies `fraction` behind the middle one; they add up to 1.
fn taps(fraction: f64, cutoff: f64) -> Vec<f64> {
    let weights: Vec<f64> = (0..2 * REACH)
        .map(|tap| {
            let distance = tap as f64 - (REACH as f64 - 1.0) - fraction;
            let sinc = if distance == 0.0 { 2.0 * cutoff } else { (2.0 * PI * cutoff * distance).sin() / (PI * distance) };
            let window = 0.5 + 0.5 * (PI * distance / REACH as f64).cos();
            sinc * window
        })
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

fn gcd(left: u32, right: u32) -> u32 {
    if right == 0 { left } else { gcd(right, left % right) }
}

const NARROW: u32 = 8000;
const FULL: u32 = 48_000;

/// Input samples on each side of a point. From 48 kHz to 8 kHz a sixth of them is all that the narrow band has.
const REACH: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_keeps_its_pitch_and_loudness_at_both_rates() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("en")).unwrap();
        let spec = hound::WavSpec { channels: 1, sample_rate: 16_000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
        let mut writer = hound::WavWriter::create(directory.path().join("en/tone.wav"), spec).unwrap();
        tone(16_000, 16_000).into_iter().for_each(|sample| writer.write_sample(sample).unwrap());
        writer.finalize().unwrap();

        let (book, faults) = load(directory.path());
        assert!(faults.is_empty(), "{faults:?}");
        let clip = &book.clips["en/tone"];
        assert!((seconds(clip) - 1.0).abs() < 1e-9);
        assert!(worst(&clip.narrow, &tone(8000, 8000)) < 60);
        assert!(worst(&clip.full, &tone(48_000, 48_000)) < 60);
    }

    #[test]
    fn what_cannot_be_played_is_told_and_left_out() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("en")).unwrap();
        fs::write(directory.path().join("en/noise.wav"), b"no wav").unwrap();
        let (book, faults) = load(directory.path());
        assert!(book.clips.is_empty());
        assert!(faults[0].path.ends_with("en/noise.wav"));
        assert!(load(&directory.path().join("none")).1.is_empty());
    }

    /// 440 Hz at a third of full scale.
    fn tone(rate: u32, length: usize) -> Vec<i16> {
        (0..length).map(|at| (10_000.0 * (2.0 * PI * 440.0 * at as f64 / f64::from(rate)).sin()) as i16).collect()
    }

    /// The worst difference away from the ends, where the filter has all its samples.
    fn worst(heard: &[i16], meant: &[i16]) -> i32 {
        let inner = 200..meant.len() - 400;
        inner.map(|at| (i32::from(heard[at]) - i32::from(meant[at])).abs()).max().unwrap()
    }
}

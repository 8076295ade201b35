//! Loads prompts and music, at the two rates that ports play.

use std::{
    collections::BTreeMap,
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

/// Names and lengths in seconds of the clips that `load` would load, by their headers alone.
///
/// # Errors
/// The files that are no WAV.
pub(crate) fn lengths(directory: &Path) -> Result<BTreeMap<String, f64>, Vec<Unplayable>> {
    let files = match list(directory) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(vec![Unplayable { path: directory.to_owned(), reason: error.to_string() }]),
    };
    let (mut clips, mut faults) = (BTreeMap::new(), Vec::new());
    for (name, path) in files {
        match hound::WavReader::open(&path) {
            Ok(reader) => {
                clips.insert(name, f64::from(reader.duration()) / f64::from(reader.spec().sample_rate.max(1)));
            }
            Err(error) => faults.push(Unplayable { path, reason: error.to_string() }),
        }
    }
    if faults.is_empty() { Ok(clips) } else { Err(faults) }
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
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    Clip::read_wav(io::BufReader::new(file)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

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
        assert!((lengths(directory.path()).unwrap()["en/tone"] - 1.0).abs() < 1e-9);
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
        assert!(lengths(directory.path()).unwrap_err()[0].path.ends_with("en/noise.wav"));
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

//! The recorder: a stereo WAV file that a crash cannot spoil.
//!
//! The header is rewritten with every second of sound, and `repair` mends one that was not. Frames that were lost on the way to the recorder
//! become silence and are counted, so that what follows stays in its place.

mod form;
mod ogg_opus;
mod peaks;

use std::io::{self, Read, Seek, SeekFrom, Write};

pub use form::Form;
pub use ogg_opus::OggOpus;
pub use peaks::Peaks;

use crate::Error;

/// Writes one file; 16-bit samples, caller left, agent right.
pub struct Recorder<W: Write + Seek> {
    writer: hound::WavWriter<W>,
    rate_hz: u32,
    /// Stereo samples in the file.
    length: u64,
    /// Of those, silence in place of what was lost.
    dropped: u64,
    unflushed: u32,
}

impl<W: Write + Seek> Recorder<W> {
    /// Writes the header.
    pub fn new(file: W, rate_hz: u32) -> Result<Self, Error> {
        let spec =
            hound::WavSpec { channels: CHANNELS, sample_rate: rate_hz, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
        let mut writer = hound::WavWriter::new(file, spec)?;
        writer.flush()?;
        Ok(Self { writer, rate_hz, length: 0, dropped: 0, unflushed: 0 })
    }

    /// Writes interleaved samples that belong at `position`, counted in stereo samples from the start; what should lie before them and does
    /// not was lost, and is written as silence. Samples that are there already are left as they are.
    pub fn append(&mut self, position: u64, samples: &[i16]) -> Result<(), Error> {
        let lost = position.saturating_sub(self.length).min(u64::from(self.rate_hz) * GAP_MAX_S);
        for _ in 0..lost * u64::from(CHANNELS) {
            self.writer.write_sample(0_i16)?;
        }
        self.dropped += lost;
        let known = self.length.saturating_sub(position) * u64::from(CHANNELS);
        let fresh = samples.get(known as usize..).unwrap_or_default();
        for &sample in fresh {
            self.writer.write_sample(sample)?;
        }
        let added = lost + fresh.len() as u64 / u64::from(CHANNELS);
        self.length += added;
        self.unflushed = self.unflushed.saturating_add(added as u32);
        if self.unflushed >= self.rate_hz {
            self.flush()?;
        }
        Ok(())
    }

    /// Rewrites the header and hands everything to the file.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.unflushed = 0;
        Ok(self.writer.flush()?)
    }

    /// Ends the file; its length in milliseconds.
    pub fn seal(self) -> Result<u64, Error> {
        let length_ms = self.length_ms();
        self.writer.finalize()?;
        Ok(length_ms)
    }

    /// Of the file so far.
    pub fn length_ms(&self) -> u64 {
        self.length * 1_000 / u64::from(self.rate_hz)
    }

    /// Stereo samples that were lost on the way here; the file holds silence in their place.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// Mends the sizes in the header of a file that was not sealed, by the file's own length; the length in milliseconds.
pub fn repair(file: &mut (impl Read + Write + Seek)) -> Result<u64, Error> {
    let end = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(0))?;
    let [riff, _, wave] = words(file)?;
    if riff != *b"RIFF" || wave != *b"WAVE" {
        return Err(Error::Wav(hound::Error::FormatError("no RIFF header")));
    }
    let mut bytes_per_second = 0;
    loop {
        let [name, size] = words(file)?;
        let size = u64::from(u32::from_le_bytes(size));
        let body = file.stream_position()?;
        match &name {
            b"fmt " => {
                let [_, _, rate] = words(file)?;
                bytes_per_second = u64::from(u32::from_le_bytes(rate));
            }
            b"data" => {
                let whole = end.saturating_sub(body) / BLOCK_LEN * BLOCK_LEN;
                write_size(file, body - 4, whole)?;
                write_size(file, 4, body + whole - 8)?;
                file.flush()?;
                return Ok(whole * 1_000 / bytes_per_second.max(1));
            }
            _ => {}
        }
        file.seek(SeekFrom::Start(body + size + size % 2))?;
    }
}

fn words<const COUNT: usize>(file: &mut impl Read) -> io::Result<[[u8; 4]; COUNT]> {
    let mut words = [[0; 4]; COUNT];
    for word in &mut words {
        file.read_exact(word)?;
    }
    Ok(words)
}

fn write_size(file: &mut (impl Write + Seek), at: u64, size: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.write_all(&u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes())
}

const CHANNELS: u16 = 2;

/// Of one stereo sample.
const BLOCK_LEN: u64 = 4;

/// A recorder that is further behind than this has not lost frames but its mind.
const GAP_MAX_S: u64 = 3_600;

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn samples(bytes: &[u8]) -> Vec<i16> {
        hound::WavReader::new(bytes).unwrap().into_samples().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn lost_frames_become_silence_and_are_counted() {
        let mut bytes = Cursor::new(Vec::new());
        let mut recorder = Recorder::new(&mut bytes, 8_000).unwrap();
        recorder.append(0, &[1, 2].repeat(160)).unwrap();
        recorder.append(320, &[3, 4].repeat(160)).unwrap();
        recorder.append(400, &[5, 6].repeat(160)).unwrap();
        assert_eq!(recorder.dropped(), 160);
        assert_eq!(recorder.seal().unwrap(), 70);
        let want = [[1, 2].repeat(160), [0, 0].repeat(160), [3, 4].repeat(160), [5, 6].repeat(80)].concat();
        assert_eq!(samples(&bytes.into_inner()), want);
    }

    #[test]
    fn a_file_is_readable_up_to_its_last_second_without_being_sealed() {
        let mut bytes = Cursor::new(Vec::new());
        let mut recorder = Recorder::new(&mut bytes, 8_000).unwrap();
        for frame in 0..125 {
            recorder.append(frame * 160, &[7; 320]).unwrap();
        }
        std::mem::forget(recorder);
        assert_eq!(samples(bytes.get_ref()).len(), 2 * 8_000 * 2);
        assert_eq!(repair(&mut bytes).unwrap(), 2_500);
        assert_eq!(samples(bytes.get_ref()).len(), 2 * 20_000);
        bytes.get_mut().extend([1, 2, 3]);
        assert_eq!(repair(&mut bytes).unwrap(), 2_500);
    }

    #[test]
    fn what_is_no_recording_is_not_touched() {
        for junk in [&b"RIFF"[..], b"not a RIFF file", &[0; 100], b"RIFF\0\0\0\0WAVEfmt \xff\xff\xff\xff0123456789ab"] {
            let mut bytes = Cursor::new(junk.to_vec());
            assert!(repair(&mut bytes).is_err());
            assert_eq!(bytes.into_inner(), junk);
        }
    }
}

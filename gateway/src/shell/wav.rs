//! A stereo WAV file that survives a crash: its header is true after every flush, and repaired from the file's length after a kill.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
};

/// One file under way.
pub(crate) struct StereoWriter {
    writer: hound::WavWriter<BufWriter<File>>,
    rate: u32,
}

impl StereoWriter {
    /// 16-bit stereo at `rate` Hz.
    pub(crate) fn new(file: File, rate: u32) -> io::Result<Self> {
        let spec = hound::WavSpec { channels: CHANNELS, sample_rate: rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
        Ok(Self { writer: hound::WavWriter::new(BufWriter::new(file), spec).map_err(as_io)?, rate })
    }

    /// Interleaved samples, left first.
    pub(crate) fn append(&mut self, samples: &[i16]) -> io::Result<()> {
        samples.iter().try_for_each(|sample| self.writer.write_sample(*sample)).map_err(as_io)
    }

    /// Silence of this many samples, both channels counted.
    pub(crate) fn append_silence(&mut self, samples: usize) -> io::Result<()> {
        (0..samples).try_for_each(|_| self.writer.write_sample(0_i16)).map_err(as_io)
    }

    /// Gives the system all there is, with a header that says so.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.writer.flush().map_err(as_io)
    }

    /// Closes the file; its length in ms.
    pub(crate) fn seal(self) -> io::Result<u64> {
        let length_ms = self.length_ms();
        self.writer.finalize().map_err(as_io)?;
        Ok(length_ms)
    }

    /// Length in ms of what was appended.
    fn length_ms(&self) -> u64 {
        u64::from(self.writer.duration()) * 1000 / u64::from(self.rate.max(1))
    }
}

/// Makes the header of an unfinished file of ours true to its length, and cuts a half-written frame; the bytes of audio it has.
pub(crate) fn repair(file: &mut File) -> io::Result<u64> {
    let mut header = [0; HEADER as usize];
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut header)?;
    if &header[0..4] != b"RIFF" || &header[8..16] != b"WAVEfmt " || &header[36..40] != b"data" {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a WAV file of ours"));
    }
    let audio = (file.metadata()?.len() - HEADER) & !(FRAME - 1);
    let size = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
    file.set_len(HEADER + audio)?;
    file.seek(SeekFrom::Start(4))?;
    file.write_all(&size(HEADER - 8 + audio))?;
    file.seek(SeekFrom::Start(40))?;
    file.write_all(&size(audio))?;
    Ok(audio)
}

fn as_io(error: hound::Error) -> io::Error {
    match error {
        hound::Error::IoError(error) => error,
        other @ (hound::Error::FormatError(_)
        | hound::Error::TooWide
        | hound::Error::UnfinishedSample
        | hound::Error::Unsupported
        | hound::Error::InvalidSampleFormat) => io::Error::other(other.to_string()),
    }
}

const CHANNELS: u16 = 2;

/// RIFF, a 16-byte `fmt ` chunk and the head of `data`.
const HEADER: u64 = 44;

/// Bytes of one sample of both channels.
const FRAME: u64 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_recording_is_whole_up_to_its_last_frame() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("killed.wav");
        let mut writer = StereoWriter::new(File::create(&path).unwrap(), 8000).unwrap();
        writer.append(&[1, -1, 2, -2]).unwrap();
        writer.flush().unwrap();
        writer.append(&[3, -3]).unwrap();
        writer.writer.flush().unwrap();
        std::mem::forget(writer);

        // The kill came when the header was older than the audio, in the middle of a frame.
        let mut file = File::options().read(true).write(true).open(&path).unwrap();
        file.seek(SeekFrom::Start(40)).unwrap();
        file.write_all(&[0; 4]).unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        file.write_all(&[7]).unwrap();

        assert_eq!(repair(&mut file).unwrap(), 12);
        let samples: Vec<i16> = hound::WavReader::open(&path).unwrap().into_samples().map(Result::unwrap).collect();
        assert_eq!(samples, [1, -1, 2, -2, 3, -3]);
    }

    #[test]
    fn a_file_of_somebody_else_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("letter.wav");
        std::fs::write(&path, [b'x'; 100]).unwrap();
        let mut file = File::options().read(true).write(true).open(&path).unwrap();
        assert_eq!(repair(&mut file).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(std::fs::read(&path).unwrap(), [b'x'; 100]);
    }
}

//! A recording as Ogg with Opus (RFC 7845): stereo, channel mapping family 0.
//!
//! The length is true to the sample: what the encoder is late by stands in the header (pre-skip), and the granule position of the last page
//! cuts off what its last packet holds too much. The encoder works at the recording's own rate; Ogg counts at 48 kHz whatever that is.

use std::io::{self, Write};

use ogg::{PacketWriteEndInfo, PacketWriter};
use opus::{Application, Bitrate, Channels, Encoder};

use crate::Error;

/// Writes one file.
pub struct OggOpus<W: Write> {
    pages: PacketWriter<'static, W>,
    encoder: Encoder,
    rate_hz: u32,
    serial: u32,
    /// Of 48 kHz.
    pre_skip: u64,
    /// Interleaved samples that do not fill a packet yet.
    waiting: Vec<i16>,
    /// Stereo samples that were taken in.
    length: u64,
    packets: u64,
    /// The last packet, which may turn out to be the end.
    held: Option<Vec<u8>>,
}

impl<W: Write> OggOpus<W> {
    /// Writes the two header packets, each on pages of its own. `serial` tells streams of one file apart; ours is alone.
    pub fn new(file: W, rate_hz: u32, serial: u32) -> Result<Self, Error> {
        let bits = match rate_hz {
            8_000 | 12_000 => NARROW_BITS,
            16_000 => WIDE_BITS,
            24_000 | CLOCK_HZ => FULL_BITS,
            other => return Err(Error::SampleRate(other)),
        };
        let mut encoder = Encoder::new(rate_hz, Channels::Stereo, Application::Audio)?;
        encoder.set_bitrate(Bitrate::Bits(bits))?;
        encoder.set_complexity(COMPLEXITY)?;
        let late = u64::from(encoder.get_lookahead()?.unsigned_abs());
        let pre_skip = late * u64::from(CLOCK_HZ / rate_hz);
        let mut pages = PacketWriter::new(file);
        pages.write_packet(identification(pre_skip, rate_hz), serial, PacketWriteEndInfo::EndPage, 0)?;
        pages.write_packet(comments(), serial, PacketWriteEndInfo::EndPage, 0)?;
        Ok(Self { pages, encoder, rate_hz, serial, pre_skip, waiting: Vec::new(), length: 0, packets: 0, held: None })
    }

    /// Takes interleaved samples, left first.
    pub fn append(&mut self, samples: &[i16]) -> Result<(), Error> {
        self.length += samples.len() as u64 / 2;
        self.waiting.extend_from_slice(samples);
        let whole = self.waiting.len() / self.packet_len() * self.packet_len();
        let rest = self.waiting.split_off(whole);
        let full = std::mem::replace(&mut self.waiting, rest);
        full.chunks_exact(self.packet_len()).try_for_each(|packet| self.encode(packet))
    }

    /// Ends the stream; what was written to.
    pub fn seal(mut self) -> Result<W, Error> {
        let end = self.pre_skip + self.length * u64::from(CLOCK_HZ / self.rate_hz);
        // Silence pushes the last samples out of the encoder; the end cuts it off again (RFC 7845 4.4).
        while self.packets * PACKET_CLOCKS < end || self.held.is_none() {
            let mut packet = std::mem::take(&mut self.waiting);
            packet.resize(self.packet_len(), 0);
            self.encode(&packet)?;
        }
        if let Some(last) = self.held.take() {
            self.pages.write_packet(last, self.serial, PacketWriteEndInfo::EndStream, end)?;
        }
        Ok(self.pages.into_inner())
    }

    /// 20 ms.
    fn encode(&mut self, samples: &[i16]) -> Result<(), Error> {
        let packet = self.encoder.encode_vec(samples, PACKET_MAX)?;
        if let Some(before) = self.held.replace(packet) {
            // A page a second: a player seeks by pages.
            let ends =
                if self.packets.is_multiple_of(PACKETS_OF_PAGE) { PacketWriteEndInfo::EndPage } else { PacketWriteEndInfo::NormalPacket };
            self.pages.write_packet(before, self.serial, ends, self.packets * PACKET_CLOCKS)?;
        }
        self.packets += 1;
        Ok(())
    }

    /// Interleaved samples of a packet.
    fn packet_len(&self) -> usize {
        self.rate_hz as usize / 50 * 2
    }
}

impl From<opus::Error> for Error {
    fn from(error: opus::Error) -> Self {
        Self::File(io::Error::other(error))
    }
}

/// RFC 7845 5.1.
fn identification(pre_skip: u64, rate_hz: u32) -> Vec<u8> {
    let mut packet = b"OpusHead".to_vec();
    packet.extend([1, CHANNELS]);
    packet.extend((pre_skip as u16).to_le_bytes());
    packet.extend(rate_hz.to_le_bytes());
    // Gain, then the mapping family.
    packet.extend([0, 0, 0]);
    packet
}

/// RFC 7845 5.2: who encoded it, and nothing about the call.
fn comments() -> Vec<u8> {
    let vendor = opus::version();
    let mut packet = b"OpusTags".to_vec();
    packet.extend((vendor.len() as u32).to_le_bytes());
    packet.extend(vendor.as_bytes());
    packet.extend(0_u32.to_le_bytes());
    packet
}

const CHANNELS: u8 = 2;

/// What granule positions count (RFC 7845 4).
const CLOCK_HZ: u32 = 48_000;

const PACKET_CLOCKS: u64 = 960;

const PACKETS_OF_PAGE: u64 = 50;

/// Two frames of the longest (RFC 6716 3.2.1).
const PACKET_MAX: usize = 2_552;

/// As for live voice: it is encoded beside calls.
const COMPLEXITY: i32 = 5;

/// Of both channels, which may speak at once. Opus codes what they share once and what they do not apart; with fewer bits one side is heard
/// faintly in the other.
const NARROW_BITS: i32 = 40_000;
const WIDE_BITS: i32 = 56_000;
const FULL_BITS: i32 = 80_000;

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use ogg::PacketReader;
    use opus::Decoder;

    use super::*;
    use crate::tone::level;

    /// `ms` of a tone of 440 Hz on the left and one of 880 Hz on the right.
    fn tones(rate_hz: u32, ms: u32) -> Vec<i16> {
        let wave = |at: u32, hz: f64| ((f64::from(at) * hz / f64::from(rate_hz) * std::f64::consts::TAU).sin() * 8_000.0) as i16;
        (0..rate_hz / 1_000 * ms).flat_map(|at| [wave(at, 440.0), wave(at, 880.0)]).collect()
    }

    fn written(rate_hz: u32, samples: &[i16]) -> Vec<u8> {
        let mut file = OggOpus::new(Vec::new(), rate_hz, 7).unwrap();
        for piece in samples.chunks(1_000) {
            file.append(piece).unwrap();
        }
        file.seal().unwrap()
    }

    /// Left and right at 48 kHz, as a player would hear them.
    fn heard(file: Vec<u8>) -> [Vec<i16>; 2] {
        let mut packets = PacketReader::new(Cursor::new(file));
        let head = packets.read_packet_expected().unwrap();
        assert_eq!((&head.data[..10], head.last_in_page()), (&b"OpusHead\x01\x02"[..], true));
        let skip = usize::from(u16::from_le_bytes([head.data[10], head.data[11]]));
        assert!(packets.read_packet_expected().unwrap().data.starts_with(b"OpusTags"));
        let mut decoder = Decoder::new(48_000, Channels::Stereo).unwrap();
        let (mut samples, mut end) = (Vec::new(), 0);
        while let Some(packet) = packets.read_packet().unwrap() {
            let mut piece = [0; 5_760 * 2];
            let length = decoder.decode(&packet.data, &mut piece, false).unwrap();
            samples.extend_from_slice(&piece[..length * 2]);
            if packet.last_in_page() {
                assert!(packet.absgp_page() > end);
                end = packet.absgp_page();
            }
        }
        let whole = &samples[skip * 2..end as usize * 2];
        [0, 1].map(|side| whole.iter().skip(side).step_by(2).copied().collect())
    }

    #[test]
    fn both_tones_are_in_their_channels_and_the_length_is_true_to_the_sample() {
        for rate in [8_000, 16_000, 48_000] {
            for ms in [1, 20, 33, 3_000] {
                let [left, right] = heard(written(rate, &tones(rate, ms)));
                assert_eq!((left.len(), right.len()), (48 * ms as usize, 48 * ms as usize), "{rate} Hz, {ms} ms");
                if ms < 1_000 {
                    continue;
                }
                let (left, right) = (&left[9_600..], &right[9_600..]);
                for (side, own, foreign) in [(left, 440.0, 880.0), (right, 880.0, 440.0)] {
                    let (own, foreign) = (level(side, 48_000, own), level(side, 48_000, foreign));
                    assert!((7_000.0..9_000.0).contains(&own), "{rate} Hz: {own}");
                    assert!(foreign < own / 30.0, "{rate} Hz: {foreign} of the other side");
                }
            }
        }
    }

    #[test]
    fn nothing_recorded_is_a_file_without_sound() {
        let [left, right] = heard(written(8_000, &[]));
        assert!(left.is_empty() && right.is_empty());
    }

    #[test]
    fn a_rate_that_opus_does_not_know_is_refused() {
        assert!(matches!(OggOpus::new(Vec::new(), 44_100, 1), Err(Error::SampleRate(44_100))));
    }
}

//! What a caller says and presses, as a capture file that SIPp plays: G.711 voice and RFC 4733 digits in one RTP stream.

use std::{fs, io, path::Path};

use crate::wav_ears;

/// A caller's stream in steps of 20 ms.
#[derive(Debug, Default)]
pub struct Capture {
    packets: Vec<(u32, Vec<u8>)>,
    sequence: u16,
    /// Frames of 20 ms from the begin on.
    frames: u32,
}

impl Capture {
    /// Hums a tone.
    pub fn hum(mut self, hz: f64, ms: u32) -> Self {
        let samples: Vec<i16> = wav_ears::tone(hz, 8000, ms * 8).collect();
        for frame in samples.chunks_exact(FRAME) {
            let payload: Vec<u8> = frame.iter().map(|&sample| ulaw(sample)).collect();
            self.put(PCMU, false, self.frames * STEP, &payload);
            self.frames += 1;
        }
        self
    }

    /// Presses a key for 100 ms: a packet each 20 ms, the last one three times (RFC 4733 2.5.1.4).
    pub fn press(mut self, key: u8) -> Self {
        let from = self.frames * STEP;
        for frame in 1..=KEY_FRAMES {
            let duration = u16::try_from(frame * STEP).expect("a key of 100 ms has 800 samples");
            let is_last = frame == KEY_FRAMES;
            let [high, low] = duration.to_be_bytes();
            let event = [key, if is_last { 0x80 | VOLUME } else { VOLUME }, high, low];
            for _ in 0..if is_last { 3 } else { 1 } {
                self.put(TELEPHONE_EVENT, frame == 1, from, &event);
            }
            self.frames += 1;
        }
        self
    }

    /// Writes it in pcap's classic format: Ethernet, IPv4, UDP; SIPp takes the times and the payloads, and its own addresses.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = Vec::new();
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, ETHERNET] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        for (ms, rtp) in &self.packets {
            let udp = u16::try_from(8 + rtp.len()).expect("20 ms of voice fit");
            let length = u32::from(14 + 20 + udp);
            for word in [ms / 1000, ms % 1000 * 1000, length, length] {
                file.extend_from_slice(&word.to_le_bytes());
            }
            file.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x00]);
            let [high, low] = (20 + udp).to_be_bytes();
            file.extend_from_slice(&[0x45, 0, high, low, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
            let [high, low] = udp.to_be_bytes();
            file.extend_from_slice(&[0x17, 0x70, 0x17, 0x70, high, low, 0, 0]);
            file.extend_from_slice(rtp);
        }
        fs::write(path, file)
    }

    fn put(&mut self, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8]) {
        let rtp = rtp(payload_type, marker, self.sequence, timestamp, 0x5155_4953, payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.packets.push((self.frames * 20, rtp));
    }
}

/// One RTP packet (RFC 3550 5.1), no padding, no extension, no CSRC.
pub fn rtp(payload_type: u8, marker: bool, sequence: u16, timestamp: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type | if marker { 0x80 } else { 0 }];
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&timestamp.to_be_bytes());
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(payload);
    packet
}

/// G.711 mu-law of a sample: sign, the segment of its magnitude, four bits within it, all inverted.
pub fn ulaw(sample: i16) -> u8 {
    let magnitude = (i32::from(sample).abs() + 132).min(32_767);
    let segment = 24 - magnitude.leading_zeros();
    let mantissa = (magnitude >> (segment + 3)) & 0x0f;
    let byte = u8::try_from((i32::try_from(segment).unwrap_or(0) << 4) | mantissa).unwrap_or(0x7f);
    !(if sample < 0 { byte | 0x80 } else { byte })
}

/// Static payload type (RFC 3551 6).
pub const PCMU: u8 = 0;
/// As the scenarios' SDP says.
const TELEPHONE_EVENT: u8 = 101;
/// Samples in 20 ms.
const FRAME: usize = 160;
const STEP: u32 = 160;
const KEY_FRAMES: u32 = 5;
/// -10 dBm0.
const VOLUME: u8 = 10;
/// pcap's link type.
const ETHERNET: u32 = 1;

#[cfg(test)]
mod tests {
    use media::codec::CodecKind;

    use super::*;

    #[test]
    fn mu_law_comes_back_within_its_step() {
        for sample in [-30_000, -1000, -100, -1, 0, 1, 50, 100, 1000, 8000, 30_000_i16] {
            let mut decoded = Vec::new();
            // The decoder holds back a little, so that it can blend what it makes up into what it hears.
            CodecKind::Pcmu.open().decode(&[ulaw(sample); FRAME], &mut decoded).expect("a byte is a sample");
            let back = decoded[FRAME - 1];
            let step = (i32::from(sample).abs() / 16).max(8);
            assert!((i32::from(back) - i32::from(sample)).abs() <= step, "{sample} came back as {back}");
        }
    }

    #[test]
    fn a_key_ends_three_times_over_and_time_goes_on() {
        let capture = Capture::default().hum(440.0, 40).press(1).hum(440.0, 20);
        let times: Vec<u32> = capture.packets.iter().map(|(ms, _)| *ms).collect();
        assert_eq!(times, [0, 20, 40, 60, 80, 100, 120, 120, 120, 140]);
        let ends = capture.packets.iter().filter(|(_, rtp)| rtp[1] & 0x7f == TELEPHONE_EVENT && rtp[13] & 0x80 != 0).count();
        assert_eq!(ends, 3);
    }
}

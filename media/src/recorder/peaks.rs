//! The outline of a recording, for a player to draw before it has the sound.
//!
//! Fifty times a second the lowest and the highest sample of either channel, 8 bits each, as JSON in the shape of audiowaveform's second
//! version, which wavesurfer.js and peaks.js read.

use std::fmt::Write;

/// Outlines one stereo recording.
#[derive(Debug)]
pub struct Peaks {
    rate_hz: u32,
    /// Of the peak under way.
    seen: u32,
    lowest: [i16; 2],
    highest: [i16; 2],
    /// Left lowest, left highest, right lowest, right highest of each peak.
    peaks: Vec<i8>,
}

impl Peaks {
    /// Of sound at this rate.
    pub fn new(rate_hz: u32) -> Self {
        Self { rate_hz, seen: 0, lowest: [0; 2], highest: [0; 2], peaks: Vec::new() }
    }

    /// Takes interleaved samples, left first.
    pub fn append(&mut self, samples: &[i16]) {
        for pair in samples.as_chunks::<2>().0 {
            for (side, &sample) in pair.iter().enumerate() {
                self.lowest[side] = self.lowest[side].min(sample);
                self.highest[side] = self.highest[side].max(sample);
            }
            self.seen += 1;
            if self.seen == self.samples_per_peak() {
                self.settle();
            }
        }
    }

    /// The whole outline.
    pub fn json(mut self) -> String {
        if self.seen > 0 {
            self.settle();
        }
        let mut json = format!(
            r#"{{"version":2,"channels":2,"sample_rate":{},"samples_per_pixel":{},"bits":8,"length":{},"data":["#,
            self.rate_hz,
            self.samples_per_peak(),
            self.peaks.len() / 4
        );
        for (at, peak) in self.peaks.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            // Writing to a string cannot fail.
            let _ = write!(json, "{comma}{peak}");
        }
        json.push_str("]}");
        json
    }

    fn settle(&mut self) {
        for (lowest, highest) in self.lowest.into_iter().zip(self.highest) {
            self.peaks.extend([lowest, highest].map(|sample| (sample >> 8) as i8));
        }
        (self.seen, self.lowest, self.highest) = (0, [0; 2], [0; 2]);
    }

    fn samples_per_peak(&self) -> u32 {
        (self.rate_hz / PEAKS_PER_S).max(1)
    }
}

/// A pixel a peak: an hour is 180,000 pixels wide, and 2 MB of JSON at most.
const PEAKS_PER_S: u32 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_has_its_own_outline() {
        let mut peaks = Peaks::new(8_000);
        peaks.append(&[-512, 1_024].repeat(100));
        peaks.append(&[256, -32_768].repeat(60));
        peaks.append(&[32_767, 0].repeat(10));
        assert_eq!(
            peaks.json(),
            r#"{"version":2,"channels":2,"sample_rate":8000,"samples_per_pixel":160,"bits":8,"length":2,"data":[-2,1,-128,4,0,127,0,0]}"#
        );
    }

    #[test]
    fn no_sound_has_no_outline() {
        assert!(Peaks::new(48_000).json().ends_with(r#""length":0,"data":[]}"#));
    }
}

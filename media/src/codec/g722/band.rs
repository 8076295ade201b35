//! One sub-band of G.722, alike in encoder and decoder: the step of its quantiser (ITU-T G.722 3.5) and its predictor (3.6).
//!
//! The arithmetic is clause 6's, whose names for what is computed stand beside ours.

use super::tables::{HIGH_LEVEL, HIGH_MEANINGS, HIGH_WEIGHTS, LOW_CORE, LOW_LEVELS, LOW_MEANINGS, LOW_WEIGHTS, POWERS};

/// What a band knows of its past.
#[derive(Debug, Clone)]
pub(super) struct Band {
    kind: Kind,
    /// NB: the logarithm of the step, 2048 to an octave.
    step_log: i32,
    /// DET.
    step: i32,
    /// S: the next sample, as predicted.
    predicted: i32,
    /// SZ: the zeros' part of that.
    predicted_by_zeros: i32,
    /// A1 and A2.
    poles: [i32; 2],
    /// B1 to B6.
    zeros: [i32; 6],
    /// R of the last two samples.
    reconstructed: [i32; 2],
    /// P of the last two samples.
    partial: [i32; 2],
    /// D of the last six samples.
    differences: [i32; 6],
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Low,
    High,
}

impl Band {
    /// Below 4 kHz, in 6 bits.
    pub(super) fn low() -> Self {
        Self::of(Kind::Low, 32)
    }

    /// Above, in 2 bits.
    pub(super) fn high() -> Self {
        Self::of(Kind::High, 8)
    }

    fn of(kind: Kind, step: i32) -> Self {
        Self {
            kind,
            step_log: 0,
            step,
            predicted: 0,
            predicted_by_zeros: 0,
            poles: [0; 2],
            zeros: [0; 6],
            reconstructed: [0; 2],
            partial: [0; 2],
            differences: [0; 6],
        }
    }

    /// The code for the next sample of the band.
    pub(super) fn encode(&mut self, sample: i32) -> u8 {
        let error = saturate(sample - self.predicted);
        let (is_negative, magnitude) = (error < 0, if error < 0 { !error } else { error });
        let reaches = |level: i32| magnitude >= (level * self.step) >> 12;
        let code = match self.kind {
            Kind::Low => {
                let level = LOW_LEVELS.iter().take_while(|&&level| reaches(level)).count() as u8;
                // The codes of G.722 table 14 count down from the smallest magnitude; of the negative ones two stand at the end.
                match (is_negative, level) {
                    (false, _) => 61 - level,
                    (true, 0..2) => 63 - level,
                    (true, _) => 33 - level,
                }
            }
            Kind::High => match (is_negative, reaches(HIGH_LEVEL)) {
                (true, true) => 0,
                (true, false) => 1,
                (false, true) => 2,
                (false, false) => 3,
            },
        };
        self.adapt(code);
        code
    }

    /// The next sample of the band.
    pub(super) fn decode(&mut self, code: u8) -> i32 {
        let difference = match self.kind {
            Kind::Low => (self.step * LOW_MEANINGS[usize::from(code & 0x3f)]) >> 15,
            Kind::High => (self.step * HIGH_MEANINGS[usize::from(code & 3)]) >> 15,
        };
        let sample = (self.predicted + difference).clamp(-16_384, 16_383);
        self.adapt(code);
        sample
    }

    /// Both sides learn from the code alone, so that they never part.
    fn adapt(&mut self, code: u8) {
        let (meaning, weight) = match self.kind {
            Kind::Low => {
                // Only four bits of the six, since networks may take the other two (G.722 modes 2 and 3).
                let core = usize::from(code >> 2 & 0x0f);
                (LOW_CORE[core], LOW_WEIGHTS[core])
            }
            Kind::High => (HIGH_MEANINGS[usize::from(code & 3)], HIGH_WEIGHTS[usize::from(code & 3)]),
        };
        let difference = (self.step * meaning) >> 15;
        self.rescale(weight);
        let partial = saturate(self.predicted_by_zeros + difference);
        let reconstructed = saturate(self.predicted + difference);
        self.adapt_poles(partial);
        self.adapt_zeros(difference);
        self.partial = [partial, self.partial[0]];
        self.reconstructed = [reconstructed, self.reconstructed[0]];
        self.differences.rotate_right(1);
        self.differences[0] = difference;
        self.predict();
    }

    /// LOGSCL and SCALEL, LOGSCH and SCALEH.
    fn rescale(&mut self, weight: i32) {
        let (log_max, octaves) = match self.kind {
            Kind::Low => (18_432, 8),
            Kind::High => (22_528, 10),
        };
        self.step_log = (((self.step_log * 127) >> 7) + weight).clamp(0, log_max);
        let power = POWERS[(self.step_log >> 6 & 31) as usize];
        let down = octaves - (self.step_log >> 11);
        self.step = if down < 0 { power << -down } else { power >> down } << 2;
    }

    /// UPPOL1 and UPPOL2.
    fn adapt_poles(&mut self, partial: i32) {
        let [first, second] = self.poles;
        let agrees = |earlier: i32| (partial < 0) == (earlier < 0);
        let slope = saturate(first << 2);
        let slope = if agrees(self.partial[0]) { -slope } else { slope }.min(32_767);
        let pull = if agrees(self.partial[1]) { 128 } else { -128 };
        let second = ((slope >> 7) + pull + ((second * 32_512) >> 15)).clamp(-12_288, 12_288);
        let pull = if agrees(self.partial[0]) { 192 } else { -192 };
        let limit = saturate(15_360 - second);
        let first = saturate(pull + ((first * 32_640) >> 15)).clamp(-limit, limit);
        self.poles = [first, second];
    }

    /// UPZERO.
    fn adapt_zeros(&mut self, difference: i32) {
        let pull = if difference == 0 { 0 } else { 128 };
        for (zero, &earlier) in self.zeros.iter_mut().zip(&self.differences) {
            let pull = if (difference < 0) == (earlier < 0) { pull } else { -pull };
            *zero = saturate(pull + ((*zero * 32_640) >> 15));
        }
    }

    /// FILTEP, FILTEZ and PREDIC.
    fn predict(&mut self) {
        let product = |tap: i32, sample: i32| (tap * saturate(2 * sample)) >> 15;
        let by = |taps: &[i32], samples: &[i32]| saturate(taps.iter().zip(samples).map(|(&tap, &sample)| product(tap, sample)).sum());
        let by_poles = by(&self.poles, &self.reconstructed);
        self.predicted_by_zeros = by(&self.zeros, &self.differences);
        self.predicted = saturate(by_poles + self.predicted_by_zeros);
    }
}

/// To 16 bits.
fn saturate(value: i32) -> i32 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX))
}

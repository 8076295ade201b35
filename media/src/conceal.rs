//! Packet loss concealment for codecs that have none: the last pitch period again, fading away.

/// Remembers 40 ms at 8 kHz and makes sound from it when a packet is lost.
#[derive(Debug, Clone)]
pub struct Concealer {
    history: [i16; HISTORY_LEN],
    /// Samples concealed since the last packet.
    concealed: usize,
    /// Pitch period of this loss, in samples.
    period: usize,
}

impl Concealer {
    /// Notes what a packet held; after a loss its first samples are blended with the continued concealment, so that no step is heard.
    pub fn heard(&mut self, samples: &mut [i16]) {
        if self.concealed > 0 {
            let blend = BLEND_LEN.min(samples.len());
            for (i, sample) in samples[..blend].iter_mut().enumerate() {
                let made = self.made(self.concealed + i);
                *sample = (made + (i32::from(*sample) - made) * i as i32 / blend as i32) as i16;
            }
            self.concealed = 0;
        }
        let kept = samples.len().min(HISTORY_LEN);
        self.history.rotate_left(kept);
        self.history[HISTORY_LEN - kept..].copy_from_slice(&samples[samples.len() - kept..]);
    }

    /// Appends `len` samples in place of what was lost.
    pub fn conceal(&mut self, len: usize, out: &mut Vec<i16>) {
        if self.concealed == 0 {
            self.period = self.pitch();
        }
        out.extend((self.concealed..self.concealed + len).map(|i| self.made(i) as i16));
        self.concealed += len;
    }

    /// Sample `i` of the concealment.
    fn made(&self, i: usize) -> i32 {
        let sample = i32::from(self.history[HISTORY_LEN - self.period + i % self.period]);
        let left = FADE_END.saturating_sub(i.max(FADE_START)) as i32;
        sample * left / (FADE_END - FADE_START) as i32
    }

    /// The lag at which the last 10 ms resemble what went before them most.
    fn pitch(&self) -> usize {
        let recent = &self.history[HISTORY_LEN - MATCH_LEN..];
        let likeness = |lag: usize| {
            let earlier = &self.history[HISTORY_LEN - MATCH_LEN - lag..HISTORY_LEN - lag];
            let product: i64 = recent.iter().zip(earlier).map(|(&x, &y)| i64::from(x) * i64::from(y)).sum();
            let energy: i64 = earlier.iter().map(|&y| i64::from(y) * i64::from(y)).sum();
            // Product squared by energy, with the product's sign, orders lags as their correlation does.
            product.signum() as f64 * (product as f64).powi(2) / (energy as f64 + 1.0)
        };
        (PITCH_MIN..=PITCH_MAX).max_by(|&x, &y| likeness(x).total_cmp(&likeness(y))).unwrap_or(PITCH_MAX)
    }
}

impl Default for Concealer {
    fn default() -> Self {
        Self { history: [0; HISTORY_LEN], concealed: 0, period: PITCH_MAX }
    }
}

/// 40 ms.
const HISTORY_LEN: usize = 320;

/// 10 ms.
const MATCH_LEN: usize = 80;

/// 200 Hz and 66 Hz: lower voices, and every higher one by a multiple of its period.
const PITCH_MIN: usize = 40;
const PITCH_MAX: usize = 120;

/// 10 ms unchanged, silent after 60 ms: what lasts longer sounds like a robot.
const FADE_START: usize = 80;
const FADE_END: usize = 480;

/// 4 ms.
const BLEND_LEN: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_goes_on_at_its_own_pitch_without_a_step() {
        let sample = |i: usize| ((i % 64) as i16 - 32) * 100;
        let mut concealer = Concealer::default();
        let mut past: Vec<i16> = (0..320).map(sample).collect();
        concealer.heard(&mut past);
        let mut made = Vec::new();
        concealer.conceal(80, &mut made);
        let want: Vec<i16> = (320..400).map(sample).collect();
        assert_eq!(made, want);
    }

    #[test]
    fn a_long_loss_ends_in_silence() {
        let mut concealer = Concealer::default();
        concealer.heard(&mut [5_000; 320]);
        let mut made = Vec::new();
        for _ in 0..5 {
            concealer.conceal(160, &mut made);
        }
        assert!(made[480..].iter().all(|&sample| sample == 0));
    }
}

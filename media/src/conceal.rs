//! Packet loss concealment for codecs that have none (ITU-T G.711 appendix I), at 8 kHz and, with the same times, at 16 kHz.
//!
//! What was said last is said again, period by period: from 10 ms on two periods in turn and from 20 ms on three, so that a long loss does
//! not buzz; after 10 ms it fades, by a fifth of its level each 10 ms. Both ends of a loss are blended with what is true. The blend at its
//! beginning lies before it, and so all sound leaves 3.75 ms late.

use crate::frame::SampleRate;

/// The past of one stream, and the loss that it is in.
#[derive(Debug, Clone)]
pub struct Concealer {
    rate: SampleRate,
    /// The last 48.75 ms of sound, made or true; the last 3.75 of them have not been given out. Empty before the first.
    past: Vec<i16>,
    loss: Option<Loss>,
}

#[derive(Debug, Clone)]
struct Loss {
    /// The past as it was when the loss began.
    past: Vec<i16>,
    /// Of the voice, in samples.
    period: usize,
    /// Samples made.
    len: usize,
    now: Loop,
    /// What `now` took over from in this 10 ms.
    before: Option<Loop>,
}

/// The end of the past, said again and again.
#[derive(Debug, Clone, Copy)]
struct Loop {
    /// In samples, whole periods.
    len: usize,
    at: usize,
}

impl Concealer {
    /// For a stream of this rate.
    pub fn new(rate: SampleRate) -> Self {
        Self { rate, past: Vec::new(), loss: None }
    }

    /// Takes what a packet held, `out` from `start` on, and leaves there what is to be heard in its place: the same 3.75 ms later, after a
    /// loss blended with what was made for it.
    pub fn heard(&mut self, start: usize, out: &mut Vec<i16>) {
        if let Some(mut loss) = self.loss.take() {
            // The longer the loss, the longer the blend: 4 ms more for each 10 ms.
            let lasted = loss.len.div_ceil(self.samples(STEP_US)).saturating_sub(1);
            let blend = (loss.period / 4 + lasted * self.samples(BLEND_GROWTH_US)).min(self.samples(STEP_US)).min(out.len() - start);
            for (i, sample) in out[start..][..blend].iter_mut().enumerate() {
                *sample = fade(loss.next(self.samples(STEP_US)), f32::from(*sample), (i + 1) as f32 / (blend + 1) as f32) as i16;
            }
        }
        self.give(start, out);
    }

    /// Appends `len` samples in place of what was lost.
    pub fn conceal(&mut self, len: usize, out: &mut Vec<i16>) {
        let start = out.len();
        let mut loss = self.loss.take().unwrap_or_else(|| self.begin());
        let step = self.samples(STEP_US);
        out.extend((0..len).map(|_| loss.next(step) as i16));
        self.loss = Some(loss);
        self.give(start, out);
    }

    /// Finds the period, and rounds off the end of what is true.
    fn begin(&mut self) -> Loss {
        let past = self.past().clone();
        let period = self.period();
        let mut loss = Loss { past, period, len: 0, now: Loop { len: period, at: period - period / 4 }, before: None };
        let end = self.past.len() - period / 4;
        for sample in &mut self.past[end..] {
            *sample = loss.repeated(loss.now) as i16;
            loss.now = loss.now.next();
        }
        loss
    }

    /// Adds to the past what `out` holds from `start` on, and puts in its place what is 3.75 ms older.
    fn give(&mut self, start: usize, out: &mut Vec<i16>) {
        let (late, len) = (self.samples(LATE_US), out.len() - start);
        let past = self.past();
        let end = past.len() - late;
        let kept = len.min(past.len());
        let mut older = [0; LATE_MAX];
        older[..late].copy_from_slice(&past[end..]);
        past.rotate_left(kept);
        let fresh = past.len() - kept;
        past[fresh..].copy_from_slice(&out[start + len - kept..]);
        out.extend_from_slice(&older[..late]);
        out[start..].rotate_right(late);
        out.truncate(start + len);
    }

    fn past(&mut self) -> &mut Vec<i16> {
        let len = self.samples(PAST_US);
        self.past.resize(len, 0);
        &mut self.past
    }

    /// The lag at which the last 20 ms resemble most what went before them: every fourth of a millisecond, then every sample around the best.
    fn period(&self) -> usize {
        let (least, most, stride) = (self.samples(PERIOD_MIN_US), self.samples(PERIOD_MAX_US), self.samples(STRIDE_US));
        let best = |lags: &mut dyn Iterator<Item = usize>, stride: usize| {
            lags.map(|lag| (self.likeness(lag, stride), lag)).max_by(|x, y| x.0.total_cmp(&y.0)).map_or(most, |(_, lag)| lag)
        };
        let coarse = best(&mut (least..=most).step_by(stride), stride);
        best(&mut (coarse.saturating_sub(stride - 1).max(least)..=(coarse + stride - 1).min(most)), 1)
    }

    /// The normalised correlation of the last 20 ms with those `lag` samples before, by every `stride`th sample.
    fn likeness(&self, lag: usize, stride: usize) -> f32 {
        let from = self.past.len() - self.samples(MATCH_US);
        let (recent, earlier) = (&self.past[from..], &self.past[from - lag..]);
        let (mut product, mut energy) = (0.0, 0.0);
        for (&recent, &earlier) in recent.iter().zip(earlier).step_by(stride) {
            product += f32::from(recent) * f32::from(earlier);
            energy += f32::from(earlier) * f32::from(earlier);
        }
        product / energy.max(ENERGY_MIN).sqrt()
    }

    fn samples(&self, us: u32) -> usize {
        (u64::from(self.rate.hz()) * u64::from(us) / 1_000_000) as usize
    }
}

impl Loss {
    /// The next sample made; `step` is 10 ms in samples.
    fn next(&mut self, step: usize) -> f32 {
        let (steps, into) = (self.len / step, self.len % step);
        if into == 0 {
            self.before = None;
            if (1..=2).contains(&steps) {
                // A longer loop goes on at the same place of the period, and takes over within a quarter of one.
                self.before = Some(self.now);
                let len = self.period * (steps + 1);
                self.now = Loop { len, at: self.now.at % self.period };
            }
        }
        let mut sample = self.repeated(self.now);
        let blend = self.period / 4;
        if let Some(before) = self.before.filter(|_| into < blend) {
            sample = fade(self.repeated(before), sample, (into + 1) as f32 / (blend + 1) as f32);
        }
        self.now = self.now.next();
        self.before = self.before.map(Loop::next);
        self.len += 1;
        let faded = (self.len.saturating_sub(step)) as f32 / step as f32 * FADE;
        sample * (1.0 - faded).max(0.0)
    }

    /// Its last quarter of a period turns into what went before its first sample, so that the end meets the beginning.
    fn repeated(&self, repeat: Loop) -> f32 {
        let (from, blend) = (self.past.len() - repeat.len, self.period / 4);
        let sample = f32::from(self.past[from + repeat.at]);
        match (repeat.at + blend).checked_sub(repeat.len) {
            Some(into) => fade(sample, f32::from(self.past[from - blend + into]), (into + 1) as f32 / (blend + 1) as f32),
            None => sample,
        }
    }
}

impl Loop {
    fn next(self) -> Self {
        Self { at: (self.at + 1) % self.len, ..self }
    }
}

/// From one to the other, as `share` goes from 0.0 to 1.0.
fn fade(from: f32, to: f32, share: f32) -> f32 {
    from + (to - from) * share
}

/// What appendix I counts in.
const STEP_US: u32 = 10_000;

/// Three periods of the lowest voice and a quarter more.
const PAST_US: u32 = 48_750;

/// A quarter of the longest period: the blend at the beginning of a loss.
const LATE_US: u32 = 3_750;

/// The same in samples at 16 kHz.
const LATE_MAX: usize = 60;

/// 200 Hz to 66 Hz: lower voices, and every higher one by a multiple of its period.
const PERIOD_MIN_US: u32 = 5_000;
const PERIOD_MAX_US: u32 = 15_000;

const STRIDE_US: u32 = 250;

const MATCH_US: u32 = 20_000;

/// Below it all is noise and no period is better than another.
const ENERGY_MIN: f32 = 250.0;

const BLEND_GROWTH_US: u32 = 4_000;

/// Of the level, in 10 ms.
const FADE: f32 = 0.2;

#[cfg(test)]
mod tests;

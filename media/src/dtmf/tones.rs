//! Hears keys that come as tones in the sound (ITU-T Q.23), by Goertzel's recursion within the limits of ITU-T Q.24.
//!
//! Speech holds two frequencies of the keypad at once more often than one thinks, but not for long, not steadily, and not with nothing
//! else beside them. So a key is heard only when through four windows of 20 ms, 5 ms apart, two tones lie where they belong, as their
//! phases tell, differ little in level and hold most of the energy, and the higher one has no overtone.

use std::{
    collections::VecDeque,
    f32::consts::{PI, TAU},
    sync::LazyLock,
    time::Duration,
};

use super::DigitEvent;
use crate::{
    frame::{FRAME, Frame, SampleRate},
    resample::Resampler,
};

/// One stream's keys, 20 ms at a time.
#[derive(Debug, Clone)]
pub struct ToneReceiver {
    /// Where the stream is not at 8 kHz.
    resampler: Option<Resampler>,
    /// The last 20 ms before this step, and room for it: overtones are looked for in them.
    past: [f32; WINDOW_LEN],
    /// The steps that make the window, oldest first.
    steps: [Step; STEPS],
    /// The window before this one, for the phases.
    before: Spectrum,
    /// The key whose windows follow one another, and how many have.
    candidate: Option<(u8, u8)>,
    down: Option<Down>,
    events: VecDeque<DigitEvent>,
}

/// 5 ms.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    spectrum: Spectrum,
    energy: f32,
}

/// Real and imaginary part at each of the eight frequencies, side by side, as vector instructions like them.
#[derive(Debug, Clone, Copy, Default)]
struct Spectrum {
    re: [f32; 8],
    im: [f32; 8],
}

/// A key that is down.
#[derive(Debug, Clone, Copy)]
struct Down {
    key: u8,
    /// Steps since the window in which it was first found, and since the one in which it was last.
    steps: u32,
    missed: u32,
}

impl ToneReceiver {
    /// Nothing heard yet.
    pub fn new() -> Self {
        Self {
            resampler: None,
            past: [0.0; WINDOW_LEN],
            steps: [Step::default(); STEPS],
            before: Spectrum::default(),
            candidate: None,
            down: None,
            events: VecDeque::new(),
        }
    }

    /// Takes the next 20 ms; a missing frame is silence.
    pub fn hear(&mut self, frame: Option<&Frame>) {
        let narrow;
        let samples = match frame {
            None => &[0; WINDOW_LEN],
            Some(frame) if frame.rate() == SampleRate::Narrow => frame.samples(),
            Some(frame) => {
                narrow = self.resampler.get_or_insert_with(|| Resampler::new(frame.rate(), SampleRate::Narrow)).convert(frame);
                narrow.samples()
            }
        };
        for step in samples.as_chunks::<STEP_LEN>().0 {
            self.step(step);
        }
    }

    /// The next thing that happened.
    pub fn poll(&mut self) -> Option<DigitEvent> {
        self.events.pop_front()
    }

    fn step(&mut self, samples: &[i16; STEP_LEN]) {
        let samples = samples.map(f32::from);
        self.past.copy_within(STEP_LEN.., 0);
        self.past[WINDOW_LEN - STEP_LEN..].copy_from_slice(&samples);
        self.steps.rotate_left(1);
        self.steps[STEPS - 1] = Step { spectrum: Spectrum::of(&samples), energy: samples.iter().map(|sample| sample * sample).sum() };
        let window = Spectrum::joined(&self.steps);
        let found = self.key_in(&window);
        self.before = window;
        self.follow(found);
    }

    /// The key that this window holds, if it holds one.
    fn key_in(&self, window: &Spectrum) -> Option<u8> {
        let energy: f32 = self.steps.iter().map(|step| step.energy).sum();
        if energy < ENERGY_MIN {
            return None;
        }
        let power: [f32; 8] = std::array::from_fn(|at| window.re[at] * window.re[at] + window.im[at] * window.im[at]);
        let strongest = |range: std::ops::Range<usize>| range.max_by(|&x, &y| power[x].total_cmp(&power[y]));
        let (low, high) = (strongest(0..4)?, strongest(4..8)?);
        let (low_tone, high_tone) = (self.tone(window, low, power[low])?, self.tone(window, high, power[high])?);
        // Amplitudes squared, of which twist is the ratio.
        let (low_level, high_level) = (low_tone.level, high_tone.level);
        let is_even = high_level < low_level * HIGH_OVER_LOW_MAX && low_level < high_level * LOW_OVER_HIGH_MAX;
        let is_all = (low_level + high_level) * (WINDOW_LEN as f32 / 2.0) > energy * SHARE_MIN;
        let is_loud = low_level.min(high_level) > LEVEL_MIN;
        let is_key = is_even && is_all && is_loud && self.is_pure(high_tone);
        is_key.then(|| KEYPAD[low * 4 + high - 4])
    }

    /// What sounds near a place of the keypad, or `None` where that is too far off.
    fn tone(&self, window: &Spectrum, at: usize, power: f32) -> Option<Sine> {
        let (re, im) = (window.re[at], window.im[at]);
        let (before_re, before_im) = turned((self.before.re[at], self.before.im[at]), TABLES.turns[0], at);
        // How much further its phase has gone in 5 ms than that of the place itself.
        let advance = (im * before_re - re * before_im).atan2(re * before_re + im * before_im);
        let offset = advance * (RATE / STEP_LEN as f32 / TAU);
        let is_near = offset.abs() < FREQUENCIES[at] * OFFSET_MAX;
        // The window lets a tone that is off its place seem fainter than it is.
        let x = PI * offset * WINDOW_LEN as f32 / RATE;
        let seen = if x.abs() < 1e-3 { 1.0 } else { x.sin() / x };
        let amplitude = 2.0 / (WINDOW_LEN as f32 * seen);
        is_near.then(|| Sine { frequency: FREQUENCIES[at] + offset, level: power * amplitude * amplitude })
    }

    /// Voices have overtones; a keypad has none. Those of a row fall among the columns, and are weighed with the window's energy.
    fn is_pure(&self, tone: Sine) -> bool {
        let coefficient = 2.0 * (TAU * 2.0 * tone.frequency / RATE).cos();
        let (mut last, mut before) = (0.0, 0.0);
        for sample in self.past {
            (last, before) = (sample + coefficient * last - before, last);
        }
        let power = last * last + before * before - coefficient * last * before;
        power * (2.0 / WINDOW_LEN as f32).powi(2) < tone.level * OVERTONE_MAX
    }

    /// From windows to keys: four in a row are one, and 35 ms without it are its end.
    fn follow(&mut self, found: Option<u8>) {
        let run = match (self.candidate, found) {
            (Some((key, run)), Some(now)) if key == now => run.saturating_add(1),
            _ => 1,
        };
        self.candidate = found.map(|key| (key, run));
        if let Some(down) = &mut self.down {
            down.steps += 1;
            down.missed = if found == Some(down.key) { 0 } else { down.missed + 1 };
            if down.missed == MISSED_MAX {
                self.release();
            }
        }
        let begun = self.candidate.filter(|(key, run)| *run == RUN_MIN && self.down.is_none_or(|down| down.key != *key));
        if let Some((key, run)) = begun {
            self.release();
            self.down = Some(Down { key, steps: u32::from(run) - 1, missed: 0 });
            self.events.push_back(DigitEvent::Began { digit: char::from(key) });
        }
    }

    fn release(&mut self) {
        if let Some(Down { key, steps, missed }) = self.down.take() {
            let length = FRAME + STEP * (steps - missed);
            self.events.push_back(DigitEvent::Ended { digit: char::from(key), length });
        }
    }
}

impl Default for ToneReceiver {
    fn default() -> Self {
        Self::new()
    }
}

/// One tone of two: in Hz, and its amplitude squared.
#[derive(Debug, Clone, Copy)]
struct Sine {
    frequency: f32,
    level: f32,
}

impl Spectrum {
    /// Of 5 ms. Goertzel's recursion for eight frequencies at once; its phase counts from the last sample.
    fn of(samples: &[f32; STEP_LEN]) -> Self {
        let (mut last, mut before) = ([0.0_f32; 8], [0.0_f32; 8]);
        for sample in samples {
            for at in 0..8 {
                let next = TABLES.coefficients[at] * last[at] + (sample - before[at]);
                (before[at], last[at]) = (last[at], next);
            }
        }
        let (cos, sin) = (&TABLES.cos, &TABLES.sin);
        Self { re: std::array::from_fn(|at| last[at] - cos[at] * before[at]), im: std::array::from_fn(|at| sin[at] * before[at]) }
    }

    /// Of the whole window: each step turned on by the time since it.
    fn joined(steps: &[Step; STEPS]) -> Self {
        let mut sum = steps[STEPS - 1].spectrum;
        for (step, turn) in steps[..STEPS - 1].iter().rev().zip(&TABLES.turns) {
            for at in 0..8 {
                let (re, im) = turned((step.spectrum.re[at], step.spectrum.im[at]), *turn, at);
                sum.re[at] += re;
                sum.im[at] += im;
            }
        }
        sum
    }
}

/// The two tones of a key, row and column, in Hz.
pub(super) fn frequencies_of(digit: char) -> Option<[f64; 2]> {
    let place = KEYPAD.iter().position(|&key| char::from(key) == digit.to_ascii_uppercase())?;
    Some([FREQUENCIES[place / 4], FREQUENCIES[4 + place % 4]].map(f64::from))
}

fn turned((re, im): (f32, f32), (cos, sin): ([f32; 8], [f32; 8]), at: usize) -> (f32, f32) {
    (re * cos[at] - im * sin[at], re * sin[at] + im * cos[at])
}

struct Tables {
    coefficients: [f32; 8],
    cos: [f32; 8],
    sin: [f32; 8],
    /// By one, two and three steps: cosines and sines.
    turns: [([f32; 8], [f32; 8]); STEPS - 1],
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let angle = FREQUENCIES.map(|frequency| TAU * frequency / RATE);
    let turn = |steps: usize| angle.map(|angle| (angle * (steps * STEP_LEN) as f32).sin_cos());
    let turns = std::array::from_fn(|at| (turn(at + 1).map(|(_, cos)| cos), turn(at + 1).map(|(sin, _)| sin)));
    Tables { coefficients: angle.map(|angle| 2.0 * angle.cos()), cos: angle.map(f32::cos), sin: angle.map(f32::sin), turns }
});

const RATE: f32 = 8_000.0;

/// ITU-T Q.23: four rows, four columns.
const FREQUENCIES: [f32; 8] = [697.0, 770.0, 852.0, 941.0, 1_209.0, 1_336.0, 1_477.0, 1_633.0];

/// The keys, row by row.
const KEYPAD: &[u8; 16] = b"123A456B789C*0#D";

/// 5 ms.
const STEP_LEN: usize = 40;
const STEP: Duration = Duration::from_millis(5);

const STEPS: usize = 4;

/// 20 ms: neighbours on the keypad are told apart, and 40 ms hold whole windows enough.
const WINDOW_LEN: usize = STEPS * STEP_LEN;

/// A tone of 40 ms, the shortest that must be heard (ITU-T Q.24), fills five windows or six; one of 23 ms, which must not, three at most.
const RUN_MIN: u8 = 4;

/// 35 ms: a break of 10 ms, which must not part a key in two, spoils five windows at most, and a pause of 40 ms ten.
const MISSED_MAX: u32 = 7;

/// Amplitude squared of -33 dBm0, well below the -25 dBm at which ITU-T Q.24 asks to hear; a sine of 0 dBm0 has an amplitude of 22,750.
const LEVEL_MIN: f32 = 260_000.0;

/// What two such tones hold in a window.
const ENERGY_MIN: f32 = LEVEL_MIN * WINDOW_LEN as f32;

/// 7 and 10 dB: what ITU-T Q.24 asks to hear, a column 4 dB over its row and a row 8 dB over its column, with room for what noise adds.
const HIGH_OVER_LOW_MAX: f32 = 5.0;
const LOW_OVER_HIGH_MAX: f32 = 10.0;

/// ITU-T Q.24: 1.5 % off must be heard, 3.5 % must not; noise and the other tone shift what is measured.
const OFFSET_MAX: f32 = 0.028;

/// Of the window's energy: leaves room for noise 6 dB below the key.
const SHARE_MIN: f32 = 0.75;

/// -10 dB.
const OVERTONE_MAX: f32 = 0.1;

#[cfg(test)]
mod tests {
    use rand::{Rng as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::{
        dtmf::ToneSender,
        tone::{Tone, amplitude},
    };

    /// What keys sound like on a line: `levels` of row and column in dBm0, `off` of their frequencies as a share, noise `snr` dB below.
    struct Dialling {
        length_ms: usize,
        pause_ms: usize,
        levels: [f64; 2],
        off: f64,
        snr: f64,
    }

    const USUAL: Dialling = Dialling { length_ms: 40, pause_ms: 60, levels: [-10.0, -10.0], off: 0.0, snr: 40.0 };

    impl Dialling {
        /// Dials 96 keys at no particular place of a frame; how many were heard of how many.
        fn heard(&self) -> (usize, usize) {
            let mut rng = ChaCha8Rng::seed_from_u64(7);
            let mut share = || f64::from(rng.next_u32()) / f64::from(u32::MAX);
            let keys: String = (0..96).map(|at| char::from(KEYPAD[at * 5 % 16])).collect();
            let mut sound: Vec<f64> = Vec::new();
            for (at, key) in keys.chars().enumerate() {
                let tones = frequencies_of(key).unwrap();
                let signs = [if at % 2 == 0 { 1.0 } else { -1.0 }, if at % 4 < 2 { 1.0 } else { -1.0 }];
                sound.resize(sound.len() + (self.pause_ms as f64 * 8.0 + share() * 160.0) as usize, 0.0);
                sound.extend((0..self.length_ms * 8).map(|n| {
                    let tone = |of: usize| {
                        let turn = std::f64::consts::TAU * tones[of] * (1.0 + signs[of] * self.off) / 8_000.0;
                        amplitude(self.levels[of]) * (turn * n as f64).sin()
                    };
                    tone(0) + tone(1)
                }));
            }
            sound.resize(sound.len() + 1_600, 0.0);
            let power = |level: f64| amplitude(level).powi(2) / 2.0;
            let noise = ((power(self.levels[0]) + power(self.levels[1])) / 10.0_f64.powf(self.snr / 10.0)).sqrt();
            // Twelve evenly spread numbers add up to a Gaussian of deviation one.
            let samples: Vec<i16> = sound.iter().map(|s| (s + noise * ((0..12).map(|_| share()).sum::<f64>() - 6.0)) as i16).collect();
            let heard = began(&samples);
            assert!(heard.len() <= keys.len() && is_subsequence(&heard, &keys), "{heard} {keys}");
            (heard.len(), keys.len())
        }
    }

    fn is_subsequence(some: &str, all: &str) -> bool {
        let mut all = all.chars();
        some.chars().all(|key| all.any(|other| other == key))
    }

    fn events(samples: &[i16]) -> Vec<DigitEvent> {
        let mut receiver = ToneReceiver::new();
        let frames = samples.chunks_exact(160).map(|samples| Frame::from_samples(SampleRate::Narrow, samples));
        frames.for_each(|frame| receiver.hear(Some(&frame)));
        std::iter::from_fn(|| receiver.poll()).collect()
    }

    fn began(samples: &[i16]) -> String {
        let digit = |event| if let DigitEvent::Began { digit } = event { Some(digit) } else { None };
        events(samples).into_iter().filter_map(digit).collect()
    }

    #[test]
    fn keys_within_the_limits_of_q_24_are_all_heard() {
        for (name, dialling) in [
            ("the shortest, and the shortest pause", Dialling { pause_ms: 40, ..USUAL }),
            ("loud", Dialling { levels: [0.0, 0.0], ..USUAL }),
            ("faint", Dialling { levels: [-25.0, -25.0], ..USUAL }),
            ("columns 4 dB over rows", Dialling { levels: [-10.0, -6.0], ..USUAL }),
            ("rows 8 dB over columns", Dialling { levels: [-6.0, -14.0], ..USUAL }),
            ("noise at 12 dB", Dialling { snr: 12.0, ..USUAL }),
            ("long in noise at 8 dB", Dialling { length_ms: 80, snr: 8.0, ..USUAL }),
            ("1.5 % off", Dialling { off: 0.015, length_ms: 50, ..USUAL }),
        ] {
            let (heard, all) = dialling.heard();
            assert_eq!(heard, all, "{name}");
        }
    }

    #[test]
    fn what_q_24_calls_no_key_is_none() {
        for (name, dialling) in [
            ("23 ms", Dialling { length_ms: 23, ..USUAL }),
            ("3.5 % off", Dialling { off: 0.035, length_ms: 80, ..USUAL }),
            ("-40 dBm0", Dialling { levels: [-40.0, -40.0], ..USUAL }),
            ("columns 9 dB over rows", Dialling { levels: [-15.0, -6.0], ..USUAL }),
            ("one tone of the two", Dialling { levels: [-6.0, -30.0], length_ms: 80, ..USUAL }),
        ] {
            assert_eq!(dialling.heard().0, 0, "{name}");
        }
    }

    #[test]
    fn a_break_of_10_ms_leaves_one_key_and_its_length_is_told() {
        let mut key = Tone::new(SampleRate::Narrow, &frequencies_of('7').unwrap(), 8_000).samples(8_000);
        key[3_000..3_080].fill(0);
        key.resize(9_600, 0);
        let heard = events(&key);
        assert_eq!(heard.len(), 2, "{heard:?}");
        let DigitEvent::Ended { digit: '7', length } = heard[1] else { panic!("{heard:?}") };
        assert!((990..=1_010).contains(&length.as_millis()), "{length:?}");
    }

    #[test]
    fn our_own_tones_are_heard_through_every_codec() {
        for codec in &crate::codec::CODECS {
            let (mut encoder, mut decoder, mut receiver) = (codec.kind.open(), codec.kind.open(), ToneReceiver::new());
            let mut sender = ToneSender::new(codec.rate);
            "1590*#AD66".chars().for_each(|key| sender.press(key, Duration::from_millis(60)));
            let mut heard = String::new();
            for _ in 0..100 {
                let frame = sender.frame().unwrap_or(Frame::silence(codec.rate));
                let (mut payload, mut samples) = (Vec::new(), Vec::new());
                encoder.encode(frame.samples(), &mut payload).unwrap();
                decoder.decode(&payload, &mut samples).unwrap();
                receiver.hear(Some(&Frame::from_samples(codec.rate, &samples)));
                let began = std::iter::from_fn(|| receiver.poll());
                heard.extend(began.filter_map(|event| if let DigitEvent::Began { digit } = event { Some(digit) } else { None }));
            }
            assert_eq!(heard, "1590*#AD66", "{:?}", codec.kind);
            assert!(!sender.is_busy());
        }
    }
}

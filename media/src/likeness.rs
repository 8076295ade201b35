//! How alike two sounds are: what a codec or a loss has done to one, in figures for tests.

use std::f64::consts::PI;

use crate::tone::level;

/// The segmental signal-to-noise ratio in dB: the mean over segments of `segment` samples , each bounded as is usual.
///
/// Both sounds stand sample by sample beside each other. Segments in which the true sound is silent say nothing and are left out.
pub fn segmental_snr(truth: &[i16], heard: &[i16], segment: usize) -> f64 {
    let segments = truth.chunks_exact(segment).zip(heard.chunks_exact(segment));
    let ratios: Vec<f64> = segments.filter_map(|(truth, heard)| snr(truth, heard)).collect();
    ratios.iter().sum::<f64>() / ratios.len().max(1) as f64
}

/// Of one segment; `None` where the true sound is silent.
pub fn snr(truth: &[i16], heard: &[i16]) -> Option<f64> {
    let energy = |samples: &mut dyn Iterator<Item = f64>| samples.map(|sample| sample * sample).sum::<f64>();
    let signal = energy(&mut truth.iter().map(|&sample| sample.into()));
    let noise = energy(&mut truth.iter().zip(heard).map(|(&truth, &heard)| f64::from(truth) - f64::from(heard)));
    let is_silent = signal < SILENT * truth.len() as f64;
    (!is_silent).then(|| (10.0 * (signal / noise.max(1e-9)).log10()).clamp(SNR_MIN, SNR_MAX))
}

/// How far apart two sounds of one length at `rate_hz` are to an ear that hears no phases: the mean difference in dB over windows of 20 ms and
/// bands of 250 Hz up to 4 kHz. What is fainter than the room counts as that.
pub fn spectral_distance(truth: &[i16], heard: &[i16], rate_hz: u32) -> f64 {
    let len = rate_hz as usize / 50;
    let windows = |samples: &[i16]| samples.windows(len).step_by(len / 4).map(|window| bands(window, rate_hz)).collect::<Vec<_>>();
    let differences: Vec<f64> = windows(truth)
        .into_iter()
        .zip(windows(heard))
        .flat_map(|(truth, heard)| std::array::from_fn::<f64, BANDS, _>(|band| (truth[band] - heard[band]).abs()))
        .collect();
    differences.iter().sum::<f64>() / differences.len().max(1) as f64
}

/// The power in each band of a window, in dB.
fn bands(window: &[i16], rate_hz: u32) -> [f64; BANDS] {
    let centre = window.len() as f64 / 2.0;
    // Hann's window, so that a band does not leak into all others.
    let hushed: Vec<i16> = (0..)
        .zip(window)
        .map(|(at, &sample)| (f64::from(sample) * (0.5 + 0.5 * (PI * (f64::from(at) - centre) / centre).cos())) as i16)
        .collect();
    std::array::from_fn(|band| {
        let power: f64 = (0..5).map(|line| level(&hushed, rate_hz, (band * 5 + line) as f64 * 50.0).powi(2)).sum();
        10.0 * power.max(ROOM).log10()
    })
}

const BANDS: usize = 16;

/// Of the power in a band.
const ROOM: f64 = 400.0;

/// The mean square of -50 dBFS: below it is room noise.
const SILENT: f64 = 10_000.0;

/// Below, a segment is lost whatever it holds; above, nobody hears a difference.
const SNR_MIN: f64 = -10.0;
const SNR_MAX: f64 = 35.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{frame::SampleRate, tone::Tone};

    #[test]
    fn a_tenth_of_noise_is_20_db_and_silence_does_not_count() {
        let mut truth = Tone::new(SampleRate::Narrow, &[500.0], 10_000).samples(1_600);
        let noise = Tone::new(SampleRate::Narrow, &[1_700.0], 1_000).samples(1_600);
        let mut heard: Vec<i16> = truth.iter().zip(noise).map(|(truth, noise)| truth + noise).collect();
        truth.extend([0; 1_600]);
        heard.extend([900; 1_600]);
        assert!((segmental_snr(&truth, &heard, 160) - 20.0).abs() < 0.2);
        assert_eq!(segmental_snr(&truth, &truth, 160), SNR_MAX);
    }

    #[test]
    fn an_ear_for_spectra_hears_levels_and_no_phases() {
        let tone = |amplitude, skip| Tone::new(SampleRate::Narrow, &[500.0], amplitude).samples(1_700).split_off(skip);
        let (truth, shifted, softer) = (tone(8_000, 0), tone(8_000, 5), tone(4_000, 0));
        assert!(spectral_distance(&truth[..1_600], &shifted[..1_600], 8_000) < 0.3);
        let distance = spectral_distance(&truth, &softer, 8_000);
        // 6 dB in the few bands that have any.
        assert!((0.5..3.0).contains(&distance), "{distance}");
        assert!(spectral_distance(&truth, &[0; 1_700], 8_000) > 4.0 * distance);
    }
}

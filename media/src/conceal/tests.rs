//! Losses of voices that are known, and of speech.

use std::fs::File;

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use super::*;
use crate::{
    clip::Clip,
    likeness::{snr, spectral_distance},
};

const RATES: [SampleRate; 2] = [SampleRate::Narrow, SampleRate::Wide];

/// A voice of `period` samples, rich in harmonics.
fn voice(period: usize, len: usize) -> Vec<i16> {
    (0..len).map(|i| ((i % period) as i16 - period as i16 / 2) * 100).collect()
}

fn heard(concealer: &mut Concealer, samples: &[i16]) -> Vec<i16> {
    let mut out = samples.to_vec();
    concealer.heard(0, &mut out);
    out
}

#[test]
fn sound_without_loss_leaves_unchanged_and_a_little_late() {
    for rate in RATES {
        let (mut concealer, late) = (Concealer::new(rate), late(rate));
        let said = voice(64, 4_000);
        let out: Vec<i16> = said.chunks(97).flat_map(|packet| heard(&mut concealer, packet)).collect();
        assert!(out[..late].iter().all(|&sample| sample == 0));
        assert_eq!(out[late..], said[..4_000 - late]);
    }
}

/// In samples.
fn late(rate: SampleRate) -> usize {
    Concealer::new(rate).samples(LATE_US)
}

#[test]
fn a_voice_goes_on_at_its_own_pitch_without_a_step() {
    for rate in RATES {
        let (mut concealer, step, late) = (Concealer::new(rate), rate.frame_len() / 2, late(rate));
        let said = voice(step * 4 / 5, step * 8);
        let mut out = heard(&mut concealer, &said[..step * 6]);
        concealer.conceal(step, &mut out);
        let worst = out[late..].iter().zip(&said).map(|(&heard, &said)| heard.abs_diff(said)).max().unwrap();
        assert!(worst <= 1, "{rate:?}: {worst}");
    }
}

#[test]
fn a_long_loss_fades_by_a_fifth_each_10_ms_and_ends_in_silence_after_60() {
    let mut concealer = Concealer::new(SampleRate::Narrow);
    let mut out = heard(&mut concealer, &[10_000; 800]);
    out.clear();
    for _ in 0..10 {
        concealer.conceal(80, &mut out);
    }
    let at = |ms: usize| out[ms * 8 + 29];
    assert_eq!((at(0), at(9)), (10_000, 10_000));
    for (ms, level) in [(20, 8_000), (30, 6_000), (40, 4_000), (50, 2_000)] {
        assert!((i32::from(at(ms)) - level).abs() <= 30, "{ms}: {}", at(ms));
    }
    assert!(out[60 * 8 + 30..].iter().all(|&sample| sample == 0));
}

#[test]
fn what_comes_after_a_loss_is_blended_in_and_then_true() {
    for (lost, blend) in [(80, 64 / 4), (160, 64 / 4 + 32), (240, 80), (480, 80)] {
        let mut concealer = Concealer::new(SampleRate::Narrow);
        let mut out = heard(&mut concealer, &voice(64, 800));
        concealer.conceal(lost, &mut out);
        let from = out.len() + 30;
        out.extend([12_345; 160]);
        concealer.heard(from - 30, &mut out);
        concealer.conceal(80, &mut out);
        let first_true = out[from..].iter().position(|&sample| sample == 12_345).unwrap();
        assert_eq!(first_true, blend, "{lost}");
        let biggest = out[from - 1..from + blend].windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap();
        assert!(biggest < 6_400, "{lost}: a step of {biggest}");
    }
}

/// Speech of some of the prompts.
fn speech(rate: SampleRate) -> Vec<i16> {
    let said = |name| {
        let path = format!("{}/../ivr-scripts/prompts/en/{name}.wav", env!("CARGO_MANIFEST_DIR"));
        Clip::read_wav(File::open(path).unwrap()).unwrap().at(rate).to_vec()
    };
    ["billing", "delivery", "connecting", "ask_order"].into_iter().flat_map(said).collect()
}

/// How losses in speech sound, each with the packet after it: signal to error in dB, and spectral distance in dB.
struct Sounds {
    snr: f64,
    distance: f64,
}

impl Sounds {
    /// With what `make_up` puts in place of each packet, which says whether it is lost; all comes `late` samples late.
    fn of(said: &[i16], rate: SampleRate, late: usize, mut make_up: impl FnMut(&[i16], bool) -> Vec<i16>) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let packet = rate.frame_len();
        let lost: Vec<bool> = said.chunks(packet).map(|_| rng.next_u32().is_multiple_of(20)).collect();
        let out: Vec<i16> = said.chunks(packet).zip(&lost).flat_map(|(packet, &lost)| make_up(packet, lost)).collect();
        let (mut ratios, mut distances, mut at) = (Vec::new(), Vec::new(), 0);
        for run in lost.chunk_by(|before, after| before == after) {
            let (from, to) = (at, at + (run.len() + 1) * packet);
            at += run.len() * packet;
            let Some(heard) = out[late..].get(from..to).filter(|_| run[0]) else { continue };
            if let Some(ratio) = snr(&said[from..to], heard) {
                ratios.push(ratio);
                distances.push(spectral_distance(&said[from..to], heard, rate.hz()));
            }
        }
        assert!(ratios.len() > 5, "{}", ratios.len());
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        Self { snr: mean(&ratios), distance: mean(&distances) }
    }
}

#[test]
fn speech_with_one_packet_in_twenty_lost_is_fuller_than_with_silence_and_truer_than_with_repeated_packets() {
    for rate in RATES {
        let said = speech(rate);
        let mut concealer = Concealer::new(rate);
        let concealed = Sounds::of(&said, rate, late(rate), |packet, lost| {
            let mut out = Vec::new();
            if lost {
                concealer.conceal(packet.len(), &mut out);
            } else {
                out = heard(&mut concealer, packet);
            }
            out
        });
        let silent = Sounds::of(&said, rate, 0, |packet, lost| if lost { vec![0; packet.len()] } else { packet.to_vec() });
        let mut last = Vec::new();
        let repeated = Sounds::of(&said, rate, 0, |packet, lost| {
            if !lost {
                last = packet.to_vec();
            }
            last.clone()
        });
        assert!(concealed.distance < 0.6 * silent.distance, "{rate:?}: {} {}", concealed.distance, silent.distance);
        assert!(concealed.snr > repeated.snr + 1.0, "{rate:?}: {} {}", concealed.snr, repeated.snr);
    }
}

#[test]
fn no_lengths_of_losses_and_packets_cause_a_panic() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    for rate in RATES {
        let mut concealer = Concealer::new(rate);
        for _ in 0..2_000 {
            let len = (rng.next_u32() % 2_000) as usize;
            let mut out: Vec<i16> = (0..len).map(|_| rng.next_u32() as i16).collect();
            if rng.next_u32().is_multiple_of(2) {
                concealer.heard(len / 3, &mut out);
                assert_eq!(out.len(), len);
            } else {
                concealer.conceal(len % 977, &mut out);
                assert_eq!(out.len(), len + len % 977);
            }
        }
    }
}

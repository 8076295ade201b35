//! How good it sounded: the E-model (ITU-T G.107), reduced to what a gateway can see.

use std::time::Duration;

use crate::codec::CodecKind;

/// Estimated mean opinion score times 100, 100 to 450, from loss (0.0 to 1.0), jitter and round trip.
///
/// The far half of the path is unknown, so the delay is half the round trip plus what a jitter buffer needs.
pub fn mos_x100(codec: CodecKind, loss: f64, jitter: Duration, round_trip: Option<Duration>) -> u16 {
    let one_way = round_trip.unwrap_or_default() / 2 + jitter * 2 + CODEC_DELAY;
    let delay_ms = one_way.as_secs_f64() * 1_000.0;
    // G.107's Id in its usual reduction: gentle below 177.3 ms, steep above.
    let delay_impairment = 0.024 * delay_ms + 0.11 * (delay_ms - 177.3).max(0.0);
    let percent = loss.clamp(0.0, 1.0) * 100.0;
    let robustness = match codec {
        // G.113 appendix I: G.711 with concealment; G.722 bears loss by the same means.
        CodecKind::Pcmu | CodecKind::Pcma | CodecKind::G722 => 25.1,
        // No value is standardised; with in-band redundancy it bears loss no worse.
        CodecKind::Opus => 30.0,
    };
    let loss_impairment = 95.0 * percent / (percent + robustness);
    mos(93.2 - delay_impairment - loss_impairment)
}

/// G.107 annex B: from the rating R to the opinion.
fn mos(rating: f64) -> u16 {
    let rating = rating.clamp(0.0, 100.0);
    let score = 1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6;
    (score.clamp(1.0, 4.5) * 100.0).round() as u16
}

/// Packetising and playing out 20 ms.
const CODEC_DELAY: Duration = Duration::from_millis(40);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_line_is_good_and_each_fault_makes_it_worse() {
        let score = |loss, jitter, trip| mos_x100(CodecKind::Pcmu, loss, Duration::from_millis(jitter), Some(Duration::from_millis(trip)));
        assert!((430..=445).contains(&score(0.0, 1, 20)), "{}", score(0.0, 1, 20));
        assert!(score(0.02, 1, 20) < score(0.0, 1, 20));
        assert!(score(0.0, 60, 20) < score(0.0, 1, 20));
        assert!(score(0.0, 1, 800) < 350);
        assert_eq!(score(1.0, 1_000, 5_000), 100);
    }
}

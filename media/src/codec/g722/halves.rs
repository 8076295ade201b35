//! The quadrature mirror filter of G.722, which parts 16 kHz into two halves of the band at 8 kHz each and joins them again (3.1, 4.4).

use super::tables::QMF;

/// Twelve pairs of samples: the filter's memory, of either direction.
#[derive(Debug, Clone, Default)]
pub(super) struct Halves {
    first: [i32; QMF.len()],
    second: [i32; QMF.len()],
}

impl Halves {
    /// The lower and the higher half of two samples of sound.
    pub(super) fn part(&mut self, pair: [i16; 2]) -> (i32, i32) {
        self.push(pair[0].into(), pair[1].into());
        let (odd, even) = self.sums();
        ((even + odd) >> 14, (even - odd) >> 14)
    }

    /// Two samples of sound from the lower and the higher half.
    pub(super) fn join(&mut self, low: i32, high: i32) -> [i16; 2] {
        self.push(low + high, low - high);
        let (later, sooner) = self.sums();
        [sooner, later].map(|sum| (sum >> 11).clamp(i16::MIN.into(), i16::MAX.into()) as i16)
    }

    fn push(&mut self, first: i32, second: i32) {
        self.first.rotate_left(1);
        self.second.rotate_left(1);
        (self.first[QMF.len() - 1], self.second[QMF.len() - 1]) = (first, second);
    }

    /// The filter's two branches: its taps run upward over the first samples and downward over the second ones.
    fn sums(&self) -> (i32, i32) {
        let upward = self.first.iter().zip(&QMF).map(|(sample, tap)| sample * tap).sum();
        let downward = self.second.iter().zip(QMF.iter().rev()).map(|(sample, tap)| sample * tap).sum();
        (upward, downward)
    }
}

//! Tables of G.722 (ITU-T G.722 tables 11, 14 and following), in the scale of its clause 6.

/// Half of the QMF's 24 coefficients, which are symmetric: those of every other tap, times 2^13.
pub(super) const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11];

/// Q6: where the 6-bit quantiser of the lower band decides, times the step over 2^12; magnitudes below the first are smallest.
pub(super) const LOW_LEVELS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1_023, 1_121, 1_219, 1_339, 1_458, 1_612,
    1_765, 1_980, 2_195, 2_557, 2_919,
];

/// QM6: what a 6-bit code of the lower band means, times the step over 2^15. The first four are no encoder's.
pub(super) const LOW_MEANINGS: [i32; 64] = [
    -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192, -10_232, -9_360, -8_576, -7_856,
    -7_192, -6_576, -6_000, -5_456, -4_944, -4_464, -4_008, -3_576, -3_168, -2_776, -2_400, -2_032, -1_688, -1_360, -1_040, -728, 24_808,
    21_904, 19_008, 16_704, 14_984, 13_512, 12_280, 11_192, 10_232, 9_360, 8_576, 7_856, 7_192, 6_576, 6_000, 5_456, 4_944, 4_464, 4_008,
    3_576, 3_168, 2_776, 2_400, 2_032, 1_688, 1_360, 1_040, 728, 432, 136, -432, -136,
];

/// QM4: the same of its upper four bits, by which the lower band adapts.
pub(super) const LOW_CORE: [i32; 16] =
    [0, -20_456, -12_896, -8_968, -6_288, -4_240, -2_584, -1_200, 20_456, 12_896, 8_968, 6_288, 4_240, 2_584, 1_200, 0];

/// WL by RL42: how the same four bits move the logarithm of the step.
pub(super) const LOW_WEIGHTS: [i32; 16] = [-60, 3_042, 1_198, 538, 334, 172, 58, -30, 3_042, 1_198, 538, 334, 172, 58, -30, -60];

/// Where the 2-bit quantiser of the higher band decides, times the step over 2^12.
pub(super) const HIGH_LEVEL: i32 = 564;

/// QM2: what a 2-bit code of the higher band means, times the step over 2^15.
pub(super) const HIGH_MEANINGS: [i32; 4] = [-7_408, -1_616, 7_408, 1_616];

/// WH by RH2.
pub(super) const HIGH_WEIGHTS: [i32; 4] = [798, -214, 798, -214];

/// ILB: 2^(11 + n/32), from the logarithm of the step to the step.
pub(super) const POWERS: [i32; 32] = [
    2_048, 2_093, 2_139, 2_186, 2_233, 2_282, 2_332, 2_383, 2_435, 2_489, 2_543, 2_599, 2_656, 2_714, 2_774, 2_834, 2_896, 2_960, 3_025,
    3_091, 3_158, 3_228, 3_298, 3_371, 3_444, 3_520, 3_597, 3_676, 3_756, 3_838, 3_922, 4_008,
];

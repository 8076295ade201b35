//! Call progress tones by country: what a caller hears of a network that dials, rings or refuses (ITU-T E.180).
//!
//! Frequencies and cadences are those of ITU-T E.180 supplement 2, "Various tones used in national networks", where a country allows a
//! range its nominal value; `eu` is CEPT recommendation T/CS 20-15, on which most of Europe's tones are modelled. A tone that a country makes
//! by switching two levels or by three notes in turn is given by its frequency and cadence alone.

use std::{f64::consts::TAU, sync::Arc};

use crate::{
    clip::{Clip, ClipBook},
    frame::SampleRate,
    tone::amplitude,
};

/// What a tone tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// Dial now.
    Dial,
    /// The far end rings.
    Ringback,
    /// The far end is busy.
    Busy,
    /// The network cannot.
    Congestion,
    /// Another caller waits.
    Waiting,
}

/// One country's tones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct National {
    /// ISO 3166 code in lower case.
    pub country: &'static str,
    dial: Cadence,
    ringback: Cadence,
    busy: Cadence,
    congestion: Cadence,
    waiting: Cadence,
}

/// Sounds and pauses in turn, each with its length in ms, over and over.
type Cadence = &'static [(Note, u32)];

/// What sounds, in Hz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Note {
    Pause,
    One(u16),
    Two(u16, u16),
    /// The first, swelling and fading at the second.
    Swelling(u16, u16),
}

impl Signal {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Dial, Self::Ringback, Self::Busy, Self::Congestion, Self::Waiting];

    /// The name of its clip, which `Play` knows it by.
    pub const fn clip(self) -> &'static str {
        match self {
            Self::Dial => "tone/dial",
            Self::Ringback => "tone/ringback",
            Self::Busy => "tone/busy",
            Self::Congestion => "tone/congestion",
            Self::Waiting => "tone/waiting",
        }
    }
}

impl National {
    /// The tones of a country.
    pub fn of(country: &str) -> Option<&'static Self> {
        COUNTRIES.iter().find(|national| national.country == country)
    }

    /// One round of a tone, which follows on itself without a click.
    pub fn clip(&self, signal: Signal) -> Clip {
        Clip::made(|rate| round_of(self.cadence(signal), rate))
    }

    /// All tones, as clips beside those that are there.
    pub fn add_to(&self, book: &mut ClipBook) {
        for signal in Signal::ALL {
            book.clips.insert(signal.clip().to_owned(), Arc::new(self.clip(signal)));
        }
    }

    fn cadence(&self, signal: Signal) -> Cadence {
        match signal {
            Signal::Dial => self.dial,
            Signal::Ringback => self.ringback,
            Signal::Busy => self.busy,
            Signal::Congestion => self.congestion,
            Signal::Waiting => self.waiting,
        }
    }
}

fn round_of(cadence: Cadence, rate: SampleRate) -> Vec<i16> {
    let is_steady = cadence.len() == 1;
    let mut samples = Vec::new();
    for &(note, ms) in cadence {
        let len = (rate.hz() / 1_000 * ms) as usize;
        let edge = (rate.hz() / 1_000 * EDGE_MS) as usize;
        samples.extend((0..len).map(|at| {
            let swell = if is_steady { 1.0 } else { ((at + 1).min(len - at) as f64 / edge as f64).min(1.0) };
            (note.at(at as f64 / f64::from(rate.hz())) * swell) as i16
        }));
    }
    samples
}

impl Note {
    /// Its sound so many seconds after it began.
    fn at(self, time: f64) -> f64 {
        let sine = |hz: u16| (TAU * f64::from(hz) * time).sin();
        match self {
            Self::Pause => 0.0,
            Self::One(hz) => amplitude(LEVEL_DBM0) * sine(hz),
            Self::Two(low, high) => amplitude(LEVEL_DBM0 - 3.0) * (sine(low) + sine(high)),
            Self::Swelling(hz, by) => amplitude(LEVEL_DBM0) * sine(hz) * (1.0 + (TAU * f64::from(by) * time).cos()) / 2.0,
        }
    }
}

/// ITU-T E.180 7: -10 dBm0 is recommended.
const LEVEL_DBM0: f64 = -10.0;

/// No click where a tone begins and ends.
const EDGE_MS: u32 = 5;

use Note::{One, Pause, Swelling, Two};

/// A second of a whole number of cycles follows on itself.
macro_rules! steady {
    ($note:expr) => {
        &[($note, 1_000)]
    };
}

/// On and off, as most tones are.
macro_rules! beat {
    ($note:expr, $on:expr, $off:expr) => {
        &[($note, $on), (Pause, $off)]
    };
}

/// Twice on, and a longer pause.
macro_rules! double {
    ($note:expr, $on:expr, $between:expr, $off:expr) => {
        &[($note, $on), (Pause, $between), ($note, $on), (Pause, $off)]
    };
}

/// All countries that we know the tones of.
pub static COUNTRIES: [National; 24] = [
    National {
        country: "eu",
        dial: steady!(One(425)),
        ringback: beat!(One(425), 1_000, 4_000),
        busy: beat!(One(425), 500, 500),
        congestion: beat!(One(425), 200, 200),
        waiting: double!(One(425), 200, 200, 5_000),
    },
    National {
        country: "at",
        dial: steady!(One(420)),
        ringback: beat!(One(420), 1_000, 5_000),
        busy: beat!(One(420), 400, 400),
        congestion: beat!(One(420), 200, 200),
        waiting: beat!(One(420), 40, 1_960),
    },
    National {
        country: "au",
        dial: steady!(Swelling(425, 25)),
        ringback: double!(Swelling(425, 25), 400, 200, 2_000),
        busy: beat!(One(425), 375, 375),
        congestion: beat!(One(425), 375, 375),
        waiting: double!(One(425), 200, 200, 4_400),
    },
    National {
        country: "be",
        dial: steady!(One(425)),
        ringback: beat!(One(425), 1_000, 3_000),
        busy: beat!(One(425), 500, 500),
        congestion: beat!(One(425), 167, 167),
        waiting: double!(One(1_400), 175, 175, 3_500),
    },
    National {
        country: "br",
        dial: steady!(One(425)),
        ringback: beat!(One(425), 1_000, 4_000),
        busy: beat!(One(425), 250, 250),
        congestion: &[(One(425), 250), (Pause, 250), (One(425), 750), (Pause, 250)],
        waiting: beat!(One(425), 50, 1_000),
    },
    National {
        country: "ch",
        dial: steady!(One(425)),
        ringback: beat!(One(425), 1_000, 4_000),
        busy: beat!(One(425), 500, 500),
        congestion: beat!(One(425), 200, 200),
        waiting: double!(One(425), 200, 200, 4_000),
    },
    National {
        country: "cn",
        dial: steady!(One(450)),
        ringback: beat!(One(450), 1_000, 4_000),
        busy: beat!(One(450), 350, 350),
        congestion: beat!(One(450), 700, 700),
        waiting: beat!(One(450), 400, 4_000),
    },
    National {
        country: "cz",
        dial: &[(One(425), 330), (Pause, 330), (One(425), 660), (Pause, 660)],
        ringback: beat!(One(425), 1_000, 4_000),
        busy: beat!(One(425), 330, 330),
        congestion: beat!(One(425), 165, 165),
        waiting: beat!(One(425), 330, 9_000),
    },
    National {
        country: "de",
        dial: steady!(One(425)),
        ringback: beat!(One(425), 1_000, 4_000),
        busy: beat!(One(425), 480, 480),
        congestion: beat!(One(425), 240, 240),
        waiting: double!(One(425), 200, 200, 5_000),
    },
    National {
        country: "es",
        dial: steady!(One(425)),
        ringback: beat!(One(425), 1_500, 3_000),
        busy: beat!(One(425), 200, 200),
        congestion: &[(One(425), 200), (Pause, 200), (One(425), 200), (Pause, 200), (One(425), 200), (Pause, 600)],
        waiting: double!(One(425), 175, 175, 3_500),
    },
    National {
        country: "fi",
        dial: steady!(One(425)),
        ringback: beat!(One(425), 1_000, 4_000),
        busy: beat!(One(425), 300, 300),
        congestion: beat!(One(425), 200, 200),
        waiting: double!(One(425), 150, 150, 8_000),
    },
    National {
        country: "fr",
        dial: steady!(One(440)),
        ringback: beat!(One(440), 1_500, 3_500),
        busy: beat!(One(440), 500, 500),
        congestion: beat!(One(440), 250, 250),
        waiting: beat!(One(440), 300, 10_000),
    },
    National {
        country: "gb",
        dial: steady!(Two(350, 440)),
        ringback: double!(Two(400, 450), 400, 200, 2_000),
        busy: beat!(One(400), 375, 375),
        congestion: &[(One(400), 400), (Pause, 350), (One(400), 225), (Pause, 525)],
        waiting: beat!(One(400), 100, 4_000),
    },
    National {
        country: "in",
        dial: steady!(Swelling(400, 25)),
        ringback: double!(Swelling(400, 25), 400, 200, 2_000),
        busy: beat!(One(400), 750, 750),
        congestion: beat!(One(400), 250, 250),
        waiting: double!(One(400), 200, 100, 7_500),
    },
    National {
        country: "it",
        dial: &[(One(425), 200), (Pause, 200), (One(425), 600), (Pause, 1_000)],
        ringback: beat!(One(425), 1_000, 4_000),
        busy: beat!(One(425), 500, 500),
        congestion: beat!(One(425), 200, 200),
        waiting: &[(One(425), 400), (Pause, 100), (One(425), 250), (Pause, 100), (One(425), 150), (Pause, 14_000)],
    },
    National {
        country: "jp",
        dial: steady!(One(400)),
        ringback: beat!(Swelling(400, 16), 1_000, 2_000),
        busy: beat!(One(400), 500, 500),
        congestion: beat!(One(400), 500, 500),
        waiting: beat!(Swelling(400, 16), 500, 8_000),
    },
    National {
        country: "nl",
        dial: steady!(One(425)),
        ringback: beat!(One(425), 1_000, 4_000),
        busy: beat!(One(425), 500, 500),
        congestion: beat!(One(425), 250, 250),
        waiting: beat!(One(425), 500, 9_500),
    },
    National {
        country: "no",
        dial: steady!(One(425)),
        ringback: beat!(One(425), 1_000, 4_000),
        busy: beat!(One(425), 500, 500),
        congestion: beat!(One(425), 200, 200),
        waiting: double!(One(425), 200, 600, 10_000),
    },
    National {
        country: "nz",
        dial: steady!(One(400)),
        ringback: double!(Two(400, 450), 400, 200, 2_000),
        busy: beat!(One(400), 500, 500),
        congestion: beat!(One(400), 250, 250),
        waiting: double!(One(400), 200, 3_000, 5_000),
    },
    National {
        country: "pl",
        dial: steady!(One(425)),
        ringback: beat!(One(425), 1_000, 4_000),
        busy: beat!(One(425), 500, 500),
        congestion: beat!(One(425), 500, 500),
        waiting: double!(One(425), 150, 150, 4_000),
    },
    National {
        country: "ru",
        dial: steady!(One(425)),
        ringback: beat!(One(425), 800, 3_200),
        busy: beat!(One(425), 350, 350),
        congestion: beat!(One(425), 175, 175),
        waiting: beat!(One(425), 200, 5_000),
    },
    National {
        country: "se",
        dial: steady!(One(425)),
        ringback: beat!(One(425), 1_000, 5_000),
        busy: beat!(One(425), 250, 250),
        congestion: beat!(One(425), 250, 750),
        waiting: double!(One(425), 200, 500, 9_100),
    },
    National {
        country: "ua",
        dial: steady!(One(425)),
        ringback: beat!(One(425), 1_000, 4_000),
        busy: beat!(One(425), 350, 350),
        congestion: beat!(One(425), 175, 175),
        waiting: beat!(One(425), 200, 5_000),
    },
    National {
        country: "us",
        dial: steady!(Two(350, 440)),
        ringback: beat!(Two(440, 480), 2_000, 4_000),
        busy: beat!(Two(480, 620), 500, 500),
        congestion: beat!(Two(480, 620), 250, 250),
        waiting: beat!(One(440), 300, 10_000),
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::level;

    /// Whether a clip at 8 kHz sounds at this frequency in each 25 ms.
    fn pattern(clip: &Clip, hz: f64) -> String {
        clip.narrow.chunks_exact(200).map(|samples| if level(samples, 8_000, hz) > 3_000.0 { '#' } else { '.' }).collect()
    }

    #[test]
    fn each_country_rings_and_refuses_in_its_own_way() {
        for (country, signal, hz, one_round) in [
            ("us", Signal::Busy, 480.0, format!("{}{}", "#".repeat(20), ".".repeat(20))),
            ("us", Signal::Busy, 620.0, format!("{}{}", "#".repeat(20), ".".repeat(20))),
            ("gb", Signal::Ringback, 450.0, format!("{0}{1}{0}{2}", "#".repeat(16), ".".repeat(8), ".".repeat(80))),
            ("ua", Signal::Ringback, 425.0, format!("{}{}", "#".repeat(40), ".".repeat(160))),
            ("ua", Signal::Congestion, 425.0, format!("{}{}", "#".repeat(7), ".".repeat(7))),
            ("de", Signal::Dial, 425.0, "#".repeat(40)),
        ] {
            let heard = pattern(&National::of(country).unwrap().clip(signal), hz);
            assert_eq!(heard, one_round, "{country} {signal:?}");
        }
    }

    #[test]
    fn no_tone_of_any_country_clicks_when_it_goes_round() {
        for national in &COUNTRIES {
            for signal in Signal::ALL {
                let clip = national.clip(signal);
                let len = clip.narrow.len();
                assert!(len >= 2_000 && len.is_multiple_of(8), "{} {signal:?}", national.country);
                assert_eq!(clip.full.len(), 6 * len);
                // At the seam the sound bends no more than elsewhere: its second difference is that of its sines.
                let twice = [&clip.full[..], &clip.full[..]].concat();
                let bend = |at: usize| (i32::from(twice[at]) - 2 * i32::from(twice[at + 1]) + i32::from(twice[at + 2])).abs();
                let seam = (6 * len - 3..6 * len + 1).map(bend).max().unwrap();
                let steady = (480..clip.full.len() - 480).map(bend).max().unwrap();
                assert!(seam <= steady + 60, "{} {signal:?}: {seam} {steady}", national.country);
            }
        }
    }

    #[test]
    fn every_country_stands_once_and_its_clips_have_names_of_their_own() {
        let mut countries: Vec<&str> = COUNTRIES.iter().map(|national| national.country).collect();
        countries.sort_unstable();
        countries.dedup();
        assert_eq!(countries.len(), COUNTRIES.len());
        assert_eq!(National::of("xx"), None);
        let mut book = ClipBook::default();
        National::of("ua").unwrap().add_to(&mut book);
        assert_eq!(book.clips.len(), 5);
    }
}

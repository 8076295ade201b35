//! Sequence numbers that wrap (RFC 3550 A.1).

/// How far `later` is ahead of `earlier`, negative if it is behind; right while they are less than 32,768 apart.
pub fn distance(earlier: u16, later: u16) -> i16 {
    later.wrapping_sub(earlier).cast_signed()
}

/// As `distance`, for timestamps.
pub fn timestamp_distance(earlier: u32, later: u32) -> i32 {
    later.wrapping_sub(earlier).cast_signed()
}

/// Counts wraps, so that packets of hours can be put in order, and tells a restarted sender from a stray packet.
#[derive(Debug, Clone, Default)]
pub struct Sequence {
    /// Extended number of the highest packet seen; none before the first.
    highest: Option<u64>,
    /// The number that would prove, after a great jump, that the sender has started anew.
    restart: Option<u16>,
}

/// Where a packet stands in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the stream, under this extended number.
    At(u64),
    /// First of a restarted stream, under this extended number; nothing before it is comparable.
    Restarted(u64),
    /// Far from everything: a stray packet, or a restart that the next packet will prove.
    Astray,
}

impl Sequence {
    /// Places a packet.
    pub fn place(&mut self, sequence: u16) -> Place {
        let Some(highest) = self.highest else {
            return Place::At(self.begin(sequence));
        };
        let step = i64::from(distance(low_bits(highest), sequence));
        if (-MISORDER_MAX..DROPOUT_MAX).contains(&step) {
            self.restart = None;
            let extended = highest.saturating_add_signed(step);
            self.highest = Some(highest.max(extended));
            return Place::At(extended);
        }
        if self.restart == Some(sequence) {
            return Place::Restarted(self.begin(sequence));
        }
        self.restart = Some(sequence.wrapping_add(1));
        Place::Astray
    }

    /// Extended number of the highest packet seen.
    pub fn highest(&self) -> Option<u64> {
        self.highest
    }

    fn begin(&mut self, sequence: u16) -> u64 {
        // One cycle up, so that a packet from before the first has a number too.
        let extended = CYCLE + u64::from(sequence);
        *self = Self { highest: Some(extended), restart: None };
        extended
    }
}

fn low_bits(extended: u64) -> u16 {
    (extended % CYCLE) as u16
}

const CYCLE: u64 = 1 << 16;

/// RFC 3550 A.1: a jump of a minute at 20 ms is still the same stream.
const DROPOUT_MAX: i64 = 3_000;

/// RFC 3550 A.1: older than this is not reordering.
const MISORDER_MAX: i64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_grow_through_a_wrap() {
        let mut sequence = Sequence::default();
        assert_eq!(sequence.place(65_534), Place::At(131_070));
        assert_eq!(sequence.place(1), Place::At(131_073));
        assert_eq!(sequence.place(65_535), Place::At(131_071));
        assert_eq!(sequence.highest(), Some(131_073));
    }

    #[test]
    fn one_stray_packet_is_not_a_restart_but_two_in_order_are() {
        let mut sequence = Sequence::default();
        sequence.place(100);
        assert_eq!(sequence.place(30_000), Place::Astray);
        assert_eq!(sequence.place(101), Place::At(65_637));
        assert_eq!(sequence.place(30_000), Place::Astray);
        assert_eq!(sequence.place(30_001), Place::Restarted(95_537));
    }
}

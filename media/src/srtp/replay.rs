//! What has been seen of a stream (RFC 3711 3.3.2).

/// A sliding window over packet indices.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Window {
    highest: Option<u64>,
    /// Bit n: `highest` - n has been seen.
    seen: u128,
}

impl Window {
    pub(super) fn highest(&self) -> Option<u64> {
        self.highest
    }

    /// Whether this index is new, and not too old to tell.
    pub(super) fn is_new(&self, index: u64) -> bool {
        let Some(highest) = self.highest else { return true };
        match highest.checked_sub(index) {
            Some(age) => age < u64::from(u128::BITS) && self.seen & 1 << age == 0,
            None => true,
        }
    }

    /// Notes an index; to be called only once the packet has proved authentic.
    pub(super) fn note(&mut self, index: u64) {
        let highest = self.highest.unwrap_or(index);
        match index.checked_sub(highest) {
            Some(ahead) => {
                let kept = u32::try_from(ahead).ok().and_then(|ahead| self.seen.checked_shl(ahead)).unwrap_or(0);
                (self.highest, self.seen) = (Some(index), kept | 1);
            }
            None => self.seen |= u32::try_from(highest - index).ok().and_then(|age| 1_u128.checked_shl(age)).unwrap_or(0),
        }
    }

    /// Begins at this index, without having seen anything: what a stream carries over to a new key is its roll-over counter alone.
    pub(super) fn after(index: u64) -> Self {
        Self { highest: Some(index), seen: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_index_is_new_once_and_the_old_are_not() {
        let mut window = Window::default();
        for index in [70_000, 70_002, 70_001] {
            assert!(window.is_new(index));
            window.note(index);
            assert!(!window.is_new(index));
        }
        assert!(window.is_new(70_002 - 127) && !window.is_new(70_002 - 128));
        window.note(70_300);
        assert!(!window.is_new(70_002) && window.is_new(70_299) && window.is_new(u64::MAX));
        window.note(u64::MAX);
        assert!(!window.is_new(70_300) && window.is_new(u64::MAX - 1));
    }
}

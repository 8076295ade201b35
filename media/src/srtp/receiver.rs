//! What a peer sends, opened.

use super::{
    Dropped, MasterKey, SOURCES_MAX,
    cipher::{Cipher, ENCRYPTED},
    header_len, index_of,
    replay::Window,
    word,
};

/// Opens packets of a peer under one master key.
#[derive(Debug)]
pub struct Receiver {
    key: MasterKey,
    rtp: Cipher,
    rtcp: Cipher,
    guards: Guards,
    /// What authentic packets have come of, the latest last.
    sources: Vec<Source>,
    /// Where the roll-over counters of the former key stood.
    former: Vec<(u32, u64)>,
}

/// All on; a test switches one off to see its proof fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guards {
    /// A packet is taken once.
    pub replay: bool,
    /// A packet without a right tag is not taken.
    pub authentication: bool,
}

#[derive(Debug)]
struct Source {
    ssrc: u32,
    rtp: Window,
    rtcp: Window,
}

impl Receiver {
    /// Before its first packet.
    pub fn new(key: MasterKey, guards: Guards) -> Self {
        Self { rtp: Cipher::rtp(&key), rtcp: Cipher::rtcp(&key), key, guards, sources: Vec::new(), former: Vec::new() }
    }

    /// The key that its packets are made with.
    pub fn key(&self) -> &MasterKey {
        &self.key
    }

    /// A receiver under another key that goes on where this one stands.
    ///
    /// The roll-over counter goes on (RFC 3711 3.3.1), or begins anew with the peer that begins a new context with its new key: the first
    /// authentic packet tells.
    pub fn rekeyed(&self, key: MasterKey) -> Self {
        let former = self.sources.iter().filter_map(|source| Some((source.ssrc, source.rtp.highest()?))).collect();
        Self { former, ..Self::new(key, self.guards) }
    }

    /// Opens an RTP packet in place.
    pub fn open(&mut self, packet: &mut Vec<u8>) -> Result<(), Dropped> {
        let clear = header_len(packet).ok_or(Dropped::Malformed)?;
        let ssrc = word(packet, 8);
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let seen = self.sources.iter().find(|source| source.ssrc == ssrc).map(|source| source.rtp).unwrap_or_default();
        let carried = self.former.iter().find(|(former, _)| *former == ssrc && seen.highest().is_none()).map(|(_, highest)| *highest);
        let index = index_of(seen.highest(), sequence).ok_or(Dropped::Replayed)?;
        if self.guards.replay && !seen.is_new(index) {
            return Err(Dropped::Replayed);
        }
        self.cut_identifier(packet, self.tag_behind_identifier(self.rtp.tag_len()))?;
        let carried = carried.and_then(|highest| index_of(Some(highest), sequence)).filter(|carried| *carried != index);
        let check = self.guards.authentication;
        // GCM undoes nothing where the tag is wrong, so a second try finds the packet as it came.
        let (index, window) = match carried {
            Some(carried) if self.rtp.open(packet, clear, ssrc, carried, true).is_ok() => (carried, Window::after(carried)),
            Some(_) | None => {
                self.rtp.open(packet, clear, ssrc, index, check)?;
                (index, seen)
            }
        };
        let source = self.source(ssrc);
        source.rtp = window;
        source.rtp.note(index);
        Ok(())
    }

    /// Opens an RTCP compound in place.
    pub fn open_report(&mut self, packet: &mut Vec<u8>) -> Result<(), Dropped> {
        let ssrc = word(packet, 4);
        let tag_len = self.tag_behind_identifier(self.rtcp.tag_len());
        self.cut_identifier(packet, tag_len)?;
        let at = packet.len().checked_sub(tag_len + 4).filter(|at| *at >= 8).ok_or(Dropped::Malformed)?;
        let trailer = word(packet, at).to_be_bytes();
        packet.drain(at..at + 4);
        let index = u64::from(u32::from_be_bytes(trailer) & !ENCRYPTED);
        let seen = self.sources.iter().find(|source| source.ssrc == ssrc).map(|source| source.rtcp).unwrap_or_default();
        if self.guards.replay && !seen.is_new(index) {
            return Err(Dropped::Replayed);
        }
        self.rtcp.open_report(packet, ssrc, trailer, self.guards.authentication)?;
        self.source(ssrc).rtcp.note(index);
        Ok(())
    }

    /// Of a stream that authentic packets have come of.
    pub fn rollovers(&self, ssrc: u32) -> Option<u32> {
        let highest = self.sources.iter().find(|source| source.ssrc == ssrc)?.rtp.highest()?;
        Some((highest >> 16) as u32)
    }

    /// The tag stands behind the key identifier, save that of GCM, which is part of the encrypted bytes (RFC 7714 8.2).
    fn tag_behind_identifier(&self, tag_len: usize) -> usize {
        if self.key.profile().is_aead() { 0 } else { tag_len }
    }

    fn cut_identifier(&self, packet: &mut Vec<u8>, tag_len: usize) -> Result<(), Dropped> {
        let mki = self.key.mki();
        if mki.is_empty() {
            return Ok(());
        }
        let from = packet.len().checked_sub(tag_len + mki.len()).ok_or(Dropped::Malformed)?;
        if packet.get(from..from + mki.len()) != Some(mki) {
            return Err(Dropped::Mki);
        }
        packet.drain(from..from + mki.len());
        Ok(())
    }

    /// The stream's state, now the latest; the oldest gives way.
    fn source(&mut self, ssrc: u32) -> &mut Source {
        let known = self.sources.iter().position(|source| source.ssrc == ssrc).map(|at| self.sources.remove(at));
        if known.is_none() && self.sources.len() >= SOURCES_MAX {
            self.sources.remove(0);
        }
        let source = known.unwrap_or(Source { ssrc, rtp: Window::default(), rtcp: Window::default() });
        self.sources.push(source);
        let last = self.sources.len() - 1;
        &mut self.sources[last]
    }
}

impl Default for Guards {
    fn default() -> Self {
        Self { replay: true, authentication: true }
    }
}

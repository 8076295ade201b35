//! Audio codecs.

/// A codec that we speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CodecKind {
    /// G.711 mu-law (RFC 3551 4.5.14).
    Pcmu,
    /// G.711 A-law (RFC 3551 4.5.14).
    Pcma,
    /// Opus (RFC 7587).
    Opus,
}

//! The forms in which a recording is kept.

/// How the sound of a finished recording is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// As it was recorded: 16-bit samples, 115 MB an hour at 8 kHz.
    #[default]
    Wav,
    /// Ogg with Opus (RFC 7845), an eighth of it.
    Opus,
}

impl Form {
    /// In configurations and records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Opus => "opus",
        }
    }

    /// The form of a word.
    pub fn named(word: &str) -> Option<Self> {
        [Self::Wav, Self::Opus].into_iter().find(|form| form.word() == word)
    }

    /// What HTTP calls it.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Wav => "audio/wav",
            Self::Opus => "audio/ogg",
        }
    }

    /// The ending of its files.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Opus => "ogg",
        }
    }
}

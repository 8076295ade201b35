//! A recording's file as it is heard: opened, sealed or not, and read from any place on.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use super::{
    key::FileKey,
    seal::{Opener, Part},
};

/// An open file. Its calls wait for the disk: not for a thread that serves others.
pub(crate) struct Sound {
    reel: Reel,
    len: u64,
}

enum Reel {
    Plain(File),
    Sealed(Box<Opener<BufReader<File>>>),
}

impl Sound {
    pub(super) fn open(path: &Path, key: Option<&FileKey>, part: Part) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(match key {
            Some(key) => {
                let opener = Opener::new(BufReader::new(file), key, part)?;
                Self { len: opener.len(), reel: Reel::Sealed(Box::new(opener)) }
            }
            None => Self { len: file.metadata()?.len(), reel: Reel::Plain(file) },
        })
    }

    /// In bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Some of it, from `at` on; nothing at the end.
    pub(crate) fn read_from(&mut self, at: u64) -> io::Result<Vec<u8>> {
        match &mut self.reel {
            Reel::Sealed(opener) => opener.read_from(at),
            Reel::Plain(file) => {
                let mut piece = Vec::with_capacity(PIECE_LEN as usize);
                file.seek(SeekFrom::Start(at))?;
                file.take(PIECE_LEN).read_to_end(&mut piece)?;
                Ok(piece)
            }
        }
    }

    /// All of it; for what is small.
    pub(crate) fn read_whole(&mut self) -> io::Result<Vec<u8>> {
        let mut whole = Vec::new();
        loop {
            let piece = self.read_from(whole.len() as u64)?;
            if piece.is_empty() {
                return Ok(whole);
            }
            whole.extend(piece);
        }
    }
}

/// Two seconds of 8 kHz stereo.
const PIECE_LEN: u64 = 64 * 1024;

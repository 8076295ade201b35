//! Sealed files: AES-256-GCM in chunks, so that any part can be read without the rest.
//!
//! A chunk's nonce holds which file of the recording it is of, its number, and whether it is the last. So a chunk that was moved, dropped,
//! repeated or taken from the other file does not open, nor does a file that was cut at the end of a chunk: its last chunk is not the last.
//! A key is used for one sealing only, so no nonce comes twice under it (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár).

use std::io::{self, Read, Seek, SeekFrom, Write};

use aes_gcm::{AeadInPlace, Aes256Gcm, KeyInit, Nonce, Tag};

use super::key::FileKey;

/// Which file of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Sound = 1,
    Peaks = 2,
}

/// Seals what is written to it.
pub(super) struct Sealer<W> {
    file: W,
    cipher: Aes256Gcm,
    part: Part,
    /// Not full, or perhaps the last.
    chunk: Vec<u8>,
    number: u32,
}

/// Opens a sealed file, from any place on.
pub(super) struct Opener<R> {
    file: R,
    cipher: Aes256Gcm,
    part: Part,
    /// Of what was sealed.
    len: u64,
    chunks: u64,
}

impl<W: Write> Sealer<W> {
    /// Writes the head.
    pub(super) fn new(mut file: W, key: &FileKey, part: Part) -> io::Result<Self> {
        file.write_all(HEAD)?;
        Ok(Self { file, cipher: Aes256Gcm::new(&key.0.into()), part, chunk: Vec::with_capacity(CHUNK_LEN), number: 0 })
    }

    /// Writes the last chunk; without it the file does not open.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.settle(true)?;
        Ok(self.file)
    }

    fn settle(&mut self, is_last: bool) -> io::Result<()> {
        let nonce = nonce(self.part, self.number, is_last);
        let tag = self.cipher.encrypt_in_place_detached(&nonce, HEAD, &mut self.chunk);
        let tag = tag.map_err(|_| io::Error::other("the cipher did not take a chunk"))?;
        self.number = self.number.checked_add(1).ok_or_else(|| io::Error::other("more than 256 TiB"))?;
        self.file.write_all(&self.chunk)?;
        self.file.write_all(&tag)?;
        self.chunk.clear();
        Ok(())
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.chunk.len() == CHUNK_LEN {
            self.settle(false)?;
        }
        let taken = bytes.len().min(CHUNK_LEN - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    /// A chunk is written when it is full.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<R: Read + Seek> Opener<R> {
    /// Proves the head and the last chunk, and with them the length.
    pub(super) fn new(mut file: R, key: &FileKey, part: Part) -> io::Result<Self> {
        let end = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(0))?;
        let mut head = [0; HEAD.len()];
        file.read_exact(&mut head)?;
        let body = end - HEAD.len() as u64;
        let chunks = body.div_ceil(SEALED_LEN);
        if head != *HEAD || body < chunks.max(1) * TAG_LEN {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "this is no sealed recording"));
        }
        let len = body - chunks * TAG_LEN;
        let mut opener = Self { file, cipher: Aes256Gcm::new(&key.0.into()), part, len, chunks };
        opener.chunk(chunks - 1)?;
        Ok(opener)
    }

    /// Of what was sealed, in bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// From `at` to the end of the chunk that holds it; nothing at the end.
    pub(super) fn read_from(&mut self, at: u64) -> io::Result<Vec<u8>> {
        if at >= self.len {
            return Ok(Vec::new());
        }
        let mut chunk = self.chunk(at / CHUNK_LEN as u64)?;
        chunk.drain(..(at % CHUNK_LEN as u64) as usize);
        Ok(chunk)
    }

    fn chunk(&mut self, number: u64) -> io::Result<Vec<u8>> {
        let is_last = number + 1 == self.chunks;
        self.file.seek(SeekFrom::Start(HEAD.len() as u64 + number * SEALED_LEN))?;
        let mut chunk = Vec::with_capacity(SEALED_LEN as usize);
        (&mut self.file).take(SEALED_LEN).read_to_end(&mut chunk)?;
        let torn =
            || io::Error::new(io::ErrorKind::InvalidData, format!("the file was changed or cut: chunk {number} does not prove itself"));
        let nonce = nonce(self.part, u32::try_from(number).map_err(|_| torn())?, is_last);
        let tag = chunk.split_off(chunk.len().checked_sub(TAG_LEN as usize).ok_or_else(torn)?);
        self.cipher.decrypt_in_place_detached(&nonce, HEAD, &mut chunk, Tag::from_slice(&tag)).map_err(|_| torn())?;
        Ok(chunk)
    }
}

fn nonce(part: Part, number: u32, is_last: bool) -> Nonce<aes_gcm::aead::consts::U12> {
    let mut nonce = [0; 12];
    nonce[0] = part as u8;
    nonce[7..11].copy_from_slice(&number.to_be_bytes());
    nonce[11] = u8::from(is_last);
    nonce.into()
}

/// What it is, and the version of this page.
const HEAD: &[u8; 8] = b"TANDEM\0\x01";

/// Two seconds of 8 kHz stereo: a player that seeks waits for no more.
const CHUNK_LEN: usize = 64 * 1024;

const TAG_LEN: u64 = 16;

const SEALED_LEN: u64 = CHUNK_LEN as u64 + TAG_LEN;

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const KEY: FileKey = FileKey([9; 32]);

    fn sealed(plain: &[u8]) -> Vec<u8> {
        let mut sealer = Sealer::new(Vec::new(), &KEY, Part::Sound).unwrap();
        for piece in plain.chunks(10_007) {
            sealer.write_all(piece).unwrap();
        }
        sealer.finish().unwrap()
    }

    fn opened(file: &[u8], at: u64) -> io::Result<Vec<u8>> {
        let mut opener = Opener::new(Cursor::new(file), &KEY, Part::Sound)?;
        let mut whole = Vec::new();
        loop {
            let piece = opener.read_from(at + whole.len() as u64)?;
            if piece.is_empty() {
                return Ok(whole);
            }
            whole.extend(piece);
        }
    }

    fn noise(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at * 31 % 251) as u8).collect()
    }

    #[test]
    fn what_was_sealed_is_read_from_any_place_on() {
        for len in [0, 1, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 1, 3 * CHUNK_LEN, 200_000] {
            let plain = noise(len);
            let file = sealed(&plain);
            assert_eq!(Opener::new(Cursor::new(&file), &KEY, Part::Sound).unwrap().len(), len as u64);
            assert!(len < 64 || !file.windows(64).any(|window| window == &plain[..64]));
            for at in [0, 1, len / 2, len.saturating_sub(1), len, len + 9] {
                assert_eq!(opened(&file, at as u64).unwrap(), plain.get(at..).unwrap_or_default(), "{len} from {at}");
            }
        }
    }

    #[test]
    fn a_file_that_was_cut_changed_or_reordered_does_not_open() {
        let (head, step) = (HEAD.len(), SEALED_LEN as usize);
        let file = sealed(&noise(3 * CHUNK_LEN + 100));
        for cut in [0, 7, head, head + 8, head + step, head + 2 * step, file.len() - 1] {
            assert!(opened(&file[..cut], 0).is_err(), "cut at {cut}");
        }
        let mut longer = file.clone();
        longer.extend_from_slice(&file[head..head + step]);
        assert!(opened(&longer, 0).is_err());
        let mut swapped = file.clone();
        swapped[head..head + 2 * step].rotate_left(step);
        assert!(opened(&swapped, 0).is_err());
        for at in [0, 7, head, head + step + 5, file.len() - 1] {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(opened(&changed, 0).is_err(), "byte {at}");
        }
        assert!(Opener::new(Cursor::new(&file), &FileKey([8; 32]), Part::Sound).is_err(), "another key");
        assert!(Opener::new(Cursor::new(&file), &KEY, Part::Peaks).is_err(), "another part");
    }
}

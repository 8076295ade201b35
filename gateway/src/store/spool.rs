//! The file that holds records while the database is away: JSON lines, replayed from the front.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use gateway_core::events::record::Record;

use super::{Error, utc_now};

/// At most one file at a time; it is gone as soon as it is replayed whole.
#[derive(Debug)]
pub(super) struct Spool {
    directory: PathBuf,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: File,
    /// Bytes written, whole lines only.
    written: u64,
    /// Records written and not yet known to be in the database.
    waiting: u64,
}

/// Some records from the front, and where the next ones begin.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) records: Vec<Record>,
    /// Lines that no record could be read from: the cut end of a crash, or not ours.
    pub(super) unreadable: usize,
    pub(super) next: u64,
}

impl Spool {
    /// Finds what an earlier run left.
    pub(super) fn open(directory: &Path) -> Result<Self, Error> {
        let mut spool = Self { directory: directory.to_owned(), open: None };
        let mut left: Vec<PathBuf> = fs::read_dir(directory)
            .map_err(|source| Error::File { path: directory.to_owned(), source })?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX)))
            .collect();
        left.sort();
        if let Some(path) = left.pop() {
            spool.open = Some(reopen(&path).map_err(|source| Error::File { path, source })?);
        }
        Ok(spool)
    }

    /// Appends, and returns when the disk has it; on failure the file is as long as before.
    pub(super) fn push(&mut self, records: &[Record]) -> Result<(), Error> {
        let open = match self.open.take() {
            Some(open) => self.open.insert(open),
            None => {
                let path = self.directory.join(format!("{PREFIX}{:013}.jsonl", utc_now().0));
                self.open.insert(reopen(&path).map_err(|source| Error::File { path, source })?)
            }
        };
        let mut lines = Vec::new();
        for record in records {
            // A record always has a JSON form; were it not so, the line would be counted unreadable at replay.
            lines.extend(serde_json::to_vec(record).unwrap_or_default());
            lines.push(b'\n');
        }
        let written = open.file.write_all(&lines).and_then(|()| open.file.sync_data());
        match written {
            Ok(()) => {
                open.written += lines.len() as u64;
                open.waiting += records.len() as u64;
                Ok(())
            }
            Err(source) => {
                // Best effort: a cut line that cannot be cut off is skipped at replay.
                let _ = open.file.set_len(open.written).and_then(|()| open.file.seek(SeekFrom::End(0)).map(|_| ()));
                Err(Error::File { path: open.path.clone(), source })
            }
        }
    }

    /// Up to `most` records from byte `from` on; none left means that the file is replayed whole.
    pub(super) fn read(&self, from: u64, most: usize) -> Result<Read, Error> {
        let mut read = Read { records: Vec::new(), unreadable: 0, next: from };
        let Some(open) = &self.open else { return Ok(read) };
        let failed = |source| Error::File { path: open.path.clone(), source };
        let mut reader = BufReader::new(File::open(&open.path).map_err(failed)?);
        reader.seek(SeekFrom::Start(from)).map_err(failed)?;
        let mut line = Vec::new();
        while read.records.len() < most && read.next < open.written {
            line.clear();
            read.next += reader.read_until(b'\n', &mut line).map_err(failed)? as u64;
            match serde_json::from_slice(&line) {
                Ok(record) => read.records.push(record),
                Err(_) => read.unreadable += 1,
            }
        }
        Ok(read)
    }

    /// So many more are in the database.
    pub(super) fn settle(&mut self, records: u64) {
        if let Some(open) = &mut self.open {
            open.waiting = open.waiting.saturating_sub(records);
        }
    }

    /// All of it is in the database.
    pub(super) fn remove(&mut self) -> Result<(), Error> {
        let Some(open) = self.open.take() else { return Ok(()) };
        fs::remove_file(&open.path).map_err(|source| Error::File { path: open.path, source })
    }

    /// The file's name, by which the database knows how far it is.
    pub(super) fn name(&self) -> Option<String> {
        Some(self.open.as_ref()?.path.file_name()?.to_string_lossy().into_owned())
    }

    /// Records that wait in it.
    pub(super) fn waiting(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.waiting)
    }

    /// Nothing is spooled.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_none()
    }
}

fn reopen(path: &Path) -> std::io::Result<Open> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    let bytes = fs::read(path)?;
    let mut written = bytes.len() as u64;
    if bytes.last().is_some_and(|last| *last != b'\n') {
        // A crash cut the last line: end it, so that the next record begins on its own.
        file.write_all(b"\n")?;
        written += 1;
    }
    Ok(Open { path: path.to_owned(), file, written, waiting: bytes.iter().filter(|byte| **byte == b'\n').count() as u64 })
}

const PREFIX: &str = "spool-";

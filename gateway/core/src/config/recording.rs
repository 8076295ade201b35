//! `[recording]`: what is kept of calls, in which form, for how long, under which key, and where else; read and proven.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use media::recorder::Form;

use super::{
    file::{KeyTable, RecordingTable, UploadTable, Word},
    walk::Walk,
};
use crate::private::Private;

/// What is kept of calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Where a recording is written while its call lasts.
    pub dir: PathBuf,
    /// What a route does that does not say.
    pub on: bool,
    /// Where it is kept afterwards.
    pub archive_dir: PathBuf,
    /// How it is kept.
    pub form: Form,
    /// Wraps the keys of new files; without it they are kept in the clear.
    pub key: Option<MasterKey>,
    /// Unwrap the keys of older files, until `tandem recordings rewrap` has been run.
    pub old_keys: Vec<MasterKey>,
    /// Days after which it is erased; `None` is never.
    pub keep_days: Option<u32>,
    /// Where a copy goes.
    pub upload: Option<Upload>,
}

impl Recording {
    /// In the clear, as it was recorded, for ever, and nowhere else.
    pub fn plain(dir: PathBuf) -> Self {
        Self { archive_dir: dir.clone(), dir, on: false, form: Form::Wav, key: None, old_keys: Vec::new(), keep_days: None, upload: None }
    }
}

/// A key that wraps the keys of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterKey {
    /// Stands beside whatever it wraps.
    pub id: String,
    pub secret: Private<[u8; 32]>,
}

/// Where copies of recordings go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    pub place: Place,
    /// In front of the names of objects, without a slash at either end; may be empty.
    pub prefix: String,
}

/// A store of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder, of another disk or of a network's.
    Folder(PathBuf),
    /// Amazon's S3, or what speaks like it.
    S3(Bucket),
}

/// A bucket of S3, and who we are to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    pub name: String,
    pub region: String,
    /// `None` is Amazon's own.
    pub endpoint: Option<String>,
    pub access_key: String,
    pub secret_key: Private<String>,
    /// PEM file of the authorities that vouch for the endpoint.
    pub ca: PathBuf,
}

impl Walk<'_> {
    pub(super) fn recording(&mut self, table: RecordingTable, data_dir: &Path) -> Recording {
        let dir = table.dir.map_or_else(|| data_dir.join("recordings"), |dir| PathBuf::from(self.word(&dir)));
        let ids: Vec<Word> = table.key.iter().chain(&table.old_keys).map(|key| key.id.clone()).collect();
        let key = table.key.map(|key| self.master_key(&key));
        let old_keys: Vec<MasterKey> = table
            .old_keys
            .iter()
            .map(|old| {
                if key.is_none() {
                    let help = Some("give the key in force: key = { id = \"..\", secret = \"${file:..}\" }");
                    self.fault(old.id.span(), "old keys without a new one", help);
                }
                self.master_key(old)
            })
            .collect();
        let mut known = BTreeSet::new();
        for (id, word) in key.iter().chain(&old_keys).map(|key| &key.id).zip(&ids) {
            if !known.insert(id) {
                let help = Some("an id stands beside every file: give each key its own");
                self.fault(word.span(), &format!("two keys are called `{id}`"), help);
            }
        }
        let keep_days = table.keep_days.map(|days| {
            if *days.get_ref() == 0 {
                self.fault(days.span(), "what is kept 0 days is not kept", Some("leave `keep_days` out to keep recordings for ever"));
            }
            days.into_inner()
        });
        Recording {
            archive_dir: table.archive_dir.map_or_else(|| dir.clone(), |dir| PathBuf::from(self.word(&dir))),
            dir,
            on: table.on.unwrap_or(false),
            form: table.format.map_or(Form::Wav, Form::from),
            key,
            old_keys,
            keep_days,
            upload: table.upload.and_then(|upload| self.upload(upload)),
        }
    }

    fn master_key(&mut self, table: &KeyTable) -> MasterKey {
        let id = self.word(&table.id);
        if id.is_empty() || id.len() > ID_MAX {
            self.fault(table.id.span(), "a key's id has 1 to 64 characters", Some("such as the month it was made in: \"2026-11\""));
        }
        let faults = self.faults.len();
        let text = self.word(&table.secret);
        let secret = unhex(text.trim());
        if secret.is_none() && self.faults.len() == faults {
            self.fault(
                table.secret.span(),
                "a key is 32 bytes, written as 64 hexadecimal digits",
                Some("make one: openssl rand -hex 32 > /etc/tandem/recordings.key; then secret = \"${file:/etc/tandem/recordings.key}\""),
            );
        }
        MasterKey { id, secret: Private(secret.unwrap_or_default()) }
    }

    fn upload(&mut self, table: UploadTable) -> Option<Upload> {
        let to = self.word(&table.to);
        let place = if let Some(rest) = to.strip_prefix("s3://") {
            let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            if name.is_empty() {
                self.fault(table.to.span(), "no bucket", Some("such as \"s3://bucket/recordings\""));
            }
            let (name, prefix) = (name.to_owned(), prefix.trim_matches('/').to_owned());
            return Some(Upload { place: Place::S3(self.bucket(name, table)?), prefix });
        } else if let Some(path) = to.strip_prefix("file://").filter(|path| path.starts_with('/')) {
            Place::Folder(path.into())
        } else {
            let help = Some("\"s3://bucket/prefix\" or \"file:///mnt/recordings\"");
            self.fault(table.to.span(), "not a place that recordings can be copied to", help);
            return None;
        };
        let of_s3 = [&table.region, &table.endpoint, &table.access_key, &table.secret_key, &table.ca];
        if let Some(word) = of_s3.into_iter().flatten().next() {
            self.fault(word.span(), "a folder has no account", Some("this key is for \"s3://bucket\""));
        }
        Some(Upload { place, prefix: String::new() })
    }

    fn bucket(&mut self, name: String, table: UploadTable) -> Option<Bucket> {
        let at = table.to.span();
        let endpoint = table.endpoint.map(|word| {
            let url = self.word(&word);
            if !(url.starts_with("https://") || url.starts_with("http://")) {
                self.fault(word.span(), "not the address of an object store", Some("such as \"https://s3.company.tld\""));
            }
            url.trim_end_matches('/').to_owned()
        });
        let (Some(access_key), Some(secret_key)) = (table.access_key, table.secret_key) else {
            self.fault(at, "a bucket wants to know who writes", Some("access_key = \"..\" and secret_key = \"${file:..}\""));
            return None;
        };
        Some(Bucket {
            name,
            region: self.or(table.region, "us-east-1"),
            endpoint,
            access_key: self.word(&access_key),
            secret_key: Private(self.word(&secret_key)),
            ca: PathBuf::from(self.or(table.ca, WEB_ROOTS)),
        })
    }
}

/// 32 bytes of 64 digits.
fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// It stands in a column of each recording.
const ID_MAX: usize = 64;

/// Debian's, as for callers' signatures.
const WEB_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

//! A certificate authority of a test's own, by openssl's command line, so that a phone may prove whom it speaks with.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::program::run;

/// One that has signed itself; its papers lie in a folder of a test.
#[derive(Debug)]
pub struct Authority {
    folder: PathBuf,
}

impl Authority {
    /// Founded in `folder`, which must be there.
    pub fn found(folder: &Path, name: &str) -> Self {
        let authority = Self { folder: folder.to_owned() };
        let subject = format!("/CN={name}");
        authority.openssl(
            &[&NEW[..], &["-x509", "-days", "2", "-subj", &subject, "-keyout", "authority.key", "-out", "authority.pem"]].concat(),
        );
        authority
    }

    /// PEM: what those who believe in it need.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// A server's chain and key, PEM, for names as in `IP:127.0.0.1` or `DNS:sbc.example`.
    pub fn sign(&self, server: &str, names: &str) -> (PathBuf, PathBuf) {
        let file = |ending: &str| format!("{server}.{ending}");
        let (request, key, chain, words) = (file("csr"), file("key"), file("pem"), file("ext"));
        fs::write(self.folder.join(&words), format!("subjectAltName={names}\n")).expect("the folder is ours");
        let subject = format!("/CN={server}");
        self.openssl(&[&NEW[..], &["-subj", &subject, "-keyout", &key, "-out", &request]].concat());
        let by = ["-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial"];
        self.openssl(&[&["x509", "-req", "-days", "2", "-in", &request, "-out", &chain, "-extfile", &words], &by[..]].concat());
        (self.folder.join(chain), self.folder.join(key))
    }

    /// The same, but over since it was made.
    pub fn sign_expired(&self, name: &str, names: &str) -> (PathBuf, PathBuf) {
        let (chain, key) = self.sign(name, names);
        let (request, words) = (format!("{name}.csr"), format!("{name}.ext"));
        let by = ["-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial"];
        let chain_file = chain.to_string_lossy();
        self.openssl(&[&["x509", "-req", "-days", "-1", "-in", &request, "-out", &chain_file, "-extfile", &words], &by[..]].concat());
        (chain, key)
    }

    fn openssl(&self, arguments: &[&str]) {
        // Its words name files relative to where it runs; a shell takes it there.
        let place = self.folder.to_string_lossy();
        let all = [&["-c", "cd \"$0\" && exec openssl \"$@\"", place.as_ref()], arguments].concat();
        let ended = run("sh", &all, Duration::from_secs(30));
        assert!(ended.status.success(), "openssl {arguments:?}: {ended:?}");
    }
}

/// A key of its own for whoever asks.
const NEW: [&str; 6] = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

//! A walk through a configuration: words with their `${..}` filled in, addresses, names, and the faults found on the way.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::Range,
    path::Path,
    str::FromStr,
};

use super::{
    ConfigFault, Outside,
    address::{self, Unfit},
    fault::nearest,
    file::Word,
};

/// A walk through the file: faults are collected, and a value that is at fault is replaced by a default so that the walk goes on.
pub(super) struct Walk<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
    pub(super) outside: &'a dyn Outside,
    pub(super) faults: Vec<ConfigFault>,
    pub(super) warnings: Vec<ConfigFault>,
}

/// Names that were given, with their lines.
#[derive(Default)]
pub(super) struct Names {
    lines: BTreeMap<String, usize>,
}

impl Walk<'_> {
    pub(super) fn socket(&mut self, word: Option<Word>, default: SocketAddr) -> SocketAddr {
        let Some(word) = word else { return default };
        let Some(socket) = self.parsed::<SocketAddr>(&word, "not an address with a port", "such as \"0.0.0.0:5060\" or \"[::]:5060\"")
        else {
            return default;
        };
        if address::is_example(socket.ip()) {
            self.example(word.span());
        }
        socket
    }

    pub(super) fn address(&mut self, word: &Word) -> Option<IpAddr> {
        let address = self.parsed::<IpAddr>(word, "not an address", "such as \"10.0.0.5\", with no port")?;
        if address::is_example(address) {
            self.example(word.span());
        }
        Some(address)
    }

    pub(super) fn advertised(&mut self, word: Option<Word>, listen: IpAddr, listen_at: Range<usize>) -> IpAddr {
        let Some(word) = word else { return self.own_address(listen, listen_at) };
        match self.address(&word) {
            Some(address) if address.is_unspecified() => {
                self.fault(word.span(), "nobody can send to this address", Some("advertise the address that peers reach us by"));
                listen
            }
            Some(address) => address,
            None => listen,
        }
    }

    pub(super) fn own_address(&mut self, listen: IpAddr, at: Range<usize>) -> IpAddr {
        if !listen.is_unspecified() {
            return listen;
        }
        self.outside.own_address().unwrap_or_else(|| {
            self.warn(at, "this machine has no route to anywhere: peers are told 127.0.0.1", Some("set `advertised`"));
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        })
    }

    pub(super) fn network(&mut self, word: &Word) -> Option<(IpAddr, u8)> {
        let text = self.word(word);
        let (message, help) = match address::network(&text) {
            Ok((address, _)) if address::is_example(address) => {
                self.example(word.span());
                return None;
            }
            Ok(network) => return Some(network),
            Err(Unfit::Unreadable) => (format!("`{text}` is not a network"), "such as \"10.20.0.0/16\" or \"10.20.0.7\"".to_owned()),
            Err(Unfit::TooLong(longest)) => ("the prefix is longer than the address".to_owned(), format!("at most /{longest}")),
            Err(Unfit::Everyone) => ("this trunk is everyone on the network".to_owned(), "name the carrier's own networks".to_owned()),
            Err(Unfit::HostBits(base, length)) => (
                "bits are set behind the prefix".to_owned(),
                format!("did you mean `{base}/{length}` or `{}`?", text.split('/').next().unwrap_or_default()),
            ),
        };
        self.fault(word.span(), &message, Some(&help));
        None
    }

    pub(super) fn parsed<T: FromStr>(&mut self, word: &Word, message: &str, help: &str) -> Option<T> {
        let parsed = self.word(word).parse().ok();
        if parsed.is_none() {
            self.fault(word.span(), message, Some(help));
        }
        parsed
    }

    pub(super) fn unique(&mut self, names: &mut Names, word: &Word, kind: &str) -> String {
        let name = self.word(word);
        if name.is_empty() {
            self.fault(word.span(), &format!("an {kind} needs a name"), None);
        }
        let line = ConfigFault::at(self.file, self.text, word.span(), String::new(), None).line;
        if let Some(earlier) = names.lines.insert(name.clone(), line) {
            self.fault(word.span(), &format!("{kind} `{name}` stands on line {earlier} already"), None);
        }
        name
    }

    pub(super) fn known<'n>(&mut self, at: Range<usize>, kind: &str, name: &str, known: impl Iterator<Item = &'n str> + Clone) {
        if known.clone().any(|one| one == name) {
            return;
        }
        let help = match nearest(name, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known: {}", known.collect::<Vec<_>>().join(", ")),
        };
        self.fault(at, &format!("no {kind} is called `{name}`"), Some(&help));
    }

    pub(super) fn or(&mut self, word: Option<Word>, default: &str) -> String {
        word.map_or_else(|| default.to_owned(), |word| self.word(&word))
    }

    /// The text with its `${..}` filled in.
    pub(super) fn word(&mut self, word: &Word) -> String {
        let mut rest = word.get_ref().as_str();
        let mut filled = String::with_capacity(rest.len());
        while let Some((before, after)) = rest.split_once("${") {
            filled.push_str(before);
            let Some((name, behind)) = after.split_once('}') else {
                self.fault(word.span(), "`${` without `}`", None);
                return filled;
            };
            match self.value(name) {
                Ok(value) => filled.push_str(&value),
                Err(message) => self.fault(word.span(), &message, Some("set it, or give a default: \"${NAME:-default}\"")),
            }
            rest = behind;
        }
        filled.push_str(rest);
        filled
    }

    fn value(&self, name: &str) -> Result<String, String> {
        let secret = |path: &Path| self.outside.file(path).map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
        if let Some(path) = name.strip_prefix("file:") {
            return secret(Path::new(path));
        }
        if let Some(credential) = name.strip_prefix("cred:") {
            let directory = self.outside.variable("CREDENTIALS_DIRECTORY").ok_or("systemd has given this process no credentials")?;
            return secret(&Path::new(&directory).join(credential));
        }
        let (name, default) = name.split_once(":-").map_or((name, None), |(name, default)| (name, Some(default)));
        self.outside.variable(name).or_else(|| default.map(str::to_owned)).ok_or_else(|| format!("the environment has no variable {name}"))
    }

    pub(super) fn example(&mut self, at: Range<usize>) {
        self.fault(at, "an address out of a document (RFC 5737, RFC 3849)", Some("put the real one here"));
    }

    pub(super) fn fault(&mut self, at: Range<usize>, message: &str, help: Option<&str>) {
        self.faults.push(ConfigFault::at(self.file, self.text, at, message.to_owned(), help.map(str::to_owned)));
    }

    pub(super) fn warn(&mut self, at: Range<usize>, message: &str, help: Option<&str>) {
        self.warnings.push(ConfigFault::at(self.file, self.text, at, message.to_owned(), help.map(str::to_owned)));
    }
}

//! The name server's answers: NAPTR, SRV and address records, for the search of `sip::locate`.

use std::{net::SocketAddr, time::Duration};

use gateway_core::{
    events::wire::{Candidate, Transport},
    sip::{
        Uri,
        locate::{Locating, Query, Record},
    },
};
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::{RData, RecordType},
};

/// Asks name servers; a cheap clone.
#[derive(Clone)]
pub(crate) struct Names {
    /// Without one, only addresses are found.
    resolver: Result<TokioResolver, String>,
}

/// The servers of a URI, and how long they are true.
pub(crate) type Located = (Vec<Candidate>, Duration);

impl Names {
    /// Asks `server`, or the system's servers.
    pub(crate) fn new(server: Option<SocketAddr>) -> Self {
        let builder = match server {
            Some(server) => {
                let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                    connection.port = server.port();
                    connection
                });
                let server = NameServerConfig::new(server.ip(), true, connections.into());
                let config = ResolverConfig::from_name_servers(vec![server]);
                Ok(TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()))
            }
            None => TokioResolver::builder_tokio(),
        };
        let built = builder.and_then(|mut builder| {
            let options = builder.options_mut();
            options.timeout = TRY_MAX;
            options.attempts = 2;
            builder.build()
        });
        Self { resolver: built.map_err(|error| format!("no name server is known: {error}; set `server` in [dns]")) }
    }

    /// Where a SIP URI leads (RFC 3263).
    pub(crate) async fn locate(&self, uri: &str, spoken: &[Transport]) -> Result<Located, String> {
        self.locate_aloud(uri, spoken, |_, _| {}).await
    }

    /// The same, where each query and what it found is told.
    pub(super) async fn locate_aloud(
        &self,
        uri: &str,
        spoken: &[Transport],
        mut told: impl FnMut(&Query, &[Record]),
    ) -> Result<Located, String> {
        let parsed = Uri::parse(uri).map_err(|_| format!("{uri} is no SIP address"))?;
        let mut search = Locating::begin(&parsed, spoken).map_err(|nowhere| nowhere.to_string())?;
        while let Some(query) = search.next() {
            let (records, ttl) = self.ask(&query).await?;
            told(&query, &records);
            search.answer(&records, ttl);
        }
        let (candidates, ttl) = search.finish();
        if candidates.is_empty() {
            return Err(format!("{uri} has no address"));
        }
        Ok((candidates, ttl))
    }

    async fn ask(&self, query: &Query) -> Result<(Vec<Record>, Duration), String> {
        match query {
            Query::Naptr(name) => self.records(name, RecordType::NAPTR).await,
            Query::Srv(name) => self.records(name, RecordType::SRV).await,
            Query::Address(name) => {
                let (four, six) = tokio::join!(self.records(name, RecordType::A), self.records(name, RecordType::AAAA));
                // A server that chokes on AAAA shall not hide a good A.
                let ((mut four, four_ttl), (six, six_ttl)) = match (four, six) {
                    (Ok(four), Ok(six)) => (four, six),
                    (Ok(found), Err(_)) | (Err(_), Ok(found)) if !found.0.is_empty() => return Ok(found),
                    (Err(why), _) | (_, Err(why)) => return Err(why),
                };
                four.extend(six);
                Ok((four, four_ttl.min(six_ttl)))
            }
        }
    }

    /// What stands under a name; nothing is an answer too.
    async fn records(&self, name: &str, kind: RecordType) -> Result<(Vec<Record>, Duration), String> {
        let resolver = self.resolver.as_ref().map_err(Clone::clone)?;
        // Rooted: a domain of a trunk is never meant to lie below our own.
        let lookup = match resolver.lookup(format!("{}.", name.trim_end_matches('.')), kind).await {
            Ok(lookup) => lookup,
            Err(error) if error.is_no_records_found() => return Ok((Vec::new(), Duration::MAX)),
            Err(NetError::Timeout) => return Err(format!("the name server did not answer for {kind} of {name}")),
            Err(error) => return Err(format!("{kind} of {name}: {error}")),
        };
        let ttl = lookup.answers().iter().map(|record| record.ttl).min().unwrap_or(0);
        let records = lookup.answers().iter().filter_map(|record| read(&record.data)).collect();
        Ok((records, Duration::from_secs(ttl.into())))
    }
}

fn read(data: &RData) -> Option<Record> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if let RData::A(address) = data {
        return Some(Record::Address(address.0.into()));
    }
    if let RData::AAAA(address) = data {
        return Some(Record::Address(address.0.into()));
    }
    if let RData::SRV(srv) = data {
        return Some(Record::Srv { priority: srv.priority, weight: srv.weight, port: srv.port, target: srv.target.to_ascii() });
    }
    if let RData::NAPTR(naptr) = data {
        return Some(Record::Naptr {
            order: naptr.order,
            preference: naptr.preference,
            flags: text(&naptr.flags),
            service: text(&naptr.services),
            replacement: naptr.replacement.to_ascii(),
        });
    }
    None
}

/// One try at one server; with two tries and four queries a search ends before its caller gives up.
const TRY_MAX: Duration = Duration::from_millis(1500);

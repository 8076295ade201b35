//! Calls that were not let in: a bounded book in memory, and its shadow in the database for the time after a restart.
//!
//! Repeats are one row with a count, so that a scanner fills one row and not the book; strangers and trunks have room of their own, so that
//! no number of forged sources pushes out what a carrier did.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gateway_core::{
    ids::{RejectionId, UtcMillis},
    routing::Reason,
    switch::Rejection,
};
use sqlx::sqlite::SqlitePool;

use super::{Error, Store, int, json, nat, text};

/// One kind of refusal, as often as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// What arrived last; the id is that of the first.
    pub latest: Rejection,
    pub first: UtcMillis,
    pub count: u64,
}

/// The book, shared by the switch's thread, which writes, and the API, which reads.
#[derive(Debug, Clone, Default)]
pub(super) struct Rejections(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    strangers: Shelf,
    known: Shelf,
    /// Rows that the database does not have yet, and rows that it is to lose.
    changed: BTreeSet<RejectionId>,
    dropped: BTreeSet<RejectionId>,
}

#[derive(Debug, Default)]
struct Shelf {
    rows: BTreeMap<RejectionId, Row>,
    by_kind: BTreeMap<Kind, RejectionId>,
    /// Oldest sign of life first.
    by_age: BTreeSet<(UtcMillis, RejectionId)>,
}

/// What makes two refusals one row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    reason: Reason,
    from: IpAddr,
    /// Of those that we know, each trunk and number has a row.
    known: Option<(Option<String>, String)>,
}

impl Kind {
    fn of(rejection: &Rejection) -> Self {
        let known = rejection.refusal.to_peer.then(|| (rejection.trunk.clone(), rejection.dialled.clone()));
        Self { reason: rejection.refusal.reason, from: rejection.from.ip(), known }
    }
}

impl Shelf {
    /// Notes one more; gives the row, and the one that had to go for it.
    fn note(&mut self, rejection: Rejection, count: u64, first: UtcMillis) -> (&Row, Option<RejectionId>) {
        let kind = Kind::of(&rejection);
        let known = self.by_kind.get(&kind).and_then(|id| self.rows.remove(id));
        let mut gone = None;
        let row = match known {
            Some(row) => {
                self.by_age.remove(&(row.latest.at, row.latest.id));
                let id = row.latest.id;
                Row { latest: Rejection { id, ..rejection }, first: row.first, count: row.count + count }
            }
            None => {
                if self.rows.len() >= ROWS_MAX {
                    gone = self.drop_oldest();
                }
                self.by_kind.insert(kind, rejection.id);
                Row { latest: rejection, first, count }
            }
        };
        let id = row.latest.id;
        self.by_age.insert((row.latest.at, id));
        (self.rows.entry(id).or_insert(row), gone)
    }

    fn drop_oldest(&mut self) -> Option<RejectionId> {
        let (_, id) = self.by_age.pop_first()?;
        if let Some(row) = self.rows.remove(&id) {
            self.by_kind.remove(&Kind::of(&row.latest));
        }
        Some(id)
    }
}

impl Rejections {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a refusal; says how often it has come by now.
    pub(super) fn note(&self, rejection: Rejection) -> u64 {
        let at = rejection.at;
        let mut book = self.book();
        let (count, id, gone) = book.put(rejection, 1, at);
        book.changed.insert(id);
        if let Some(gone) = gone {
            book.changed.remove(&gone);
            book.dropped.insert(gone);
        }
        count
    }

    /// Rows that came, or came again, since `since`, latest first; of one source, where it is named.
    fn list(&self, from: Option<IpAddr>, since: UtcMillis, most: usize) -> Vec<Row> {
        let book = self.book();
        let of_source = |row: &&Row| from.is_none_or(|from| row.latest.from.ip().to_canonical() == from);
        let rows = book.strangers.rows.values().chain(book.known.rows.values());
        let mut rows: Vec<Row> = rows.filter(|row| row.latest.at >= since).filter(of_source).cloned().collect();
        rows.sort_by_key(|row| std::cmp::Reverse((row.latest.at, row.latest.id)));
        rows.truncate(most);
        rows
    }

    /// Brings the database up to date; what it would not take is tried again with the next.
    pub(super) async fn save(&self, pool: &SqlitePool) -> Result<(), Error> {
        let (rows, dropped) = {
            let mut book = self.book();
            let changed = std::mem::take(&mut book.changed);
            let row = |id: &RejectionId| book.strangers.rows.get(id).or_else(|| book.known.rows.get(id)).cloned();
            (changed.iter().filter_map(row).collect::<Vec<_>>(), std::mem::take(&mut book.dropped))
        };
        if rows.is_empty() && dropped.is_empty() {
            return Ok(());
        }
        let saved = save(pool, &rows, &dropped).await;
        if saved.is_err() {
            let mut book = self.book();
            book.changed.extend(rows.iter().map(|row| row.latest.id));
            book.dropped.extend(dropped);
        }
        saved
    }

    /// Reads what the node before us noted.
    pub(super) async fn read(pool: &SqlitePool) -> Result<Self, Error> {
        let rows = sqlx::query_as::<_, (i64, i64, String)>(r#"SELECT "count", first, rejection FROM rejections ORDER BY id"#)
            .fetch_all(pool)
            .await?;
        let rejections = Self::default();
        {
            let mut book = rejections.book();
            for (count, first, rejection) in rows {
                // A row of another version's words is no reason not to start.
                match json::<Rejection>("a rejection", &rejection) {
                    Ok(rejection) => {
                        book.put(rejection, nat(count), UtcMillis(nat(first)));
                    }
                    Err(error) => tracing::warn!(%error, "a rejection is left out"),
                }
            }
        }
        Ok(rejections)
    }

    /// Saves every second until the pool is closed.
    pub(super) async fn keep(self, pool: SqlitePool) {
        let mut behind = false;
        while !pool.is_closed() {
            tokio::time::sleep(SAVE_EVERY).await;
            let saved = self.save(&pool).await;
            if let (Err(error), false) = (&saved, behind || pool.is_closed()) {
                tracing::warn!(%error, "rejections are kept in memory alone");
            }
            behind = saved.is_err();
        }
    }
}

impl Book {
    fn put(&mut self, rejection: Rejection, count: u64, first: UtcMillis) -> (u64, RejectionId, Option<RejectionId>) {
        let shelf = if rejection.refusal.to_peer { &mut self.known } else { &mut self.strangers };
        let (row, gone) = shelf.note(rejection, count, first);
        (row.count, row.latest.id, gone)
    }
}

impl Store {
    /// Notes a call that was not let in; says how often its like has come by now. Never waits.
    pub(crate) fn reject(&self, rejection: Rejection) -> u64 {
        self.rejections.note(rejection)
    }

    /// Calls that were not let in since `since`, latest first; of one source, where it is named.
    pub(crate) fn rejections(&self, from: Option<IpAddr>, since: UtcMillis, most: usize) -> Vec<Row> {
        self.rejections.list(from, since, most)
    }
}

async fn save(pool: &SqlitePool, rows: &[Row], dropped: &BTreeSet<RejectionId>) -> Result<(), Error> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    for id in dropped {
        sqlx::query("DELETE FROM rejections WHERE id = ?").bind(int(id.0)).execute(&mut *transaction).await?;
    }
    for row in rows {
        sqlx::query(r#"INSERT OR REPLACE INTO rejections (id, "count", first, rejection) VALUES (?, ?, ?, ?)"#)
            .bind(int(row.latest.id.0))
            .bind(int(row.count))
            .bind(int(row.first.0))
            .bind(text(&row.latest))
            .execute(&mut *transaction)
            .await?;
    }
    Ok(transaction.commit().await?)
}

/// Rows of strangers, and as many of trunks and phones; about a kilobyte each. The one that was silent longest goes first.
const ROWS_MAX: usize = 500;
/// A crash loses this much of the counts; the log has the refusals themselves.
const SAVE_EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use gateway_core::{private::Private, routing::Refusal};

    use super::*;

    fn rejection(id: u64, from: &str, trunk: Option<&str>, dialled: &str) -> Rejection {
        let reason = if trunk.is_some() { Reason::NoRoute } else { Reason::UnknownSource };
        Rejection {
            id: RejectionId(id),
            at: UtcMillis(id),
            from: from.parse().unwrap(),
            transport: "UDP".into(),
            trunk: trunk.map(str::to_owned),
            caller: Private("100".into()),
            dialled: dialled.into(),
            method: "INVITE".into(),
            call_id: format!("call-{id}"),
            refusal: Refusal::new(reason, "no", trunk.is_some()),
        }
    }

    fn all(rejections: &Rejections) -> Vec<Row> {
        rejections.list(None, UtcMillis(0), usize::MAX)
    }

    #[test]
    fn a_scanner_fills_one_row_whatever_it_dials_and_from_whatever_port() {
        let rejections = Rejections::default();
        for n in 1..=10_000 {
            let count = rejections.note(rejection(n, &format!("203.0.113.9:{}", 1_024 + n % 60_000), None, &n.to_string()));
            assert_eq!(count, n);
        }
        let rows = all(&rejections);
        assert_eq!((rows.len(), rows[0].count, rows[0].first.0, rows[0].latest.at.0), (1, 10_000, 1, 10_000));
        assert_eq!((rows[0].latest.id.0, rows[0].latest.dialled.as_str()), (1, "10000"));
    }

    #[test]
    fn forged_sources_push_each_other_out_and_never_a_trunk() {
        let rejections = Rejections::default();
        rejections.note(rejection(1, "10.1.0.5:5060", Some("carrier"), "999"));
        for n in 2..5_000u32 {
            let from = std::net::Ipv4Addr::from_bits(0x5000_0000 + n);
            rejections.note(rejection(n.into(), &format!("{from}:5060"), None, "1"));
        }
        let rows = all(&rejections);
        assert_eq!(rows.len(), ROWS_MAX + 1);
        assert!(rows.iter().any(|row| row.latest.trunk.as_deref() == Some("carrier")));
        assert_eq!(rows[0].latest.id.0, 4_999, "the latest is first");
        let book = rejections.book();
        assert_eq!((book.strangers.by_kind.len(), book.strangers.by_age.len(), book.changed.len()), (ROWS_MAX, ROWS_MAX, ROWS_MAX + 1));
    }

    #[test]
    fn a_trunk_has_a_row_for_each_number_and_what_came_again_is_young() {
        let rejections = Rejections::default();
        let by_carrier = |id, dialled: &str| rejections.note(rejection(id, "10.1.0.5:5060", Some("carrier"), dialled));
        assert_eq!((by_carrier(1, "998"), by_carrier(2, "999"), by_carrier(3, "998")), (1, 1, 2));
        let rows = all(&rejections);
        assert_eq!(rows.iter().map(|row| (row.latest.dialled.as_str(), row.count)).collect::<Vec<_>>(), [("998", 2), ("999", 1)]);
        assert_eq!(rejections.list(None, UtcMillis(3), 9).len(), 1);
        assert_eq!(rejections.list(Some("10.1.0.6".parse().unwrap()), UtcMillis(0), 9).len(), 0);
        assert_eq!(rejections.list(Some("10.1.0.5".parse().unwrap()), UtcMillis(0), 1).len(), 1);
    }

    #[tokio::test]
    async fn rows_survive_a_restart_and_go_on_counting() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).await.unwrap();
        store.reject(rejection(1, "203.0.113.9:5060", None, "1"));
        store.reject(rejection(2, "10.1.0.5:5060", Some("carrier"), "999"));
        store.reject(rejection(3, "203.0.113.9:5061", None, "2"));
        let before = store.rejections(None, UtcMillis(0), 10);
        store.close().await;

        let store = Store::open(directory.path()).await.unwrap();
        assert_eq!(store.rejections(None, UtcMillis(0), 10), before);
        assert_eq!(store.reject(rejection(9, "203.0.113.9:5062", None, "3")), 3);
        store.close().await;
    }

    #[tokio::test]
    async fn what_is_pushed_out_of_memory_leaves_the_database_too() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).await.unwrap();
        for n in 0..600u32 {
            store.reject(rejection(u64::from(n) + 1, &format!("{}:5060", std::net::Ipv4Addr::from_bits(0x5000_0000 + n)), None, "1"));
            if n == 550 {
                store.rejections.save(&store.pool).await.unwrap();
            }
        }
        store.close().await;
        let store = Store::open(directory.path()).await.unwrap();
        let rows = store.rejections(None, UtcMillis(0), 1_000);
        assert_eq!((rows.len(), rows[0].latest.id.0, rows.last().unwrap().latest.id.0), (ROWS_MAX, 600, 101));
        store.close().await;
    }
}

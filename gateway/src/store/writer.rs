//! The one batching writer of records: channel, transaction, and the spool for when the database is away.
//!
//! Order is kept: while anything is spooled, whatever comes goes behind it. What neither database nor disk takes is held, the queue grows, and
//! the node refuses new calls: nothing is dropped.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use gateway_core::events::{
    record::{Happened, Record},
    story::Privacy,
};
use sqlx::sqlite::SqlitePool;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

use super::{Error, int, project, spool::Spool, utc_now};

/// What reaches the writer.
#[derive(Debug)]
pub(super) enum Job {
    Append(Box<Record>),
    Flush(oneshot::Sender<Lag>),
}

/// How far the database is behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Lag {
    /// Records in the spool file.
    pub spooled: u64,
    /// Records held because neither database nor spool takes them.
    pub held: u64,
}

#[derive(Debug)]
pub(super) struct Writer {
    pool: SqlitePool,
    spool: Spool,
    waiting: mpsc::UnboundedReceiver<Job>,
    held: Vec<Record>,
    /// Appended, and in neither database nor spool.
    queued: Arc<AtomicUsize>,
    sealings: Arc<watch::Sender<u64>>,
}

/// The writer's mouth.
#[derive(Debug, Clone)]
pub(super) struct Jobs {
    jobs: mpsc::UnboundedSender<Job>,
    queued: Arc<AtomicUsize>,
    /// How often recordings were sealed.
    sealings: Arc<watch::Sender<u64>>,
}

impl Jobs {
    /// A mouth, and the ear for `Writer::open`.
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Job>) {
        let (jobs, waiting) = mpsc::unbounded_channel();
        (Self { jobs, queued: Arc::default(), sealings: Arc::new(watch::Sender::new(0)) }, waiting)
    }

    pub(super) fn append(&self, record: Record) {
        let Some(record) = without_card_data(record) else {
            metrics::counter!("tandem_store_pci_refused_total").increment(1);
            tracing::error!("a fact marked pci came to the store and was refused: the script that collects it must use it, not keep it");
            return;
        };
        self.queued.fetch_add(1, Ordering::Relaxed);
        if self.jobs.send(Job::Append(Box::new(record))).is_err() {
            tracing::error!("a record came after the store was closed");
        }
    }

    pub(super) async fn flush(&self) -> Lag {
        let (flushed, lag) = oneshot::channel();
        if self.jobs.send(Job::Flush(flushed)).is_err() {
            return Lag::default();
        }
        lag.await.unwrap_or_default()
    }

    pub(super) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    pub(super) fn sealings(&self) -> watch::Receiver<u64> {
        self.sealings.subscribe()
    }
}

impl Writer {
    pub(super) fn open(pool: SqlitePool, directory: &Path, jobs: &Jobs, waiting: mpsc::UnboundedReceiver<Job>) -> Result<Self, Error> {
        // A counter that is there from the start can be watched before it first counts.
        for name in ["tandem_store_refused_total", "tandem_store_pci_refused_total"] {
            metrics::counter!(name).increment(0);
        }
        let spool = Spool::open(directory)?;
        Ok(Self { pool, spool, waiting, held: Vec::new(), queued: jobs.queued.clone(), sealings: jobs.sealings.clone() })
    }

    /// Until the last `Store` is dropped and all it sent is written.
    pub(super) async fn run(mut self) {
        let mut jobs = Vec::new();
        let mut pause = RETRY_MIN;
        let mut retry_at = Instant::now();
        let mut settled = retry_at;
        loop {
            let was_behind = self.is_behind();
            // A busy node commits so often and no more: what comes meanwhile shares the next sync of the disk.
            tokio::time::sleep_until(settled + COMMIT_EVERY).await;
            // With records held, nothing more is taken in: the queue grows, and the node refuses new calls.
            let open = tokio::select! {
                taken = self.waiting.recv_many(&mut jobs, BATCH_MAX), if self.held.is_empty() => taken > 0,
                // A fixed time, or a busy node would put it off for ever.
                () = tokio::time::sleep_until(retry_at), if was_behind => {
                    self.catch_up().await;
                    pause = (pause * 2).min(RETRY_MAX);
                    retry_at = Instant::now() + pause;
                    true
                }
            };
            let mut flushes = Vec::new();
            for job in jobs.drain(..) {
                match job {
                    Job::Append(record) => self.held.push(*record),
                    Job::Flush(flushed) => flushes.push(flushed),
                }
            }
            self.write().await;
            settled = Instant::now();
            if !was_behind && self.is_behind() {
                pause = RETRY_MIN;
                retry_at = Instant::now() + pause;
            }
            for flushed in flushes {
                // Whoever asked may have gone.
                let _ = flushed.send(self.lag());
            }
            if !open {
                self.catch_up().await;
                break;
            }
        }
    }

    /// Brings everything spooled into the database, or says why not.
    pub(super) async fn replay_all(&mut self) -> Result<(), Error> {
        let Some(name) = self.spool.name() else { return Ok(()) };
        let mut from = match sqlx::query_scalar::<_, i64>("SELECT replayed FROM spools WHERE file = ?")
            .bind(&name)
            .fetch_optional(&self.pool)
            .await?
        {
            Some(replayed) => super::nat(replayed),
            None => 0,
        };
        loop {
            let read = self.spool.read(from, BATCH_MAX)?;
            if read.unreadable > 0 {
                tracing::error!(lines = read.unreadable, file = name, "lines of the spool are not records; they are skipped");
            }
            if read.next == from {
                break;
            }
            let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
            project::apply(&mut transaction, &read.records).await?;
            sqlx::query("INSERT INTO spools (file, replayed) VALUES (?, ?) ON CONFLICT (file) DO UPDATE SET replayed = excluded.replayed")
                .bind(&name)
                .bind(int(read.next))
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            self.ring(&read.records);
            self.spool.settle(read.records.len() as u64);
            from = read.next;
        }
        // The file goes first: were the row gone and the file left, all of it would be replayed twice.
        self.spool.remove()?;
        sqlx::query("DELETE FROM spools WHERE file = ?").bind(&name).execute(&self.pool).await?;
        Ok(())
    }

    async fn write(&mut self) {
        let Some(first) = self.held.first() else { return };
        let lag_ms = utc_now().0.saturating_sub(first.at.0);
        if self.spool.is_empty() {
            match self.commit().await {
                Ok(()) => self.safe(),
                Err(error) => tracing::error!(%error, "the database is away: records go to the spool"),
            }
        }
        if !self.held.is_empty() {
            match self.spool.push(&self.held) {
                Ok(()) => self.safe(),
                Err(error) => tracing::error!(%error, held = self.held.len(), "neither database nor spool takes records: they are held"),
            }
        }
        metrics::gauge!("tandem_store_lag_ms").set(lag_ms as f64);
        self.gauge();
    }

    async fn commit(&self) -> Result<(), Error> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        project::apply(&mut transaction, &self.held).await?;
        transaction.commit().await?;
        self.ring(&self.held);
        Ok(())
    }

    /// Whoever waits for sealed recordings may look.
    fn ring(&self, committed: &[Record]) {
        let sealed = committed.iter().filter(|record| matches!(record.happened, Happened::RecordingSealed { .. })).count();
        if sealed > 0 {
            self.sealings.send_modify(|count| *count += sealed as u64);
        }
    }

    async fn catch_up(&mut self) {
        if let Err(error) = self.replay_all().await {
            tracing::warn!(%error, spooled = self.spool.waiting(), "the database is still away");
        }
        self.gauge();
    }

    fn gauge(&self) {
        let lag = self.lag();
        metrics::gauge!("tandem_store_spooled").set(lag.spooled as f64);
        metrics::gauge!("tandem_store_held").set(lag.held as f64);
        metrics::gauge!("tandem_store_waiting").set(self.waiting.len() as f64);
    }

    /// What was held is on disk.
    fn safe(&mut self) {
        self.queued.fetch_sub(self.held.len(), Ordering::Relaxed);
        self.held.clear();
    }

    fn lag(&self) -> Lag {
        Lag { spooled: self.spool.waiting(), held: self.held.len() as u64 }
    }

    fn is_behind(&self) -> bool {
        !self.spool.is_empty() || !self.held.is_empty()
    }
}

/// Card data is used and forgotten (PCI DSS 3.3): no table, no spool and no sealed card has it.
fn without_card_data(mut record: Record) -> Option<Record> {
    if let Happened::FactLearned { fact } = &record.happened
        && fact.privacy == Privacy::Pci
    {
        return None;
    }
    if let Happened::AgentOffered { card, .. } = &mut record.happened {
        card.slots.retain(|fact| fact.privacy != Privacy::Pci);
        if let Some(cursor) = &mut card.resume {
            cursor.slots.retain(|_, fact| fact.privacy != Privacy::Pci);
        }
    }
    Some(record)
}

/// Records that wait for the writer, minutes of a busy node: past it new calls are refused. Calls in progress still write the few dozen records
/// that each of them has, and none is dropped.
pub(super) const WAITING_MAX: usize = 16_384;
/// Records in one transaction.
const BATCH_MAX: usize = 1_024;
/// Between two transactions. A power cut takes at most so much of what is said.
const COMMIT_EVERY: Duration = Duration::from_millis(100);
/// First and longest pause between two tries to reach the database.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);

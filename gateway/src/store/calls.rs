//! Calls as they were: the list, one call's records; and those that a dead node left open.

use gateway_core::{
    cause::{Cause, Fault},
    events::record::{Happened, Record},
    ids::{AgentId, CallId, CustomerId, UtcMillis},
    private::Private,
};
use serde::Serialize;
use sqlx::sqlite::SqlitePool;

use super::{Error, Store, int, json, nat, project};

/// One line of the list of calls.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct CallRow {
    pub id: CallId,
    pub context_id: String,
    /// As signalling brought it.
    pub caller: Option<Private<String>>,
    pub customer: Option<CustomerId>,
    pub started: UtcMillis,
    /// `None`: it lives.
    pub ended: Option<UtcMillis>,
    pub cause: Option<Cause>,
    /// The final one.
    pub agent: Option<AgentId>,
    pub queue: Option<String>,
    pub waited_ms: Option<u64>,
    pub talked_ms: Option<u64>,
    pub crashed: bool,
    pub disposition: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    context_id: String,
    peer: Option<String>,
    customer: Option<i64>,
    started: i64,
    ended: Option<i64>,
    cause: Option<String>,
    agent: Option<i64>,
    queue: Option<String>,
    waited_ms: Option<i64>,
    talked_ms: Option<i64>,
    crashed: bool,
    disposition: Option<String>,
}

impl Store {
    /// Calls that began before `before`, newest first, at most 200.
    pub(crate) async fn calls(&self, before: Option<UtcMillis>, most: u32) -> Result<Vec<CallRow>, Error> {
        let rows = sqlx::query_as::<_, Row>(
            "SELECT id, context_id, peer, customer, started, ended, cause, agent, queue, waited_ms, talked_ms, crashed, disposition
             FROM calls WHERE started < ? ORDER BY started DESC, id DESC LIMIT ?",
        )
        .bind(before.map_or(i64::MAX, |before| int(before.0)))
        .bind(most.min(PAGE_MAX))
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(CallRow::try_from).collect()
    }

    /// One call, and its records from `after` (a count) on, at most 500 of them.
    pub(crate) async fn call(&self, call: CallId, after: u32) -> Result<(CallRow, Vec<Record>), Error> {
        let row = sqlx::query_as::<_, Row>(
            "SELECT id, context_id, peer, customer, started, ended, cause, agent, queue, waited_ms, talked_ms, crashed, disposition
             FROM calls WHERE id = ?",
        )
        .bind(int(call.0))
        .fetch_optional(&self.pool)
        .await?
        .ok_or_else(|| Error::Absent { what: "call", id: call.0.to_string() })?;
        let records = sqlx::query_scalar::<_, String>("SELECT record FROM records WHERE call = ? ORDER BY id LIMIT ? OFFSET ?")
            .bind(int(call.0))
            .bind(RECORDS_MAX)
            .bind(after)
            .fetch_all(&self.pool)
            .await?;
        Ok((row.try_into()?, records.iter().map(|line| json("a record", line)).collect::<Result<_, _>>()?))
    }

    /// Whether an agent has had part in a call: took it, or was handed it.
    pub(crate) async fn has_served(&self, call: CallId, agent: AgentId) -> Result<bool, Error> {
        let served = sqlx::query_scalar::<_, bool>(
            "SELECT EXISTS (SELECT 1 FROM calls WHERE id = ? AND agent = ?)
             OR EXISTS (SELECT 1 FROM records WHERE call = ? AND type = 'handoff' AND record ->> 'agent' = ?)",
        )
        .bind(int(call.0))
        .bind(int(agent.0))
        .bind(int(call.0))
        .bind(int(agent.0))
        .fetch_one(&self.pool)
        .await?;
        Ok(served)
    }
}

impl TryFrom<Row> for CallRow {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            id: CallId(nat(row.id)),
            context_id: row.context_id,
            caller: row.peer.map(Private),
            customer: row.customer.map(|id| CustomerId(nat(id))),
            started: UtcMillis(nat(row.started)),
            ended: row.ended.map(|at| UtcMillis(nat(at))),
            cause: row.cause.map(|cause| json("a call's cause", &cause)).transpose()?,
            agent: row.agent.map(|id| AgentId(nat(id))),
            queue: row.queue,
            waited_ms: row.waited_ms.map(nat),
            talked_ms: row.talked_ms.map(nat),
            crashed: row.crashed,
            disposition: row.disposition,
        })
    }
}

/// Ends the calls that a dead node left open, as of their last sign of life: nothing is known of them after it.
pub(super) async fn close_crashed(pool: &SqlitePool, now: UtcMillis) -> Result<(), Error> {
    type Open = (i64, i64, Option<i64>, Option<i64>, Option<i64>);
    let open = sqlx::query_as::<_, Open>(
        "SELECT id, (SELECT COALESCE(MAX(at), calls.started) FROM records WHERE records.call = calls.id), agent, queued_at, bridged_at
         FROM calls WHERE ended IS NULL ORDER BY id",
    )
    .fetch_all(pool)
    .await?;
    if open.is_empty() {
        return Ok(());
    }
    let records: Vec<Record> = open
        .into_iter()
        .map(|(id, last, agent, queued_at, bridged_at)| Record {
            at: UtcMillis(nat(last).min(now.0)),
            call: CallId(nat(id)),
            happened: Happened::CallEnded {
                cause: CRASHED,
                agent: agent.map(|agent| AgentId(nat(agent))),
                waited_ms: queued_at.map_or(0, |from| nat(bridged_at.unwrap_or(last) - from)),
                talked_ms: bridged_at.map_or(0, |from| nat(last - from)),
                crashed: true,
            },
        })
        .collect();
    tracing::warn!(calls = records.len(), "calls were left open by a node that died; they are closed as crashed");
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    project::apply(&mut transaction, &records).await?;
    Ok(transaction.commit().await?)
}

/// 500 and Q.850 41, temporary failure: ours, and the next try may succeed.
const CRASHED: Cause = Cause { sip: 500, q850: 41, fault: Fault::Gateway, retry: true };
/// Lines of one page of the list.
const PAGE_MAX: u32 = 200;
/// Records in one answer; a call has a few dozen.
const RECORDS_MAX: u32 = 500;

//! What each record changes: its raw line is kept in any case, and the tables that are read in a hurry follow it.

use gateway_core::{
    context::sums::BACKED_OUT_WITHIN,
    events::{
        record::{Happened, Record},
        story::{Fact, MenuChosen, MenuPresented},
    },
    ids::{CallId, CustomerId, UtcMillis},
};
use sqlx::{Connection, SqliteConnection};

use super::{Error, begun, customers, ended, int, lines, nat, past::BACKED_OUT, text, word};

/// Writes records in order, in the caller's transaction.
///
/// A record whose tables refuse it keeps its raw line and is reported: one bad record must not hold up all the others for ever.
pub(super) async fn apply(connection: &mut SqliteConnection, records: &[Record]) -> Result<(), Error> {
    lines::append(connection, records).await?;
    let mut savepoint = connection.begin().await?;
    match project_all(&mut savepoint, records).await {
        Ok(()) => return Ok(savepoint.commit().await?),
        Err(error) if refusal(&error).is_some() => savepoint.rollback().await?,
        Err(error) => return Err(error),
    }
    for record in records {
        let mut savepoint = connection.begin().await?;
        match project_all(&mut savepoint, std::slice::from_ref(record)).await {
            Ok(()) => savepoint.commit().await?,
            Err(error) => {
                let Some(refused) = refusal(&error) else { return Err(error) };
                savepoint.rollback().await?;
                metrics::counter!("tandem_store_refused_total").increment(1);
                tracing::error!(call = record.call.0, error = refused, "a record is kept as it came, but its tables refused it");
            }
        }
    }
    Ok(())
}

/// What begins comes first and what ends last, and an agent's last word after that; between them the records keep their order.
async fn project_all(connection: &mut SqliteConnection, records: &[Record]) -> Result<(), Error> {
    begun::apply(connection, records).await?;
    let (wrapped_up, others): (Vec<_>, Vec<_>) = records.iter().partition(|record| matches!(record.happened, Happened::WrappedUp { .. }));
    for record in others {
        project(connection, record).await?;
    }
    ended::apply(connection, records).await?;
    for record in wrapped_up {
        project(connection, record).await?;
    }
    Ok(())
}

/// The database's words, if it is the record that it does not like.
fn refusal(error: &Error) -> Option<String> {
    let Error::Database(sqlx::Error::Database(refusal)) = error else { return None };
    (!is_away(refusal.as_ref())).then(|| refusal.to_string())
}

/// Locked, out of space or broken: the database's state, not the record's fault (SQLite result codes 5, 6, 8, 10, 11, 13, 14).
fn is_away(refusal: &dyn sqlx::error::DatabaseError) -> bool {
    let code = refusal.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or_default();
    matches!(code & 0xff, 5 | 6 | 8 | 10 | 11 | 13 | 14)
}

async fn project(connection: &mut SqliteConnection, record: &Record) -> Result<(), Error> {
    let Record { at, call, happened } = record;
    let (at, call) = (*at, *call);
    match happened {
        // Whole batches at a time: see `begun` and `ended`.
        Happened::CallStarted { .. } | Happened::LegStarted { .. } | Happened::CallEnded { .. } => Ok(()),
        Happened::LegEnded { .. } | Happened::HandedBack { .. } | Happened::Arrived { .. } | Happened::Proven { .. } => Ok(()),
        Happened::Identified { customer, .. } => identified(connection, call, *customer).await,
        Happened::FactLearned { fact } => fact_learned(connection, call, fact).await,
        Happened::MenuPresented(menu) => presented(connection, call, at, menu).await,
        Happened::MenuChosen(choice) => chosen(connection, call, at, choice).await,
        Happened::ScriptLeft { reason, node } => {
            set(connection, "UPDATE calls SET exit_kind = ?, exit_node = ? WHERE id = ?", &word(reason), node, call).await
        }
        Happened::Queued { queue, .. } => {
            sqlx::query("UPDATE calls SET queue = ?, queued_at = COALESCE(queued_at, ?) WHERE id = ?")
                .bind(queue)
                .bind(int(at.0))
                .bind(int(call.0))
                .execute(connection)
                .await?;
            Ok(())
        }
        Happened::AgentOffered { card, .. } => {
            let intent = card.reason.as_ref().map(|reason| reason.intent.clone());
            sqlx::query("UPDATE calls SET intent = COALESCE(?, intent) WHERE id = ?")
                .bind(intent)
                .bind(int(call.0))
                .execute(connection)
                .await?;
            Ok(())
        }
        Happened::Handoff { agent, .. } => {
            sqlx::query("UPDATE calls SET agent = ?, bridged_at = COALESCE(bridged_at, ?) WHERE id = ?")
                .bind(int(agent.0))
                .bind(int(at.0))
                .bind(int(call.0))
                .execute(connection)
                .await?;
            Ok(())
        }
        Happened::Transferred { merged, .. } => {
            let Some(merged) = merged else { return Ok(()) };
            sqlx::query("UPDATE calls SET merged_into = ? WHERE id = ?").bind(int(call.0)).bind(int(merged.0)).execute(connection).await?;
            Ok(())
        }
        Happened::RecordingSealed { recording, file, length_ms } => {
            sqlx::query(
                "INSERT INTO recordings (id, call, at, file, length_ms) VALUES (?, ?, ?, ?, ?)
                 ON CONFLICT (call, id) DO UPDATE SET file = excluded.file, length_ms = excluded.length_ms, state = 'sealed', failure = NULL
                 WHERE recordings.state IN ('sealed', 'failed')",
            )
            .bind(int(recording.0))
            .bind(int(call.0))
            .bind(int(at.0))
            .bind(file)
            .bind(int(*length_ms))
            .execute(connection)
            .await?;
            Ok(())
        }
        Happened::RecordingFailed { recording, reason } => {
            sqlx::query(
                "INSERT INTO recordings (id, call, at, failure, state) VALUES (?, ?, ?, ?, 'failed')
                 ON CONFLICT (call, id) DO UPDATE SET failure = excluded.failure",
            )
            .bind(int(recording.0))
            .bind(int(call.0))
            .bind(int(at.0))
            .bind(reason)
            .execute(connection)
            .await?;
            Ok(())
        }
        // Written with the row that they tell of: see `recordings`.
        Happened::RecordingReady { .. } | Happened::RecordingErased { .. } => Ok(()),
        Happened::WrappedUp { disposition, tags, resolved, note, .. } => {
            // Whose call it was, the call itself says: what a desk says here would else open recordings of others' calls.
            sqlx::query("UPDATE calls SET disposition = ?, tags = ?, resolved = ?, note = ? WHERE id = ?")
                .bind(disposition)
                .bind(text(tags))
                .bind(*resolved)
                .bind(note)
                .bind(int(call.0))
                .execute(&mut *connection)
                .await?;
            ended::remember(connection, &[call]).await?;
            follow_case(connection, call, at, disposition, *resolved).await
        }
    }
}

async fn set(connection: &mut SqliteConnection, sql: &'static str, first: &str, second: &str, call: CallId) -> Result<(), Error> {
    sqlx::query(sql).bind(first).bind(second).bind(int(call.0)).execute(connection).await?;
    Ok(())
}

/// What the caller did before we knew who it was is theirs too. `None` takes back only what an earlier `Identified` said.
async fn identified(connection: &mut SqliteConnection, call: CallId, customer: Option<CustomerId>) -> Result<(), Error> {
    let Some(customer) = customer else {
        sqlx::query("UPDATE calls SET customer = NULL, identified = 0 WHERE id = ? AND identified")
            .bind(int(call.0))
            .execute(connection)
            .await?;
        return Ok(());
    };
    for sql in [
        "UPDATE calls SET customer = ?, identified = 1 WHERE id = ?",
        "UPDATE facts SET customer = ? WHERE call = ?",
        "UPDATE menu_choices SET customer = ? WHERE call = ?",
    ] {
        sqlx::query(sql).bind(int(customer.0)).bind(int(call.0)).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn customer_of(connection: &mut SqliteConnection, call: CallId) -> Result<Option<i64>, Error> {
    let row = sqlx::query_scalar::<_, Option<i64>>("SELECT customer FROM calls WHERE id = ?")
        .bind(int(call.0))
        .fetch_optional(connection)
        .await?;
    Ok(row.flatten())
}

async fn fact_learned(connection: &mut SqliteConnection, call: CallId, fact: &Fact) -> Result<(), Error> {
    let customer = customer_of(connection, call).await?;
    customers::learn(connection, customer.map(|id| CustomerId(nat(id))), Some(call), fact).await
}

async fn presented(connection: &mut SqliteConnection, call: CallId, at: UtcMillis, menu: &MenuPresented) -> Result<(), Error> {
    // The menu that was just left is heard again: the caller backed out.
    let left = sqlx::query_as::<_, (i64, String)>(
        "SELECT id, item FROM menu_choices WHERE id = (SELECT MAX(id) FROM menu_choices WHERE call = ?)
         AND node = ? AND at >= ? AND outcome = 'chosen'",
    )
    .bind(int(call.0))
    .bind(&menu.node)
    .bind(int(at.0) - i64::try_from(BACKED_OUT_WITHIN.as_millis()).unwrap_or_default())
    .fetch_optional(&mut *connection)
    .await?;
    if let Some((choice, item)) = left {
        sqlx::query("UPDATE menu_choices SET outcome = ? WHERE id = ?").bind(BACKED_OUT).bind(choice).execute(&mut *connection).await?;
        count(connection, &menu.node, &item, -1).await?;
    }
    sqlx::query("INSERT INTO menu_presented (call, at, node, version, mode, holdout, items) VALUES (?, ?, ?, ?, ?, ?, ?)")
        .bind(int(call.0))
        .bind(int(at.0))
        .bind(&menu.node)
        .bind(menu.version)
        .bind(&menu.mode)
        .bind(menu.holdout)
        .bind(text(&menu.order))
        .execute(connection)
        .await?;
    Ok(())
}

async fn chosen(connection: &mut SqliteConnection, call: CallId, at: UtcMillis, choice: &MenuChosen) -> Result<(), Error> {
    let customer = customer_of(connection, call).await?;
    sqlx::query(
        "INSERT INTO menu_choices (customer, call, at, node, item, position, after_ms, outcome) VALUES (?, ?, ?, ?, ?, ?, ?, 'chosen')",
    )
    .bind(customer)
    .bind(int(call.0))
    .bind(int(at.0))
    .bind(&choice.node)
    .bind(&choice.item)
    .bind(choice.position)
    .bind(choice.after_ms)
    .execute(&mut *connection)
    .await?;
    count(connection, &choice.node, &choice.item, 1).await
}

/// One more, or one fewer, of all callers chose this.
pub(super) async fn count(connection: &mut SqliteConnection, node: &str, item: &str, by: i64) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO popularity (node, item, chosen) VALUES (?, ?, MAX(0, ?)) ON CONFLICT (node, item) DO UPDATE SET chosen = MAX(0, chosen + ?)",
    )
    .bind(node)
    .bind(item)
    .bind(by)
    .bind(by)
    .execute(connection)
    .await?;
    Ok(())
}

/// What is not solved stays a case, one per matter; what is solved closes it.
async fn follow_case(connection: &mut SqliteConnection, call: CallId, at: UtcMillis, title: &str, resolved: bool) -> Result<(), Error> {
    let Some(customer) = customer_of(connection, call).await? else { return Ok(()) };
    let customer = CustomerId(nat(customer));
    let case = if resolved {
        customers::close_case(connection, customer, title, at).await?
    } else {
        Some(customers::join_case(connection, customer, title, "open", at).await?)
    };
    sqlx::query(r#"UPDATE interactions SET "case" = COALESCE(?, "case") WHERE call = ?"#)
        .bind(case.map(|case| int(case.0)))
        .bind(int(call.0))
        .execute(connection)
        .await?;
    Ok(())
}

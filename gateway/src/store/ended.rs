//! Calls that end: how, and what remains of them in the customer's story, many at a time.

use gateway_core::{
    events::{
        record::{Happened, Record},
        story::Medium,
    },
    ids::CallId,
};
use serde_json::json;
use sqlx::SqliteConnection;

use super::{Error, int, rows, text, word};

/// Writes what the records say of calls that end.
pub(super) async fn apply(connection: &mut SqliteConnection, records: &[Record]) -> Result<(), Error> {
    let mut over = Vec::new();
    let mut calls = Vec::new();
    for Record { at, call, happened } in records {
        if let Happened::CallEnded { cause, agent, waited_ms, talked_ms, crashed } = happened {
            let agent = agent.map(|agent| int(agent.0));
            over.push(json!([int(call.0), int(at.0), text(cause), agent, int(*waited_ms), int(*talked_ms), crashed]));
            calls.push(*call);
        }
    }
    if calls.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE calls SET ended = over.value ->> 1, cause = over.value ->> 2, agent = COALESCE(over.value ->> 3, agent),
         waited_ms = over.value ->> 4, talked_ms = over.value ->> 5, crashed = over.value ->> 6
         FROM json_each(?) AS over WHERE calls.id = over.value ->> 0",
    )
    .bind(rows(over))
    .execute(&mut *connection)
    .await?;
    remember(connection, &calls).await
}

/// Each call that is over as one line of its customer's story; written at its end, mended by the wrap-up.
///
/// The agent's own word on what it was about is better than ours.
pub(super) async fn remember(connection: &mut SqliteConnection, calls: &[CallId]) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO interactions (customer, medium, at, gist, intent, outcome, agent, tags, call)
         SELECT customer, ?, started,
           COALESCE(
             CASE WHEN TRIM(note) <> '' THEN note END,
             'menu: ' || (SELECT group_concat(item, ' > ' ORDER BY id)
                          FROM (SELECT id, item FROM menu_choices WHERE call = calls.id ORDER BY id LIMIT 8)),
             disposition, 'no choice in the menu'),
           COALESCE(disposition, intent),
           CASE WHEN crashed THEN 'crashed' WHEN resolved THEN 'solved' WHEN resolved = 0 THEN 'open' ELSE exit_kind END,
           agent, tags, id
         FROM calls WHERE id IN (SELECT value FROM json_each(?)) AND ended IS NOT NULL AND merged_into IS NULL
         ON CONFLICT (call) DO UPDATE SET customer = excluded.customer, gist = excluded.gist, intent = excluded.intent,
         outcome = excluded.outcome, agent = excluded.agent, tags = excluded.tags",
    )
    .bind(word(&Medium::Call))
    .bind(rows(calls.iter().map(|call| json!(int(call.0)))))
    .execute(connection)
    .await?;
    Ok(())
}

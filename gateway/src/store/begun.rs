//! Calls that begin: their rows, and the customers behind their numbers, many at a time.

use std::collections::BTreeMap;

use gateway_core::{
    events::{
        leg::Direction,
        record::{Happened, Record},
    },
    ids::{CallId, CustomerId, UtcMillis},
};
use serde_json::json;
use sqlx::SqliteConnection;

use super::{Address, Error, customers, int, nat, rows};

/// Writes what the records say of calls that begin.
pub(super) async fn apply(connection: &mut SqliteConnection, records: &[Record]) -> Result<(), Error> {
    let mut started = Vec::new();
    // A call has one caller: whoever comes into it later joins it.
    let mut callers = BTreeMap::new();
    for Record { at, call, happened } in records {
        if let Happened::CallStarted { context_id, session_id, previous } = happened {
            let previous = previous.map(|previous| int(previous.0));
            started.push(json!([int(call.0), context_id, session_id, previous, int(at.0)]));
        }
        if let Happened::LegStarted { direction: Direction::Inbound, peer, .. } = happened {
            callers.entry(*call).or_insert((*at, peer.0.as_str()));
        }
    }
    if !started.is_empty() {
        sqlx::query(
            "INSERT INTO calls (id, context_id, session_id, previous, started)
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?) WHERE TRUE
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(rows(started))
        .execute(&mut *connection)
        .await?;
    }
    if callers.is_empty() {
        return Ok(());
    }
    let known = callers.iter().map(|(call, (_, peer))| json!([int(call.0), peer]));
    let known = sqlx::query_scalar::<_, i64>(
        "UPDATE calls SET peer = caller.value ->> 1 FROM json_each(?) AS caller
         WHERE calls.id = caller.value ->> 0 AND calls.peer IS NULL RETURNING calls.id",
    )
    .bind(rows(known))
    .fetch_all(&mut *connection)
    .await?;
    callers.retain(|call, _| known.contains(&int(call.0)));
    customers_of(connection, &callers).await
}

/// The caller's number makes a customer at the first call, so that the second one is known. A withheld number never does, nor does a
/// user name: an agent's own phone has one too.
async fn customers_of(connection: &mut SqliteConnection, callers: &BTreeMap<CallId, (UtcMillis, &str)>) -> Result<(), Error> {
    let addressed = callers.iter().filter_map(|(call, (at, peer))| Some((*call, *at, Address::of(peer)?)));
    let addressed: Vec<(CallId, UtcMillis, Address)> = addressed.collect();
    if addressed.is_empty() {
        return Ok(());
    }
    let mut holders = BTreeMap::<(String, String), Vec<CustomerId>>::new();
    let asked = addressed.iter().map(|(_, _, address)| json!([address.kind(), address.value()]));
    let found = sqlx::query_as::<_, (String, String, i64)>(
        "SELECT kind, identities.value, customer FROM identities
         WHERE (kind, identities.value) IN (SELECT asked.value ->> 0, asked.value ->> 1 FROM json_each(?) AS asked) ORDER BY customer",
    )
    .bind(rows(asked))
    .fetch_all(&mut *connection)
    .await?;
    for (kind, value, customer) in found {
        holders.entry((kind, value)).or_default().push(CustomerId(nat(customer)));
    }
    let mut whose = Vec::new();
    for (call, at, address) in &addressed {
        let holders = holders.entry((address.kind().to_owned(), address.value().to_owned())).or_default();
        if let (Address::Tel(_), []) = (address, holders.as_slice()) {
            let customer = customers::create(connection, None, None, *at).await?;
            customers::know_as(connection, customer, address, "call", None).await?;
            holders.push(customer);
        }
        if let [one] = holders.as_slice() {
            whose.push(json!([int(call.0), int(one.0)]));
        }
    }
    if !whose.is_empty() {
        sqlx::query("UPDATE calls SET customer = whose.value ->> 1 FROM json_each(?) AS whose WHERE calls.id = whose.value ->> 0")
            .bind(rows(whose))
            .execute(connection)
            .await?;
    }
    Ok(())
}

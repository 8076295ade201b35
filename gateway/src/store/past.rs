//! A customer's past as decayed sums per menu item, and what all callers choose.

use std::collections::BTreeMap;

use gateway_core::{
    events::story::Medium,
    ids::{CustomerId, UtcMillis},
};
use sqlx::SqliteConnection;

use super::{Error, int, nat, variant};

/// Decayed as of `now`: `habit:<node>/<item>` from the customer's own choices, `evidence:<item>` from what happened elsewhere.
pub(super) async fn sums(connection: &mut SqliteConnection, customer: CustomerId, now: UtcMillis) -> Result<BTreeMap<String, f64>, Error> {
    let mut sums = BTreeMap::new();
    let choices = sqlx::query_as::<_, (String, String, i64, String)>(
        "SELECT node, item, at, outcome FROM menu_choices WHERE customer = ? AND at <= ? ORDER BY at DESC LIMIT ?",
    )
    .bind(int(customer.0))
    .bind(int(now.0))
    .bind(CHOICES_MAX)
    .fetch_all(&mut *connection)
    .await?;
    for (node, item, at, outcome) in choices {
        let weight = if outcome == "backed_out" { -0.5 } else { 1.0 };
        *sums.entry(format!("habit:{node}/{item}")).or_default() += weight * left(now, at, 120.0 * DAY_MS);
    }
    let evidence = sqlx::query_as::<_, (String, String, i64)>(
        "SELECT medium, intent, at FROM interactions WHERE customer = ? AND intent IS NOT NULL AND at <= ? ORDER BY at DESC LIMIT ?",
    )
    .bind(int(customer.0))
    .bind(int(now.0))
    .bind(CHOICES_MAX)
    .fetch_all(connection)
    .await?;
    for (medium, intent, at) in evidence {
        let weight = match variant::<Medium>("an interaction's medium", medium)? {
            Medium::Call => 4.0,
            Medium::Portal => 2.0,
            Medium::Chat | Medium::Email | Medium::Sms | Medium::Messenger | Medium::Form => 6.0,
        };
        *sums.entry(format!("evidence:{intent}")).or_default() += weight * left(now, at, 2.0 * DAY_MS);
    }
    Ok(sums)
}

/// Of all choices in a node, the share that fell on each item: `<node>/<item>`.
pub(super) async fn share(connection: &mut SqliteConnection) -> Result<BTreeMap<String, f64>, Error> {
    let rows = sqlx::query_as::<_, (String, String, f64)>(
        "SELECT node, item, CAST(chosen AS REAL) / SUM(chosen) OVER (PARTITION BY node) FROM popularity WHERE chosen > 0 ORDER BY node, item LIMIT ?",
    )
    .bind(ITEMS_MAX)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(node, item, share)| (format!("{node}/{item}"), share)).collect())
}

/// What is left of 1 after so long.
fn left(now: UtcMillis, at: i64, half_life_ms: f64) -> f64 {
    let age_ms = now.0.saturating_sub(nat(at)) as f64;
    (-age_ms / half_life_ms).exp2()
}

const DAY_MS: f64 = 86_400_000.0;
/// Past events that are read for one answer: at half a call a day, three years of them.
const CHOICES_MAX: i64 = 512;
/// Items of all scripts together.
const ITEMS_MAX: i64 = 2_000;

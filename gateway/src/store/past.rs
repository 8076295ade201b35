//! A customer's past as decayed sums per menu item, and what all callers choose.

use std::collections::BTreeMap;

use gateway_core::{
    context::{
        sums::{self, Kind, Past},
        understanding::Rules,
    },
    events::story::Medium,
    ids::{CustomerId, UtcMillis},
};
use sqlx::SqliteConnection;

use super::{Error, Lessons, int, nat, variant};

/// Decayed as of `now`, by the convention of `context::sums`: own choices, and what happened elsewhere, each for the menu item that serves it.
pub(super) async fn sums(
    connection: &mut SqliteConnection,
    customer: CustomerId,
    lessons: &Lessons,
    now: UtcMillis,
) -> Result<BTreeMap<String, f64>, Error> {
    let choices = sqlx::query_as::<_, (String, i64, String)>(
        "SELECT item, at, outcome FROM menu_choices WHERE customer = ? ORDER BY at DESC LIMIT ?",
    )
    .bind(int(customer.0))
    .bind(EVENTS_MAX)
    .fetch_all(&mut *connection)
    .await?;
    let elsewhere = sqlx::query_as::<_, (String, String, i64, Option<i64>)>(
        "SELECT medium, intent, at, (SELECT disposition IS NOT NULL FROM calls WHERE calls.id = interactions.call)
         FROM interactions WHERE customer = ? AND intent IS NOT NULL ORDER BY at DESC LIMIT ?",
    )
    .bind(int(customer.0))
    .bind(EVENTS_MAX)
    .fetch_all(connection)
    .await?;
    let mut past = Vec::with_capacity(choices.len() + elsewhere.len());
    for (item, at, outcome) in choices {
        let kind = if outcome == BACKED_OUT { Kind::BackedOut } else { Kind::Choice };
        past.push(Past { item, kind, at: UtcMillis(nat(at)) });
    }
    for (medium, intent, at, wrapped_up) in elsewhere {
        let kind = match variant::<Medium>("an interaction's medium", medium)? {
            // What a call's card guessed is no evidence; what its agent said, or an integrator told us of it, is.
            Medium::Call if wrapped_up == Some(0) => continue,
            Medium::Call => Kind::Wrapup,
            Medium::Portal => Kind::Portal,
            Medium::Chat | Medium::Email | Medium::Sms | Medium::Messenger | Medium::Form => Kind::ChatIntent,
        };
        past.push(Past { item: item_of(&lessons.rules, &intent).to_owned(), kind, at: UtcMillis(nat(at)) });
    }
    Ok(sums::sums(&past, &lessons.weights, now))
}

/// Of all choices in the menus that offer an item, the share that fell on it.
pub(super) async fn share(connection: &mut SqliteConnection) -> Result<BTreeMap<String, f64>, Error> {
    let rows = sqlx::query_as::<_, (String, f64)>(
        "SELECT item, SUM(chosen) * 1.0 / SUM(total) FROM (
           SELECT item, chosen, SUM(chosen) OVER (PARTITION BY node) AS total FROM popularity)
         GROUP BY item HAVING SUM(chosen) > 0 ORDER BY item LIMIT ?",
    )
    .bind(ITEMS_MAX)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().collect())
}

/// The menu item that serves a matter; a word that is no known intent is taken for an item's id.
fn item_of<'a>(rules: &'a Rules, intent: &'a str) -> &'a str {
    rules.intents.get(intent).map(|rule| rule.item.as_str()).filter(|item| !item.is_empty()).unwrap_or(intent)
}

/// The outcome of a choice that was a mistake.
pub(super) const BACKED_OUT: &str = "backed_out";
/// Past events that are read for one answer: at half a call a day, three years of them.
const EVENTS_MAX: i64 = 512;
/// Items of all scripts together.
const ITEMS_MAX: i64 = 2_000;

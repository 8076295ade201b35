//! Chats: their lines, what they are about, whom they are with.

use gateway_core::{
    events::story::{ChatLine, Medium, Reason},
    ids::{CustomerId, UtcMillis},
    private::Private,
};
use sqlx::SqliteConnection;

use super::{Error, Store, int, json, nat, text, utc_now, word};

/// What is known when a chat begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChatOpened {
    pub customer: Option<CustomerId>,
    pub language: String,
    /// An integrator vouches for the customer; else it is only what was typed.
    pub proven: bool,
}

/// A chat as it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chat {
    pub id: u64,
    pub customer: Option<CustomerId>,
    pub language: String,
    pub proven: bool,
    pub reason: Option<Reason>,
    /// The last 20 of those that the agent may see, oldest first.
    pub lines: Vec<ChatLine>,
}

impl Store {
    /// Opens a chat.
    pub(crate) async fn open_chat(&self, chat: &ChatOpened) -> Result<u64, Error> {
        let id = sqlx::query("INSERT INTO chats (customer, language, proven, opened) VALUES (?, ?, ?, ?)")
            .bind(chat.customer.map(|customer| int(customer.0)))
            .bind(&chat.language)
            .bind(chat.proven)
            .bind(int(utc_now().0))
            .execute(&self.pool)
            .await?
            .last_insert_rowid();
        Ok(nat(id))
    }

    /// The chat, as far as a page or an agent needs it.
    pub(crate) async fn chat(&self, chat: u64) -> Result<Chat, Error> {
        let mut connection = self.pool.acquire().await?;
        find(&mut connection, chat).await?.ok_or_else(|| Error::Absent { what: "chat", id: chat.to_string() })
    }

    /// Appends lines, and what the chat is now known to be about; the customer's story has the chat from its first reason on.
    pub(crate) async fn add_chat_lines(&self, chat: u64, lines: &[ChatLine], reason: Option<&Reason>) -> Result<(), Error> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let (customer, count) = sqlx::query_as::<_, (Option<i64>, i64)>(
            "SELECT customer, (SELECT COUNT(*) FROM chat_lines WHERE chat = chats.id) FROM chats WHERE id = ?",
        )
        .bind(int(chat))
        .fetch_optional(&mut *transaction)
        .await?
        .ok_or_else(|| Error::Absent { what: "chat", id: chat.to_string() })?;
        if nat(count) + lines.len() as u64 > LINES_MAX {
            return Err(Error::Absent { what: "room left in chat", id: chat.to_string() });
        }
        for line in lines {
            sqlx::query("INSERT INTO chat_lines (chat, at, speaker, text) VALUES (?, ?, ?, ?)")
                .bind(int(chat))
                .bind(int(line.at.0))
                .bind(&line.from)
                .bind(&line.text.0)
                .execute(&mut *transaction)
                .await?;
        }
        if let Some(reason) = reason {
            sqlx::query("UPDATE chats SET reason = ? WHERE id = ?").bind(text(reason)).bind(int(chat)).execute(&mut *transaction).await?;
        }
        if let (Some(customer), Some(reason), Some(last)) = (customer, reason, lines.last()) {
            sqlx::query(
                "INSERT INTO interactions (customer, medium, at, gist, intent, chat) VALUES (?, ?, ?, ?, ?, ?)
                 ON CONFLICT (chat) DO UPDATE SET at = excluded.at, gist = excluded.gist, intent = excluded.intent",
            )
            .bind(customer)
            .bind(word(&Medium::Chat))
            .bind(int(last.at.0))
            .bind(&reason.label)
            .bind(&reason.intent)
            .bind(int(chat))
            .execute(&mut *transaction)
            .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// From now on the agent sees the chat without the lines of these times; said again, it counts anew.
    pub(crate) async fn show_chat_without(&self, chat: u64, omit: &[UtcMillis]) -> Result<(), Error> {
        let omit: Vec<u64> = omit.iter().map(|at| at.0).collect();
        sqlx::query("UPDATE chat_lines SET omitted = at IN (SELECT value FROM json_each(?)) WHERE chat = ?")
            .bind(text(&omit))
            .bind(int(chat))
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

pub(super) async fn find(connection: &mut SqliteConnection, chat: u64) -> Result<Option<Chat>, Error> {
    let row = sqlx::query_as::<_, (Option<i64>, String, bool, Option<String>)>(
        "SELECT customer, language, proven, reason FROM chats WHERE id = ?",
    )
    .bind(int(chat))
    .fetch_optional(&mut *connection)
    .await?;
    let Some((customer, language, proven, reason)) = row else { return Ok(None) };
    let mut lines: Vec<ChatLine> = sqlx::query_as::<_, (i64, String, String)>(
        "SELECT at, speaker, text FROM chat_lines WHERE chat = ? AND NOT omitted ORDER BY id DESC LIMIT ?",
    )
    .bind(int(chat))
    .bind(SHOWN_MAX)
    .fetch_all(connection)
    .await?
    .into_iter()
    .map(|(at, from, text)| ChatLine { at: UtcMillis(nat(at)), from, text: Private(text) })
    .collect();
    lines.reverse();
    Ok(Some(Chat {
        id: chat,
        customer: customer.map(|id| CustomerId(nat(id))),
        language,
        proven,
        reason: reason.map(|reason| json("a chat's reason", &reason)).transpose()?,
        lines,
    }))
}

/// A public page may write to a chat, so a chat has an end.
const LINES_MAX: u64 = 1_000;
/// Lines that an agent's card or a reloaded page shows.
const SHOWN_MAX: i64 = 20;

//! Small shared memory of the API: logins, answers by idempotency key, spent tokens. Secrets are kept as hashes.

use gateway_core::ids::{AgentId, UtcMillis};
use sha2::{Digest, Sha256};

use super::{Error, Store, int, nat, utc_now};

/// What an earlier request under the same key was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answered {
    /// The same request: the same answer.
    Same { status: u16, body: String },
    /// Another request: the key is taken.
    Other,
}

impl Store {
    /// Remembers a login until `expires`.
    pub(crate) async fn begin_login(&self, token: &str, agent: AgentId, expires: UtcMillis) -> Result<(), Error> {
        sqlx::query("DELETE FROM logins WHERE expires < ?").bind(int(utc_now().0)).execute(&self.pool).await?;
        sqlx::query("INSERT INTO logins (token, agent, expires) VALUES (?, ?, ?)")
            .bind(hash(token))
            .bind(int(agent.0))
            .bind(int(expires.0))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Whose login this is.
    pub(crate) async fn login(&self, token: &str) -> Result<Option<AgentId>, Error> {
        let agent = sqlx::query_scalar::<_, i64>("SELECT agent FROM logins WHERE token = ? AND expires > ?")
            .bind(hash(token))
            .bind(int(utc_now().0))
            .fetch_optional(&self.pool)
            .await?;
        Ok(agent.map(|agent| AgentId(nat(agent))))
    }

    /// Forgets a login.
    pub(crate) async fn end_login(&self, token: &str) -> Result<(), Error> {
        sqlx::query("DELETE FROM logins WHERE token = ?").bind(hash(token)).execute(&self.pool).await?;
        Ok(())
    }

    /// What was answered under this key within a day; `request` is all that makes the request what it is.
    pub(crate) async fn answered(&self, key: &str, request: &str) -> Result<Option<Answered>, Error> {
        let row = sqlx::query_as::<_, (String, u16, String)>("SELECT request, status, response FROM idempotency WHERE key = ? AND at > ?")
            .bind(hash(key))
            .bind(int(utc_now().0.saturating_sub(IDEMPOTENT_MS)))
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|(asked, status, body)| if asked == hash(request) { Answered::Same { status, body } } else { Answered::Other }))
    }

    /// Remembers an answer for a day.
    pub(crate) async fn remember_answer(&self, key: &str, request: &str, status: u16, body: &str) -> Result<(), Error> {
        let now = utc_now().0;
        sqlx::query("DELETE FROM idempotency WHERE at <= ?").bind(int(now.saturating_sub(IDEMPOTENT_MS))).execute(&self.pool).await?;
        sqlx::query("INSERT INTO idempotency (key, request, status, response, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING")
            .bind(hash(key))
            .bind(hash(request))
            .bind(status)
            .bind(body)
            .bind(int(now))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Uses up a one-time token; `false` if it was used before.
    pub(crate) async fn spend(&self, jti: &str, expires: UtcMillis) -> Result<bool, Error> {
        sqlx::query("DELETE FROM spent_tokens WHERE expires < ?").bind(int(utc_now().0)).execute(&self.pool).await?;
        let spent = sqlx::query("INSERT INTO spent_tokens (jti, expires) VALUES (?, ?) ON CONFLICT (jti) DO NOTHING")
            .bind(jti)
            .bind(int(expires.0))
            .execute(&self.pool)
            .await?;
        Ok(spent.rows_affected() == 1)
    }
}

fn hash(word: &str) -> String {
    Sha256::digest(word.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How long a repeat gets the same answer.
const IDEMPOTENT_MS: u64 = 24 * 3_600_000;

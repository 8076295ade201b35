//! Customers: who they are, what they told us, what was said, what is still open.

use gateway_core::{
    events::story::{Case, Customer, Fact, Identity, Interaction, Medium, Privacy},
    ids::{AgentId, CallId, CaseId, CustomerId, InteractionId, UtcMillis},
    private::Private,
};
use serde::Serialize;
use serde_json::Value;
use sqlx::SqliteConnection;

use super::{Address, Error, Store, int, json, nat, text, utc_now, variant, word};

/// All that is known of one customer, for the API and the console.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Dossier {
    pub customer: Customer,
    pub identities: Vec<Identity>,
    /// The latest of each key.
    pub facts: Vec<Fact>,
    /// Open ones, newest first.
    pub cases: Vec<Case>,
    /// Newest first.
    pub recent: Vec<Interaction>,
}

/// A dialogue that took place elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NewInteraction {
    pub medium: Medium,
    pub at: UtcMillis,
    /// One line for the agent.
    pub gist: String,
    /// What it was about: a menu item's id, where it is to move that item up.
    pub intent: Option<String>,
    pub outcome: Option<String>,
    pub agent: Option<AgentId>,
    pub tags: Vec<String>,
    /// As it came; not read by us.
    pub transcript: Value,
    /// The matter it belongs to: joins the open case of this title, or opens it.
    pub case: Option<String>,
}

impl Store {
    /// The one customer with this address, made when there is none; two are `Ambiguous`.
    pub(crate) async fn customer_at(&self, address: &Address, source: &str) -> Result<CustomerId, Error> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let customer = match who(&mut transaction, address).await?.as_slice() {
            [one] => *one,
            [] => {
                let customer = create(&mut transaction, None, None, utc_now()).await?;
                know_as(&mut transaction, customer, address, source, None).await?;
                customer
            }
            _ => return Err(Error::Ambiguous),
        };
        transaction.commit().await?;
        Ok(customer)
    }

    /// The customer with this address, if there is exactly one.
    pub(crate) async fn find_customer(&self, address: &Address) -> Result<Option<CustomerId>, Error> {
        let mut connection = self.pool.acquire().await?;
        match who(&mut connection, address).await?.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            _ => Err(Error::Ambiguous),
        }
    }

    /// Fills in what is not `None`; with `only_if_unset`, no word that is already there is changed.
    pub(crate) async fn describe_customer(
        &self,
        customer: CustomerId,
        name: Option<&str>,
        language: Option<&str>,
        segment: Option<&str>,
        only_if_unset: bool,
    ) -> Result<(), Error> {
        let sql = if only_if_unset {
            "UPDATE customers SET name = COALESCE(name, ?), language = COALESCE(language, ?), segment = COALESCE(segment, ?) WHERE id = ?"
        } else {
            "UPDATE customers SET name = COALESCE(?, name), language = COALESCE(?, language), segment = COALESCE(?, segment) WHERE id = ?"
        };
        let done = sqlx::query(sql).bind(name).bind(language).bind(segment).bind(int(customer.0)).execute(&self.pool).await?;
        if done.rows_affected() == 0 { Err(absent(customer)) } else { Ok(()) }
    }

    /// Another way to know a customer. The same address under another customer stays there: together they identify neither.
    pub(crate) async fn add_identity(
        &self,
        customer: CustomerId,
        address: &Address,
        source: &str,
        verified: Option<UtcMillis>,
    ) -> Result<(), Error> {
        let mut connection = self.pool.acquire().await?;
        know_as(&mut connection, customer, address, source, verified).await
    }

    /// Appends facts, all or none.
    pub(crate) async fn learn(&self, customer: CustomerId, facts: &[Fact]) -> Result<(), Error> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        customer_row(&mut transaction, customer).await?.ok_or_else(|| absent(customer))?;
        for fact in facts {
            learn(&mut transaction, Some(customer), None, fact).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Adds a dialogue of another channel to a customer's story.
    pub(crate) async fn add_interaction(&self, customer: CustomerId, told: &NewInteraction) -> Result<InteractionId, Error> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        customer_row(&mut transaction, customer).await?.ok_or_else(|| absent(customer))?;
        let case = match &told.case {
            Some(title) => Some(join_case(&mut transaction, customer, title, "open", told.at).await?),
            None => None,
        };
        let id = sqlx::query(
            r#"INSERT INTO interactions (customer, medium, at, gist, intent, outcome, agent, tags, transcript, "case")
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"#,
        )
        .bind(int(customer.0))
        .bind(word(&told.medium))
        .bind(int(told.at.0))
        .bind(&told.gist)
        .bind(&told.intent)
        .bind(&told.outcome)
        .bind(told.agent.map(|agent| int(agent.0)))
        .bind(text(&told.tags))
        .bind(text(&told.transcript))
        .bind(case.map(|case| int(case.0)))
        .execute(&mut *transaction)
        .await?
        .last_insert_rowid();
        transaction.commit().await?;
        Ok(InteractionId(nat(id)))
    }

    /// All that is known of a customer.
    pub(crate) async fn dossier(&self, customer: CustomerId) -> Result<Dossier, Error> {
        let mut connection = self.pool.acquire().await?;
        dossier(&mut connection, customer).await?.ok_or_else(|| absent(customer))
    }
}

/// Who has this address; at most two are looked for, since two mean none.
pub(super) async fn who(connection: &mut SqliteConnection, address: &Address) -> Result<Vec<CustomerId>, Error> {
    let ids = sqlx::query_scalar::<_, i64>("SELECT customer FROM identities WHERE kind = ? AND value = ? ORDER BY customer LIMIT 2")
        .bind(address.kind())
        .bind(address.value())
        .fetch_all(connection)
        .await?;
    Ok(ids.into_iter().map(|id| CustomerId(nat(id))).collect())
}

pub(super) async fn create(
    connection: &mut SqliteConnection,
    name: Option<&str>,
    language: Option<&str>,
    at: UtcMillis,
) -> Result<CustomerId, Error> {
    let id = sqlx::query("INSERT INTO customers (name, language, created) VALUES (?, ?, ?)")
        .bind(name)
        .bind(language)
        .bind(int(at.0))
        .execute(connection)
        .await?
        .last_insert_rowid();
    Ok(CustomerId(nat(id)))
}

pub(super) async fn know_as(
    connection: &mut SqliteConnection,
    customer: CustomerId,
    address: &Address,
    source: &str,
    verified: Option<UtcMillis>,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO identities (customer, kind, value, verified_at, source) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (kind, value, customer) DO UPDATE SET verified_at = COALESCE(excluded.verified_at, verified_at)",
    )
    .bind(int(customer.0))
    .bind(address.kind())
    .bind(address.value())
    .bind(verified.map(|at| int(at.0)))
    .bind(source)
    .execute(connection)
    .await?;
    Ok(())
}

/// Appends a fact; card data is refused whoever brings it.
pub(super) async fn learn(
    connection: &mut SqliteConnection,
    customer: Option<CustomerId>,
    call: Option<CallId>,
    fact: &Fact,
) -> Result<(), Error> {
    if fact.privacy == Privacy::Pci {
        return Err(Error::CardData { key: fact.key.clone() });
    }
    sqlx::query(
        "INSERT INTO facts (customer, call, key, value, source, at, confidence, confirmed, privacy) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(customer.map(|customer| int(customer.0)))
    .bind(call.map(|call| int(call.0)))
    .bind(&fact.key)
    .bind(text(&fact.value))
    .bind(&fact.source)
    .bind(int(fact.at.0))
    .bind(fact.confidence)
    .bind(fact.confirmed)
    .bind(word(&fact.privacy))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn join_case(
    connection: &mut SqliteConnection,
    customer: CustomerId,
    title: &str,
    status: &str,
    at: UtcMillis,
) -> Result<CaseId, Error> {
    if let Some(case) = open_case(connection, customer, title).await? {
        return Ok(case);
    }
    let id = sqlx::query("INSERT INTO cases (customer, status, title, opened) VALUES (?, ?, ?, ?)")
        .bind(int(customer.0))
        .bind(status)
        .bind(title)
        .bind(int(at.0))
        .execute(connection)
        .await?
        .last_insert_rowid();
    Ok(CaseId(nat(id)))
}

pub(super) async fn close_case(
    connection: &mut SqliteConnection,
    customer: CustomerId,
    title: &str,
    at: UtcMillis,
) -> Result<Option<CaseId>, Error> {
    let Some(case) = open_case(connection, customer, title).await? else { return Ok(None) };
    sqlx::query("UPDATE cases SET status = 'solved', closed = ? WHERE id = ?")
        .bind(int(at.0))
        .bind(int(case.0))
        .execute(connection)
        .await?;
    Ok(Some(case))
}

async fn open_case(connection: &mut SqliteConnection, customer: CustomerId, title: &str) -> Result<Option<CaseId>, Error> {
    let id = sqlx::query_scalar::<_, i64>("SELECT id FROM cases WHERE customer = ? AND title = ? AND closed IS NULL ORDER BY id LIMIT 1")
        .bind(int(customer.0))
        .bind(title)
        .fetch_optional(connection)
        .await?;
    Ok(id.map(|id| CaseId(nat(id))))
}

pub(super) async fn dossier(connection: &mut SqliteConnection, customer: CustomerId) -> Result<Option<Dossier>, Error> {
    let Some(row) = customer_row(connection, customer).await? else { return Ok(None) };
    Ok(Some(Dossier {
        customer: row,
        identities: identities(connection, customer).await?,
        facts: facts(connection, customer).await?,
        cases: open_cases(connection, customer).await?,
        recent: recent(connection, customer).await?,
    }))
}

async fn customer_row(connection: &mut SqliteConnection, customer: CustomerId) -> Result<Option<Customer>, Error> {
    type Row = (Option<String>, Option<String>, Option<String>);
    let row = sqlx::query_as::<_, Row>("SELECT name, language, segment FROM customers WHERE id = ?")
        .bind(int(customer.0))
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|(name, language, segment)| Customer { id: customer, name: name.map(Private), language, segment }))
}

async fn identities(connection: &mut SqliteConnection, customer: CustomerId) -> Result<Vec<Identity>, Error> {
    type Row = (String, String, Option<i64>, String);
    let rows =
        sqlx::query_as::<_, Row>("SELECT kind, value, verified_at, source FROM identities WHERE customer = ? ORDER BY kind, value LIMIT ?")
            .bind(int(customer.0))
            .bind(IDENTITIES_MAX)
            .fetch_all(connection)
            .await?;
    let identity = |(kind, value, verified, source): Row| Identity {
        kind,
        value: Private(value),
        verified_at: verified.map(|at| UtcMillis(nat(at))),
        source,
    };
    Ok(rows.into_iter().map(identity).collect())
}

async fn facts(connection: &mut SqliteConnection, customer: CustomerId) -> Result<Vec<Fact>, Error> {
    type Row = (String, String, String, i64, u8, bool, String);
    // Of each key the latest counts; of two at once, the one that came last.
    let rows = sqlx::query_as::<_, Row>(
        "SELECT key, value, source, at, confidence, confirmed, privacy FROM facts WHERE id IN (
           SELECT id FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY key ORDER BY at DESC, id DESC) AS place FROM facts WHERE customer = ?)
           WHERE place = 1)
         ORDER BY at DESC, id DESC LIMIT ?",
    )
    .bind(int(customer.0))
    .bind(FACTS_MAX)
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|(key, value, source, at, confidence, confirmed, privacy)| {
            Ok(Fact {
                value: Private(json("a fact", &value)?),
                privacy: variant("a fact's privacy", privacy)?,
                key,
                source,
                at: UtcMillis(nat(at)),
                confidence,
                confirmed,
            })
        })
        .collect()
}

async fn open_cases(connection: &mut SqliteConnection, customer: CustomerId) -> Result<Vec<Case>, Error> {
    type Row = (i64, String, String, i64);
    let rows = sqlx::query_as::<_, Row>(
        "SELECT id, status, title, opened FROM cases WHERE customer = ? AND closed IS NULL ORDER BY opened DESC LIMIT ?",
    )
    .bind(int(customer.0))
    .bind(CASES_MAX)
    .fetch_all(connection)
    .await?;
    let case = |(id, status, title, opened): Row| Case { id: CaseId(nat(id)), status, title, opened: UtcMillis(nat(opened)) };
    Ok(rows.into_iter().map(case).collect())
}

async fn recent(connection: &mut SqliteConnection, customer: CustomerId) -> Result<Vec<Interaction>, Error> {
    type Row = (i64, String, i64, String, Option<String>, Option<i64>);
    let rows = sqlx::query_as::<_, Row>(
        "SELECT id, medium, at, gist, outcome, agent FROM interactions WHERE customer = ? ORDER BY at DESC, id DESC LIMIT ?",
    )
    .bind(int(customer.0))
    .bind(RECENT_MAX)
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|(id, medium, at, gist, outcome, agent)| {
            Ok(Interaction {
                id: InteractionId(nat(id)),
                medium: variant("an interaction's medium", medium)?,
                at: UtcMillis(nat(at)),
                gist,
                outcome,
                agent: agent.map(|agent| AgentId(nat(agent))),
            })
        })
        .collect()
}

fn absent(customer: CustomerId) -> Error {
    Error::Absent { what: "customer", id: customer.0.to_string() }
}

/// A card shows at most so many (context.md); older ones are on the pages of T2.
const RECENT_MAX: i64 = 20;
const CASES_MAX: i64 = 10;
const IDENTITIES_MAX: i64 = 20;
const FACTS_MAX: i64 = 100;

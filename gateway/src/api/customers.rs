//! Customers, and what they told other systems.

use axum::{
    Json,
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use gateway_core::{
    events::story::{Fact, Privacy},
    ids::{CustomerId, UtcMillis},
    private::Private,
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    Api,
    auth::{Integrator, Reader},
    extract::{parse, raw},
    idempotency,
    problem::Problem,
};
use crate::store::{self, Address, Dossier, utc_now};

/// What a customer told another system, and what that system knows of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    facts: Vec<ToldFact>,
    name: Option<String>,
    /// BCP 47; the menu speaks it.
    language: Option<String>,
    /// Your own word: trial, gold.
    segment: Option<String>,
    /// Further addresses of theirs that your system has verified: `tel:+380...`, `sip:user@host`.
    #[serde(default)]
    identities: Vec<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ToldFact {
    key: String,
    #[schema(value_type = Object)]
    value: Value,
    /// Where from; your system's name.
    source: Option<String>,
    /// ms since 1970 UTC; now, when absent.
    at: Option<u64>,
    /// Per cent; 100 when absent.
    confidence: Option<u8>,
    #[serde(default)]
    confirmed: bool,
    /// `open`, or `pii` (the default): not into logs. `pci` is refused.
    #[schema(value_type = Option<String>)]
    privacy: Option<Privacy>,
}

/// All that is known of a customer.
#[utoipa::path(get, path = "/v1/customers/{id}", tag = "customers", security(("key" = [])),
    params(("id" = String, Path, description = "An id, or `tel:+380...`, or `sip:user@host`")),
    responses((status = 200, description = "Identities, latest facts, open cases, recent interactions", body = Object),
        (status = 401), (status = 404), (status = 409, description = "Two customers share the address")))]
pub(super) async fn show(State(api): State<Api>, reader: Reader, Path(id): Path<String>) -> Result<Json<Dossier>, Problem> {
    let customer = existing(&api, &id).await?;
    tracing::info!(customer = customer.0, reader = reader.name(), "a customer is read");
    Ok(Json(api.store().dossier(customer).await?))
}

/// Appends facts; the latest of a key counts. A number that nobody has makes a customer.
#[utoipa::path(put, path = "/v1/customers/{id}/facts", tag = "customers", request_body = Told, security(("key" = [])),
    params(("id" = String, Path, description = "An id, or `tel:+380...`"), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, description = "Kept", body = Object), (status = 401), (status = 409), (status = 422)))]
pub(super) async fn learn(
    State(api): State<Api>,
    _: Integrator,
    Path(id): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let body = raw(request, &()).await?;
    let scope = format!("PUT /v1/customers/{id}/facts");
    idempotency::once(&api, &headers, &scope, &body, async {
        let told: Told = parse(&body)?;
        if told.facts.len() > FACTS_MAX {
            return Err(Problem::bad_request("Too many facts at once", format!("Send at most {FACTS_MAX} in one request.")));
        }
        let now = utc_now();
        let facts: Vec<Fact> = told.facts.into_iter().map(|fact| fact.kept(now)).collect();
        // Refused before a customer is made for it.
        if let Some(fact) = facts.iter().find(|fact| fact.privacy == Privacy::Pci) {
            return Err(store::Error::CardData { key: fact.key.clone() }.into());
        }
        let mut identities = Vec::with_capacity(told.identities.len());
        for identity in told.identities.iter().take(FACTS_MAX) {
            match address(identity)? {
                Named::Address(address) => identities.push(address),
                Named::Id(_) => return Err(Problem::bad_request("An identity is an address", "Send tel:+380501112233 or sip:user@host.")),
            }
        }
        let customer = named(&api, &id).await?;
        for identity in &identities {
            api.store().add_identity(customer, identity, "api", Some(now)).await?;
        }
        api.store().learn(customer, &facts).await?;
        api.store().describe_customer(customer, told.name.as_deref(), told.language.as_deref(), told.segment.as_deref(), false).await?;
        Ok((StatusCode::OK, json!({ "customer": customer, "facts": facts.len() })))
    })
    .await
}

impl ToldFact {
    fn kept(self, now: UtcMillis) -> Fact {
        Fact {
            key: self.key,
            value: Private(self.value),
            source: self.source.unwrap_or_else(|| "api".to_owned()),
            // A clock that is ahead must not make a fact the latest for ever.
            at: self.at.map_or(now, |at| UtcMillis(at.min(now.0))),
            confidence: self.confidence.unwrap_or(100).min(100),
            confirmed: self.confirmed,
            privacy: self.privacy.unwrap_or(Privacy::Pii),
        }
    }
}

/// The customer that an id or an address names.
pub(super) async fn existing(api: &Api, id: &str) -> Result<CustomerId, Problem> {
    match address(id)? {
        Named::Id(id) => Ok(id),
        Named::Address(address) => {
            let found = api.store().find_customer(&address).await?;
            found.ok_or_else(|| Problem::not_found(format!("No customer has the address {id}. PUT /v1/customers/{id}/facts makes one.")))
        }
    }
}

/// The same; a new address makes a customer.
pub(super) async fn named(api: &Api, id: &str) -> Result<CustomerId, Problem> {
    match address(id)? {
        Named::Id(id) => Ok(id),
        Named::Address(address) => Ok(api.store().customer_at(&address, "api").await?),
    }
}

enum Named {
    Id(CustomerId),
    Address(Address),
}

fn address(id: &str) -> Result<Named, Problem> {
    if let Ok(id) = id.parse() {
        return Ok(Named::Id(CustomerId(id)));
    }
    let asked = Address::of(id).filter(|address| match address {
        Address::Tel(_) => id.starts_with("tel:") || id.starts_with('+'),
        Address::Sip(_) => id.starts_with("sip:"),
    });
    asked.map(Named::Address).ok_or_else(|| {
        Problem::bad_request("This names no customer", "Give a customer's id, a number as tel:+380501112233 (E.164), or sip:user@host.")
    })
}

const FACTS_MAX: usize = 100;

//! Dialogues of other channels, told to us.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use gateway_core::{
    events::story::Medium,
    ids::{AgentId, UtcMillis},
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    Api,
    auth::Integrator,
    customers::named,
    extract::{parse, raw},
    idempotency,
    problem::Problem,
};
use crate::store::{NewInteraction, utc_now};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    /// An id, or `tel:+380...`; a number that nobody has makes a customer.
    customer: String,
    /// call chat email sms messenger portal form
    #[schema(value_type = String)]
    medium: Medium,
    /// One line for the agent.
    gist: String,
    /// ms since 1970 UTC; now, when absent.
    at: Option<u64>,
    /// What it was about: an intent of the script, or a menu item's id. It moves that item up in the next menu.
    intent: Option<String>,
    outcome: Option<String>,
    agent: Option<u64>,
    #[serde(default)]
    tags: Vec<String>,
    /// Kept as it comes.
    #[schema(value_type = Object)]
    transcript: Option<Value>,
    /// The matter it belongs to: joins the open case of this title, or opens it.
    case: Option<String>,
}

/// Adds a dialogue to a customer's story: the agent reads it, and the next menu knows what it was about.
#[utoipa::path(post, path = "/v1/interactions", tag = "customers", request_body = Told, security(("key" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key within a day gets the same answer")),
    responses((status = 201, description = "Kept", body = Object), (status = 401), (status = 409), (status = 422)))]
pub(super) async fn add(State(api): State<Api>, _: Integrator, headers: HeaderMap, request: Request) -> Result<Response, Problem> {
    let body = raw(request, &()).await?;
    idempotency::once(&api, &headers, "POST /v1/interactions", &body, async {
        let told: Told = parse(&body)?;
        if told.gist.trim().is_empty() || told.gist.len() > GIST_MAX {
            return Err(Problem::bad_request("The gist is empty or too long", format!("One line of at most {GIST_MAX} bytes.")));
        }
        let customer = named(&api, &told.customer).await?;
        let now = utc_now();
        let interaction = NewInteraction {
            medium: told.medium,
            at: told.at.map_or(now, |at| UtcMillis(at.min(now.0))),
            gist: told.gist,
            intent: told.intent.filter(|intent| !intent.is_empty()),
            outcome: told.outcome,
            agent: told.agent.map(AgentId),
            tags: told.tags,
            transcript: told.transcript.unwrap_or_else(|| json!([])),
            case: told.case,
        };
        let id = api.store().add_interaction(customer, &interaction).await?;
        Ok((StatusCode::CREATED, json!({ "interaction": id, "customer": customer })))
    })
    .await
}

/// Bytes of one line on a card.
const GIST_MAX: usize = 500;

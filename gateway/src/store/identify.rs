//! Who calls, and the story that goes with them.

use std::time::Duration;

use gateway_core::{
    events::story::{Story, Trust},
    ids::{CustomerId, UtcMillis},
};
use serde_json::Value;
use sqlx::SqliteConnection;

use super::{Address, Error, Lessons, Store, chats, customers, nat, past, utc_now};

impl Store {
    /// Finds the caller by handoff token (`chat:<id>`, verified by whoever passes it in), else by number; two candidates mean none.
    ///
    /// An unknown caller has an empty story, with the choices of all callers in `share`. Bounded below the 400 ms that a call waits.
    pub(crate) async fn identify(&self, token: Option<&str>, number: Option<&str>) -> Result<Story, Error> {
        self.identify_at(token, number, utc_now()).await
    }

    /// The same for a call that a pointer of ours has brought back: its context's customer, where no token names one.
    pub(crate) async fn identify_in(&self, token: Option<&str>, context: Option<&str>, number: Option<&str>) -> Result<Story, Error> {
        self.within_deadline(token, context, number, utc_now()).await
    }

    /// The same, as of `now`.
    pub(crate) async fn identify_at(&self, token: Option<&str>, number: Option<&str>, now: UtcMillis) -> Result<Story, Error> {
        self.within_deadline(token, None, number, now).await
    }

    async fn within_deadline(
        &self,
        token: Option<&str>,
        context: Option<&str>,
        number: Option<&str>,
        now: UtcMillis,
    ) -> Result<Story, Error> {
        let story = async {
            let mut connection = self.pool.acquire().await?;
            tell(&mut connection, &self.lessons(), Clues { token, context, number }, now).await
        };
        tokio::time::timeout(DEADLINE, story).await.unwrap_or(Err(Error::Database(sqlx::Error::PoolTimedOut)))
    }
}

/// What there is to find the caller by.
struct Clues<'a> {
    token: Option<&'a str>,
    context: Option<&'a str>,
    number: Option<&'a str>,
}

async fn tell(
    connection: &mut SqliteConnection,
    lessons: &Lessons,
    Clues { token, context, number }: Clues<'_>,
    now: UtcMillis,
) -> Result<Story, Error> {
    let mut story = Story { share: past::share(connection).await?, ..Story::default() };
    let mut customer = None;
    if let Some(id) = token.and_then(|token| token.strip_prefix("chat:")).and_then(|id| id.parse().ok())
        && let Some(chat) = chats::find(connection, id).await?
    {
        story.trust.level = "token".to_owned();
        story.trust.evidence.push(format!("signed token of chat {id}"));
        if chat.customer.is_some() && !chat.proven {
            story.trust.evidence.push("the number was typed in the chat, not proven".to_owned());
        }
        customer = chat.customer;
        story.chat = chat.lines;
        story.reason = chat.reason;
    }
    if customer.is_none()
        && let Some(context) = context
    {
        let found = sqlx::query_scalar::<_, Option<i64>>("SELECT customer FROM calls WHERE context_id = ? ORDER BY started DESC LIMIT 1")
            .bind(context)
            .fetch_optional(&mut *connection)
            .await?;
        customer = found.flatten().map(|id| CustomerId(nat(id)));
        if customer.is_some() {
            story.trust.evidence.push("a pointer of ours: the call goes on".to_owned());
            // Whoever holds the pointer was given the call; the caller behind it is as sure as it was then, and not surer.
            story.trust.level = "ani".to_owned();
        }
    }
    if customer.is_none()
        && let Some(address) = number.and_then(Address::of)
    {
        match customers::who(connection, &address).await?.as_slice() {
            [] => {}
            [one] => {
                customer = Some(*one);
                if story.trust == Trust::default() {
                    story.trust.level = "ani".to_owned();
                }
                story.trust.evidence.push(match address {
                    Address::Tel(_) => "calling number".to_owned(),
                    Address::Sip(_) => "calling SIP user".to_owned(),
                });
            }
            _ => story.trust.evidence.push("two customers share the calling number, so it names neither".to_owned()),
        }
    }
    let Some(customer) = customer else { return Ok(story) };
    let Some(dossier) = customers::dossier(connection, customer).await? else { return Ok(story) };
    story.usual_menu = dossier.facts.iter().any(|fact| fact.key == USUAL_MENU && fact.value.0 == Value::Bool(true));
    story.sums = past::sums(connection, customer, lessons, now).await?;
    story.customer = Some(dossier.customer);
    story.identities = dossier.identities;
    story.facts = dossier.facts;
    story.cases = dossier.cases;
    story.recent = dossier.recent;
    Ok(story)
}

/// The fact by which a caller keeps the authored order for good.
const USUAL_MENU: &str = "usual_menu";
/// A call waits 400 ms for its story; an answer later than this would not be used.
const DEADLINE: Duration = Duration::from_millis(380);

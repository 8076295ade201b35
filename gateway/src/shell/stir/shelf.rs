//! Certificates that were fetched, by their address, so that a call waits for one at most once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use gateway_core::{events::calling::Unproven, ids::UtcMillis};
use tokio::sync::OnceCell;

use super::{certificate::Chain, fetch::Fetcher};

/// What a fetch came to.
type Found = Result<Arc<Chain>, Unproven>;

/// Certificates by their address.
#[derive(Debug)]
pub(super) struct Shelf {
    fetcher: Arc<Fetcher>,
    places: Arc<Mutex<BTreeMap<String, Place>>>,
}

/// A fetch under way, or what it came to.
#[derive(Debug, Clone)]
struct Place {
    found: Arc<OnceCell<Found>>,
    /// It is fetched anew after this.
    until: UtcMillis,
}

impl Shelf {
    pub(super) fn new(fetcher: Arc<Fetcher>) -> Self {
        Self { fetcher, places: Arc::default() }
    }

    /// The chain that stands at an address; all who ask meanwhile wait for one fetch, which goes on when nobody waits any more.
    pub(super) async fn chain(&self, address: &str, now: UtcMillis) -> Found {
        let Place { found, .. } = self.place(address, now);
        if let Some(found) = found.get() {
            return found.clone();
        }
        let (fetcher, places, address) = (self.fetcher.clone(), self.places.clone(), address.to_owned());
        let fetching = tokio::spawn(async move {
            let mut keep = None;
            let fetched = found
                .get_or_init(async || {
                    let fetched = fetcher.fetch(&address).await?;
                    let chain = Chain::parse(&fetched.bytes)?;
                    let length = fetched.keep.unwrap_or(KEEP).clamp(KEEP_MIN, KEEP_MAX);
                    keep = Some(after(now, length).min(chain.until()));
                    Ok(Arc::new(chain))
                })
                .await
                .clone();
            let mut places = places.lock().unwrap_or_else(PoisonError::into_inner);
            if let (Some(until), Some(place)) = (keep, places.get_mut(&address)) {
                place.until = until;
            }
            fetched
        });
        fetching.await.unwrap_or(Err(Unproven::Unreachable))
    }

    fn place(&self, address: &str, now: UtcMillis) -> Place {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get(address).filter(|place| place.until > now) {
            return place.clone();
        }
        places.remove(address);
        if places.len() >= CERTIFICATES_MAX
            && let Some(oldest) = places.iter().min_by_key(|(_, place)| place.until).map(|(address, _)| address.clone())
        {
            places.remove(&oldest);
        }
        // Until it is known how long it is good: a failure is asked for again soon, and not by every call.
        let place = Place { found: Arc::default(), until: after(now, FAILED) };
        places.insert(address.to_owned(), place.clone());
        place
    }
}

fn after(now: UtcMillis, length: Duration) -> UtcMillis {
    UtcMillis(now.0.saturating_add(u64::try_from(length.as_millis()).unwrap_or(u64::MAX)))
}

/// Addresses that are kept; over it, the one that ends first goes.
const CERTIFICATES_MAX: usize = 256;
/// Where the server does not say.
const KEEP: Duration = Duration::from_secs(3600);
const KEEP_MIN: Duration = Duration::from_secs(60);
const KEEP_MAX: Duration = Duration::from_secs(24 * 3600);
const FAILED: Duration = Duration::from_secs(10);

//! Proves callers' signatures (RFC 8224 6.2): claims by the core's rules, certificates from hosts that we allow, one ES256 for each call.
//!
//! There is no revocation list: a certificate is good until it expires. Certificates are kept by their address, so that a call waits for one at
//! most once; a fetch that outlasts its call goes on, for the next one.

mod certificate;
mod fetch;
mod shelf;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, sync::Arc};

use gateway_core::{
    config::Stir,
    context::passport,
    events::calling::{Attestation, Proof, Signed},
};

use self::{certificate::Roots, fetch::Fetcher, shelf::Shelf};

/// Proves callers' signatures.
#[derive(Debug)]
pub(crate) struct Verifier {
    shelf: Shelf,
    roots: Roots,
}

/// Why a verifier cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("[stir]: no certificate can be read from {path}: {reason}")]
pub(crate) struct Unreadable {
    path: PathBuf,
    reason: String,
}

impl Verifier {
    /// By a configuration; `None` where no roots are set.
    pub(crate) fn of(stir: &Stir) -> Result<Option<Self>, Unreadable> {
        let Some(roots) = &stir.roots else { return Ok(None) };
        let roots = Roots::read(roots)?;
        let fetcher = if stir.hosts.is_empty() { Fetcher::asking_nobody() } else { Fetcher::new(stir.hosts.clone(), &stir.web_roots)? };
        Ok(Some(Self { shelf: Shelf::new(Arc::new(fetcher)), roots }))
    }

    /// What a caller's signatures are worth.
    pub(crate) async fn prove(&self, call: &Signed) -> Proof {
        let proof = self.prove_claims(call).await;
        match &proof {
            Ok(Attestation { level, origid, signer }) => {
                tracing::info!(level = level.map(tracing::field::display), origid, signer, "a caller's signature is good");
            }
            Err(why) => tracing::info!(status = why.status(), why = why.words(), "a caller's signature proves nothing"),
        }
        proof
    }

    async fn prove_claims(&self, call: &Signed) -> Proof {
        let checked = passport::check(call)?;
        let chain = self.shelf.chain(&checked.info, call.at).await?;
        chain.verify(&self.roots, call.at)?;
        chain.verify_signature(&checked.signed, &checked.signature)?;
        Ok(Attestation { level: checked.level, origid: checked.origid, signer: chain.signer().to_owned() })
    }
}

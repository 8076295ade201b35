//! How the audio of a leg that SIP brings travels: by its offer, and by what its trunk or phone prescribes.

use media::{
    codec::CodecKind,
    sdp::{Offer, Srtp, negotiate},
};

use super::invitation::Invitation;
use crate::{
    call::{LegMedia, RtpTerms},
    config::{Config, Trunk},
    routing::{Reason, Refusal},
};

/// The media of a leg that a trunk, or a phone of ours, has offered.
///
/// # Errors
/// The security that it offers is not what is prescribed, or its keys came where others can read them.
pub(super) fn leg_media(
    config: &Config,
    trunk: Option<&Trunk>,
    invitation: &Invitation,
    offer: Option<&Offer>,
) -> Result<LegMedia, Refusal> {
    let endpoint = config.endpoints.iter().find(|endpoint| endpoint.id == invitation.endpoint);
    let phone = invitation.user.as_ref().and_then(|user| config.phones.iter().find(|phone| phone.user == *user));
    let policy = trunk.map(|trunk| trunk.srtp).or(phone.map(|phone| phone.srtp)).unwrap_or_default();
    if offer.is_some_and(Offer::is_webrtc) {
        // DTLS brings its keys past the signalling, so that clear signalling tells nobody.
        return if policy.wanted == Srtp::None { Err(Refusal::new(Reason::Security, DTLS_UNWANTED, true)) } else { Ok(LegMedia::Web) };
    }
    let may_key = policy.may_key(endpoint.is_some_and(|endpoint| endpoint.transport.is_secure()));
    // Who leaves the offer to us gets one that our policy makes.
    offer.map_or(Ok(()), |offer| negotiate::screen(offer, policy.wanted, may_key)).map_err(|refused| {
        let peer = trunk.map_or_else(|| "phone".to_owned(), |trunk| format!("trunk {}", trunk.name));
        let brought = if may_key { "keys may be said" } else { "keys over clear signalling" };
        Refusal::new(Reason::Security, refused.why, true).beside(peer, "srtp", policy.name(), brought)
    })?;
    let named = trunk.map(|trunk| &trunk.codecs).or(phone.map(|phone| &phone.codecs));
    let codecs = named.filter(|codecs| !codecs.is_empty()).cloned().unwrap_or_else(|| CODECS.to_vec());
    let advertised = trunk.and_then(|trunk| trunk.advertised).or(endpoint.map(|endpoint| config.media_address(endpoint)));
    let nat = trunk.is_none_or(|trunk| trunk.nat);
    Ok(LegMedia::Rtp(RtpTerms {
        codecs,
        advertised: advertised.unwrap_or(config.media.advertised),
        signalled_from: nat.then(|| invitation.from.ip()),
        srtp: policy.wanted,
        may_key,
        digits: trunk.map(|trunk| trunk.peering.dtmf.digits()).unwrap_or_default(),
    }))
}

const DTLS_UNWANTED: &str = "DTLS-SRTP is offered and srtp = \"none\" here: set srtp = \"prefer\"";

/// Where neither trunk nor phone says otherwise.
const CODECS: [CodecKind; 2] = [CodecKind::Pcma, CodecKind::Pcmu];

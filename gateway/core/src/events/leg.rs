//! What a participant does and what the call wants of it; knows neither SIP nor browser.
//!
//! Said between a channel (`switch/sip_leg.rs`, `switch/web_leg.rs`) and the call.

use std::{net::IpAddr, time::Duration};

use media::sdp::{Answer, Offer, Srtp};
use serde::{Deserialize, Serialize};

use super::{calling::Presented, story::Card};
use crate::{
    cause::Cause,
    ids::{AgentId, LegId, UtcMillis},
    private::Private,
};

/// A leg's direction, seen from the gateway: `Inbound` asked for us, `Outbound` we asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Inbound,
    Outbound,
}

/// Whom to reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A number, by way of routing: by this trunk, or by the one that fits best; `caller` is who may be shown to call, empty where withheld.
    Number { number: Private<String>, trunk: Option<String>, caller: Private<String> },
    /// An address as it stands.
    Uri(String),
    /// An agent, at desk or phone.
    Agent(AgentId),
}

impl Target {
    /// The same; a number goes by this trunk and no other.
    pub fn by(self, trunk: Option<String>) -> Self {
        match self {
            Self::Number { number, caller, .. } => Self::Number { number, trunk, caller },
            Self::Uri(_) | Self::Agent(_) => self,
        }
    }
}

/// What the party that is dialled may see of the call, besides who calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Where the caller's story can be read (Call-Info, RFC 3261 20.9).
    pub story: Option<String>,
    /// Who wanted this call, as the referrer's own REFER says it (RFC 3892).
    pub referred_by: Option<String>,
}

/// What a leg that we dial may answer; at least one. A phone in a browser is given `web`, any other `rtp`.
#[derive(Debug, Clone, PartialEq)]
pub struct Offers {
    /// RTP or SRTP by keys in SDP.
    pub rtp: Option<Offer>,
    /// ICE and DTLS-SRTP.
    pub web: Option<Offer>,
}

/// What is known of a target before it is called; where nothing is known of its contacts, they speak RTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// RTP, as phones and carriers do.
    pub rtp: bool,
    /// WebRTC, as browsers do.
    pub web: bool,
    /// The trunk that a number goes by as things stand; `None` where no trunk takes it.
    pub trunk: Option<String>,
    /// Whether its audio is to be SRTP.
    pub srtp: Srtp,
    /// Keys may be written into its signalling.
    pub may_key: bool,
}

/// What a participant did, said as `(LegId, LegEvent)`; knows nothing of SIP or browser.
#[derive(Debug, Clone, PartialEq)]
pub enum LegEvent {
    /// Someone calls; no `offer` means that ours is wanted (RFC 3261 13.2.1), `pointer` is the T0 token (RFC 7433).
    Offered { caller: Private<String>, dialled: String, pointer: Option<String>, offer: Option<Offer> },
    /// The way of a leg that we dialled is known, before its first answer: our address in its SDP, and where it signals from if it is behind
    /// NAT.
    Located { advertised: IpAddr, signalled_from: Option<IpAddr> },
    /// The far end rings or speaks early (RFC 3261 13.2.2.1, RFC 3262).
    Progressed { status: u16, answer: Option<Answer> },
    /// The far end took the call; each fork that answers is a leg of its own.
    Answered { answer: Answer },
    /// The far end will not.
    Refused(Cause),
    /// The far end wants other media: hold, resume, codec, address (RFC 3264 8).
    Reoffered { offer: Option<Offer> },
    /// Our offer was taken, in whatever message it went out: commit.
    ReofferAnswered { answer: Answer },
    /// Our offer was not taken: the session stands as before, if there was one (RFC 3261 14.1).
    ReofferRefused(Cause),
    /// A key, at its end.
    DigitHeard { digit: Private<char>, length: Duration, source: KeySource },
    /// The participant wants the other one connected elsewhere (RFC 3515); `replacing` is the leg of ours that the target's Replaces names,
    /// `replaces` that header where it names a dialog of others, `by` the referrer's own word of itself (RFC 3892).
    Referred { to: Target, replacing: Option<LegId>, replaces: Option<String>, by: Option<String> },
    /// The referred party's fate, as the far end reports it (RFC 3515 2.4.5).
    ReferProgressed { status: u16 },
    /// Hears us from here on: the ACK has come, or the peer is connected. What is said before is lost to it.
    Ready,
    /// The browser of a leg that we ring has made its offer.
    MediaOffered { offer: Offer },
    /// The page has drawn this version of the card, so many ms after it came.
    CardDrawn { version: u32, rendered_ms: u32 },
    /// The agent takes the call; media goes its own way.
    Accepted,
    /// The agent holds the other side, or goes on.
    Held { held: bool },
    /// Gone: by goodbye, by cancel, by a dead session timer (RFC 4028) or a lost page.
    HungUp(Cause),
}

/// What the call wants of a participant, said as `(LegId, LegCommand)`.
#[derive(Debug, Clone, PartialEq)]
pub enum LegCommand {
    /// Start an outbound leg by what fits of `offers`; `pointer` goes out as T0, `replacing` as Replaces, `presented` as who calls, `shown` as
    /// what else of the call.
    Dial {
        to: Target,
        offers: Box<Offers>,
        pointer: Option<String>,
        replacing: Option<String>,
        presented: Box<Presented>,
        shown: Box<Shown>,
    },
    /// Say that it rings.
    Ring,
    /// Let early media be heard (183).
    Progress { answer: Answer },
    /// Take the call.
    Answer { answer: Answer },
    /// Do not take it.
    Refuse(Cause),
    /// Ask for other media; answered by `ReofferAnswered` or `ReofferRefused`, glare (491) is waited out below.
    Reoffer { offer: Offer },
    /// Make our offer where the far end leaves it to us, by an INVITE or re-INVITE without one (RFC 3261 13.2.1, 14.2); takes the call.
    /// Answered by `ReofferAnswered` or `ReofferRefused`.
    Propose { offer: Offer },
    /// Media has fallen silent: see whether anyone is there. Answered by `HungUp`, or not at all.
    Probe,
    /// Take the far end's re-offer.
    AcceptReoffer { answer: Answer },
    /// Keep what stands (488).
    RejectReoffer(Cause),
    /// Ask the carrier of this leg to call a number itself, on behalf of `by` (RFC 3892). `ReferProgressed` follows.
    Refer { number: Private<String>, pointer: Option<String>, by: Option<String> },
    /// Take a refer (202).
    AcceptRefer,
    /// Tell the referrer how it goes; a final status ends the telling (NOTIFY, sipfrag: RFC 3420).
    NotifyRefer { status: u16 },
    /// Do not take a refer.
    RejectRefer(Cause),
    /// Ring an agent's desk: draw this card, ring until then.
    Present { card: Box<Card>, ring_deadline: UtcMillis },
    /// Our answer to `MediaOffered`; the call is not taken by it.
    AnswerMedia { answer: Answer },
    /// Caller and agent hear each other.
    Bridged { version: u32 },
    /// The running menu, for legs that have a screen: key and label in spoken order; empty takes it away.
    ShowMenu { items: Vec<(char, String)> },
    /// What is being said, for legs that have a screen.
    Caption { speaker: String, text: Private<String> },
    /// Where things stand, in a word that the page translates.
    Status { state: String, detail: Option<String> },
    /// End it in whatever way its state asks for: CANCEL, BYE, or a word to the page.
    Hangup(Cause),
}

/// By which way a key came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeySource {
    /// As an RTP event (RFC 4733).
    Event,
    /// As two tones in the sound (ITU-T Q.23).
    Tone,
    /// In an INFO.
    Info,
    /// By a page's keypad.
    Page,
}

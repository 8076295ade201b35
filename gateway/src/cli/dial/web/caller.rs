//! The caller page: chat where asked, then call with the token that the chat's handoff gives.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    super::{
        Dial, Interrupt,
        report::{Failed, Failure, Report},
    },
    conversation::Conversation,
    http::Gateway,
    peer::{Peer, RATE},
    socket::Socket,
};

/// Places the call that `dial` asks for.
pub(in super::super) async fn call(dial: &Dial, url: &str, report: &mut Report, interrupt: &mut Interrupt) -> Result<(), Failure> {
    let gateway = Gateway::find(url).await?;
    report.stage("resolve", gateway.address.to_string());
    let token = match &dial.token {
        Some(token) => token.clone(),
        None => chat(dial, &gateway, report).await?,
    };
    let mut socket = Socket::open(&gateway, &format!("/v1/caller?token={token}"), None).await?;
    let hello = tokio::time::timeout(dial.reply_timeout(), socket.receive())
        .await
        .map_err(|_| Failure::new(Failed::NoReply, "no hello came"))??;
    report.stage("hello", format!("channel {}", hello["channel"]));
    let ip = match dial.local {
        Some(ip) => ip,
        None => gateway.our_address().await?,
    };
    let mut peer = Peer::new(ip, dial.talk(RATE)?, dial.rtp_dtmf).await?;
    let sdp = peer.offer().await?;
    socket.send(json!({ "type": "call.start", "dialled": dial.dialled, "sdp": sdp })).await?;
    report.stage("offer", format!("opus from {ip}, dialled {}", dial.dialled));
    let conversation = Conversation {
        dial,
        socket: &mut socket,
        peer,
        report,
        interrupt,
        call: None,
        later: None,
        since: None,
        from_bridge: false,
        give_up: Instant::now() + dial.reply_timeout(),
        answered: false,
    };
    let result = conversation.hold().await;
    socket.close().await;
    result
}

/// Opens a chat, says the line of `--chat`, hands it off: the token that proves all this.
async fn chat(dial: &Dial, gateway: &Gateway, report: &mut Report) -> Result<String, Failure> {
    let mut opening = json!({ "language": "en" });
    if let Some(from) = &dial.from {
        opening["customer"] = json!({ "tel": from });
    }
    let started = gateway.post("/v1/chat", None, &opening).await?.body;
    let id = &started["chat"];
    let chat = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    let token = token_of(&started)?;
    report.stage("chat", format!("chat {chat}"));
    if let Some(text) = &dial.chat {
        let said = gateway.post(&format!("/v1/chat/{chat}/lines"), Some(&token), &json!({ "text": text })).await?.body;
        report.stage("said", if said["reason"].is_null() { String::new() } else { format!("understood as {}", said["reason"]) });
    }
    let handed = gateway.post(&format!("/v1/chat/{chat}/handoff"), Some(&token), &json!({})).await?.body;
    report.stage("handoff", "");
    token_of(&handed)
}

fn token_of(answer: &Value) -> Result<String, Failure> {
    answer["token"].as_str().map(str::to_owned).ok_or_else(|| Failure::new(Failed::Refused, "the gateway gave no token"))
}

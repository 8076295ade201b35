//! The agent's desk without a browser: logs in, says available, reads every card at once and takes the call.

use std::time::Duration;

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

/// Takes calls until `--calls` of them are over; the first failure of them all.
pub(in super::super) async fn desk(dial: &Dial, url: &str, report: &mut Report, interrupt: &mut Interrupt) -> Result<(), Failure> {
    let gateway = Gateway::find(url).await?;
    let ip = match dial.local {
        Some(ip) => ip,
        None => gateway.our_address().await?,
    };
    let login = gateway.post("/v1/login", None, &json!({ "login": dial.login, "password": dial.password })).await?;
    report.stage("login", format!("agent {}", login.body["agent"]["name"]));
    let mut socket = Socket::open(&gateway, "/v1/desk", login.cookie.as_deref()).await?;
    let mut result = Ok(());
    let mut taken = 0;
    while dial.calls.is_none_or(|most| taken < most) {
        let message = tokio::select! {
            message = socket.receive() => message?,
            () = interrupt.pressed() => break,
        };
        match message["type"].as_str() {
            Some("hello") => {
                report.stage("hello", format!("channel {}", message["channel"]));
                socket.send(json!({ "type": "status", "state": "available" })).await?;
            }
            Some("call.offer") => {
                taken += 1;
                let taken = take(dial, &mut socket, &message, ip, report, interrupt).await;
                result = result.and(taken);
            }
            Some("problem") => return Err(Failure::new(Failed::Refused, format!("{} {}", message["title"], message["detail"]))),
            Some("status") => report.stage("status", format!("{}", message["state"])),
            _ => {}
        }
    }
    socket.close().await;
    result
}

/// One call, from its offer to its wrap-up.
async fn take(
    dial: &Dial,
    socket: &mut Socket,
    offer: &Value,
    ip: std::net::IpAddr,
    report: &mut Report,
    interrupt: &mut Interrupt,
) -> Result<(), Failure> {
    let (call, card) = (&offer["call"], &offer["card"]);
    report.stage("offer", format!("call {call}, reason {}", card["reason"]["label"]));
    let mut peer = Peer::new(ip, dial.talk(RATE)?, dial.rtp_dtmf).await?;
    let sdp = peer.offer().await?;
    socket.send(json!({ "type": "media.offer", "call": call, "sdp": sdp })).await?;
    // The gate of the bridge: this desk has "drawn" the card at once.
    let ack =
        json!({ "type": "context.ack", "call": call, "context_id": card["context_id"], "version": card["version"], "rendered_ms": 0 });
    socket.send(ack).await?;
    report.stage("ack", format!("card {} version {}", card["context_id"], card["version"]));
    let now = Instant::now();
    let accept = json!({ "type": "call.accept", "call": call });
    let conversation = Conversation {
        dial,
        socket,
        peer,
        report,
        interrupt,
        call: Some(call.clone()),
        later: Some((now + Duration::from_millis(dial.answer_after), accept)),
        since: None,
        from_bridge: true,
        give_up: now + dial.reply_timeout(),
        answered: false,
    };
    let result = conversation.hold().await;
    let wrapup = json!({ "type": "wrapup", "call": call, "disposition": "test", "tags": [], "resolved": true, "note": null });
    socket.send(wrapup).await?;
    result
}

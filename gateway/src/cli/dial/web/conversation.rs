//! A web call in progress: notices of the gateway in, keys and goodbyes out, alike for caller and desk.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    super::{
        Dial, Interrupt,
        report::{Failed, Failure, Media, Report},
    },
    peer::{Peer, Turn},
    socket::Socket,
};

/// One call, until it ends.
pub(super) struct Conversation<'a> {
    pub(super) dial: &'a Dial,
    pub(super) socket: &'a mut Socket,
    pub(super) peer: Peer,
    pub(super) report: &'a mut Report,
    pub(super) interrupt: &'a mut Interrupt,
    /// The call's id as the gateway gives it; known to a caller with the answer.
    pub(super) call: Option<Value>,
    /// Said at a time: the desk's accept.
    pub(super) later: Option<(Instant, Value)>,
    /// From when `--duration` counts.
    pub(super) since: Option<Instant>,
    /// Whether `--duration` counts from the bridge, as on a desk, or from the connection.
    pub(super) from_bridge: bool,
    pub(super) give_up: Instant,
    pub(super) answered: bool,
}

/// Who ended it, and how.
enum Ended {
    Us(&'static str),
    FarSide(String),
}

impl Conversation<'_> {
    /// Talks until either side hangs up or the time is over, then gives the account.
    pub(super) async fn hold(mut self) -> Result<(), Failure> {
        let ended = self.talk().await;
        let early = matches!(&ended, Ok(Ended::FarSide(_)));
        let ended = match ended {
            Ok(Ended::Us(why)) => {
                if let Some(call) = &self.call {
                    let _ = self.socket.send(json!({ "type": "call.hangup", "call": call })).await;
                }
                self.report.stage("hangup", why);
                Ok(())
            }
            Ok(Ended::FarSide(cause)) => {
                self.report.stage("ended", cause.clone());
                if self.answered || self.later.is_some() {
                    Ok(())
                } else {
                    Err(Failure::new(Failed::Refused, format!("the call was refused: {cause}")))
                }
            }
            Err(failure) => Err(failure),
        };
        self.peer.close().await;
        if let Some(connected) = self.peer.connected {
            let talk = &self.peer.talk;
            let mut media = Media::of(talk, "opus", connected.elapsed(), self.dial.expect_tone);
            let kept = self.dial.keep(talk.tape.as_ref());
            media.recorded = kept.clone().ok().flatten();
            let judged = self.dial.judge(&media, early);
            self.report.account(media);
            return ended.and(kept.map(drop)).and(judged);
        }
        ended?;
        if self.answered { Err(Failure::new(Failed::Media, "the connection never came about")) } else { Ok(()) }
    }

    async fn talk(&mut self) -> Result<Ended, Failure> {
        loop {
            let unconnected = self.answered && self.peer.connected.is_none();
            let ends = self.dial.talk_for().and_then(|length| self.since.map(|since| since + length));
            tokio::select! {
                turn = self.peer.turn() => match turn {
                    Turn::Noted(noted) => self.report.note(noted),
                    Turn::Press(key) => self.press(key).await?,
                    Turn::Connected => {
                        self.report.stage("connected", "ICE and DTLS are through");
                        if !self.from_bridge {
                            self.since = Some(Instant::now());
                        }
                    }
                    Turn::Failed => return Err(Failure::new(Failed::Media, "ICE or DTLS failed")),
                },
                message = self.socket.receive() => {
                    if let Some(ended) = self.receive(&message?).await? {
                        return Ok(ended);
                    }
                }
                () = at(self.later.as_ref().map(|(time, _)| *time)) => {
                    if let Some((_, message)) = self.later.take() {
                        self.report.stage("accept", "");
                        self.socket.send(message).await?;
                    }
                }
                () = at((!self.answered).then_some(self.give_up)) => return Err(Failure::new(Failed::NoReply, "the gateway gave no SDP answer")),
                () = at(unconnected.then_some(self.give_up + CONNECTING)) => {
                    return Err(Failure::new(Failed::Media, "ICE and DTLS are not through after 10 s"));
                }
                () = at(ends) => return Ok(Ended::Us("we hung up")),
                () = self.interrupt.pressed() => return Ok(Ended::Us("interrupted")),
            }
        }
    }

    async fn receive(&mut self, message: &Value) -> Result<Option<Ended>, Failure> {
        let word = |key: &str| message[key].as_str().unwrap_or_default();
        let ours = self.call.as_ref().is_none_or(|call| message["call"].is_null() || message["call"] == *call);
        match word("type") {
            "problem" => {
                let text = format!("{} {}", word("title"), word("detail"));
                if self.answered {
                    self.report.stage("problem", text);
                } else {
                    return Err(Failure::new(Failed::Refused, text));
                }
            }
            // The call may be bridged under another id, when calls have merged.
            "call.bridged" if ours || self.call == message.get("was").cloned() => {
                self.call = message.get("call").cloned();
                self.since.get_or_insert_with(Instant::now);
                self.report.stage("bridged", format!("context version {}", message["context_version"]));
            }
            _ if !ours => {}
            "media.answer" => {
                self.call = message.get("call").cloned();
                self.peer.answered(word("sdp")).await?;
                if !self.answered {
                    self.report.stage("answered", format!("call {}", message["call"]));
                }
                self.answered = true;
                self.give_up = Instant::now();
            }
            "call.ended" | "call.withdrawn" => return Ok(Some(Ended::FarSide(format!("{} {}", word("type"), message["cause"])))),
            "menu" => self.report.stage("menu", menu(&message["items"])),
            "caption" => self.report.stage("caption", format!("{}: {}", word("speaker"), word("text"))),
            "status" => self.report.stage("status", format!("{} {}", word("state"), word("detail"))),
            _ => {}
        }
        Ok(None)
    }

    async fn press(&mut self, key: char) -> Result<(), Failure> {
        match &self.call {
            Some(call) => self.socket.send(json!({ "type": "key", "call": call, "key": key.to_string() })).await,
            None => Ok(()),
        }
    }
}

/// `1 Billing, 2 Delivery` of `[["1", "Billing"], ["2", "Delivery"]]`.
fn menu(items: &Value) -> String {
    let item = |item: &Value| format!("{} {}", item[0].as_str().unwrap_or_default(), item[1].as_str().unwrap_or_default());
    items.as_array().map(|items| items.iter().map(item).collect::<Vec<_>>().join(", ")).unwrap_or_default()
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// From the answer to the connection; on a good network it takes some 20 ms.
const CONNECTING: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_menu_is_read_in_its_order() {
        assert_eq!(menu(&json!([["2", "Delivery"], ["1", "Billing"]])), "2 Delivery, 1 Billing");
        assert_eq!(menu(&json!("junk")), "");
        assert_eq!(menu(&json!([7])), " ");
    }
}

//! The web phone against a gateway of a few lines, with real sockets, ICE, DTLS and Opus on loopback; a few seconds each.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{
        Path, State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::{HeaderMap, header},
    response::{AppendHeaders, IntoResponse},
    routing::{any, post},
};
use serde_json::{Value, json};

use super::{
    super::{
        report::{Failed, Report, Style},
        tests::{nobody, parsed},
    },
    peer::{Peer, RATE},
};

/// What the far side of the tests has seen.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().expect("nobody panicked").push(what.into());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().expect("nobody panicked").clone()
    }

    /// All, once `last` is among it: what was sent last may still be on its way when the phone is done.
    async fn until(&self, last: &str) -> Vec<String> {
        for _ in 0..100 {
            if self.all().iter().any(|seen| seen == last) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        self.all()
    }
}

/// A gateway that hums 880 Hz; its URL and what it sees.
async fn gateway() -> (String, Seen) {
    let seen = Seen::default();
    let app = Router::new()
        .route("/v1/chat", post(|| async { Json(json!({ "chat": 7, "token": "chatting" })) }))
        .route("/v1/chat/{id}/lines", post(line))
        .route("/v1/chat/{id}/handoff", post(|| async { Json(json!({ "token": "handed" })) }))
        .route("/v1/login", post(login))
        .route("/v1/caller", any(caller))
        .route("/v1/desk", any(desk))
        .with_state(seen.clone());
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, seen)
}

async fn line(State(seen): State<Seen>, Path(chat): Path<u32>, headers: HeaderMap, Json(line): Json<Value>) -> Json<Value> {
    seen.note(format!(
        "{chat} {} {}",
        headers[header::AUTHORIZATION].to_str().unwrap_or_default(),
        line["text"].as_str().unwrap_or_default()
    ));
    Json(json!({ "lines": [], "reason": { "intent": "delivery" } }))
}

async fn login(Json(body): Json<Value>) -> impl IntoResponse {
    let known = body["password"] == "lovelace";
    let status = if known { axum::http::StatusCode::OK } else { axum::http::StatusCode::UNAUTHORIZED };
    (
        status,
        AppendHeaders([(header::SET_COOKIE, "session=1; HttpOnly")]),
        Json(json!({ "agent": { "name": "Ada" }, "title": "wrong password" })),
    )
}

async fn caller(State(seen): State<Seen>, uri: axum::http::Uri, upgrade: WebSocketUpgrade) -> impl IntoResponse {
    seen.note(uri.query().unwrap_or_default());
    upgrade.on_upgrade(|socket| talk(socket, seen, None))
}

async fn desk(State(seen): State<Seen>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> impl IntoResponse {
    seen.note(headers[header::COOKIE].to_str().unwrap_or_default());
    let card = json!({ "context_id": "c1", "version": 1, "reason": { "label": "Delivery" } });
    let offer = json!({ "seq": 1, "type": "call.offer", "call": 5, "card": card, "ring_deadline": 0 });
    upgrade.on_upgrade(|socket| talk(socket, seen, Some(offer)))
}

/// The far end of a page: answers its offer, hums, notes what it says.
async fn talk(mut socket: WebSocket, seen: Seen, mut offer: Option<Value>) {
    let say = |value: Value| Message::text(value.to_string());
    let mut peer: Option<Peer> = None;
    let _ = socket.send(say(json!({ "type": "hello", "resume": "r", "channel": 3 }))).await;
    loop {
        let turn = async {
            match &mut peer {
                Some(peer) => peer.turn().await,
                None => std::future::pending().await,
            }
        };
        let message = tokio::select! {
            turn = turn => {
                seen.note(format!("{turn:?}"));
                continue;
            }
            message = socket.recv() => message,
        };
        let Some(Ok(Message::Text(text))) = message else { return };
        let message: Value = serde_json::from_str(&text).expect("JSON");
        let kind = message["type"].as_str().unwrap_or_default();
        seen.note(format!("{kind} {}", message["key"].as_str().or(message["context_id"].as_str()).unwrap_or_default()));
        match kind {
            "status" => {
                if let Some(offer) = offer.take() {
                    let _ = socket.send(say(offer)).await;
                }
            }
            "call.start" | "media.offer" => {
                let hum = parsed("--web http://x --tone 880").talk(RATE).expect("a tone");
                let mut answering = Peer::new(Ipv4Addr::LOCALHOST.into(), hum, true).await.expect("a peer");
                let sdp = answering.answer(message["sdp"].as_str().unwrap_or_default()).await.expect("an answer");
                peer = Some(answering);
                let _ = socket.send(say(json!({ "seq": 1, "type": "media.answer", "call": 5, "sdp": sdp }))).await;
                let _ = socket.send(say(json!({ "seq": 2, "type": "menu", "call": 5, "items": [["1", "Delivery"]] }))).await;
            }
            "call.accept" => {
                let _ = socket.send(say(json!({ "seq": 3, "type": "call.bridged", "call": 5, "was": null, "context_version": 1 }))).await;
            }
            _ => {}
        }
    }
}

async fn dial(arguments: &str) -> (u8, Report) {
    let dial = parsed(arguments);
    let mut report = Report::new(dial.title(), Style::Quiet);
    let url = dial.web.clone().expect("a URL");
    let mut interrupt = nobody();
    let result = match dial.desk {
        true => super::desk(&dial, &url, &mut report, &mut interrupt).await,
        false => super::call(&dial, &url, &mut report, &mut interrupt).await,
    };
    (report.close(result), report)
}

#[tokio::test]
async fn a_chat_becomes_a_call_in_which_both_are_heard() {
    let (url, seen) = gateway().await;
    let arguments = format!("--web {url} --chat late --tone 440 --expect-audio --expect-tone 880 --dtmf 12 --duration 2");
    let (code, report) = dial(&arguments).await;
    assert_eq!(code, 0, "{:?} {:?}", report.failure, report.media);
    let media = report.media.as_ref().expect("they talked");
    assert_eq!((media.dominant_hz, media.codec.as_str()), (Some(880), "opus"));
    let seen = seen.until("call.hangup ").await;
    for expected in ["7 Bearer chatting late", "token=handed", "call.start ", "Noted(FirstVoice)", "key 1", "key 2", "call.hangup "] {
        assert!(seen.iter().any(|seen| seen == expected), "{expected} in {seen:?}");
    }
    for stage in ["chat", "said", "handoff", "hello", "offer", "answered", "menu", "connected", "audio", "keys", "hangup"] {
        assert!(report.reached(stage).is_some(), "{stage} in {:?}", report.stages);
    }
}

#[tokio::test]
async fn keys_may_go_in_rtp() {
    let (url, seen) = gateway().await;
    let (code, report) = dial(&format!("--web {url} --token mine --dtmf 5# --rtp-dtmf --duration 1")).await;
    assert_eq!(code, 0, "{:?}", report.failure);
    let seen = seen.until("call.hangup ").await;
    for expected in ["token=mine", "Noted(KeyHeard('5'))", "Noted(KeyHeard('#'))"] {
        assert!(seen.iter().any(|seen| seen == expected), "{expected} in {seen:?}");
    }
}

#[tokio::test]
async fn a_desk_reads_the_card_and_takes_the_call() {
    let (url, seen) = gateway().await;
    let arguments = format!("--web {url} --desk --login ada --password lovelace --calls 1 --duration 1 --answer-after 300 --expect-audio");
    let (code, report) = dial(&arguments).await;
    assert_eq!(code, 0, "{:?} {:?}", report.failure, report.stages);
    let said: Vec<_> = seen.until("wrapup ").await.into_iter().filter(|seen| !seen.contains("Noted") && seen != "Connected").collect();
    assert_eq!(said, ["session=1", "status ", "media.offer ", "context.ack c1", "call.accept ", "call.hangup ", "wrapup "]);
    assert!(report.reached("connected") < report.reached("bridged"));
}

#[tokio::test]
async fn what_fails_has_its_own_exit_code() {
    let (url, _) = gateway().await;
    assert_eq!(dial(&format!("--web {url} --desk --login ada --password byron")).await.0, Failed::Auth as u8);
    assert_eq!(dial("--web http://127.0.0.1:9").await.0, Failed::NoReply as u8);
    assert_eq!(dial("--web http://nowhere.invalid").await.0, Failed::Resolve as u8);
    assert_eq!(dial("--web https://127.0.0.1").await.0, Failed::Usage as u8);
}

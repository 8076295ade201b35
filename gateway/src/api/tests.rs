use std::{
    net::{SocketAddr, TcpListener},
    sync::LazyLock,
    time::Duration,
};

use argon2::{Argon2, password_hash::PasswordHasher};
use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
    response::Response,
};
use futures_util::{SinkExt, StreamExt};
use gateway_core::{
    context::understanding::{Intent, Rules},
    events::{
        leg::Direction,
        page::{ClientMessage, Notice, ServerMessage},
        record::{Happened, Record},
    },
    ids::{AgentId, CallId, ChannelId, LegId, RecordingId, UtcMillis},
    switch::Page,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::{self, client::IntoClientRequest};
use tower::ServiceExt;

use super::*;
use crate::{
    shell::{Snapshot, Told},
    store::Lessons,
};

const KEY: &str = "an-integrators-key";
type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// The API, and the end of the handle that the switch would hold.
struct Bench {
    api: Api,
    switch: mpsc::Receiver<Told>,
    snapshot: watch::Sender<Arc<Snapshot>>,
    /// Queues of pages that joined; dropped, their channels would close.
    queues: Vec<mpsc::Sender<ServerMessage>>,
    directory: TempDir,
}

impl Bench {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).await.unwrap();
        let late = Intent {
            item: "delivery".into(),
            label: [("en".to_owned(), "Parcel is late".to_owned())].into(),
            words: [("en".to_owned(), vec!["parcel".to_owned()])].into(),
        };
        store.set_lessons(Lessons { rules: Rules { intents: [("parcel_late".to_owned(), late)].into() }, ..Lessons::default() });
        let (inputs, switch) = mpsc::channel(64);
        let (snapshot, seen) = watch::channel(Arc::new(Snapshot::default()));
        let settings = Settings {
            data: directory.path().to_owned(),
            secret: None,
            archive: Archive::new(store.clone(), &kept(directory.path())).unwrap(),
            agents: vec![ada()],
            api_keys: vec![Private(KEY.to_owned())],
            origins: Vec::new(),
            metrics: Arc::new(|| "tandem_up 1\n".to_owned()),
            script: Arc::new(|| None),
            scripts: Arc::new(|_| None),
            config: Arc::new(configured()),
        };
        Self { api: Api::new(store, Handle::new(inputs, seen), settings).unwrap(), switch, snapshot, queues: Vec::new(), directory }
    }

    async fn ask(&self, method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> (StatusCode, Value) {
        let answer = self.send(request(method, path, token, body)).await;
        let status = answer.status();
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn send(&self, request: Request<Body>) -> Response {
        router(self.api.clone()).oneshot(request).await.unwrap()
    }

    async fn login(&self) -> String {
        let (status, answer) = self.ask(Method::POST, "/v1/login", None, Some(json!({ "login": "ada", "password": "demo" }))).await;
        assert_eq!(status, StatusCode::OK);
        answer["token"].as_str().unwrap().to_owned()
    }

    fn listen(&self) -> SocketAddr {
        let http = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = http.local_addr().unwrap();
        tokio::spawn(serve(self.api.clone(), Listeners { http, https: None, advertised: address.ip() }, std::future::pending()));
        address
    }

    /// What the switch hears next; a join is answered, and its queue given out.
    async fn joined(&mut self, channel: u64) -> (Page, mpsc::Sender<ServerMessage>) {
        match self.heard().await {
            Told::Join { page, messages, joined } => {
                joined.send(ChannelId(channel)).unwrap();
                self.queues.push(messages.clone());
                (page, messages)
            }
            Told::Said { .. } | Told::Left { .. } | Told::Admin(_) => panic!("a page was to join"),
        }
    }

    async fn heard(&mut self) -> Told {
        tokio::time::timeout(Duration::from_secs(30), self.switch.recv()).await.expect("in time").expect("the switch hears")
    }
}

/// Encrypted, beside what the recorder writes.
fn kept(directory: &Path) -> gateway_core::config::Recording {
    let key = gateway_core::config::MasterKey { id: "k".into(), secret: Private([7; 32]) };
    gateway_core::config::Recording { key: Some(key), ..gateway_core::config::Recording::plain(directory.join("recordings")) }
}

/// One trunk, one route.
fn configured() -> Config {
    let trunk = "[[trunk]]\nname = \"carrier\"\nsources = [\"10.1.0.0/16\"]\n[[route]]\ndialled = \"200\"\nbridge = \"sip:uas@10.3.0.1\"\n";
    gateway_core::config::read("tandem.toml", trunk, &Alone).map(|checked| checked.config).unwrap()
}

struct Alone;

impl gateway_core::config::Outside for Alone {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &Path) -> Result<String, String> {
        Err("not there".into())
    }

    fn own_address(&self) -> Option<std::net::IpAddr> {
        Some(std::net::IpAddr::from([127, 0, 0, 1]))
    }

    fn scripts(&self, _: &Path) -> Option<Vec<String>> {
        None
    }
}

fn ada() -> AgentEntry {
    static HASH: LazyLock<String> = LazyLock::new(|| Argon2::default().hash_password(b"demo").unwrap().to_string());
    AgentEntry {
        id: AgentId(1),
        login: "ada".into(),
        name: "Ada".into(),
        password_hash: HASH.clone(),
        skills: Vec::new(),
        languages: vec!["en".into()],
        phone: None,
        phone_ready: true,
    }
}

fn request(method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    match body {
        Some(body) => request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())).unwrap(),
        None => request.body(Body::empty()).unwrap(),
    }
}

async fn connect(address: SocketAddr, path: &str, token: Option<&str>, origin: Option<&str>) -> Result<Socket, tungstenite::Error> {
    let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
    if let Some(token) = token {
        request.headers_mut().insert(header::COOKIE, format!("{}={token}", auth::COOKIE).parse().unwrap());
    }
    if let Some(origin) = origin {
        request.headers_mut().insert(header::ORIGIN, origin.parse().unwrap());
    }
    tokio_tungstenite::connect_async(request).await.map(|(socket, _)| socket)
}

async fn next(socket: &mut Socket) -> Value {
    loop {
        let message = tokio::time::timeout(Duration::from_secs(30), socket.next()).await.expect("in time").expect("open").expect("sound");
        if let tungstenite::Message::Text(text) = message {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

async fn say(socket: &mut Socket, text: impl Into<String>) {
    socket.send(tungstenite::Message::text(text.into())).await.unwrap();
}

fn status(seq: u64) -> ServerMessage {
    ServerMessage { seq, notice: Notice::Status { call: None, state: format!("s{seq}"), detail: None } }
}

#[tokio::test]
async fn an_integrator_tells_and_reads_a_customer() {
    let bench = Bench::new().await;
    let facts = json!({ "facts": [{ "key": "order", "value": "A-17" }], "name": "Olena", "identities": ["sip:olena@home.example"] });
    let (code, answer) = bench.ask(Method::PUT, "/v1/customers/tel:+380501112233/facts", Some(KEY), Some(facts)).await;
    assert_eq!((code, &answer["facts"]), (StatusCode::OK, &json!(1)), "{answer}");
    let (code, answer) = bench.ask(Method::GET, "/v1/customers/tel:%2B380501112233", Some(KEY), None).await;
    assert_eq!(code, StatusCode::OK);
    assert_eq!((&answer["customer"]["name"], &answer["facts"][0]["value"]), (&json!("Olena"), &json!("A-17")));
    assert_eq!(bench.ask(Method::GET, "/v1/customers/sip:olena@home.example", Some(KEY), None).await.1, answer, "known by either address");
}

#[tokio::test]
async fn every_error_says_what_where_and_what_to_do() {
    let bench = Bench::new().await;
    let card = json!({ "facts": [{ "key": "card", "value": "4111", "privacy": "pci" }] });
    for (method, path, token, body, expected) in [
        (Method::GET, "/v1/calls", None, None, StatusCode::UNAUTHORIZED),
        (Method::GET, "/v1/calls/7", Some(KEY), None, StatusCode::NOT_FOUND),
        (Method::GET, "/v1/calls?limit=x", Some(KEY), None, StatusCode::BAD_REQUEST),
        (Method::GET, "/v1/customers/Olena", Some(KEY), None, StatusCode::BAD_REQUEST),
        (Method::PUT, "/v1/customers/tel:+380501112233/facts", Some(KEY), Some(card), StatusCode::UNPROCESSABLE_ENTITY),
        (Method::POST, "/v1/interactions", Some(KEY), Some(json!({ "nope": 1 })), StatusCode::UNPROCESSABLE_ENTITY),
        (Method::DELETE, "/v1/calls", Some(KEY), None, StatusCode::METHOD_NOT_ALLOWED),
        (Method::GET, "/nowhere", None, None, StatusCode::NOT_FOUND),
        (Method::GET, "/v1/desk", None, None, StatusCode::UNAUTHORIZED),
    ] {
        let answer = bench.send(request(method, path, token, body)).await;
        assert_eq!(answer.status(), expected, "{path}");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json", "{path}");
        assert!(answer.headers().contains_key(header::CONTENT_SECURITY_POLICY));
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        let problem: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(problem["instance"], path.split('?').next().unwrap());
        assert!(["title", "detail", "id"].iter().all(|key| problem[key].as_str().is_some_and(|word| !word.is_empty())), "{problem}");
    }
}

#[tokio::test]
async fn a_repeated_key_gets_the_first_answer_and_another_body_is_refused() {
    let bench = Bench::new().await;
    let post = |gist: &str| {
        let body = json!({ "customer": "tel:+380501112233", "medium": "email", "gist": gist });
        let mut request = request(Method::POST, "/v1/interactions", Some(KEY), Some(body));
        request.headers_mut().insert("idempotency-key", "k1".parse().unwrap());
        bench.send(request)
    };
    let first = post("wrote about an invoice").await;
    assert_eq!(first.status(), StatusCode::CREATED);
    let again = post("wrote about an invoice").await;
    assert_eq!((again.status(), &again.headers()["idempotent-replayed"]), (StatusCode::CREATED, &"true".parse().unwrap()));
    assert_eq!(post("something else").await.status(), StatusCode::CONFLICT);
    let (_, customer) = bench.ask(Method::GET, "/v1/customers/tel:+380501112233", Some(KEY), None).await;
    assert_eq!(customer["recent"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn an_agent_logs_in_is_known_and_logs_out() {
    let bench = Bench::new().await;
    let wrong = json!({ "login": "ada", "password": "guess" });
    assert_eq!(bench.ask(Method::POST, "/v1/login", None, Some(wrong)).await.0, StatusCode::UNAUTHORIZED);
    let answer = bench.send(request(Method::POST, "/v1/login", None, Some(json!({ "login": "ada", "password": "demo" })))).await;
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");

    let token = bench.login().await;
    let (code, answer) = bench.ask(Method::GET, "/v1/me", Some(&token), None).await;
    assert_eq!((code, &answer["agent"]["name"]), (StatusCode::OK, &json!("Ada")));
    assert_eq!(bench.ask(Method::POST, "/v1/logout", Some(&token), None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(bench.ask(Method::GET, "/v1/me", Some(&token), None).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn passwords_are_not_guessed_by_the_dozen() {
    let bench = Bench::new().await;
    let wrong = json!({ "login": "nobody", "password": "x".repeat(300) });
    let mut codes = Vec::new();
    for _ in 0..9 {
        codes.push(bench.ask(Method::POST, "/v1/login", None, Some(wrong.clone())).await.0);
    }
    assert_eq!(codes.last(), Some(&StatusCode::TOO_MANY_REQUESTS));
}

#[tokio::test]
async fn a_recording_is_heard_by_range_and_only_from_its_directory() {
    let bench = Bench::new().await;
    let recordings = bench.directory.path().join("recordings");
    std::fs::create_dir_all(&recordings).unwrap();
    std::fs::write(recordings.join("5.wav"), b"RIFF0123456789").unwrap();
    let sealed = |call, file: &str| Record {
        at: UtcMillis(1),
        call: CallId(call),
        happened: Happened::RecordingSealed { recording: RecordingId(1), file: file.into(), length_ms: 1 },
    };
    bench.api.store().append(sealed(5, "5.wav"));
    bench.api.store().append(sealed(6, "../session.secret"));
    bench.api.store().flush().await;

    assert_eq!(bench.send(request(Method::GET, "/v1/calls/5/recording", None, None)).await.status(), StatusCode::UNAUTHORIZED);
    let mut part = request(Method::GET, "/v1/calls/5/recording", Some(KEY), None);
    part.headers_mut().insert(header::RANGE, "bytes=4-6".parse().unwrap());
    let answer = bench.send(part).await;
    assert_eq!(
        (answer.status(), &answer.headers()[header::CONTENT_RANGE]),
        (StatusCode::PARTIAL_CONTENT, &"bytes 4-6/14".parse().unwrap())
    );
    assert_eq!(axum::body::to_bytes(answer.into_body(), 99).await.unwrap(), "012");
    assert_eq!(bench.send(request(Method::GET, "/v1/calls/6/recording", Some(KEY), None)).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_archived_recording_is_heard_outlined_and_erased_by_those_who_may() {
    let bench = Bench::new().await;
    let wav = bench.directory.path().join("recordings/5.wav");
    let spec = hound::WavSpec { channels: 2, sample_rate: 8_000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(&wav, spec).unwrap();
    (0..16_000).for_each(|at| writer.write_sample((at % 199) as i16 * 100).unwrap());
    writer.finalize().unwrap();
    let plain = std::fs::read(&wav).unwrap();
    let (call, recording) = (CallId(5), RecordingId(5));
    for happened in [
        Happened::CallStarted { context_id: "c".into(), session_id: "s".into(), previous: None },
        Happened::Handoff { agent: AgentId(9), version: 1, acked_after_ms: None, late: false },
        Happened::RecordingSealed { recording, file: "5.wav".into(), length_ms: 1_000 },
    ] {
        bench.api.store().append(Record { at: UtcMillis(1), call, happened });
    }
    bench.api.store().flush().await;
    let (code, _) = bench.ask(Method::GET, "/v1/calls/5/recording/peaks", Some(KEY), None).await;
    assert_eq!(code, StatusCode::NOT_FOUND, "not archived yet");
    bench.api.0.settings.archive.work_off(&[crate::store::Step::Archive], || UtcMillis(2)).await.unwrap();
    assert!(!wav.exists(), "sound in the clear");

    let get = |path: &str, name: header::HeaderName, value: &str| {
        let mut asked = request(Method::GET, path, Some(KEY), None);
        asked.headers_mut().insert(name, value.parse().unwrap());
        asked
    };
    let whole = bench.send(request(Method::GET, "/v1/calls/5/recording", Some(KEY), None)).await;
    assert!(whole.headers().contains_key("repr-digest"));
    assert!(axum::body::to_bytes(whole.into_body(), 1 << 20).await.unwrap() == plain, "as it was recorded");
    let part = bench.send(get("/v1/calls/5/recording", header::RANGE, "bytes=30000-30099")).await;
    assert_eq!(part.headers()[header::CONTENT_RANGE], format!("bytes 30000-30099/{}", plain.len()));
    assert_eq!(axum::body::to_bytes(part.into_body(), 999).await.unwrap(), plain[30_000..30_100]);
    let other = bench.send(get("/v1/calls/5/recording", header::ACCEPT, "audio/ogg")).await;
    assert_eq!(other.status(), StatusCode::NOT_ACCEPTABLE);
    let (code, peaks) = bench.ask(Method::GET, "/v1/calls/5/recording/peaks", Some(KEY), None).await;
    assert_eq!((code, &peaks["length"], &peaks["version"]), (StatusCode::OK, &json!(50), &json!(2)));
    let (_, told) = bench.ask(Method::GET, "/v1/calls/5", Some(KEY), None).await;
    assert_eq!((&told["recordings"][0]["state"], &told["recordings"][0]["encrypted"]), (&json!("archived"), &json!(true)), "{told}");
    assert!(!told.to_string().contains("\"key\""), "no key leaves the store: {told}");

    let ada = bench.login().await;
    let (code, _) = bench.ask(Method::GET, "/v1/calls/5/recording", Some(&ada), None).await;
    assert_eq!(code, StatusCode::FORBIDDEN, "another agent took this call");
    let (code, _) = bench.ask(Method::DELETE, "/v1/calls/5/recording", Some(&ada), None).await;
    assert_eq!(code, StatusCode::UNAUTHORIZED, "no agent erases");
    for _ in 0..2 {
        let (code, told) = bench.ask(Method::DELETE, "/v1/calls/5/recording", Some(KEY), None).await;
        assert_eq!((code, &told["recordings"][0]["state"]), (StatusCode::OK, &json!("erased")), "{told}");
        assert_eq!(told["recordings"][0]["erased"]["remains"], false, "{told}");
    }
    let (code, problem) = bench.ask(Method::GET, "/v1/calls/5/recording", Some(KEY), None).await;
    assert_eq!(code, StatusCode::GONE, "{problem}");
    let (_, told) = bench.ask(Method::GET, "/v1/calls/5", Some(KEY), None).await;
    let kinds: Vec<_> = told["records"].as_array().unwrap().iter().filter_map(|record| record["type"].as_str()).collect();
    assert_eq!(kinds, ["call_started", "handoff", "recording_sealed", "recording_ready", "recording_erased"]);
    let by = told["records"][4]["by"].as_str().unwrap();
    assert!(by.starts_with("integrator ") && !by.contains(KEY), "{by}");
    assert_eq!(bench.ask(Method::DELETE, "/v1/calls/77/recording", Some(KEY), None).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_node_without_ports_or_draining_is_not_ready_and_the_contract_is_openapi_3_1() {
    let bench = Bench::new().await;
    assert_eq!(bench.ask(Method::GET, "/readyz", None, None).await.0, StatusCode::SERVICE_UNAVAILABLE, "no port is bound yet");
    bench.snapshot.send_replace(Arc::new(Snapshot { idle_ports: 64, ..Snapshot::default() }));
    assert_eq!(bench.ask(Method::GET, "/readyz", None, None).await.0, StatusCode::OK);
    bench.snapshot.send_replace(Arc::new(Snapshot { draining: true, idle_ports: 64, ..Snapshot::default() }));
    assert_eq!(bench.ask(Method::GET, "/readyz", None, None).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(bench.ask(Method::GET, "/healthz", None, None).await.0, StatusCode::OK);
    let (_, contract) = bench.ask(Method::GET, "/api/openapi.json", None, None).await;
    assert!(contract["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")), "{}", contract["openapi"]);
    assert!(contract["paths"]["/v1/chat/{id}/handoff"]["post"].is_object());
}

#[tokio::test]
async fn calls_are_listed_with_their_records() {
    let bench = Bench::new().await;
    let record = |happened| Record { at: UtcMillis(9), call: CallId(3), happened };
    bench.api.store().append(record(Happened::CallStarted { context_id: "c".into(), session_id: "s".into(), previous: None }));
    let peer = Private("+380501112233".to_owned());
    bench.api.store().append(record(Happened::LegStarted { leg: LegId(1), direction: Direction::Inbound, peer }));
    bench.api.store().flush().await;
    let (_, list) = bench.ask(Method::GET, "/v1/calls", Some(KEY), None).await;
    assert_eq!(list["calls"][0]["id"], 3);
    let (_, call) = bench.ask(Method::GET, "/v1/calls/3", Some(KEY), None).await;
    assert_eq!(call["records"][1]["type"], "leg_started");
}

#[tokio::test]
async fn a_call_out_of_a_chat_brings_the_chat_once() {
    let mut bench = Bench::new().await;
    let open = json!({ "customer": { "tel": "+380501112233", "name": "Olena" }, "language": "en" });
    let (_, chat) = bench.ask(Method::POST, "/v1/chat", None, Some(open)).await;
    let (id, token) = (chat["chat"].as_u64().unwrap(), chat["token"].as_str().unwrap().to_owned());
    let (code, said) = bench.ask(Method::POST, &format!("/v1/chat/{id}/lines"), Some(&token), Some(json!({ "text": "My parcel!" }))).await;
    assert_eq!(
        (code, &said["reason"]["intent"], &said["lines"][1]["from"]),
        (StatusCode::OK, &json!("parcel_late"), &json!("bot")),
        "{said}"
    );
    let secret = json!({ "text": "and my cat is called Ada" });
    let (_, regretted) = bench.ask(Method::POST, &format!("/v1/chat/{id}/lines"), Some(&token), Some(secret)).await;
    let other = bench.ask(Method::POST, &format!("/v1/chat/{}/lines", id + 1), Some(&token), Some(json!({ "text": "x" }))).await;
    assert_eq!(other.0, StatusCode::UNAUTHORIZED);
    let omit = json!({ "omit": [regretted["lines"][0]["at"]] });
    let (_, handoff) = bench.ask(Method::POST, &format!("/v1/chat/{id}/handoff"), Some(&token), Some(omit)).await;
    let handoff = handoff["token"].as_str().unwrap();

    let address = bench.listen();
    let mut socket = connect(address, &format!("/v1/caller?token={handoff}"), None, None).await.unwrap();
    let (page, _messages) = bench.joined(1).await;
    assert_eq!(page, Page::Caller(Some(Private(format!("chat:{id}")))));
    assert_eq!(next(&mut socket).await["channel"], 1);
    let story = bench.api.store().identify(Some(&format!("chat:{id}")), None).await.unwrap();
    assert!(story.chat.iter().all(|line| !line.text.0.contains("cat")) && story.chat.len() == 3, "{}", story.chat.len());
    assert!(story.sums["evidence:delivery"] > 5.9);

    let mut again = connect(address, &format!("/v1/caller?token={handoff}"), None, None).await.unwrap();
    assert_eq!(bench.joined(2).await.0, Page::Caller(None), "a token is spent by its first call");
    assert_eq!(next(&mut again).await["type"], "hello");
    assert_eq!(next(&mut again).await["type"], "problem", "and the page is told");
    // A chat's own token opens no call, and the other way round.
    let mut wrong = connect(address, &format!("/v1/caller?token={token}"), None, None).await.unwrap();
    assert_eq!(bench.joined(3).await.0, Page::Caller(None));
    assert_eq!(next(&mut wrong).await["type"], "hello");
    assert_eq!(next(&mut wrong).await["type"], "problem");
}

#[tokio::test]
async fn a_page_that_comes_back_gets_what_it_missed() {
    let mut bench = Bench::new().await;
    let token = bench.login().await;
    let address = bench.listen();
    let mut socket = connect(address, "/v1/desk", Some(&token), None).await.unwrap();
    let (page, messages) = bench.joined(7).await;
    assert_eq!(page, Page::Desk(AgentId(1)));
    let hello = next(&mut socket).await;
    assert_eq!((&hello["type"], &hello["channel"]), (&json!("hello"), &json!(7)));
    messages.send(status(1)).await.unwrap();
    assert_eq!(next(&mut socket).await, json!({ "seq": 1, "type": "status", "call": null, "state": "s1", "detail": null }));
    say(&mut socket, r#"{"type":"status","state":"available"}"#).await;
    assert!(matches!(bench.heard().await, Told::Said { channel: ChannelId(7), message: ClientMessage::Status { .. } }));
    say(&mut socket, r#"{"type":"dance"}"#).await;
    assert_eq!(next(&mut socket).await["type"], "problem", "and the socket stays");

    drop(socket);
    messages.send(status(2)).await.unwrap();
    messages.send(status(3)).await.unwrap();
    let mut socket = connect(address, "/v1/desk", Some(&token), None).await.unwrap();
    say(&mut socket, json!({ "type": "resume", "token": hello["resume"], "last_seq": 1 }).to_string()).await;
    assert_eq!(next(&mut socket).await, hello, "the same channel");
    assert_eq!(next(&mut socket).await["seq"], 2);
    assert_eq!(next(&mut socket).await["seq"], 3);

    // A stranger's page cannot take it over, for it has no login; nor can a foreign origin that has the cookie.
    let mut caller = connect(address, "/v1/caller?resume=1", None, None).await.unwrap();
    say(&mut caller, json!({ "type": "resume", "token": hello["resume"], "last_seq": 0 }).to_string()).await;
    assert!(matches!(bench.joined(8).await.0, Page::Caller(None)));
    assert!(connect(address, "/v1/desk", Some(&token), Some("https://evil.example")).await.is_err());
    let _second = connect(address, "/v1/desk?resume=0", Some(&token), Some(&format!("http://{address}"))).await.unwrap();
    bench.joined(9).await;

    assert_eq!(bench.ask(Method::POST, "/v1/logout", Some(&token), None).await.0, StatusCode::NO_CONTENT);
    let mut left = Vec::new();
    while left.len() < 2 {
        if let Told::Left { channel } = bench.heard().await {
            left.push(channel.0);
        }
    }
    left.sort_unstable();
    assert_eq!(left, [7, 9], "logging out closes the agent's channels");
}

#[tokio::test]
async fn beyond_localhost_pages_come_by_tls_with_a_certificate_of_our_own() {
    let bench = Bench::new().await;
    let listener = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (http, https) = (listener(), listener());
    let address = https.local_addr().unwrap();
    let listeners = Listeners { http, https: Some((https, gateway_core::config::Certificate::SelfSigned)), advertised: address.ip() };
    tokio::spawn(serve(bench.api.clone(), listeners, std::future::pending()));
    let mut hello = tokio::net::TcpStream::connect(address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut hello, b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut alert = [0; 1];
    tokio::io::AsyncReadExt::read_exact(&mut hello, &mut alert).await.unwrap();
    assert_eq!(alert, [21], "a TLS alert, for this was no TLS");
    assert!(bench.directory.path().join("web.crt").exists());
}

#[tokio::test]
async fn a_rejection_is_listed_with_the_line_that_would_admit_it() {
    use gateway_core::{ids::RejectionId, routing, switch::Rejection};

    let bench = Bench::new().await;
    let from: SocketAddr = "10.9.0.7:5062".parse().unwrap();
    let refusal = routing::trunk_of(&configured(), from).unwrap_err();
    for n in 1..=3 {
        bench.api.store().reject(Rejection {
            id: RejectionId(n),
            at: UtcMillis(n * 1_000),
            from,
            transport: "UDP".into(),
            trunk: None,
            caller: Private("+380501112233".into()),
            dialled: "200".into(),
            method: "INVITE".into(),
            call_id: "a84b4c76e66710".into(),
            refusal: refusal.clone(),
        });
    }
    assert_eq!(bench.ask(Method::GET, "/v1/rejections", None, None).await.0, StatusCode::UNAUTHORIZED);
    let (status, told) = bench.ask(Method::GET, "/v1/rejections", Some(KEY), None).await;
    assert_eq!((status, told["rejections"].as_array().map(Vec::len)), (StatusCode::OK, Some(1)));
    let row = &told["rejections"][0];
    assert_eq!(
        (&row["reason"], &row["status"], &row["count"], &row["first"], &row["at"]),
        (&"unknown_source".into(), &403.into(), &3.into(), &1_000.into(), &3_000.into())
    );
    assert_eq!(
        (&row["nearest"], &row["differs"]["field"], &row["differs"]["got"]),
        (&"trunk carrier".into(), &"sources".into(), &"10.9.0.7".into())
    );
    assert_eq!(row["admit"]["toml"], "[[trunk]]\nname = \"from-10-9-0-7\"\nsources = [\"10.9.0.7\"]");
    let count = async |query: &str| {
        bench.ask(Method::GET, &format!("/v1/rejections?{query}"), Some(KEY), None).await.1["rejections"].as_array().map(Vec::len)
    };
    assert_eq!(
        (count("source=10.9.0.7&since=3000").await, count("source=10.9.0.8").await, count("since=3001").await),
        (Some(1), Some(0), Some(0))
    );
    assert_eq!(bench.ask(Method::GET, "/v1/rejections?source=x", Some(KEY), None).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_running_node_says_what_would_become_of_a_call() {
    let bench = Bench::new().await;
    let question = json!({ "from": "+380501112233", "to": "200", "trunk": "carrier" });
    let (status, told) = bench.ask(Method::POST, "/v1/route-test", Some(KEY), Some(question)).await;
    assert_eq!((status, &told["admitted"], &told["route"]["bridge"]), (StatusCode::OK, &true.into(), &"sip:uas@10.3.0.1".into()));
    let (_, told) = bench.ask(Method::GET, "/v1/route-test?to=201&source=10.1.2.3", Some(KEY), None).await;
    assert_eq!((&told["admitted"], &told["trunk"], &told["refused"]["reason"]), (&false.into(), &"carrier".into(), &"no_route".into()));
    assert!(told["text"].as_str().unwrap().contains("to admit  at the end of the file"), "{told}");
    let (status, told) = bench.ask(Method::GET, "/v1/route-test?to=1&trunk=nobody", Some(KEY), None).await;
    assert_eq!((status, told["detail"].as_str()), (StatusCode::BAD_REQUEST, Some("no trunk is called nobody; known: carrier")));
}

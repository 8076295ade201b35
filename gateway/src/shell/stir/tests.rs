use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use gateway_core::{
    config::Stir,
    events::calling::{Passport, Signed, Unproven},
    ids::UtcMillis,
    private::Private,
};
use rcgen::{BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::Verifier;

#[tokio::test]
async fn a_good_signature_says_who_signed_and_how_sure_they_are() {
    let bench = Bench::start(Serving::Chain).await;
    let proof = bench.prove(&bench.signed(&bench.claims())).await.unwrap();
    assert_eq!((proof.level, proof.origid.as_deref(), proof.signer.as_str()), (Some('A'), Some("123e4567"), "SPC 1234"));
}

#[tokio::test]
async fn a_certificate_is_fetched_once_and_again_when_it_is_old() {
    let bench = Bench::start(Serving::Chain).await;
    let call = bench.signed(&bench.claims());
    for _ in 0..3 {
        assert!(bench.prove(&call).await.is_ok());
    }
    assert_eq!(bench.host.asked(), 1);
    let later = UtcMillis(call.at.0 + 2 * 3_600_000);
    let mut claims = bench.claims();
    claims["iat"] = json!(later.0 / 1000);
    assert!(bench.prove(&Signed { at: later, ..bench.signed(&claims) }).await.is_ok());
    assert_eq!(bench.host.asked(), 2);
}

#[tokio::test]
async fn each_claim_that_is_false_is_named_and_costs_no_fetch() {
    let bench = Bench::start(Serving::Chain).await;
    let with = |key: &str, value: Value| {
        let mut claims = bench.claims();
        claims[key] = value;
        claims
    };
    for (claims, why) in [
        (with("iat", json!(bench.at.0 / 1000 - 61)), Unproven::Stale),
        (with("orig", json!({ "tn": "31200000000" })), Unproven::OtherCaller),
        (with("dest", json!({ "tn": ["31200000000"] })), Unproven::OtherDialled),
    ] {
        assert_eq!(bench.prove(&bench.signed(&claims)).await, Err(why));
    }
    assert_eq!(bench.host.asked(), 0);
}

#[tokio::test]
async fn a_signature_of_another_key_is_forged() {
    let bench = Bench::start(Serving::Chain).await;
    let mut call = bench.signed(&bench.claims());
    let other = Bench::start(Serving::Chain).await.signed(&bench.claims());
    let cut = |token: &str| token.rsplit_once('.').map(|(signed, signature)| (signed.to_owned(), signature.to_owned())).unwrap();
    call.passports[0].token = format!("{}.{}", cut(&call.passports[0].token).0, cut(&other.passports[0].token).1);
    assert_eq!(bench.prove(&call).await, Err(Unproven::Forged));
}

#[tokio::test]
async fn a_certificate_that_has_expired_or_leads_elsewhere_proves_nothing() {
    let bench = Bench::start(Serving::Expired).await;
    assert_eq!(bench.prove(&bench.signed(&bench.claims())).await, Err(Unproven::Expired));
    let bench = Bench::start(Serving::Stranger).await;
    assert_eq!(bench.prove(&bench.signed(&bench.claims())).await, Err(Unproven::Untrusted));
    let bench = Bench::start(Serving::Junk).await;
    assert_eq!(bench.prove(&bench.signed(&bench.claims())).await, Err(Unproven::BadCertificate));
}

#[tokio::test]
async fn a_host_that_is_not_on_the_list_is_never_asked() {
    let bench = Bench::start(Serving::Chain).await;
    let stranger = Host::start(Serving::Chain, &bench.pki).await;
    let call = sign(&bench.pki, &stranger.url("/c"), &bench.claims(), bench.at);
    assert_eq!(bench.prove(&call).await, Err(Unproven::OtherHost));
    assert_eq!(stranger.asked(), 0);
}

#[tokio::test]
async fn a_redirection_is_followed_on_the_list_and_not_off_it() {
    let bench = Bench::start(Serving::Moved("/elsewhere")).await;
    assert!(bench.prove(&bench.signed(&bench.claims())).await.is_ok());
    let bench = Bench::start(Serving::Moved("https://127.0.0.1:9/c")).await;
    assert_eq!(bench.prove(&bench.signed(&bench.claims())).await, Err(Unproven::OtherHost));
    let bench = Bench::start(Serving::Moved("/c")).await;
    assert_eq!(bench.prove(&bench.signed(&bench.claims())).await, Err(Unproven::Unreachable), "round and round");
}

#[tokio::test]
async fn a_huge_body_and_a_refusal_are_no_certificate() {
    let bench = Bench::start(Serving::Huge).await;
    assert_eq!(bench.prove(&bench.signed(&bench.claims())).await, Err(Unproven::Unreachable));
    let bench = Bench::start(Serving::Refused).await;
    assert_eq!(bench.prove(&bench.signed(&bench.claims())).await, Err(Unproven::Unreachable));
    // Asked once: a failure is remembered for a while.
    assert_eq!(bench.prove(&bench.signed(&bench.claims())).await, Err(Unproven::Unreachable));
    assert_eq!(bench.host.asked(), 1);
}

#[tokio::test]
async fn a_slow_host_is_given_up_and_a_call_that_does_not_wait_leaves_the_fetch_to_the_next() {
    let bench = Bench::start(Serving::Never).await;
    let begun = Instant::now();
    assert_eq!(bench.prove(&bench.signed(&bench.claims())).await, Err(Unproven::Unreachable));
    assert!(begun.elapsed() >= Duration::from_secs(3));

    let bench = Bench::start(Serving::Late(Duration::from_millis(600))).await;
    let call = bench.signed(&bench.claims());
    let in_time = tokio::time::timeout(Duration::from_millis(100), bench.prove(&call)).await;
    assert!(in_time.is_err(), "the call goes on without");
    assert!(bench.prove(&call).await.is_ok());
    assert_eq!(bench.host.asked(), 1);
}

#[tokio::test]
async fn without_roots_there_is_no_verifier_and_with_bad_ones_no_start() {
    assert!(Verifier::of(&Stir::default()).unwrap().is_none());
    let directory = TempDir::new().unwrap();
    let roots = directory.path().join("roots.pem");
    std::fs::write(&roots, "no certificate").unwrap();
    let failed = Verifier::of(&Stir { roots: Some(roots), ..Stir::default() }).unwrap_err();
    assert!(failed.to_string().contains("roots.pem"), "{failed}");
}

/// How a host behaves.
#[derive(Debug, Clone, Copy)]
enum Serving {
    Chain,
    Expired,
    /// A chain to a root that nobody trusts.
    Stranger,
    Junk,
    Huge,
    Refused,
    Never,
    Late(Duration),
    /// To there; `/elsewhere` then holds the chain.
    Moved(&'static str),
}

/// A root, a signer, and the certificate of a web server.
struct Pki {
    root: rcgen::Certificate,
    chain: String,
    expired: String,
    stranger: String,
    key: KeyPair,
    web: rcgen::Certificate,
    web_key: KeyPair,
}

impl Pki {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let (root, issuer) = authority();
        let (_, nobody) = authority();
        let web_key = KeyPair::generate().unwrap();
        let web = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&web_key).unwrap();
        let (chain, expired, stranger) = (signer(&key, &issuer, 2099), signer(&key, &issuer, 2001), signer(&key, &nobody, 2099));
        Self { root, chain, expired, stranger, key, web, web_key }
    }
}

fn authority() -> (rcgen::Certificate, Issuer<'static, KeyPair>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, "STI root of the tests");
    let certificate = params.self_signed(&key).unwrap();
    (certificate, Issuer::new(params, key))
}

/// A signer's certificate of service provider 1234, from the year 2000 on.
fn signer(key: &KeyPair, issuer: &Issuer<'static, KeyPair>, until: i32) -> String {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "SHAKEN 1234");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(until, 1, 1));
    // SEQUENCE { [0] IA5String "1234" } (RFC 8226 9).
    let authority = vec![0x30, 8, 0xa0, 6, 0x16, 4, b'1', b'2', b'3', b'4'];
    params.custom_extensions.push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 26], authority));
    params.signed_by(key, issuer).unwrap().pem()
}

/// A web server on loopback.
struct Host {
    port: u16,
    asked: Arc<AtomicUsize>,
}

impl Host {
    async fn start(serving: Serving, pki: &Pki) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pki.web_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(pki.web.der().to_vec())], key)
            .unwrap();
        let (acceptor, counted) = (TlsAcceptor::from(Arc::new(config)), asked.clone());
        let bodies = (pki.chain.clone(), pki.expired.clone(), pki.stranger.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, counted, bodies) = (acceptor.clone(), counted.clone(), bodies.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut request = vec![0; 4096];
                    let length = stream.read(&mut request).await.unwrap_or(0);
                    let request = String::from_utf8_lossy(&request[..length]).into_owned();
                    let answer = match serving {
                        Serving::Moved(to) if !request.starts_with("GET /elsewhere ") => {
                            format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
                        }
                        Serving::Chain | Serving::Moved(_) => ok(&bodies.0),
                        Serving::Expired => ok(&bodies.1),
                        Serving::Stranger => ok(&bodies.2),
                        Serving::Junk => ok("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
                        Serving::Huge => ok(&"x".repeat(1 << 20)),
                        Serving::Refused => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
                        Serving::Late(after) => {
                            tokio::time::sleep(after).await;
                            ok(&bodies.0)
                        }
                        Serving::Never => {
                            counted.fetch_add(1, Ordering::SeqCst);
                            return std::future::pending().await;
                        }
                    };
                    counted.fetch_add(1, Ordering::SeqCst);
                    // The other side may have had enough.
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        Self { port, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A host and a verifier that may ask it.
struct Bench {
    pki: Pki,
    host: Host,
    verifier: Verifier,
    at: UtcMillis,
    _directory: TempDir,
}

impl Bench {
    async fn start(serving: Serving) -> Self {
        let pki = Pki::new();
        let host = Host::start(serving, &pki).await;
        let directory = TempDir::new().unwrap();
        let (roots, web_roots) = (directory.path().join("roots.pem"), directory.path().join("web.pem"));
        std::fs::write(&roots, pki.root.pem()).unwrap();
        std::fs::write(&web_roots, pki.web.pem()).unwrap();
        let stir = Stir { hosts: vec![format!("localhost:{}", host.port)], roots: Some(roots), web_roots };
        let verifier = Verifier::of(&stir).unwrap().unwrap();
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        Self { pki, host, verifier, at: UtcMillis(at as u64), _directory: directory }
    }

    fn claims(&self) -> Value {
        json!({
            "attest": "A", "dest": { "tn": ["31207654321"] }, "iat": self.at.0 / 1000, "orig": { "tn": "31201234567" }, "origid": "123e4567",
        })
    }

    fn signed(&self, claims: &Value) -> Signed {
        sign(&self.pki, &self.host.url("/c"), claims, self.at)
    }

    async fn prove(&self, call: &Signed) -> gateway_core::events::calling::Proof {
        self.verifier.prove(call).await
    }
}

fn sign(pki: &Pki, info: &str, claims: &Value, at: UtcMillis) -> Signed {
    let header = json!({ "alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": info });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(claims));
    let rng = SystemRandom::new();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pki.key.serialize_der(), &rng).unwrap();
    let signature = URL_SAFE_NO_PAD.encode(key.sign(&rng, signed.as_bytes()).unwrap());
    Signed {
        passports: vec![Passport {
            token: format!("{signed}.{signature}"),
            info: info.to_owned(),
            alg: Some("ES256".into()),
            ppt: Some("shaken".into()),
        }],
        orig: Private("31201234567".into()),
        dest: vec![Private("31207654321".into())],
        at,
        date: None,
        region: Some("NL".into()),
    }
}

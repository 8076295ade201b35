//! `tandem dial`: the built-in test phone, as SIP caller, SIP callee, WebRTC caller or agent's desk.
//!
//! Shares nothing with the gateway that it tests: messages by `rsip`, WebRTC by `webrtc`, RTP and G.711 of its own. So the
//! phone does not test our parser with our parser.

mod audio;
mod digest;
mod ear;
mod g711;
mod keypad;
mod report;
mod rtp;
mod sip;
mod talk;
#[cfg(test)]
mod tests;
mod web;

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Args, ValueEnum};
use rsip::Uri;
use tokio::{net::UdpSocket, sync::watch};

use audio::{Mouth, Tape};
use digest::Credentials;
use g711::Law;
use keypad::Keypad;
use report::{EXIT_CODES, Failed, Failure, Media, Report, Style};
use talk::{Noted, Part, Talk};

/// Place a test call, or wait for one, and tell how it went.
///
/// Examples:
///   tandem dial sip:demo@127.0.0.1 --as +380501112233 --dtmf w1 --record out.wav
///   tandem dial +380441234567 --proxy 127.0.0.1 --expect-tone 880
///   tandem dial --listen 127.0.0.1:5090 --tone 880 --calls 1
///   tandem dial --web http://127.0.0.1:8080 --chat "my parcel is late"
#[derive(Debug, Clone, Args)]
#[command(after_help = EXIT_CODES, verbatim_doc_comment)]
pub(crate) struct Dial {
    /// Whom to call: sip:user@host[:port], user@host, or a number with --proxy
    #[arg(required_unless_present_any = ["listen", "web"], conflicts_with_all = ["listen", "web"])]
    target: Option<String>,
    /// The caller's number or name, for From; on the web, nothing
    #[arg(long = "as", value_name = "NUMBER")]
    from: Option<String>,
    /// Name and password; with --listen, what callers must prove
    #[arg(long, value_name = "USER:PASSWORD")]
    auth: Option<String>,
    /// Send to this host instead of the target's
    #[arg(long, value_name = "HOST[:PORT]")]
    proxy: Option<String>,
    /// A header of your own in the INVITE; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Our address; by default the one that the route to the target has
    #[arg(long, value_name = "IP")]
    local: Option<IpAddr>,
    /// Offer this codec only
    #[arg(long, value_enum)]
    codec: Option<Codec>,

    /// Say this WAV file, once
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tone", "echo"])]
    play: Option<PathBuf>,
    /// Hum a tone, 100 to 3600 Hz
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u16).range(100..=3600))]
    tone: Option<u16>,
    /// Say what is heard; what --listen does unless told otherwise
    #[arg(long, conflicts_with = "tone")]
    echo: bool,
    /// Record what is heard
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Keys to press: 0-9 * # A-D, and w for a second's wait
    #[arg(long, value_name = "KEYS")]
    dtmf: Option<String>,
    /// Count the keys' waits from the first voice heard, not from the answer
    #[arg(long, requires = "dtmf")]
    dtmf_after_voice: bool,

    /// Fail (14) unless a voice is heard
    #[arg(long)]
    expect_audio: bool,
    /// Fail (15) unless this tone is heard for half a second in all
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u16).range(100..=3600))]
    expect_tone: Option<u16>,
    /// Fail (15) unless the tone has this share of the time in which there was a voice, in per cent
    #[arg(long, value_name = "PERCENT", requires = "expect_tone", value_parser = clap::value_parser!(u8).range(0..=100))]
    expect_share: Option<u8>,
    /// Hang up so many seconds after the answer; 0: never [default: 10; with --listen and --desk 0]
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u64>,
    /// Fail (16) if the far side hangs up before --duration
    #[arg(long)]
    stay: bool,
    /// Give up on an unanswered call, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    ring_timeout: u64,
    /// Give up on a silent network, seconds; RFC 3261's Timer B has 32
    #[arg(long, value_name = "SECONDS", default_value_t = 32)]
    reply_timeout: u64,
    /// One JSON object per call instead of lines
    #[arg(long)]
    json: bool,

    /// Wait for SIP calls here
    #[arg(long, value_name = "IP:PORT", conflicts_with = "web")]
    listen: Option<SocketAddr>,
    /// Ring this long before answering, ms; with --listen and --desk
    #[arg(long, value_name = "MS", default_value_t = 0)]
    answer_after: u64,
    /// End after so many calls; with --listen and --desk
    #[arg(long, value_name = "N")]
    calls: Option<u32>,
    /// Refuse every call with this SIP status
    #[arg(long, value_name = "STATUS", requires = "listen", conflicts_with = "target", value_parser = clap::value_parser!(u16).range(300..=699))]
    refuse: Option<u16>,

    /// Call by WebRTC, as the caller page of this gateway does
    #[arg(long, value_name = "URL")]
    web: Option<String>,
    /// A handoff token that says who calls
    #[arg(long, requires = "web", conflicts_with_all = ["chat", "target"])]
    token: Option<String>,
    /// Chat first: send this line, then call with the token that the handoff gives
    #[arg(long, requires = "web", conflicts_with = "target", value_name = "TEXT")]
    chat: Option<String>,
    /// What to dial on the web
    #[arg(long, value_name = "NAME", default_value = "main")]
    dialled: String,
    /// Press keys in RTP instead of by the page's messages
    #[arg(long, requires = "web", conflicts_with = "target")]
    rtp_dtmf: bool,
    /// Be an agent's desk: log in, take the calls that are offered
    #[arg(long, requires_all = ["web", "login", "password"], conflicts_with_all = ["token", "chat", "target"])]
    desk: bool,
    /// The agent's name
    #[arg(long)]
    login: Option<String>,
    /// The agent's password
    #[arg(long)]
    password: Option<String>,
}

/// What the phone can offer by SIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Codec {
    Pcmu,
    Pcma,
}

/// Runs the phone until the call, or the last of them, is over; the exit codes are those of `--help`.
pub(crate) async fn run(dial: Dial) -> ExitCode {
    let style = if dial.json { Style::Json } else { Style::Human };
    let interrupt = Interrupt::by_ctrl_c();
    ExitCode::from(match dial.check() {
        Err(failure) => Report::new("tandem dial".to_owned(), style).close(Err(failure)),
        Ok(()) => dial.run(style, interrupt).await,
    })
}

impl Dial {
    async fn run(&self, style: Style, mut interrupt: Interrupt) -> u8 {
        if let Some(address) = self.listen {
            return match UdpSocket::bind(address).await {
                Ok(socket) => sip::listen(self, socket, style, &interrupt).await.0,
                Err(error) => {
                    Report::new(format!("waiting for calls on {address}"), style).close(Err(Failure::new(Failed::Local, error.to_string())))
                }
            };
        }
        let mut report = Report::new(self.title(), style);
        let result = match &self.web {
            Some(url) if self.desk => web::desk(self, url, &mut report, &mut interrupt).await,
            Some(url) => web::call(self, url, &mut report, &mut interrupt).await,
            None => sip::call(self, &mut report, &mut interrupt).await,
        };
        report.close(result)
    }

    /// Finds what clap cannot: before the first packet, not in the middle of a call.
    fn check(&self) -> Result<(), Failure> {
        self.keypad(8000)?;
        self.credentials()?;
        self.first_hop()?;
        if let Some(header) = self.headers.iter().find(|header| !header.contains(':') || header.contains(['\r', '\n'])) {
            return Err(usage(format!("`{header}` is not a header, write NAME: VALUE")));
        }
        if self.target.is_some() {
            self.uri()?;
        }
        Ok(())
    }

    fn title(&self) -> String {
        let whom = self.target.as_ref().or(self.web.as_ref()).map_or("nobody", String::as_str);
        match (&self.from, self.desk) {
            (_, true) => format!("desk at {whom} as {}", self.login.as_deref().unwrap_or_default()),
            (Some(from), false) => format!("dialling {whom} as {from}"),
            (None, false) => format!("dialling {whom}"),
        }
    }

    /// The Request-URI.
    fn uri(&self) -> Result<Uri, Failure> {
        let target = self.target.as_deref().unwrap_or_default();
        let proxy = self.first_hop()?;
        sip::target(target, proxy.as_ref())
            .ok_or_else(|| usage(format!("`{target}` is no SIP URI; a plain number needs --proxy, TLS is not spoken")))
    }

    /// Where the INVITE is sent, if not to the Request-URI.
    fn first_hop(&self) -> Result<Option<Uri>, Failure> {
        let parse = |proxy: &String| Uri::try_from(format!("sip:{proxy}").as_str()).map_err(|_| usage(format!("`{proxy}` is no host")));
        self.proxy.as_ref().map(parse).transpose()
    }

    fn caller(&self) -> &str {
        self.from.as_deref().unwrap_or("tandem-dial")
    }

    fn headers(&self) -> Vec<(String, String)> {
        self.headers
            .iter()
            .filter_map(|header| header.split_once(':'))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect()
    }

    fn credentials(&self) -> Result<Option<Credentials>, Failure> {
        let parse = |text: &String| Credentials::parse(text).ok_or_else(|| usage("--auth is USER:PASSWORD".to_owned()));
        self.auth.as_ref().map(parse).transpose()
    }

    /// What we offer and take, best first.
    fn laws(&self) -> Vec<Law> {
        match self.codec {
            None => vec![Law::Pcmu, Law::Pcma],
            Some(Codec::Pcmu) => vec![Law::Pcmu],
            Some(Codec::Pcma) => vec![Law::Pcma],
        }
    }

    /// Our part in a conversation at `rate` samples a second.
    fn talk(&self, rate: u32) -> Result<Talk, Failure> {
        let mouth = match (&self.play, self.tone) {
            (Some(path), _) => {
                Mouth::clip(path, rate).map_err(|error| Failure::new(Failed::Local, format!("{}: {error}", path.display())))?
            }
            (None, Some(hz)) => Mouth::tone(hz, rate),
            (None, None) if self.echo || self.listen.is_some() => Mouth::Echo(std::collections::VecDeque::new()),
            (None, None) => Mouth::Silence,
        };
        let part = Part {
            mouth,
            keypad: self.keypad(rate)?,
            keys_after_voice: self.dtmf_after_voice,
            expect_hz: self.expect_tone,
            record: self.record.is_some(),
        };
        Ok(Talk::new(rate, part, rand::random()))
    }

    fn keypad(&self, rate: u32) -> Result<Keypad, Failure> {
        Keypad::new(self.dtmf.as_deref().unwrap_or_default(), rate / 50)
            .map_err(|found| usage(format!("`{}` in --dtmf is no key", found.0)))
    }

    /// How long to talk; `None`: until the far side hangs up.
    fn talk_for(&self) -> Option<Duration> {
        let default = if self.listen.is_some() || self.desk { 0 } else { 10 };
        Some(self.duration.unwrap_or(default)).filter(|&seconds| seconds > 0).map(Duration::from_secs)
    }

    fn ring_timeout(&self) -> Duration {
        Duration::from_secs(self.ring_timeout)
    }

    fn reply_timeout(&self) -> Duration {
        Duration::from_secs(self.reply_timeout)
    }

    /// Writes the recording, where one was asked for; its path.
    fn keep(&self, tape: Option<&Tape>) -> Result<Option<PathBuf>, Failure> {
        let (Some(path), Some(tape)) = (&self.record, tape) else { return Ok(None) };
        tape.write(path).map_err(|error| Failure::new(Failed::Local, format!("{}: {error}", path.display())))?;
        Ok(Some(path.clone()))
    }

    /// Whether the conversation was what was asked for; `early`: the far side hung up before our time.
    fn judge(&self, media: &Media, early: bool) -> Result<(), Failure> {
        if self.expect_audio && !media.heard_voice() {
            let text = if media.received == 0 { "no packet came" } else { "all that came was silence" };
            return Err(Failure::new(Failed::NoAudio, text));
        }
        if let Some(hz) = self.expect_tone {
            let share = f64::from(self.expect_share.unwrap_or(0)) / 100.0;
            if media.tone_windows < TONE_WINDOWS || media.tone_share < share {
                let (windows, percent) = (media.tone_windows, media.tone_share * 100.0);
                return Err(Failure::new(
                    Failed::NoTone,
                    format!("{hz} Hz was heard in {windows} windows of 100 ms, {percent:.0} % of those with a voice"),
                ));
            }
        }
        if early && !media.keys_unsent.is_empty() {
            return Err(Failure::new(Failed::Dropped, format!("the far side hung up before the keys {} were sent", media.keys_unsent)));
        }
        if early && self.stay {
            return Err(Failure::new(Failed::Dropped, "the far side hung up before --duration"));
        }
        Ok(())
    }
}

impl Report {
    /// Something happened on the line.
    fn note(&mut self, noted: Noted) {
        match noted {
            Noted::FirstPacket => self.stage("packets", "the first packet, silent so far"),
            Noted::FirstVoice => self.stage("audio", "the first voice"),
            Noted::KeysSent => self.stage("keys", "all sent"),
            Noted::KeyHeard(key) => self.stage("key", format!("heard {key}")),
        }
    }
}

/// Whether the user wants it to end; pressed once, it stays pressed.
#[derive(Debug, Clone)]
struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Ctrl-C.
    fn by_ctrl_c() -> Self {
        let (press, pressed) = watch::channel(false);
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                let _ = press.send(true);
            }
        });
        Self(pressed)
    }

    async fn pressed(&mut self) {
        // Nobody can press it any more.
        if self.0.wait_for(|pressed| *pressed).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn usage(text: String) -> Failure {
    Failure::new(Failed::Usage, text)
}

/// Half a second in windows of 100 ms.
const TONE_WINDOWS: u64 = 5;

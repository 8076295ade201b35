//! What a call came to: stages with their times as they happen, and the account at the end, for people or as JSON.

use std::{
    io::Write as _,
    path::PathBuf,
    time::{Duration, Instant},
};

use serde::Serialize;
use serde_json::{Value, json};

use super::{rtp::ratio, talk::Talk};

/// One call's story; printed as it grows, unless it will be one JSON object.
#[derive(Debug)]
pub(super) struct Report {
    title: String,
    style: Style,
    start: Instant,
    pub(super) stages: Vec<Stage>,
    pub(super) media: Option<Media>,
    pub(super) failure: Option<Failure>,
}

/// Where a report goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Lines as things happen.
    Human,
    /// One object at the end.
    Json,
    /// Nowhere; whoever asked reads the fields.
    Quiet,
}

/// A step of the call, ms after the start.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Stage {
    pub(super) stage: &'static str,
    pub(super) ms: u64,
    pub(super) detail: String,
}

/// The account of a conversation.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Media {
    pub(super) codec: String,
    pub(super) seconds: f64,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) expected: u64,
    pub(super) lost: u64,
    pub(super) loss_percent: f64,
    pub(super) reordered: u64,
    pub(super) duplicates: u64,
    pub(super) sources: u32,
    pub(super) jitter_ms: f64,
    pub(super) jitter_max_ms: f64,
    pub(super) longest_gap_ms: u64,
    /// Estimate; the network's own delay is not in it.
    pub(super) mos: Option<f64>,
    pub(super) direction: Direction,
    /// Windows of 100 ms that came, and those with more than silence in them.
    pub(super) windows: u64,
    pub(super) voiced: u64,
    pub(super) dominant_hz: Option<u16>,
    pub(super) dominant_share: f64,
    pub(super) tone_hz: Option<u16>,
    /// Windows with the expected tone.
    pub(super) tone_windows: u64,
    /// The same, of all windows with a voice.
    pub(super) tone_share: f64,
    pub(super) keys_sent: String,
    pub(super) keys_unsent: String,
    pub(super) keys_heard: String,
    pub(super) recorded: Option<PathBuf>,
}

/// Who was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Direction {
    /// We sent, and heard a voice.
    BothWays,
    /// We sent, packets came, all of them silent.
    SilentFarEnd,
    /// We sent, and no packet came: one-way.
    NothingHeard,
    /// We sent nothing, as the far side asked for.
    NothingSent,
}

/// Why a call is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Failure {
    #[serde(rename = "stage")]
    pub(super) failed: Failed,
    pub(super) text: String,
    /// SIP status or HTTP status, where one was given.
    pub(super) status: Option<u16>,
    pub(super) reason: Option<String>,
    pub(super) warning: Option<String>,
}

/// The stage at which it failed; its value is the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub(super) enum Failed {
    Usage = 2,
    Resolve = 10,
    NoReply = 11,
    Auth = 12,
    Refused = 13,
    NoAudio = 14,
    NoTone = 15,
    Dropped = 16,
    NoAnswer = 17,
    Media = 18,
    Local = 19,
    Interrupted = 130,
}

/// For `--help`.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
   0  the call went as asked
   2  the command line does not make sense
  10  resolve: the host has no address
  11  no reply: nothing answers there
  12  auth: the far side did not take the password, or wants one
  13  refused: a final status other than 200, with its Reason and Warning
  14  no audio was heard although --expect-audio asked for it
  15  the tone of --expect-tone was heard for less than half a second, or less than --expect-share
  16  dropped: the far side hung up before the keys were sent, or before --duration with --stay
  17  no answer before --ring-timeout
  18  media: no common codec, or the WebRTC connection failed
  19  local: a file or a socket of this machine
 130  interrupted before the answer

No SRV or NAPTR is asked for: a host name is looked up as an address. RTCP is not sent.";

impl Report {
    pub(super) fn new(title: String, style: Style) -> Self {
        let report = Self { title, style, start: Instant::now(), stages: Vec::new(), media: None, failure: None };
        report.say(&format!("{}\n", report.title));
        report
    }

    /// A stage is reached.
    pub(super) fn stage(&mut self, stage: &'static str, detail: impl Into<String>) {
        let (ms, detail) = (millis(self.start.elapsed()), detail.into());
        self.say(&format!("{ms:>8} ms  {stage:<10} {detail}"));
        // A flood of notices from a far side must not grow us without end.
        if self.stages.len() < STAGES_MAX {
            self.stages.push(Stage { stage, ms, detail });
        }
    }

    /// The time of a stage, ms, where it was reached.
    pub(super) fn reached(&self, stage: &str) -> Option<u64> {
        self.stages.iter().find(|candidate| candidate.stage == stage).map(|found| found.ms)
    }

    /// The conversation is over.
    pub(super) fn account(&mut self, media: Media) {
        self.media = Some(media);
    }

    /// Prints what is left to print; the exit code.
    pub(super) fn close(&mut self, result: Result<(), Failure>) -> u8 {
        self.failure = result.err();
        match self.style {
            Style::Human => self.say(&self.summary()),
            Style::Json => print(&self.to_json().to_string()),
            Style::Quiet => {}
        }
        self.exit_code()
    }

    pub(super) fn exit_code(&self) -> u8 {
        self.failure.as_ref().map_or(0, |failure| failure.failed as u8)
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "call": self.title,
            "ok": self.failure.is_none(),
            "exit": self.exit_code(),
            "failure": self.failure,
            "stages": self.stages,
            "media": self.media,
        })
    }

    fn summary(&self) -> String {
        let mut lines = vec![String::new()];
        if let Some(media) = &self.media {
            lines.extend(media.lines());
            lines.push(String::new());
        }
        lines.push(match &self.failure {
            None => "  ok".to_owned(),
            Some(failure) => failure.line(),
        });
        lines.join("\n")
    }

    fn say(&self, line: &str) {
        if self.style == Style::Human {
            print(line);
        }
    }
}

impl Media {
    /// The account of `talk`, which lasted `length`.
    pub(super) fn of(talk: &Talk, codec: &str, length: Duration, tone_hz: Option<u16>) -> Self {
        let (reception, ear) = (&talk.reception, &talk.ear);
        let (jitter_ms, jitter_max_ms) = reception.jitter_ms();
        let (dominant_hz, dominant_share) = ear.dominant().unzip();
        let (keys_sent, keys_unsent) = talk.keys();
        Self {
            codec: codec.to_owned(),
            seconds: round(length.as_secs_f64(), 1000.0),
            sent: talk.sending.packets,
            received: reception.received,
            expected: reception.expected(),
            lost: reception.lost(),
            loss_percent: round(reception.loss_percent(), 100.0),
            reordered: reception.reordered,
            duplicates: reception.duplicates,
            sources: reception.sources,
            jitter_ms: round(jitter_ms, 100.0),
            jitter_max_ms: round(jitter_max_ms, 100.0),
            longest_gap_ms: millis(reception.longest_gap),
            mos: (reception.received > 0).then(|| round(reception.mos(), 10.0)),
            direction: match (talk.sending.packets, reception.received, talk.voice_heard) {
                (0, _, _) => Direction::NothingSent,
                (_, 0, _) => Direction::NothingHeard,
                (_, _, false) => Direction::SilentFarEnd,
                (_, _, true) => Direction::BothWays,
            },
            windows: ear.windows,
            voiced: ear.voiced,
            dominant_hz,
            dominant_share: round(dominant_share.unwrap_or(0.0), 100.0),
            tone_hz,
            tone_windows: ear.expected,
            tone_share: round(ratio(ear.expected, ear.voiced), 100.0),
            keys_sent: keys_sent.to_owned(),
            keys_unsent,
            keys_heard: talk.keys_heard.keys.clone(),
            recorded: None,
        }
    }

    /// Whether anyone spoke, if only for a moment.
    pub(super) fn heard_voice(&self) -> bool {
        matches!(self.direction, Direction::BothWays)
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("  sent      {} packets of {} in {:.1} s", self.sent, self.codec, self.seconds),
            format!(
                "  heard     {} packets, {} lost ({} %), {} late, jitter {} ms (at most {}), longest gap {} ms",
                self.received, self.lost, self.loss_percent, self.reordered, self.jitter_ms, self.jitter_max_ms, self.longest_gap_ms
            ),
        ];
        lines.push(match self.direction {
            Direction::BothWays => format!("  voice     in {} of {} windows of 100 ms{}", self.voiced, self.windows, self.dominant()),
            Direction::SilentFarEnd => "  voice     none: packets come, all of them silent".to_owned(),
            Direction::NothingHeard => {
                "  voice     none: one-way, we sent and no packet came (is the address in our SDP one that the far side can reach?)"
                    .to_owned()
            }
            Direction::NothingSent => "  voice     we sent nothing".to_owned(),
        });
        if let Some(hz) = self.tone_hz {
            lines.push(format!(
                "  tone      {hz} Hz in {} windows, {:.0} % of those with a voice",
                self.tone_windows,
                self.tone_share * 100.0
            ));
        }
        if !self.keys_sent.is_empty() || !self.keys_unsent.is_empty() {
            let unsent = if self.keys_unsent.is_empty() { String::new() } else { format!(", never sent: {}", self.keys_unsent) };
            lines.push(format!("  keys      sent {}{unsent}", self.keys_sent));
        }
        if !self.keys_heard.is_empty() {
            lines.push(format!("  keys      heard {}", self.keys_heard));
        }
        if let Some(mos) = self.mos {
            lines.push(format!("  quality   MOS {mos:.1}, an estimate from loss and jitter"));
        }
        if let Some(path) = &self.recorded {
            lines.push(format!("  recorded  {}", path.display()));
        }
        lines
    }

    fn dominant(&self) -> String {
        self.dominant_hz.map_or_else(String::new, |hz| format!(", mostly {hz} Hz ({:.0} %)", self.dominant_share * 100.0))
    }
}

impl Failure {
    pub(super) fn new(failed: Failed, text: impl Into<String>) -> Self {
        Self { failed, text: text.into(), status: None, reason: None, warning: None }
    }

    fn line(&self) -> String {
        let said = |name: &str, text: &Option<String>| text.as_ref().map_or_else(String::new, |text| format!("\n    {name}: {text}"));
        format!("  FAILED ({}): {}{}{}", self.failed as u8, self.text, said("Reason", &self.reason), said("Warning", &self.warning))
    }
}

/// Whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn round(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

/// A closed pipe is no reason to end a call.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

const STAGES_MAX: usize = 1000;

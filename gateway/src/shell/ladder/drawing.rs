//! A ladder drawn for a terminal of eighty columns.

use std::net::SocketAddr;

use super::book::{Ladder, Message, Way};

impl Ladder {
    /// Time goes down, parties stand side by side, Tandem in the middle; with more than three parties, a line says who speaks to whom.
    pub(crate) fn drawn(&self) -> String {
        let mut remotes: Vec<SocketAddr> = Vec::new();
        for message in &self.messages {
            if !remotes.contains(&message.ends.remote) {
                remotes.push(message.ends.remote);
            }
        }
        let mut page = match remotes[..] {
            [] => "nothing was said\n".to_owned(),
            [left] => self.columns(left, None),
            [left, right] => self.columns(left, Some(right)),
            _ => self.lines(),
        };
        if self.left_out > 0 {
            page.push_str(&format!("{} messages in between are not kept\n", self.left_out));
        }
        page
    }

    fn columns(&self, left: SocketAddr, right: Option<SocketAddr>) -> String {
        let (left_name, right_name) = (left.to_string(), right.map(|right| right.to_string()).unwrap_or_default());
        let mut page = format!("{:>TIME$} {left_name:<NAME$}tandem{right_name:>NAME$}\n", "s");
        for message in &self.messages {
            let is_left = message.ends.remote == left;
            // What comes in points to the middle, what goes out away from it.
            let arrow = arrow(&message.label(), SPAN, (message.way == Way::In) == is_left);
            let empty = " ".repeat(SPAN);
            let (one, other) = if is_left { (arrow, empty) } else { (empty, arrow) };
            let end = if right.is_some() { "|" } else { "" };
            let row = format!("{:>TIME$} |{one}|{other}{end}", self.seconds(message));
            page.push_str(row.trim_end());
            page.push('\n');
        }
        page
    }

    fn lines(&self) -> String {
        let row = |message: &Message| {
            let way = if message.way == Way::In { "->" } else { "<-" };
            format!("{:>TIME$} {:<24} {way} {}\n", self.seconds(message), message.ends.remote.to_string(), message.label())
        };
        self.messages.iter().map(row).collect()
    }

    /// Since the first message.
    fn seconds(&self, message: &Message) -> String {
        let began = self.messages.first().map_or(0, |first| first.at.0);
        let ms = message.at.0 - began;
        format!("{}.{:03}", ms / 1000, ms % 1000)
    }
}

/// `-- INVITE ---->` or `<---- 200 OK --`, exactly so wide.
fn arrow(label: &str, width: usize, points_right: bool) -> String {
    let label: String = label.chars().take(width.saturating_sub(6)).collect();
    let dashes = "-".repeat(width.saturating_sub(label.chars().count() + 5));
    if points_right { format!("-- {label} {dashes}>") } else { format!("<{dashes} {label} --") }
}

/// Columns of the time.
const TIME: usize = 8;
/// Columns between two parties.
const SPAN: usize = 34;
/// Columns of a party's name, beside Tandem's own in the middle.
const NAME: usize = 32;

#[cfg(test)]
mod tests {
    use gateway_core::{events::wire::Transport, ids::UtcMillis};

    use super::{super::Ends, *};

    fn message(at: u64, way: Way, remote: &str, line: &str) -> Message {
        let text = format!("{line}\r\nCall-ID: c\r\n\r\n{}", if line.starts_with("INVITE") { "v=0" } else { "" });
        let ends = Ends { local: "10.0.0.1:5060".parse().unwrap(), remote: remote.parse().unwrap(), transport: Transport::Udp };
        Message::read(UtcMillis(at), way, ends, text.as_bytes()).unwrap()
    }

    #[test]
    fn a_bridged_call_is_drawn_with_both_its_sides() {
        let (caller, far) = ("10.1.0.1:5060", "10.3.0.1:5090");
        let ladder = Ladder {
            messages: vec![
                message(5_000, Way::In, caller, "INVITE sip:200@tandem SIP/2.0"),
                message(5_001, Way::Out, far, "INVITE sip:uas@10.3.0.1 SIP/2.0"),
                message(5_020, Way::In, far, "SIP/2.0 180 Ringing"),
                message(6_234, Way::Out, caller, "SIP/2.0 200 OK"),
            ],
            left_out: 0,
        };
        let page = [
            "       s 10.1.0.1:5060                   tandem                   10.3.0.1:5090",
            "   0.000 |-- INVITE (sdp) ----------------->|                                  |",
            "   0.001 |                                  |-- INVITE (sdp) ----------------->|",
            "   0.020 |                                  |<------------------ 180 Ringing --|",
            "   1.234 |<----------------------- 200 OK --|                                  |",
        ];
        assert_eq!(ladder.drawn().lines().collect::<Vec<_>>(), page);
        assert!(ladder.drawn().lines().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn a_label_longer_than_its_arrow_is_cut() {
        assert_eq!(arrow(&"x".repeat(99), 30, true).chars().count(), 30);
        assert_eq!(arrow("OK", 30, false).chars().count(), 30);
    }

    #[test]
    fn with_many_parties_each_line_names_its_own() {
        let from = |n: u64| message(n, Way::In, &format!("10.1.0.{n}:5060"), "BYE sip:a SIP/2.0");
        let ladder = Ladder { messages: (1..=3).map(from).collect(), left_out: 9 };
        let page = ladder.drawn();
        assert!(page.starts_with("   0.000 10.1.0.1:5060            -> BYE\n"), "{page}");
        assert!(page.ends_with("9 messages in between are not kept\n"), "{page}");
    }
}

//! Tells what is wrong or odd, to people with the line in question, to programs as JSON.

use std::io::Write;

use gateway_core::{config::ConfigFault, ivr};
use miette::{GraphicalReportHandler, LabeledSpan, MietteDiagnostic, NamedSource, Report, Severity};
use serde_json::{Value, json};

/// One remark on a file.
pub(super) struct Remark {
    severity: Severity,
    file: String,
    line: usize,
    column: usize,
    message: String,
    help: Option<String>,
    /// The file's text with the place that is meant, where it could be read.
    source: Option<(String, std::ops::Range<usize>)>,
}

/// Why a verb failed.
pub(super) enum Failed {
    /// The files are at fault.
    Remarks(Vec<Remark>),
    /// Something else, in one sentence.
    Because(String),
}

impl Remark {
    /// A fault of a configuration whose text is at hand.
    pub(super) fn fault(fault: ConfigFault, text: &str) -> Self {
        Self::of_config(fault, text, Severity::Error)
    }

    /// Something odd in it.
    pub(super) fn warning(fault: ConfigFault, text: &str) -> Self {
        Self::of_config(fault, text, Severity::Warning)
    }

    /// A fault of a script or a prompt.
    pub(super) fn script(fault: ivr::Fault) -> Self {
        let ivr::Fault { file, line, column, message, help } = fault;
        let source = std::fs::read_to_string(&file).ok().map(|text| {
            let at = offset(&text, line, column);
            (text, at..at)
        });
        Self { severity: Severity::Error, file, line, column, message, help, source }
    }

    fn of_config(fault: ConfigFault, text: &str, severity: Severity) -> Self {
        let ConfigFault { file, line, column, span, message, help } = fault;
        Self { severity, file, line, column, message, help, source: Some((text.to_owned(), span)) }
    }

    fn json(&self) -> Value {
        let severity = if self.severity == Severity::Error { "error" } else { "warning" };
        json!({ "severity": severity, "file": self.file, "line": self.line, "column": self.column, "message": self.message, "help": self.help })
    }

    fn render(self) -> String {
        let mut diagnostic = MietteDiagnostic::new(&self.message).with_severity(self.severity);
        diagnostic.help = self.help;
        let report = match self.source {
            Some((text, span)) => Report::new(diagnostic.with_label(LabeledSpan::new_with_span(None, span)))
                .with_source_code(NamedSource::new(self.file, text)),
            None => Report::new(diagnostic),
        };
        let mut page = String::new();
        match GraphicalReportHandler::new().render_report(&mut page, report.as_ref()) {
            Ok(()) => page,
            Err(_) => format!("{}\n", self.message),
        }
    }
}

impl Failed {
    /// To standard error, or as JSON to standard output.
    pub(super) fn tell(self, json: bool) {
        match self {
            Self::Remarks(remarks) if json => {
                say(&json!({ "ok": false, "remarks": remarks.iter().map(Remark::json).collect::<Vec<_>>() }).to_string())
            }
            Self::Remarks(remarks) => warn(remarks),
            Self::Because(reason) if json => say(&json!({ "ok": false, "error": reason }).to_string()),
            Self::Because(reason) => complain(&format!("error: {reason}")),
        }
    }
}

impl From<String> for Failed {
    fn from(reason: String) -> Self {
        Self::Because(reason)
    }
}

/// Remarks to standard error.
pub(super) fn warn(remarks: Vec<Remark>) {
    for remark in remarks {
        complain(&remark.render());
    }
}

/// What went well, for programs.
pub(super) fn as_json(remarks: &[Remark]) -> Value {
    remarks.iter().map(Remark::json).collect()
}

/// One answer to standard output.
pub(crate) fn say(line: &str) {
    // A reader who has closed the pipe has heard enough.
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
}

/// Bytes before a line and a column, both from 1.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let within: usize = text[before..].chars().take(column.saturating_sub(1)).map(char::len_utf8).sum();
    before + within
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_shown_with_its_line() {
        let text = "[node]\nnaem = \"a\"\n";
        let fault = ConfigFault {
            file: "tandem.toml".into(),
            line: 2,
            column: 1,
            span: 7..11,
            message: "unknown field `naem`".into(),
            help: Some("did you mean `name`?".into()),
        };
        let page = Remark::fault(fault, text).render();
        assert!(page.contains("unknown field `naem`") && page.contains("naem = \"a\"") && page.contains("tandem.toml:2:1"), "{page}");
        assert!(page.contains("did you mean `name`?"), "{page}");
    }

    #[test]
    fn a_place_past_the_end_is_the_end() {
        assert_eq!(offset("a\nbc\n", 2, 2), 3);
        assert_eq!(offset("a\n", 9, 9), 2);
    }
}

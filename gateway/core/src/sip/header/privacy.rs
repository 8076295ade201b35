//! Privacy: what of a caller shall not be shown (RFC 3323 4.2, RFC 3325 9.3, RFC 7044 10.1).

use super::Headers;

/// What is asked to be kept back; nothing where the field is absent or says `none`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Privacy {
    /// The asserted identity (RFC 3325).
    pub id: bool,
    /// From, its display name, and what else the user wrote.
    pub user: bool,
    /// Contact, Via and the like, which tell where the user is.
    pub header: bool,
    /// The diverting users (RFC 7044).
    pub history: bool,
    /// The call shall fail rather than be shown.
    pub critical: bool,
}

impl Privacy {
    /// Over all lines. RFC 3323 separates the values by semicolons, many carriers by commas: both are read.
    pub fn of(headers: &Headers) -> Self {
        let mut wanted = Self::default();
        for value in headers.all("Privacy").flat_map(|line| line.split([';', ','])) {
            match value.trim().to_ascii_lowercase().as_str() {
                "id" => wanted.id = true,
                "user" => wanted.user = true,
                "header" => wanted.header = true,
                "history" => wanted.history = true,
                "critical" => wanted.critical = true,
                // "none" forbids a service to add privacy of its own; we add none.
                _ => {}
            }
        }
        wanted
    }

    /// Nobody behind us may learn who calls.
    pub const fn hides_caller(self) -> bool {
        self.id || self.user || self.header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn privacy(lines: &[&str]) -> Privacy {
        let mut headers = Headers::new();
        lines.iter().for_each(|line| headers.push("privacy", *line));
        Privacy::of(&headers)
    }

    #[test]
    fn it_is_read_in_every_spelling() {
        let wanted = Privacy { id: true, user: true, ..Privacy::default() };
        for lines in [&["user;id"][..], &["id , user"], &["ID", "User"], &["  id ;user "], &["id;unheard-of;user"]] {
            assert_eq!(privacy(lines), wanted, "{lines:?}");
        }
        assert!(privacy(&["header"]).hides_caller() && !privacy(&["history;critical"]).hides_caller());
    }

    #[test]
    fn none_and_nothing_hide_nobody() {
        assert_eq!(privacy(&["none"]), Privacy::default());
        assert_eq!(privacy(&[]), Privacy::default());
    }
}

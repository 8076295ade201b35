//! The next step of self-service: scripts, personal order, a caller's place in a script, in any channel.
//!
//! A `Session` is pure: it takes events and time, and says what it wants done as `Action`s, in order. It knows no leg, no port and no page.

mod border;
mod caller;
mod check;
mod exits;
mod explain;
mod expression;
mod fault;
mod library;
pub mod order;
mod preview;
mod prompts;
mod script;
mod session;
mod verb;
mod yaml;

pub use border::{Action, Event, Utterance};
pub use explain::explain;
pub use fault::Fault;
pub use library::Library;
pub use preview::preview;
pub use prompts::PromptBook;
pub use script::{Identify, Script};
pub use session::{Session, Start};

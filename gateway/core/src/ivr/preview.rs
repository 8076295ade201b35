//! Preview: the first menu that a caller would hear, without a call.

use std::{sync::Arc, time::Duration};

use super::{Action, Event, PromptBook, Script, Session, Start};
use crate::{
    events::{
        media::PlayEnd,
        story::{MenuPresented, Story},
    },
    now::Now,
};

/// Walks the script as this caller, who only listens, up to the first menu; `None` if it comes to none.
pub fn preview(script: Arc<Script>, prompts: Arc<PromptBook>, mut story: Story, mut now: Now) -> Option<MenuPresented> {
    // An offer to go on where another session stopped would come before the menu.
    story.unfinished = None;
    let mut session = Session::begin(script, prompts, Start { story, ..Start::default() }, now);
    for _ in 0..STEPS_MAX {
        while let Some(action) = session.poll() {
            if let Action::Presented(menu) = action {
                return Some(menu);
            }
        }
        if session.is_ended() {
            return None;
        }
        now.instant += Duration::from_secs(1);
        session.handle(now, Event::Played(PlayEnd::Finished));
    }
    None
}

/// Prompts said before the first menu.
const STEPS_MAX: u32 = 16;

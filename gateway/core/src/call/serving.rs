//! The caller in a script: what the session wants, said to legs, media and history.

use super::{Call, Phase, turn::Turn};
use crate::{
    cause::{Cause, Fault},
    config::RouteAction,
    events::{
        leg::LegCommand,
        media::{MediaCommand, PlayEnd},
        record::Happened,
        story::{Exit, ExitReason, Story},
    },
    ids::PlayId,
    ivr::{Action, Event, Session, Start, Utterance},
    private::Private,
};

impl Call {
    /// Starts the script that the route names.
    pub(super) fn serve(&mut self, turn: &mut Turn<'_>) {
        let RouteAction::Script(name) = &self.arrival.action else { return };
        let Some(script) = turn.library.scripts.get(name) else {
            // `check` refuses such a configuration; a script that was taken away since is the same to the caller as nobody being there.
            self.end(Cause::ABSENT, turn);
            return;
        };
        if let Some(port) = self.caller.port {
            turn.media(MediaCommand::Collect { port, keys_interrupt: true, speech_interrupts: false });
        }
        let start = Start { story: self.story.clone(), ..Start::default() };
        let session = Session::begin(script.clone(), turn.library.prompts.clone(), start, turn.now);
        self.phase = Phase::Serving(Box::new(session));
        self.tell_caller("in_menu", None, turn);
        self.act(turn);
    }

    pub(super) fn key(&mut self, digit: Private<char>, turn: &mut Turn<'_>) {
        self.tell_session(Event::Digit(digit), turn);
    }

    pub(super) fn played(&mut self, play: PlayId, end: PlayEnd, turn: &mut Turn<'_>) {
        if self.playing == Some(play) {
            self.playing = None;
            self.tell_session(Event::Played(end), turn);
        }
    }

    pub(super) fn story_arrived(&mut self, story: Story, turn: &mut Turn<'_>) {
        self.tell_session(Event::StoryArrived(Box::new(story)), turn);
    }

    pub(super) fn session_woke(&mut self, turn: &mut Turn<'_>) {
        if let Phase::Serving(session) = &self.phase
            && session.deadline().is_some_and(|deadline| deadline <= turn.now.instant)
        {
            self.tell_session(Event::TimeReached, turn);
        }
    }

    fn tell_session(&mut self, event: Event, turn: &mut Turn<'_>) {
        if let Phase::Serving(session) = &mut self.phase {
            session.handle(turn.now, event);
            self.act(turn);
        }
    }

    /// Carries out what the session wants, until it wants nothing or has left.
    fn act(&mut self, turn: &mut Turn<'_>) {
        loop {
            let Phase::Serving(session) = &mut self.phase else { return };
            match session.poll() {
                Some(action) => self.carry_out(action, turn),
                None => return,
            }
        }
    }

    fn carry_out(&mut self, action: Action, turn: &mut Turn<'_>) {
        match action {
            Action::Say { utterances, barge_in } => self.say(utterances, barge_in, turn),
            Action::Stop => self.silence(turn),
            Action::ShowMenu { items } => turn.leg(self.caller.id, LegCommand::ShowMenu { items }),
            Action::Presented(menu) => turn.write(Happened::MenuPresented(menu)),
            Action::Chosen(choice) => turn.write(Happened::MenuChosen(choice)),
            Action::Learned(fact) => turn.write(Happened::FactLearned { fact }),
            Action::PauseRecording(paused) => self.pause_recording(paused, turn),
            // Connectors are not wired yet: the script's own error branch says so to the caller.
            Action::LookUp { .. } => self.tell_session(Event::LookedUp { ok: false, body: serde_json::Value::Null }, turn),
            Action::Left { reason, node, detail } => self.leave_script(reason, node, detail, turn),
            Action::Enqueue { queue, skills, priority } => self.enqueue(queue, skills, priority, turn),
            Action::Dial { to } => self.dial_through(self.target_of(to), turn),
            Action::Hangup(_) => self.end(Cause::goodbye(Fault::Gateway), turn),
        }
    }

    fn say(&mut self, utterances: Vec<Utterance>, barge_in: bool, turn: &mut Turn<'_>) {
        let Some(port) = self.caller.port else { return };
        let play = turn.mint.play();
        self.playing = Some(play);
        let text = utterances.iter().map(|utterance| utterance.text.0.as_str()).collect::<Vec<_>>().join(" ");
        turn.leg(self.caller.id, LegCommand::Caption { speaker: "menu".to_owned(), text: Private(text) });
        turn.media(MediaCommand::Collect { port, keys_interrupt: barge_in, speech_interrupts: false });
        let clips = utterances.into_iter().map(|utterance| utterance.clip).collect();
        turn.media(MediaCommand::Play { port, play, clips, repeat: false });
    }

    /// Plays to the caller until something else is played; its end is nobody's business.
    pub(super) fn music(&mut self, clip: &str, turn: &mut Turn<'_>) {
        let Some(port) = self.caller.port else { return };
        self.playing = None;
        let play = turn.mint.play();
        turn.media(MediaCommand::Play { port, play, clips: vec![clip.to_owned()], repeat: true });
    }

    pub(super) fn silence(&mut self, turn: &mut Turn<'_>) {
        self.playing = None;
        if let Some(port) = self.caller.port {
            turn.media(MediaCommand::Stop { port });
        }
    }

    pub(super) fn pause_recording(&self, paused: bool, turn: &mut Turn<'_>) {
        let Some(recording) = self.recording else { return };
        turn.media(if paused { MediaCommand::PauseRecording { recording } } else { MediaCommand::ResumeRecording { recording } });
        self.tell_all(if paused { "recording_paused" } else { "recording" }, turn);
    }

    fn leave_script(&mut self, reason: ExitReason, node: String, detail: Option<String>, turn: &mut Turn<'_>) {
        if let Phase::Serving(session) = &self.phase {
            self.walk = session.walk();
            self.slots = session.slots();
        }
        turn.leg(self.caller.id, LegCommand::ShowMenu { items: Vec::new() });
        turn.write(Happened::ScriptLeft { reason, node: node.clone() });
        self.exit = Some(Exit { kind: reason, node, detail });
    }
}

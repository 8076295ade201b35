//! Handing a call back to the network: the carrier of the one who stays is asked to call the new party itself (RFC 3515, RFC 5589 6), so that
//! the call leaves us.
//!
//! Only a trunk with `refer = "send"` is asked. Whatever comes between (a refusal, silence, a number that the trunk may not be asked for), the new
//! party is dialled and bridged, as for every other trunk.

use super::{
    Call, Due, Phase,
    transferring::{TRANSFER_MAX, Wanted},
    turn::Turn,
};
use crate::{
    cause::{Cause, Fault},
    config::Refer,
    context::pointer,
    events::{
        leg::{LegCommand, Target},
        record::Happened,
    },
};

impl Call {
    /// Asks the carrier of the one who stays, where its trunk has it so; else `wanted` is given back, to be dialled.
    pub(super) fn ask_carrier(&mut self, wanted: Wanted, turn: &mut Turn<'_>) -> Option<Wanted> {
        let named = self.caller.trunk.as_ref();
        let trunk = named.and_then(|name| turn.config.trunks.iter().find(|trunk| trunk.name == *name));
        let sends = trunk.is_some_and(|trunk| trunk.peering.refer == Refer::Send) && wanted.replaces.is_none();
        let (Target::Number { number, .. }, true) = (&wanted.to, sends) else { return Some(wanted) };
        let pointer = Some(pointer::make(&self.context_id, turn.secret));
        turn.leg(self.caller.id, LegCommand::Refer { number: number.clone(), pointer, by: wanted.by.clone() });
        self.timers.set(Due::Referred, turn.now.instant + TRANSFER_MAX);
        if let Phase::Transferring { instead, .. } = &mut self.phase {
            *instead = Some(Box::new(wanted));
        }
        None
    }

    /// What the carrier says of it.
    pub(super) fn refer_progressed(&mut self, status: u16, turn: &mut Turn<'_>) {
        let Phase::Transferring { by, instead, .. } = &self.phase else { return };
        match status {
            ..200 if instead.is_some() => turn.leg(*by, LegCommand::NotifyRefer { status }),
            ..200 => {}
            // A carrier that we have given up may have done it all the same: whom we have dialled meanwhile is let go.
            200..300 => self.handed_back(turn),
            300.. => self.dial_instead(turn),
        }
    }

    /// It will not, or not in time.
    pub(super) fn dial_instead(&mut self, turn: &mut Turn<'_>) {
        let Phase::Transferring { instead, .. } = &mut self.phase else { return };
        let Some(wanted) = instead.take() else { return };
        self.timers.stop(&Due::Referred);
        self.dial_third(*wanted, turn);
    }

    /// The carrier has the two connected: the transferor says goodbye to both (RFC 5589 6.1).
    fn handed_back(&mut self, turn: &mut Turn<'_>) {
        let Phase::Transferring { by, agent, .. } = self.phase else { return };
        self.part_third(Cause::CANCELLED, turn);
        turn.leg(by, LegCommand::NotifyRefer { status: 200 });
        turn.write(Happened::HandedBack { by, leg: self.caller.id });
        self.hand_over(agent, turn);
        self.end(Cause::goodbye(Fault::Gateway), turn);
    }
}

//! Who hears whom in a bridge.

use crate::{events::media::Topology, ids::PortId};

/// All that are joined.
pub(super) fn members(topology: &Topology) -> Vec<PortId> {
    match topology {
        Topology::Pair { caller, agent } => vec![*caller, *agent],
        Topology::Conference { ports } => ports.clone(),
        Topology::Whisper { caller, agent, coach } => vec![*caller, *agent, *coach],
        Topology::Listen { caller, agent, listener } => vec![*caller, *agent, *listener],
    }
}

/// Whom `port` hears.
pub(super) fn speakers(topology: &Topology, port: PortId) -> Vec<PortId> {
    let mut speakers = members(topology);
    speakers.retain(|&speaker| speaker != port);
    match topology {
        Topology::Pair { .. } | Topology::Conference { .. } => {}
        Topology::Whisper { caller, coach, .. } if port == *caller => speakers.retain(|speaker| speaker != coach),
        Topology::Listen { listener, .. } => speakers.retain(|speaker| speaker != listener),
        Topology::Whisper { .. } => {}
    }
    speakers
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLER: PortId = PortId(1);
    const AGENT: PortId = PortId(2);
    const THIRD: PortId = PortId(3);

    #[test]
    fn a_coach_is_heard_by_the_agent_alone_and_a_listener_by_nobody() {
        let whisper = Topology::Whisper { caller: CALLER, agent: AGENT, coach: THIRD };
        assert_eq!(speakers(&whisper, CALLER), [AGENT]);
        assert_eq!(speakers(&whisper, AGENT), [CALLER, THIRD]);
        assert_eq!(speakers(&whisper, THIRD), [CALLER, AGENT]);
        let listen = Topology::Listen { caller: CALLER, agent: AGENT, listener: THIRD };
        assert_eq!((speakers(&listen, CALLER), speakers(&listen, AGENT)), (vec![AGENT], vec![CALLER]));
        assert_eq!(speakers(&listen, THIRD), [CALLER, AGENT]);
    }
}

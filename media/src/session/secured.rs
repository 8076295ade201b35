//! A session's SRTP: which keys seal what it sends, and which open what it hears.

use crate::{
    sdp::Secrets,
    srtp::{Dropped, Guards, MasterKey, Receiver, Sender},
};

/// The SRTP of one session, as its plan has it.
#[derive(Debug)]
pub(super) struct Secured {
    sender: Sender,
    receiver: Receiver,
    /// Another key that the peer may send with.
    next: Option<Next>,
}

#[derive(Debug)]
struct Next {
    receiver: Receiver,
    /// It is agreed: its first packet ends the former key.
    agreed: bool,
}

impl Secured {
    pub(super) fn new(secrets: &Secrets, guards: Guards) -> Self {
        Self { sender: Sender::new(secrets.send.clone()), receiver: Receiver::new(secrets.receive.clone(), guards), next: None }
    }

    /// Takes packets under this key too.
    pub(super) fn propose(&mut self, receive: &MasterKey) {
        if self.next.as_ref().is_some_and(|next| next.receiver.key() == receive) {
            return;
        }
        if let Some(agreed) = self.next.take_if(|next| next.agreed) {
            self.receiver = agreed.receiver;
        }
        self.next = (self.receiver.key() != receive).then(|| Next { receiver: self.receiver.rekeyed(receive.clone()), agreed: false });
    }

    /// These keys stand. One that is the same keeps its counter and its window; the peer's former key is heard until its new one is.
    pub(super) fn agree(&mut self, secrets: &Secrets) {
        self.sender.rekey(&secrets.send);
        self.propose(&secrets.receive);
        if let Some(next) = &mut self.next {
            next.agreed = true;
        }
    }

    /// What was proposed and not agreed is not heard any more.
    pub(super) fn roll_back(&mut self) {
        self.next.take_if(|next| !next.agreed);
    }

    pub(super) fn seal(&mut self, packet: &mut Vec<u8>) -> bool {
        self.sender.seal(packet)
    }

    pub(super) fn seal_report(&mut self, packet: &mut Vec<u8>) -> bool {
        self.sender.seal_report(packet)
    }

    /// Opens a packet of RTP or RTCP from `bytes` into `clear`.
    pub(super) fn open(&mut self, bytes: &[u8], is_report: bool, clear: &mut Vec<u8>) -> Result<(), Dropped> {
        let mut take = |receiver: &mut Receiver| {
            clear.clear();
            clear.extend_from_slice(bytes);
            if is_report { receiver.open_report(clear) } else { receiver.open(clear) }
        };
        let Some(next) = &mut self.next else { return take(&mut self.receiver) };
        if take(&mut next.receiver).is_err() {
            return take(&mut self.receiver);
        }
        if let Some(next) = self.next.take_if(|next| next.agreed) {
            self.receiver = next.receiver;
        }
        Ok(())
    }
}

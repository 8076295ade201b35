//! Lets the page's RTCP out of `rtc`, which would keep it all to itself, and reads the loss in it.

use std::{collections::VecDeque, time::Instant};

use rtc::{
    interceptor::{Attribute, Interceptor, Packet, StreamInfo, TaggedPacket},
    rtcp::{self, receiver_report::ReceiverReport, sender_report::SenderReport},
    sansio::Protocol,
    shared::error::Error,
};

/// Share of the packets of `ssrc` that the page missed since its previous report, 0.0 to 1.0 (RFC 3550 6.4.1).
///
/// A page that talks reports inside its sender reports, one that is silent in receiver reports.
pub(super) fn fraction_lost(packets: &[Box<dyn rtcp::Packet>], ssrc: u32) -> Option<f64> {
    packets.iter().find_map(|packet| {
        let packet = packet.as_any();
        let sender = packet.downcast_ref::<SenderReport>().map(|report| &report.reports);
        let reports = sender.or_else(|| packet.downcast_ref::<ReceiverReport>().map(|report| &report.reports))?;
        reports.iter().find(|report| report.ssrc == ssrc).map(|report| f64::from(report.fraction_lost) / 256.0)
    })
}

/// Marks inbound RTCP as wanted; changes nothing else.
#[derive(Default)]
pub(super) struct Outlet {
    inbound: VecDeque<TaggedPacket>,
    outbound: VecDeque<TaggedPacket>,
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Outlet {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, mut packet: TaggedPacket) -> Result<(), Error> {
        if matches!(packet.message.packet, Packet::Rtcp(_)) {
            packet.message.add(Attribute::DeliverToApplication);
        }
        self.inbound.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.inbound.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.outbound.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outbound.pop_front()
    }
}

impl Interceptor for Outlet {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}

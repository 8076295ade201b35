//! A far end of RTP that says back what it hears: a tone that comes back to whoever hums it has gone both ways.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, UdpSocket},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// An echo that runs; dropped, it is silent.
#[derive(Debug)]
pub struct Echo {
    ip: String,
    port: String,
    heard: Arc<Mutex<BTreeMap<u8, usize>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Echo {
    /// At 127.0.0.`host`, on a port that is free.
    pub fn on(host: u8) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, host), 0)).expect("a port is free");
        socket.set_read_timeout(Some(LOOK)).expect("it is not zero");
        let address = socket.local_addr().expect("a bound socket has one");
        let (heard, is_over) = (Arc::default(), Arc::default());
        let (page, end) = (Arc::clone(&heard), Arc::clone(&is_over));
        let thread = thread::spawn(move || say_back(&socket, &page, &end));
        Self { ip: address.ip().to_string(), port: address.port().to_string(), heard, is_over, thread: Some(thread) }
    }

    /// Its address, as SDP writes it.
    pub fn ip(&self) -> &str {
        &self.ip
    }

    /// Its port, as SDP writes it.
    pub fn port(&self) -> &str {
        &self.port
    }

    /// The words of a scenario that say where it is.
    pub fn words(&self) -> [(&str, &str); 2] {
        [("ECHO_IP", &self.ip), ("ECHO_PORT", &self.port)]
    }

    /// Packets of this payload type so far.
    pub fn heard(&self, payload_type: u8) -> usize {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).get(&payload_type).copied().unwrap_or(0)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

fn say_back(socket: &UdpSocket, heard: &Mutex<BTreeMap<u8, usize>>, is_over: &AtomicBool) {
    let mut packet = [0; 2048];
    while !is_over.load(Ordering::Relaxed) {
        // Nothing came for a while, or a port was closed that has just been spoken to.
        let Ok((length, from)) = socket.recv_from(&mut packet) else { continue };
        if length < HEADER {
            continue;
        }
        *heard.lock().unwrap_or_else(PoisonError::into_inner).entry(packet[1] & 0x7f).or_default() += 1;
        // A source of its own: with the sender's it would be a loop (RFC 3550 8.2).
        packet[8..HEADER].copy_from_slice(b"echo");
        // Whoever has gone does not hear it.
        let _ = socket.send_to(&packet[..length], from);
    }
}

/// RTP's fixed header (RFC 3550 5.1).
const HEADER: usize = 12;
/// How often it looks whether it is wanted.
const LOOK: Duration = Duration::from_millis(50);

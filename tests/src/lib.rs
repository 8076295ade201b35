//! What tests share: a running node and its ports, programs that are peers, and ears.

pub mod http;
pub mod node;
pub mod pcap;
pub mod ports;
pub mod program;
pub mod wav_ears;

//! What tests share: a simulated world on virtual time, and the built binary among its real peers.
//!
//! `World` joins a real Switch and a real Shard as the shell does; everything in it follows from one seed, so that a failure is a number that
//! can be replayed. `node` starts the binary on ports of its own, `program` the peers around it.

pub mod authority;
pub mod caller;
pub mod carrier;
pub mod config;
pub mod desk;
pub mod ears;
pub mod echo;
pub mod generate;
pub mod http;
pub mod island;
pub mod ladder;
pub mod line;
pub mod name_server;
pub mod net;
pub mod node;
pub mod oracles;
pub mod outside;
pub mod passport;
pub mod pcap;
pub mod phone;
pub mod ports;
pub mod program;
pub mod recorder;
pub mod registrant;
pub mod shop;
pub mod sip_text;
pub mod sipp;
pub mod speech;
pub mod wav_ears;
pub mod world;

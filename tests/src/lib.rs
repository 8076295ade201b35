//! The simulated world: a real Switch and a real Shard on virtual time, with phones, desks, carriers and slow systems around them.
//!
//! `World` joins the two as the shell does. Everything in it follows from one seed, so that a failure is a number that can be replayed.

pub mod config;
pub mod desk;
pub mod ears;
pub mod generate;
pub mod ladder;
pub mod line;
pub mod net;
pub mod oracles;
pub mod outside;
pub mod phone;
pub mod recorder;
pub mod shop;
pub mod sip_text;
pub mod world;

//! What a configuration refers to: the environment, files, this machine's own address.

use std::{
    env, fs,
    net::{IpAddr, Ipv4Addr, UdpSocket},
    path::Path,
};

use gateway_core::config;

use crate::shell::library;

/// This process's surroundings.
pub(super) struct Outside;

impl config::Outside for Outside {
    fn variable(&self, name: &str) -> Option<String> {
        env::var(name).ok()
    }

    fn file(&self, path: &Path) -> Result<String, String> {
        fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The address of the way to the public network; connecting a UDP socket sends nothing.
    fn own_address(&self) -> Option<IpAddr> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
        socket.connect((FAR, 9)).ok()?;
        socket.local_addr().ok().map(|local| local.ip())
    }

    fn scripts(&self, directory: &Path) -> Option<Vec<String>> {
        library::names(directory)
    }
}

/// Any address that is reached by the default route.
const FAR: Ipv4Addr = Ipv4Addr::new(9, 9, 9, 9);

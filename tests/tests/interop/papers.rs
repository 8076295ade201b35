//! A node whose certificate an authority of the test's own has signed.

use tests::{
    authority::Authority,
    node::{Node, Plan},
};

/// A node that speaks TLS at `peer(10)` of its ports as localhost, and who vouches for it.
pub(crate) struct Papers {
    pub(crate) node: Node,
    pub(crate) authority: Authority,
}

/// The usual node, with such papers.
pub(crate) fn certified() -> Papers {
    let mut founded = None;
    let node = Node::prepared(|ports, directory| {
        let authority = Authority::found(directory, "our own");
        let (chain, key) = authority.sign("node", "DNS:localhost,IP:127.0.0.1");
        founded = Some(authority);
        let (chain, key, port) = (chain.display(), key.display(), ports.peer(10));
        let routes = format!(
            "[[sip]]\nname = \"certified\"\ntransport = \"tls\"\nlisten = \"127.0.0.1:{port}\"\ncertificate = \"{chain}\"\nkey = \"{key}\"\n\n"
        );
        Plan { routes, ..Plan::default() }
    });
    Papers { node, authority: founded.unwrap() }
}

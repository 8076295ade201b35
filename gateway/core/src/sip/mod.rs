//! Protocol core of SIP (RFC 3261).

//! HTTP, desk and caller WebSockets.

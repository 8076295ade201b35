//! Which agent.

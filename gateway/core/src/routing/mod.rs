//! Which trunk or script.

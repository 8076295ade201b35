//! Metrics, traces, capture.

//! One truth, several vocabularies: pure projections of unit states.

mod build;
mod readiness;
pub mod supervisord;
pub mod systemd;

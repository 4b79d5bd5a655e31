//! One truth, several vocabularies: pure projections of unit states.

mod build;
pub mod supervisord;
pub mod systemd;

//! Where reading systemd's unit files differs from systemd 252, on purpose. runner-systemd(7) is made
//! from this table, and comparisons with the real one excuse nothing else.

pub use crate::supervisord::Deviation;

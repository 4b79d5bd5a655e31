//! The servers, seen from outside: methods call by call, real clients of supervisord, and clients
//! that mean harm (tests named by the rows of the list of attacks).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod clients;
mod fake;
mod hostile;
mod methods;

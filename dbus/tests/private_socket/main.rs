//! The private socket, from outside: our own client, the programs people have, and strangers.
#![cfg(all(feature = "server", feature = "client"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod bus;
mod client;
mod fake;
mod real_clients;
mod strangers;
mod systemd;
mod tables;

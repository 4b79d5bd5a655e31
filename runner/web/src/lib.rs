//! The HTTP servers: supervisord's XML-RPC interface, log streams, and the web page.
//!
//! ```text
//! daemon accepts ──▶ Server::serve_unix/serve_tcp ──▶ http: request by request
//!                      places: how many              auth, guard: who, and caused by whom
//!                                                    route ──▶ rpc, log_tail, page
//!                                                                └──▶ control::Handle
//! ```
//!
//! The daemon owns the listening sockets and hands each accepted stream over. Nothing here decides
//! about units: that is asked at the door. A slow, greedy or hostile client costs its own
//! connection, never anybody else's time.

mod auth;
pub mod config;
pub mod deviations;
mod guard;
mod health;
mod http;
mod listener;
mod log_tail;
mod page;
mod places;
mod route;
pub mod rpc;
mod server;

pub use config::{Auth, Config, Endpoint, Limits};
pub use server::Server;

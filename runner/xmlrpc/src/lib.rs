//! XML-RPC, both ends: calls and responses as supervisord and Python's `xmlrpc.client` write them.
//!
//! What is written is byte for byte what Python's marshaller writes, with one exception: a
//! character that XML 1.0 cannot carry is replaced (see [`text`]), where the original sends a
//! document no client can read.
//!
//! What is read is bounded by [`Limits`], and a document with a DOCTYPE, a processing instruction
//! or an entity of its own is refused before anything of it is looked at.

pub mod base64;
mod error;
mod parse;
pub mod text;
mod value;
mod write;

pub use error::{Error, Limits};
pub use parse::{Call, Response, parse_call, parse_response};
pub use value::Value;
pub use write::{write_call, write_fault, write_response};

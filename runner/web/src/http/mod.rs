//! HTTP/1.0 and 1.1, as much of it as supervisord's clients and browsers speak.
//!
//! Our own loop on `httparse`, for two reasons seen in an experiment with hyper: supervisorctl's
//! streaming client sends a stray CRLF after its request, and with that in its buffer hyper does
//! not notice that the client has gone; and a request with two lengths, a bare line feed or an
//! absolute target is served there, where it has to be refused before anybody can disagree about
//! where it ends.

pub(crate) mod connection;
pub(crate) mod date;
pub(crate) mod head;
mod message;

pub(crate) use head::{Head, Method};
pub(crate) use message::{Body, Request, Response};

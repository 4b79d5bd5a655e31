//! supervisord's configuration file, as supervisord 4.3.0 understands it.
//!
//! The way of a file is *lines → sections → options → [`Config`]*. Every room keeps what the real
//! program does, its traps included, since files that people run today must mean the same
//! tomorrow. Where it silently does what nobody meant, it is done all the same and a
//! [`Diagnostic`](crate::Diagnostic) says so.
//!
//! Nothing here asks the system: what must be known of it is an [`Around`].

pub mod command;
pub mod config;
pub mod environment;
pub mod expand;
pub mod ini;
mod python;
pub mod values;
pub mod world;

pub use config::{
    AutoRestart, Client, Config, Daemon, Dependency, Extension, FcgiSocket, Group, GroupKind,
    LogFile, LogLevel, Process, Secret, Server, ServerAddress, SocketOwner, Stream, User, Written,
    WrittenOption,
};
pub use world::{Account, Anywhere, Around, Known, World};

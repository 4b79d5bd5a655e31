//! supervisord's configuration file, as supervisord 4.3.0 understands it.
//!
//! The way of a file is *lines → sections → options → [`Config`]*. Every room keeps what the real
//! program does, its traps included, since files that people run today must mean the same
//! tomorrow. Where it silently does what nobody meant, it is done all the same and a
//! [`Diagnostic`](crate::Diagnostic) says so. The few differences are in [`DEVIATIONS`].
//!
//! Nothing here asks the system: what must be known of it is an [`Around`], and files are read in
//! [`disk::supervisord`](crate::disk::supervisord).

mod client;
pub mod command;
pub mod config;
mod config_info;
mod daemon;
mod deviations;
pub mod environment;
pub mod expand;
mod groups;
pub mod import;
pub mod ini;
mod mapping;
mod meaning;
mod options;
mod program;
mod python;
mod read;
mod server;
mod translate;
mod traps;
pub mod values;
pub mod world;

pub use config::{
    AutoRestart, Client, Config, Daemon, Dependency, Extension, FcgiSocket, Group, GroupKind,
    LogFile, LogLevel, Process, Secret, Server, ServerAddress, SocketOwner, Stream, User, Written,
    WrittenOption,
};
pub use config_info::{ConfigInfo, OutputInfo, config_info};
pub use deviations::{DEVIATIONS, RUNNING_DEVIATIONS};
pub use meaning::{OPTIONS, OptionMeaning};
pub use python::repr;
pub use read::{
    Include, Included, Refused, SourceFile, Sources, Unread, include_patterns, read, read_client,
};
pub use translate::{load, translate};
pub use world::{Account, Anywhere, Around, Known, World};

/// Whether a file is a supervisord.conf: it has a header that supervisord knows and TOML does not,
/// or `[supervisord]`, which is no table of ours.
pub fn is_supervisord(bytes: &[u8]) -> bool {
    const KINDS: [&str; 6] = [
        "[program:",
        "[group:",
        "[eventlistener:",
        "[fcgi-program:",
        "[rpcinterface:",
        "[ctlplugin:",
    ];
    const WHOLE: [&str; 4] = [
        "[supervisord]",
        "[supervisorctl]",
        "[unix_http_server",
        "[inet_http_server",
    ];
    let text = String::from_utf8_lossy(bytes);
    let is_header = |line: &str| {
        let line = line.trim_start();
        WHOLE
            .iter()
            .chain(&KINDS)
            .any(|head| line.starts_with(head))
    };
    text.split(['\n', '\r']).any(is_header)
}

#[cfg(test)]
mod tests {
    use super::is_supervisord;

    #[test]
    fn a_file_is_known_by_its_headers() {
        for text in [
            "; x\n[supervisord]\n",
            "\r\n[program:a]\r\ncommand=x",
            "\u{feff}\n  [unix_http_server]\n",
            "[inet_http_server:a]\n",
        ] {
            assert!(is_supervisord(text.as_bytes()), "{text}");
        }
        for text in [
            "[service]\nexec-start = 'x'\n",
            "",
            "# [supervisord]\n",
            "a = '[program:x]'",
        ] {
            assert!(!is_supervisord(text.as_bytes()), "{text}");
        }
    }
}

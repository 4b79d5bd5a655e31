//! `echo_supervisord_conf`: a configuration to begin with, on standard output.

use std::io::{self, Write};
use std::process::ExitCode;

/// The configuration. runnerd and supervisord both take it as it is.
const SAMPLE: &str = include_str!("sample_conf.ini");

/// Prints it, whatever the command line says.
pub(crate) fn main() -> ExitCode {
    let mut out = io::stdout();
    match out.write_all(SAMPLE.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo_supervisord_conf: cannot write the output: {error}");
            ExitCode::FAILURE
        }
    }
}

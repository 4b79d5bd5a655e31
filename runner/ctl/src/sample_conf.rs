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

#[cfg(test)]
mod tests {
    use super::*;
    use units::supervisord::{Around, SourceFile, Sources, read};

    /// What stands in a file of this text, and what is strange about it.
    fn remarks(text: &str) -> Vec<String> {
        let main = SourceFile {
            path: "/etc/supervisord.conf".into(),
            bytes: text.as_bytes().to_vec(),
        };
        let sources = Sources {
            main,
            includes: Vec::new(),
        };
        let (_, remarks) = read(&sources, &Around::anywhere()).unwrap();
        remarks
            .iter()
            .map(|remark| format!("{}: {}", remark.place, remark.message))
            .collect()
    }

    #[test]
    fn it_is_taken_as_it_is() {
        assert_eq!(remarks(SAMPLE), [""; 0]);
        assert!(SAMPLE.is_ascii(), "an old locale reads it too");
    }

    #[test]
    fn what_it_offers_exists() {
        let offered = |line: &&str| {
            line.strip_prefix(';').is_some_and(|rest| {
                let key = rest.split(['=', ':']).next().unwrap_or_default();
                rest.starts_with('[')
                    || !key.is_empty() && key.bytes().all(|b| b == b'_' || b.is_ascii_lowercase())
            })
        };
        let taken: String = SAMPLE
            .lines()
            // An alternative to the URL before it.
            .filter(|line| !line.starts_with(";serverurl=http"))
            .map(|line| match offered(&line) {
                true => format!("{}\n", line.trim_start_matches(';')),
                false => format!("{line}\n"),
            })
            .collect();
        let taken = taken.replace("programs=web,worker", "programs=web");
        assert!(taken.contains("\n[program:web]\ncommand="));
        assert!(taken.contains("\nserverurl=AUTO"));
        assert_eq!(remarks(&taken), [""; 0]);
    }
}

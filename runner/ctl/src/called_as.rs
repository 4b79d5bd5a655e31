//! Which program this is: one binary stands for several, told apart by the name it was called by.

use std::ffi::OsStr;
use std::path::Path;

use crate::power::Name;

/// A program of this binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CalledAs {
    /// The command line of runner.
    Runnerctl,
    /// supervisor's client.
    Supervisorctl,
    /// supervisor's helper that passes signals on to the process of a pid file.
    Pidproxy,
    /// supervisor's program that prints a sample configuration.
    EchoSupervisordConf,
    /// One of the programs that end a machine.
    Power(Name),
}

/// Every name that is not our own. Whatever is not here is runnerctl, so a renamed binary stays that.
const NAMES: &[(&str, CalledAs)] = &[
    ("supervisorctl", CalledAs::Supervisorctl),
    ("pidproxy", CalledAs::Pidproxy),
    ("echo_supervisord_conf", CalledAs::EchoSupervisordConf),
    ("halt", CalledAs::Power(Name::Halt)),
    ("poweroff", CalledAs::Power(Name::PowerOff)),
    ("reboot", CalledAs::Power(Name::Reboot)),
    ("shutdown", CalledAs::Power(Name::Shutdown)),
    ("telinit", CalledAs::Power(Name::Telinit)),
    ("init", CalledAs::Power(Name::Telinit)),
];

impl CalledAs {
    /// By the first word of a command line: the last part of its path counts.
    pub(crate) fn from_word(word: Option<&OsStr>) -> CalledAs {
        let name = word.and_then(|word| Path::new(word).file_name());
        NAMES
            .iter()
            .find(|(known, _)| name == Some(OsStr::new(known)))
            .map_or(CalledAs::Runnerctl, |(_, program)| *program)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_part_counts_and_only_in_full() {
        let called = |word: &str| CalledAs::from_word(Some(OsStr::new(word)));
        assert_eq!(called("/usr/bin/supervisorctl"), CalledAs::Supervisorctl);
        assert_eq!(called("pidproxy"), CalledAs::Pidproxy);
        assert_eq!(
            called("./echo_supervisord_conf"),
            CalledAs::EchoSupervisordConf
        );
        assert_eq!(called("/sbin/init"), CalledAs::Power(Name::Telinit));
        assert_eq!(called("/opt/supervisorctl/runnerctl"), CalledAs::Runnerctl);
        assert_eq!(called("supervisorctl.old"), CalledAs::Runnerctl);
        assert_eq!(CalledAs::from_word(None), CalledAs::Runnerctl);
    }
}

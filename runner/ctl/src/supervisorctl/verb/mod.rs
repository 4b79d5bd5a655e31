//! The verbs: what each is called, what it does, what its help says. One file for each group of
//! verbs that look alike.

mod clear;
mod config;
mod daemon;
mod foreground;
mod jobs;
mod status;
mod tail;

use super::controller::Controller;
use super::failure::Outcome;

/// What the words after a verb are, for completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    /// Nothing that is known beforehand.
    Free,
    /// Verbs.
    Verbs,
    /// Groups.
    Groups,
    /// Processes.
    Processes,
}

/// A verb.
pub(super) struct Verb {
    /// What is typed.
    pub(super) name: &'static str,
    /// Does it, with what stands behind it on the line.
    pub(super) perform: fn(&mut Controller, &str) -> Outcome<()>,
    /// What `help` prints: to the letter what the original does.
    pub(super) help: &'static str,
    /// What the words after it are.
    pub(super) words: Words,
}

/// All verbs but `help` and `EOF`, in the order of their names, as the overview shows them.
pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "add",
        perform: config::add,
        help: "add <name> [...]\tActivates any updates in config for process/group",
        words: Words::Groups,
    },
    Verb {
        name: "avail",
        perform: config::avail,
        help: "avail\t\t\tDisplay all configured processes",
        words: Words::Free,
    },
    Verb {
        name: "clear",
        perform: clear::clear,
        help: "clear <name>\t\tClear a process' log files.\n\
               clear <name> <name>\tClear multiple process' log files\n\
               clear all\t\tClear all process' log files",
        words: Words::Processes,
    },
    Verb {
        name: "exit",
        perform: daemon::quit,
        help: "exit\tExit the supervisor shell.",
        words: Words::Free,
    },
    Verb {
        name: "fg",
        perform: foreground::fg,
        help: "fg <process>\tConnect to a process in foreground mode\n\
               \t\tCtrl-C to exit",
        words: Words::Processes,
    },
    Verb {
        name: "maintail",
        perform: tail::maintail,
        help: "maintail -f \tContinuous tail of supervisor main log file (Ctrl-C to exit)\n\
               maintail -100\tlast 100 *bytes* of supervisord main log file\n\
               maintail\tlast 1600 *bytes* of supervisor main log file\n",
        words: Words::Free,
    },
    Verb {
        name: "open",
        perform: daemon::open,
        help: "open <url>\tConnect to a remote supervisord process.\n\
               \t\t(for UNIX domain socket, use unix:///socket/path)",
        words: Words::Free,
    },
    Verb {
        name: "pid",
        perform: daemon::pid,
        help: "pid\t\t\tGet the PID of supervisord.\n\
               pid <name>\t\tGet the PID of a single child process by name.\n\
               pid all\t\t\tGet the PID of every child process, one per line.",
        words: Words::Processes,
    },
    Verb {
        name: "quit",
        perform: daemon::quit,
        help: "quit\tExit the supervisor shell.",
        words: Words::Free,
    },
    Verb {
        name: "reload",
        perform: daemon::reload,
        help: "reload \t\tRestart the remote supervisord.",
        words: Words::Free,
    },
    Verb {
        name: "remove",
        perform: config::remove,
        help: "remove <name> [...]\tRemoves process/group from active config",
        words: Words::Groups,
    },
    Verb {
        name: "reread",
        perform: config::reread,
        help: "reread \t\t\tReload the daemon's configuration files without add/remove",
        words: Words::Free,
    },
    Verb {
        name: "restart",
        perform: jobs::restart,
        help: "restart <name>\t\tRestart a process\n\
               restart <gname>:*\tRestart all processes in a group\n\
               restart <name> <name>\tRestart multiple processes or groups\n\
               restart all\t\tRestart all processes\n\
               Note: restart does not reread config files. For that, see reread and update.",
        words: Words::Processes,
    },
    Verb {
        name: "shutdown",
        perform: daemon::shutdown,
        help: "shutdown \tShut the remote supervisord down.",
        words: Words::Free,
    },
    Verb {
        name: "signal",
        perform: jobs::signal,
        help: "signal <signal name> <name>\t\tSignal a process\n\
               signal <signal name> <gname>:*\t\tSignal all processes in a group\n\
               signal <signal name> <name> <name>\tSignal multiple processes or groups\n\
               signal <signal name> all\t\tSignal all processes",
        words: Words::Processes,
    },
    Verb {
        name: "start",
        perform: jobs::start,
        help: "start <name>\t\tStart a process\n\
               start <gname>:*\t\tStart all processes in a group\n\
               start <name> <name>\tStart multiple processes or groups\n\
               start all\t\tStart all processes",
        words: Words::Processes,
    },
    Verb {
        name: "status",
        perform: status::status,
        help: "status <name>\t\tGet status for a single process\n\
               status <gname>:*\tGet status for all processes in a group\n\
               status <name> <name>\tGet status for multiple named processes\n\
               status\t\t\tGet all process status info",
        words: Words::Processes,
    },
    Verb {
        name: "stop",
        perform: jobs::stop,
        help: "stop <name>\t\tStop a process\n\
               stop <gname>:*\t\tStop all processes in a group\n\
               stop <name> <name>\tStop multiple processes or groups\n\
               stop all\t\tStop all processes",
        words: Words::Processes,
    },
    Verb {
        name: "tail",
        perform: tail::tail,
        help: "tail [-f] <name> [stdout|stderr] (default stdout)\n\
               Ex:\n\
               tail -f <name>\t\tContinuous tail of named process stdout\n\
               \t\t\tCtrl-C to exit.\n\
               tail -100 <name>\tlast 100 *bytes* of process stdout\n\
               tail <name> stderr\tlast 1600 *bytes* of process stderr",
        words: Words::Processes,
    },
    Verb {
        name: "update",
        perform: config::update,
        help: "update\t\t\tReload config and add/remove as necessary, and will restart affected \
               programs\n\
               update all\t\tReload config and add/remove as necessary, and will restart affected \
               programs\n\
               update <gname> [...]\tUpdate specific groups",
        words: Words::Groups,
    },
    Verb {
        name: "version",
        perform: daemon::version,
        help: "version\t\t\tShow the version of the remote supervisord process",
        words: Words::Free,
    },
];

/// What the end of the input does, and the word that stands for it.
pub(super) const END_OF_INPUT: fn(&mut Controller, &str) -> Outcome<()> = daemon::quit;

/// What `help help` prints.
const HELP_OF_HELP: &str = "help\t\tPrint a list of available actions\n\
                            help <action>\tPrint help for <action>";

/// The verb of this name.
pub(super) fn find(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|verb| verb.name == name)
}

/// `help`, with or without a verb behind it.
pub(super) fn help(controller: &mut Controller, argument: &str) -> Outcome<()> {
    match argument {
        "help" => controller.say(HELP_OF_HELP),
        "" => {
            let header = "default commands (type help <topic>):";
            let names: Vec<&str> = VERBS.iter().map(|verb| verb.name).collect();
            let columns = columns(&names, 79);
            controller.say(&format!(
                "\n{header}\n{}\n{columns}",
                "=".repeat(header.len())
            ))
        }
        name => match find(name) {
            Some(verb) => controller.say(verb.help),
            None => controller.say(&format!("*** No help on {name}")),
        },
    }
}

/// Words in as few rows as fit the width, top to bottom, as Python's `cmd` sets them; each row has
/// its end of line.
fn columns(words: &[&str], width: usize) -> String {
    let widths = |rows: usize| -> Vec<usize> {
        words
            .chunks(rows)
            .map(|column| column.iter().map(|word| word.len()).max().unwrap_or(0))
            .collect()
    };
    let fits = |rows: &usize| {
        let widths = widths(*rows);
        widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1) <= width
    };
    let rows = (1..words.len()).find(fits).unwrap_or(words.len()).max(1);
    let widths = widths(rows);
    let mut text = String::new();
    for row in 0..rows {
        let cells = words
            .chunks(rows)
            .zip(&widths)
            .filter_map(|(column, width)| column.get(row).map(|word| (word, width)));
        let cells: Vec<String> = cells
            .map(|(word, width)| format!("{word:<width$}"))
            .collect();
        text.push_str(&cells.join("  "));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overview() {
        let names: Vec<&str> = VERBS.iter().map(|verb| verb.name).collect();
        assert!(names.is_sorted());
        assert_eq!(
            columns(&names, 79),
            "add    exit      open  reload  restart   start   tail   \n\
             avail  fg        pid   remove  shutdown  status  update \n\
             clear  maintail  quit  reread  signal    stop    version\n"
        );
    }

    #[test]
    fn the_manual_has_every_verb() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../man/supervisorctl.1");
        let page = std::fs::read_to_string(page).unwrap();
        for verb in VERBS {
            let tag = format!("\n.B {}", verb.name);
            assert!(page.contains(&tag), "{} is not in the manual", verb.name);
        }
    }

    #[test]
    fn a_last_column_may_be_short() {
        assert_eq!(columns(&["a", "bb", "c"], 6), "a   c\nbb\n");
        assert_eq!(columns(&["one"], 79), "one\n");
        assert_eq!(columns(&["wide", "wide"], 3), "wide\nwide\n");
    }
}

//! Where reading differs from supervisord 4.3.0, on purpose. runner-supervisord(7) is made from
//! this table, and tests that compare with the real program excuse nothing else.

/// One difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deviation {
    /// A short name, for tests and for headings.
    pub name: &'static str,
    /// What supervisord 4.3.0 does.
    pub original: &'static str,
    /// What is done here.
    pub here: &'static str,
    /// Why.
    pub why: &'static str,
}

/// All differences in reading a configuration file.
pub const DEVIATIONS: &[Deviation] = &[
    Deviation {
        name: "plug-ins",
        original: "imports the Python objects named by rpcinterface, ctlplugin and result_handler, and refuses what cannot be imported",
        here: "knows supervisor.rpcinterface:make_main_rpcinterface and supervisor.dispatchers:default_handler; another interface or client plug-in is left out with a warning, and with another result handler every result counts as accepted",
        why: "no Python runs here, and the programs of the file are worth more than the plug-in",
    },
    Deviation {
        name: "conversion without a name",
        original: "puts its whole dictionary, all environment variables included, in the place of the first %s, %r or %a",
        here: "refuses the value as badly formatted",
        why: "nobody means it: `date +%s` has to be written `date +%%s`, and environment variables hold secrets",
    },
    Deviation {
        name: "large numbers",
        original: "integers have no limit",
        here: "a number beyond 64 bits is the largest or smallest there is; widths and precisions of formats end at 1048576",
        why: "nothing that is counted here gets near",
    },
    Deviation {
        name: "large files",
        original: "reads what there is",
        here: "a file has at most 1 MiB, an [include] at most 4096 files and 16 MiB, a configuration at most 10000 processes and 64 MiB of expanded text",
        why: "a mistake in a file must not take the memory of the machine",
    },
    Deviation {
        name: "digits",
        original: "takes the digits of every script as numbers",
        here: "takes 0 to 9",
        why: "a number that cannot be read by everybody is a mistake",
    },
    Deviation {
        name: "words of Python",
        original: "loglevel may be the name of any attribute of a Python class, such as __module__",
        here: "loglevel is one of the seven levels",
        why: "an accident of the implementation",
    },
    Deviation {
        name: "zero bytes",
        original: "reads a file with zero bytes, and fails when it uses them",
        here: "refuses the file",
        why: "no path, argument or variable can hold one",
    },
    Deviation {
        name: "position of a bad byte",
        original: "counts it from the last block of 8192 bytes",
        here: "counts it from the beginning of the file, and names the line",
        why: "so that it can be found",
    },
    Deviation {
        name: "several unknown events",
        original: "names a random one of them",
        here: "names the first",
        why: "the same file should always say the same",
    },
    Deviation {
        name: "strange files in an include",
        original: "blocks for ever on a named pipe that matches, and reads devices",
        here: "refuses the configuration and names the file",
        why: "a daemon that hangs at its start says nothing",
    },
    Deviation {
        name: "findings",
        original: "says nothing about unknown sections and options, comments that cut quoted text, lines that became part of a value, or variables that lose most of their value",
        here: "does the same with them, and warns with file and line",
        why: "to be told is better than to search",
    },
    Deviation {
        name: "own settings",
        original: "ignores options it does not know",
        here: "depends_on and options beginning with runner. in a section of a program mean something, and are expanded like the options of a process",
        why: "what users of supervisord ask for most is order between programs",
    },
];

//! Where reading differs from supervisord 4.3.0, on purpose. runner-supervisord(7) is made from
//! this table, and tests that compare with the real program excuse nothing else.

use crate::deviation::Deviation;

/// All differences in reading a configuration file.
pub const DEVIATIONS: &[Deviation] = &[
    Deviation {
        name: "plug-ins",
        original: "imports the Python objects named by rpcinterface, ctlplugin and result_handler, and refuses what cannot be imported",
        here: "knows supervisor.rpcinterface:make_main_rpcinterface and supervisor.dispatchers:default_handler; another interface or client plug-in is left out with a warning, and with another result handler every result accepts the event (event-results)",
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
        name: "main log on standard output",
        original: "writes each line twice with logfile=/dev/stdout in the foreground",
        here: "writes it once",
        why: "once is enough",
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

/// Differences in what the options of programs come to when they run.
pub const RUNNING_DEVIATIONS: &[Deviation] = &[
    Deviation {
        name: "numbers below zero",
        original: "takes negative startsecs, startretries, stopwaitsecs and sizes, and shows them",
        here: "they are 0; of sizes, priorities and times what a unit file can hold counts",
        why: "they mean the same as 0 there",
    },
    Deviation {
        name: "stopwaitsecs=0",
        original: "SIGKILL follows in the next pass of the loop, up to a second later",
        here: "SIGKILL follows after a millisecond",
        why: "0 is no limit in a unit file",
    },
    Deviation {
        name: "stopsignal=0",
        original: "sends nothing",
        here: "sends SIGCONT, and shows 18",
        why: "no definition can hold signal 0; SIGKILL follows either way",
    },
    Deviation {
        name: "empty paths of logs",
        original: "an empty stdout_logfile is no log file, and is shown as an empty text",
        here: "it is NONE, and shown as such",
        why: "it is what it does",
    },
    Deviation {
        name: "names of variables",
        original: "environment= sets variables of any name",
        here: "a name other than letters, digits and _, or one that begins with a digit, is left out with a warning",
        why: "no shell can read them, and they are typing errors more often than not",
    },
    Deviation {
        name: "host names of sockets",
        original: "looks up the host of a tcp:// socket of an fcgi-program",
        here: "takes IPv4 addresses and localhost; a program with another name cannot be started, and says why",
        why: "listening must not wait for the network's name service",
    },
    Deviation {
        name: "long names",
        original: "names have no limit",
        here: "the names of a group and a program together have about 240 bytes; a program with a longer one, or with none, is left out with an error",
        why: "they become the name of a unit",
    },
    Deviation {
        name: "equal groups",
        original: "of two groups with one name both are listed and the first one runs",
        here: "only the one that runs is there, and a warning names the other",
        why: "clients could not tell them apart",
    },
    Deviation {
        name: "groups without processes",
        original: "numprocs=0 and a [group:] without programs make a group that no client is shown, and that listeners are told of",
        here: "there is no such group",
        why: "a group is what its processes say",
    },
    Deviation {
        name: "sizes of log files",
        original: "rotates a log file after the write that made it maxbytes long or longer, wherever the text ends",
        here: "rotates before it would become longer than maxbytes, between two lines",
        why: "a limit is a limit, and no line is in two files",
    },
    Deviation {
        name: "the mark of a run",
        original: "programs get four variables of its own at most, whose names begin with SUPERVISOR_",
        here: "INVOCATION_ID and SYSTEMD_EXEC_PID besides, as from systemd",
        why: "processes that leave the group and the session of their program are found by the one",
    },
    Deviation {
        name: "umask",
        original: "the umask of [supervisord] counts only when it goes into the background",
        here: "it counts for programs without umask in any case, and for the modes of their log files",
        why: "a file should mean the same in both",
    },
    Deviation {
        name: "log files of programs with a user",
        original: "belong to supervisord's user",
        here: "the same; runner.log-owner, runner.log-mode and their error- twins change it",
        why: "users have asked for it since 2011",
    },
];

//! Where the servers differ from supervisord 4.3.0, on purpose. For the same page of the manual as
//! the differences in reading its files.

use units::Deviation;

/// All differences in what is served.
pub const DEVIATIONS: &[Deviation] = &[
    Deviation {
        name: "control characters",
        original: "sends control characters of a log as they are, in replies that no XML parser reads",
        here: "shows each as its picture: ESC becomes U+241B",
        why: "XML 1.0 has no way to carry them",
    },
    Deviation {
        name: "long logs",
        original: "one call gives all of a log, however long, and nobody else is served meanwhile",
        here: "one call gives at most 4 MiB: from the offset on, or the last ones",
        why: "one client must not take everybody's time and memory; who wants more asks again with a higher offset",
    },
    Deviation {
        name: "logs that are no text",
        original: "answers 500 where a range cuts a character in two, or is not UTF-8",
        here: "leaves the cut character out, and shows what is not UTF-8 as U+FFFD",
        why: "the rest can be read",
    },
    Deviation {
        name: "unexpected failures",
        original: "answers 500 to parameters of a wrong type and to calls in a multicall that are no structs",
        here: "INCORRECT_PARAMETERS",
        why: "a program can deal with a fault",
    },
    Deviation {
        name: "restart with a broken file",
        original: "restart stops everything, finds the error and exits with status 2",
        here: "restart is refused with CANT_REREAD and nothing is touched",
        why: "a typing error must not stop what runs",
    },
    Deviation {
        name: "sizes of requests",
        original: "no limit",
        here: "a head has at most 64 KiB and 100 headers, a body 1 MiB, a document 65536 elements at most 64 deep, a multicall 1000 calls and about 16 MiB of results",
        why: "a request must not take the memory of the machine",
    },
    Deviation {
        name: "ambiguous requests",
        original: "takes several lengths, negative ones, lines without CR, absolute targets",
        here: "answers 400 and closes the connection",
        why: "two programs must not disagree about where a request ends",
    },
    Deviation {
        name: "documents with a DOCTYPE",
        original: "reads them, and expands their entities up to a limit of its XML parser",
        here: "refuses them, and processing instructions",
        why: "no client sends one that means well",
    },
    Deviation {
        name: "pages of other sites",
        original: "executes whatever a browser sends, whoever's page told it to",
        here: "answers 403 to a browser's request that another site caused, and on a server without password to one under a name that is not this machine's",
        why: "a page in the next tab must not stop services",
    },
    Deviation {
        name: "wrong passwords",
        original: "answers at once, however often, and compares byte by byte",
        here: "after five failures of one source each further one is answered after a second; comparing takes the same time wherever the difference is",
        why: "guessing should not be cheap",
    },
    Deviation {
        name: "slow and many clients",
        original: "waits for ever, for any number of connections",
        here: "a head may take 5 s, a body 15 s, an answer 30 s without progress, an idle connection lasts 2 h; there are at most 256 connections and 64 of one user or address, and those that wait longest without asking make room for new ones",
        why: "the next client should find room",
    },
    Deviation {
        name: "malformed credentials",
        original: "400 or 500",
        here: "400",
        why: "it is the client's mistake",
    },
    Deviation {
        name: "log streams",
        original: "send Last-Modified; /logtail without a name is answered with 500; HTTP/1.0 clients get nothing until 64 KiB have come together",
        here: "no Last-Modified; 404; every client gets each piece as it comes",
        why: "nobody needs the time of a file that is still being written",
    },
    Deviation {
        name: "clearing the logs of a stopped process",
        original: "does nothing, and says true",
        here: "empties them",
        why: "it is what was asked for",
    },
    Deviation {
        name: "listeners that do not answer",
        original: "an event listener that has an event keeps it for ever",
        here: "after event-timeout-sec (runner.event-timeout-sec in its section, 1 h) it is told no more events until it is started again, the log says so, and its event goes to another listener of the pool; one that does not say READY for as long while events wait is reported",
        why: "a listener that hangs would be noticed by nobody",
    },
    Deviation {
        name: "events that are rejected again and again",
        original: "a rejected event is told again at once, for ever",
        here: "from the sixth time on its pool waits one second, then two, four and so on up to a minute",
        why: "one event no listener can deal with would keep the daemon and the listener busy",
    },
    Deviation {
        name: "results of listeners",
        original: "a result line and a result may have any length",
        here: "a result line has at most 1 KiB and a result 64 KiB, more is a violation of the protocol; a result of length 0 is a rejection at once, not when more is written",
        why: "a listener that is mistaken must not cost memory",
    },
    Deviation {
        name: "large events",
        original: "any amount of text is one event",
        here: "output is told in pieces of 32 KiB at most, and an event that a listener's standard input cannot take, about 1 MiB, is dropped with a line in the log",
        why: "what waits for a listener has to be bounded",
    },
    Deviation {
        name: "the last event",
        original: "SUPERVISOR_STATE_CHANGE_STOPPING may reach a listener after which nothing is left to be stopped",
        here: "it reaches listeners while other programs are being stopped; where none runs they are stopped at once",
        why: "stopping does not wait for the next turn of a loop",
    },
];

#[cfg(test)]
mod tests {
    use super::DEVIATIONS;

    #[test]
    fn each_has_a_name_of_its_own() {
        let mut names: Vec<&str> = DEVIATIONS.iter().map(|deviation| deviation.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), DEVIATIONS.len());
    }
}

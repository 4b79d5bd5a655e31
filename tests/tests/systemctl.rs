//! The real systemctl on runnerd and on the real systemd, each as process 1 of namespaces of its
//! own: the same verbs in the same order, and output and exit status have to be the same.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "systemctl/seldom.rs"]
mod seldom;
#[path = "systemctl/slices.rs"]
mod slices;

use std::borrow::Cow;
use std::path::Path;
use std::thread;

use tests::beside::of_no_run;
use tests::{Init, Machine};

/// The unit files of both.
const UNITS: &[(&str, &str)] = &[
    (
        "a.service",
        "[Unit]\nDescription=Service a\n[Service]\nExecStart=/bin/sleep 1000\n\
         [Install]\nWantedBy=multi-user.target\n",
    ),
    (
        "again.service",
        "[Unit]\nDescription=Can reload\n[Service]\nExecStart=/bin/sleep 1000\n\
         ExecReload=/bin/true\n",
    ),
    (
        "bad.service",
        "[Unit]\nDescription=Without a command\n[Service]\nType=simple\n",
    ),
    (
        "by-others.service",
        "[Unit]\nDescription=Only by others\nRefuseManualStart=yes\n[Service]\nExecStart=/bin/true\n",
    ),
    (
        "fails.service",
        "[Unit]\nDescription=Fails\n[Service]\nType=oneshot\nExecStart=/bin/false\n",
    ),
    (
        "limited.service",
        "[Unit]\nDescription=Limited\nStartLimitBurst=2\nStartLimitIntervalSec=1h\n\
         [Service]\nType=oneshot\nExecStart=/bin/true\n",
    ),
    (
        "needs.service",
        "[Unit]\nDescription=Needs what fails\nRequires=fails.service\nAfter=fails.service\n\
         [Service]\nExecStart=/bin/sleep 1000\n",
    ),
    (
        "once.service",
        "[Unit]\nDescription=Once\nDefaultDependencies=no\n[Service]\nType=oneshot\n\
         RemainAfterExit=yes\nExecStart=/bin/true\n",
    ),
    (
        "only.target",
        "[Unit]\nDescription=Only this\nDefaultDependencies=no\nAllowIsolate=yes\n\
         Wants=once.service\nConflicts=a.service\n",
    ),
    (
        "steps.service",
        "[Unit]\nDescription=Many steps\n[Service]\nType=oneshot\nRemainAfterExit=yes\n\
         ExecCondition=/bin/true\nExecStartPre=/bin/true one\nExecStartPre=-/bin/false two\n\
         ExecStart=/bin/true a b\nExecStart=-@/bin/sh sh -c 'exit 7'\nExecStartPost=/bin/true\n\
         ExecReload=/bin/true\nExecStop=/bin/true\nExecStop=-/no/such command\n\
         ExecStopPost=/bin/sh -c 'kill -KILL $$$$'\n",
    ),
    (
        "stuck.service",
        "[Unit]\nDescription=Gets no further\n[Service]\nExecStartPre=/bin/true\n\
         ExecStartPre=/bin/false\nExecStartPre=/bin/true\nExecStart=/bin/sleep 1000\n",
    ),
    (
        "missing.service",
        "[Unit]\nDescription=Without a program\n[Service]\nExecStart=/no/such program\n",
    ),
    (
        "forks.service",
        "[Unit]\nDescription=Forks\n[Service]\nType=forking\nExecStart=/bin/sh -c 'sleep 1000 &'\n",
    ),
    (
        "before.socket",
        "[Unit]\nDescription=With commands\n[Socket]\nListenStream=/run/before.sock\nService=web.service\n\
         ExecStartPre=/bin/true\nExecStartPost=-/bin/false\nExecStopPost=/bin/false\n",
    ),
    (
        "tick.timer",
        "[Unit]\nDescription=Tick\n[Timer]\nOnCalendar=*-01-01\nUnit=once.service\n",
    ),
    (
        "tree.target",
        "[Unit]\nDescription=Tree\nDefaultDependencies=no\nRequires=once.service\n\
         Wants=a.service leaf.target\n",
    ),
    (
        "leaf.target",
        "[Unit]\nDescription=Leaf\nDefaultDependencies=no\n",
    ),
    (
        "web.service",
        "[Unit]\nDescription=Web\n[Service]\nExecStart=/bin/sleep 1000\n",
    ),
    (
        "web.socket",
        "[Unit]\nDescription=Web socket\n[Socket]\nListenStream=/run/web.sock\n\
         [Install]\nWantedBy=sockets.target\n",
    ),
];

/// What is done, in this order; `sh -c` where a line begins with `!`.
const STEPS: &str = "
is-active sysinit.target
start a
is-active a
status a
show a -p Id,Names,LoadState,ActiveState,SubState,UnitFileState,UnitFilePreset,FragmentPath,Type
show a -p Restart,Result,NRestarts,CanReload,CanStart,CanStop,CanIsolate,SyslogLevel,SyslogFacility
show a -p KillMode,KillSignal,Nice,User,Description,Transient,Perpetual,FreezerState,LoadError,UMask
show a -p LogLevelMax,SecureBits,CPUSchedulingPolicy,NUMAPolicy,StandardInputData,LogExtraFields
show a -p MemoryMax,CPUWeight,IOWeight,StatusErrno,StatusText,PIDFile,BusName,UID,GID
show again -p CanReload
show nosuch -p LoadState,LoadError,ActiveState
show bad -p LoadState
start nosuch
stop nosuch
restart nosuch
kill nosuch
reset-failed nosuch
is-active nosuch
status nosuch
start bad
start by-others
start again
reload again
is-active again
reload a
reload-or-restart a
try-restart web
is-active web
restart a
stop a
is-active a
status a.service
is-failed a
start fails
is-failed fails
status fails
is-active fails once
start needs
is-system-running
list-units --failed --no-legend --plain
reset-failed fails
is-failed fails
reset-failed needs
start limited
start limited
start limited
reset-failed limited
start limited
start once
status once
start web.socket tick.timer
status web.socket
show web.socket -p Listen,Accept,NAccepted,Triggers,Result
show tick.timer -p Unit,Triggers,Result,AccuracyUSec,Persistent
list-sockets --no-legend --plain web.socket
list-timers --no-legend --plain tick.timer
list-units --no-legend --plain a.service once.service web.*
list-units --no-legend --plain --all a.service once.service web.*
list-units --no-legend --plain --state=active once.service a.service
start web
stop web
stop web.socket
list-dependencies --plain tree.target
list-dependencies --plain --reverse leaf.target
cat a
cat nosuch
is-enabled a
is-enabled once
is-enabled nosuch
start steps
show steps -p ExecCondition,ExecStartPre,ExecStart,ExecStartPost,ExecReload,ExecStop,ExecStopPost
show steps -p ExecConditionEx,ExecStartPreEx,ExecStartEx,ExecStartPostEx,ExecStopEx,ExecStopPostEx
status steps
reload steps
show steps -p ExecReload
stop steps
show steps -p ExecCondition,ExecStartPre,ExecStart,ExecStartPost,ExecReload,ExecStop,ExecStopPost
status steps
start steps
show steps -p ExecStartPre,ExecStart,ExecReload,ExecStop,ExecStopPost
start stuck
show stuck -p ExecStartPre,ExecStart
status stuck
start missing
is-active missing
show missing -p ExecStart,ExecMainPID,ExecMainCode,ExecMainStatus
status missing
start forks
show forks -p ExecStart,ExecMainCode,ExecMainStatus
status forks
start before.socket
show before.socket -p ExecStartPre,ExecStartPost,ExecStopPre,ExecStopPost
status before.socket
stop before.socket
show before.socket -p ExecStartPre,ExecStartPost,ExecStopPost,Result
status before.socket
enable a
is-enabled a
enable a
show a -p UnitFileState
list-unit-files --no-legend a.service once.service web.socket
disable a
is-enabled a
enable once
preset a
is-enabled a
disable a
enable --now web.socket
is-active web.socket
disable --now web.socket
is-active web.socket
mask masked-one
start masked-one
is-enabled masked-one
show masked-one -p LoadState,UnitFileState
unmask masked-one
start a
kill -s STOP a
kill -s CONT a
kill --kill-whom=control-fail a
is-active a
!systemctl show a -p MainPID --value | xargs ps -o comm=
!systemctl status $(systemctl show a -p MainPID --value) | head -1
set-environment A=b C=d
!systemctl show-environment | grep ^[AC]=
unset-environment A
!systemctl show-environment | grep ^[AC]=
daemon-reload
!sed -i s/1000/1001/ /etc/systemd/system/a.service; systemctl show a -p NeedDaemonReload
status again
status a
!systemctl daemon-reload; systemctl show a -p NeedDaemonReload,ActiveState
!cd /etc/systemd/system; mkdir a.service.d; echo '[Service]' >a.service.d/b; mv a.service.d/b a.service.d/b.conf
show a -p Id,NeedDaemonReload
!systemctl daemon-reload; systemctl show a -p NeedDaemonReload
!rm -r /etc/systemd/system/a.service.d; systemctl show a again -p NeedDaemonReload
!systemctl daemon-reload; systemctl show a -p NeedDaemonReload
!systemctl show -p SystemState,NFailedUnits,ServiceWatchdogs,Architecture | sort
service-watchdogs
list-jobs
cancel 999999
get-default
set-default only.target
get-default
set-default a.service
!readlink /etc/systemd/system/default.target
!rm /etc/systemd/system/default.target; systemctl daemon-reload
link /etc/elsewhere.service
!printf '[Service]\\nExecStart=/bin/true\\n' >/srv/linked.service; systemctl link /srv/linked.service
is-enabled linked
disable linked
disable linked
log-level
log-level debug
log-level
log-level info
!systemctl show -p Virtualization,Progress | sort
!systemctl start -T leaf.target 2>&1 | sed s/[0-9][0-9]*/N/g
start --no-block leaf.target
try-reload-or-restart a
reload-or-restart again
set-property --runtime a MemoryMax=100M
revert a
list-unit-files --no-legend only.target leaf.target tree.target
list-units --no-legend --plain --type=target only.target leaf.target
mask a
!busctl --address=unix:path=/run/systemd/private get-property org.freedesktop.systemd1 /org/freedesktop/systemd1/unit/a_2eservice org.freedesktop.systemd1.Unit ActiveState
isolate a.service
isolate only.target
!while [ $(systemctl is-active a) = deactivating ]; do sleep 0.05; done
is-active a only.target once
";

/// What both have: the words of a step, exit status and output.
fn perform(init: Init, units: &Path, steps: &str) -> Vec<(String, String)> {
    let options: &[&str] = match init {
        Init::Runnerd => &["--systemd-compat"],
        Init::Systemd => &[],
    };
    let machine = Machine::boot_with(init, units, None, options);
    let steps = steps.lines().filter(|line| !line.is_empty());
    let answers = steps.map(|step| {
        let outcome = match step.strip_prefix('!') {
            Some(script) => machine.run(&["sh", "-c", script]),
            None => machine.systemctl(&step.split_whitespace().collect::<Vec<_>>()),
        };
        let code = outcome.code;
        let text = plain(step, &format!("{}{}", outcome.stdout, outcome.stderr));
        (step.to_owned(), format!("status {code}\n{text}"))
    });
    answers.collect()
}

/// Output without what is never the same twice: times, pids, what the kernel counts, where a
/// control group is. Lines of `show` come in the order of whoever answers.
fn plain(step: &str, text: &str) -> String {
    const DROPPED: [&str; 6] = ["Tasks:", "Memory:", "CPU:", "CGroup:", "└─", "├─"];
    let mut lines: Vec<String> = text
        .lines()
        .filter(|line| {
            !DROPPED
                .iter()
                .any(|word| line.trim_start().starts_with(word))
        })
        .map(|line| {
            let line = &*in_order(line.trim_end());
            let cut = |line: &str, word: &str| {
                line.split_once(word)
                    .map(|(before, _)| format!("{before}{word}…"))
            };
            cut(line, " since ")
                .or_else(|| cut(line, "Main PID: "))
                .or_else(|| cut(line, "Duration: "))
                .or_else(|| cut(line, "Trigger: "))
                .unwrap_or_else(|| of_no_run(line, OF_A_RUN))
        })
        .collect();
    if step.starts_with("show ") {
        lines.sort();
    }
    if step.starts_with("list-timers ") {
        // NEXT and LEFT pass by.
        lines = lines
            .iter()
            .map(|line| {
                line.split_whitespace()
                    .rev()
                    .take(2)
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect();
    }
    lines.join("\n")
}

/// Lists of units come in the order of a hash table from systemd.
fn in_order(line: &str) -> Cow<'_, str> {
    const LISTS: [&str; 7] = [
        "After",
        "Before",
        "RequiredBy",
        "Requires",
        "SliceOf",
        "WantedBy",
        "Wants",
    ];
    match line.split_once('=') {
        Some((name, units)) if LISTS.contains(&name) => {
            let mut units: Vec<&str> = units.split_whitespace().collect();
            units.sort_unstable();
            Cow::Owned(format!("{name}={}", units.join(" ")))
        }
        _ => Cow::Borrowed(line),
    }
}

/// The moments and the pids of commands.
const OF_A_RUN: &[(&str, &str, &str)] = &[
    ("Process: ", " ", "0"),
    ("start_time=[", "]", "n/a"),
    ("stop_time=[", "]", "n/a"),
    ("pid=", " ", "0"),
    ("ExecMainPID=", "\n", "0"),
];

/// Steps, and which of them have other answers, with the reason.
struct Play {
    units: &'static [(&'static str, &'static str)],
    steps: &'static str,
    deviations: &'static [(&'static str, &'static str)],
}

#[test]
fn says_the_same_of_runnerd_as_of_systemd() {
    compare(&Play {
        units: UNITS,
        steps: STEPS,
        deviations: DEVIATIONS,
    });
}

#[test]
fn says_the_same_of_what_is_seldom_asked() {
    compare(&seldom::PLAY);
}

#[test]
fn says_the_same_of_slices() {
    compare(&slices::PLAY);
}

fn compare(play: &Play) {
    let units = tempfile::tempdir().unwrap();
    for (name, text) in play.units {
        std::fs::write(units.path().join(name), text).unwrap();
    }
    let (systemd, runnerd) = thread::scope(|scope| {
        let real = scope.spawn(|| perform(Init::Systemd, units.path(), play.steps));
        let ours = perform(Init::Runnerd, units.path(), play.steps);
        (real.join().unwrap(), ours)
    });
    let mut report = String::new();
    for ((step, systemd), (_, runnerd)) in systemd.iter().zip(&runnerd) {
        let is_known = play.deviations.iter().any(|(known, _)| known == step);
        if (systemd != runnerd) != is_known {
            report.push_str(&format!(
                "== {step}{}\n-- systemd\n{systemd}\n-- runnerd\n{runnerd}\n",
                if is_known { " (said to differ)" } else { "" }
            ));
        }
    }
    assert!(report.is_empty(), "{report}");
}

/// Steps whose answers differ, and why.
const DEVIATIONS: &[(&str, &str)] = &[
    ("status a.service", FORGOTTEN),
    (
        "status again",
        "systemd forgets at a reload of all files what became of commands, also where theirs stayed as it was",
    ),
    ("reset-failed needs", FORGOTTEN),
    ("reset-failed limited", FORGOTTEN),
    ("status once", FORGOTTEN),
    (
        "list-units --no-legend --plain --all a.service once.service web.*",
        FORGOTTEN,
    ),
    ("list-dependencies --plain --reverse leaf.target", FORGOTTEN),
    (
        "show a -p Id,NeedDaemonReload",
        "systemd sees a new drop-in only in a directory that it has read",
    ),
    ("revert a", "drop-ins of ours are in a directory of ours"),
    (
        "!busctl --address=unix:path=/run/systemd/private get-property \
         org.freedesktop.systemd1 /org/freedesktop/systemd1/unit/a_2eservice \
         org.freedesktop.systemd1.Unit ActiveState",
        "systemd answers no Hello there, so busctl cannot speak to it",
    ),
];

/// What has a file stays loaded here.
const FORGOTTEN: &str = "systemd forgets units that are down";

#[test]
fn a_killed_manager_keeps_its_clients() {
    let units = tempfile::tempdir().expect("a directory for unit files");
    for (name, text) in UNITS {
        std::fs::write(units.path().join(name), text).expect("a unit file");
    }
    let machine = Machine::boot_with(Init::Runnerd, units.path(), None, &["--systemd-compat"]);
    assert_eq!(machine.systemctl(&["start", "a"]).code, 0);
    let pid = machine.systemctl(&["show", "a", "-p", "MainPID"]).stdout;
    assert_eq!(machine.systemctl(&["start", "steps"]).code, 0);
    let commands = || machine.systemctl(&["show", "steps", "-p", "ExecCondition,ExecStart"]);
    let ended = commands().stdout;
    assert!(ended.contains("code=exited ; status=7"), "{ended}");
    for _ in 0..5 {
        // The manager is the one child of process 1 by this name. Who connects while there is none
        // waits in the listener that the keeper holds.
        let script = "kill -KILL $(pgrep -P 1 -x runnerd) && systemctl show a -p MainPID";
        let answer = machine.run(&["sh", "-c", script]);
        assert_eq!((answer.code, &answer.stdout), (0, &pid), "{answer:?}");
    }
    assert_eq!(commands().stdout, ended);
    assert_eq!(machine.systemctl(&["daemon-reexec"]).code, 0);
    assert_eq!(commands().stdout, ended);
    assert_eq!(machine.systemctl(&["stop", "a"]).code, 0);
}

#[test]
fn stands_back_where_systemd_runs() {
    let units = tempfile::tempdir().expect("a directory for unit files");
    let machine = Machine::boot(Init::Systemd, units.path());
    let words = [
        "/run/bin/runnerd",
        "--systemd-compat",
        "--runtime-dir=/run/r",
        "/run/cases",
    ];
    let refused = machine.run(&words);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(
        refused.stderr.contains("process 1 is systemd"),
        "{refused:?}"
    );
    assert_eq!(machine.systemctl(&["is-active", "default.target"]).code, 0);
}

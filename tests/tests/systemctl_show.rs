//! `systemctl show` of units of every kind, property by property: what runnerd says is what the
//! real systemd says of the same files, or a row of a table gives the reason.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[path = "systemctl_show/tables.rs"]
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::thread;

use tables::{ABSENT, DIFFERENT, Row};
use tests::beside::{of_no_run, of_one_run};
use tests::{Init, Machine};

/// The unit files of both.
const UNITS: &[(&str, &str)] = &[
    (
        "simple.service",
        "[Unit]\nDescription=Simple\nDocumentation=man:sleep(1)\n[Service]\nExecStart=/bin/sleep 1000\n\
         ExecReload=/bin/true\n[Install]\nWantedBy=multi-user.target\n",
    ),
    (
        "once.service",
        "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\nExecStop=/bin/true\n",
    ),
    (
        "forks.service",
        "[Service]\nType=forking\nExecStart=/bin/sh -c 'sleep 1000 &'\n",
    ),
    (
        "notifies.service",
        "[Service]\nType=notify\nNotifyAccess=all\nWatchdogSec=1h\nFileDescriptorStoreMax=3\n\
         ExecStart=/bin/sh -c 'systemd-notify --ready --status=hello; exec sleep 1000'\n",
    ),
    (
        "bus.service",
        "[Service]\nType=dbus\nBusName=org.example.Bus\nExecStart=/bin/sleep 1000\n",
    ),
    ("helps.service", "[Service]\nExecStart=/bin/sleep 1000\n"),
    (
        "fails.service",
        "[Unit]\nOnFailure=helps.service\nConditionPathExists=/\n[Service]\nExecStart=/bin/false\n",
    ),
    ("idle.service", "[Service]\nExecStart=/bin/sleep 1000\n"),
    (
        "broken.service",
        "[Unit]\nDescription=Without a command\n[Service]\nType=simple\n",
    ),
    (
        "many.service",
        "[Unit]\nDescription=With many settings\nStartLimitBurst=9\nStartLimitAction=none\nJobTimeoutSec=1min\n\
         [Service]\nExecStart=/bin/sleep 1000\nLimitNOFILE=100:200\nLimitCORE=0\nNice=5\nUser=nobody\n\
         Group=daemon\nUMask=0027\nEnvironment=A=b \"C=d e\"\nEnvironmentFile=-/no/file\n\
         CapabilityBoundingSet=CAP_CHOWN\nRestart=on-failure\nRestartSec=7\nTimeoutSec=20\n\
         RuntimeMaxSec=1d\nSyslogLevel=warning\nSyslogFacility=local3\nSyslogLevelPrefix=no\n\
         SyslogIdentifier=me\nLogLevelMax=notice\nCPUSchedulingPolicy=batch\nIOSchedulingClass=idle\n\
         OOMScoreAdjust=100\nKillMode=mixed\nKillSignal=SIGINT\nSendSIGHUP=yes\nOOMPolicy=continue\n\
         SuccessExitStatus=3 SIGHUP\nRestartPreventExitStatus=4\nRuntimeDirectory=many\n\
         StateDirectory=many\nSupplementaryGroups=adm\nWorkingDirectory=-/tmp\nStandardOutput=null\n\
         StandardError=append:/run/many.err\nNoNewPrivileges=yes\nIgnoreSIGPIPE=no\n\
         CPUAffinity=0\nTimerSlackNSec=1ms\nPassEnvironment=PATH\nUnsetEnvironment=Z\n",
    ),
    (
        "each@.service",
        "[Unit]\nDescription=Instance %i\n[Service]\nExecStart=/bin/sleep 1000\n",
    ),
    (
        "listens.socket",
        "[Socket]\nListenStream=/run/listens.sock\nListenDatagram=127.0.0.1:799\nService=idle.service\n",
    ),
    (
        "accepts.socket",
        "[Socket]\nListenStream=/run/accepts.sock\nAccept=yes\nMaxConnections=3\nSocketMode=0600\n\
         SocketUser=nobody\nSymlinks=/run/accepts.link\nKeepAlive=yes\nBacklog=9\n",
    ),
    (
        "accepts@.service",
        "[Service]\nExecStart=/bin/cat\nStandardInput=socket\n",
    ),
    (
        "ticks.timer",
        "[Timer]\nOnCalendar=*-01-01\nOnBootSec=99h\nOnUnitActiveSec=3h\nUnit=idle.service\nPersistent=no\n",
    ),
    (
        "sleeps.timer",
        "[Timer]\nOnCalendar=daily\nPersistent=yes\nRandomizedDelaySec=5min\nUnit=idle.service\n",
    ),
    (
        "past.timer",
        "[Timer]\nOnCalendar=2020-01-01\nUnit=idle.service\n",
    ),
    (
        "daily.timer",
        "[Timer]\nOnCalendar=daily\nUnit=idle.service\n",
    ),
    (
        "looks.path",
        "[Path]\nPathExists=/no/such\nDirectoryNotEmpty=/no/directory\nUnit=idle.service\n",
    ),
    ("both.target", "[Unit]\nWants=simple.service ticks.timer\n"),
    ("part.slice", "[Unit]\nDescription=A part\n"),
];

/// What is started, one after the other.
const STARTED: &[&str] = &[
    "simple.service",
    "once.service",
    "forks.service",
    "notifies.service",
    "fails.service",
    "many.service",
    "each@one.service",
    "listens.socket",
    "accepts.socket",
    "ticks.timer",
    "past.timer",
    "daily.timer",
    "looks.path",
    "both.target",
    "part.slice",
];

/// What is shown.
const SHOWN: &[&str] = &[
    "simple.service",
    "once.service",
    "forks.service",
    "notifies.service",
    "bus.service",
    "fails.service",
    "idle.service",
    "broken.service",
    "many.service",
    "nosuch.service",
    "each@one.service",
    "listens.socket",
    "accepts.socket",
    "ticks.timer",
    "sleeps.timer",
    "past.timer",
    "daily.timer",
    "looks.path",
    "both.target",
    "part.slice",
];

/// Properties with their values; those that have a line for each member have several.
type Shown = BTreeMap<String, Vec<String>>;

fn show(init: Init, units: &Path) -> Vec<Shown> {
    let options: &[&str] = match init {
        Init::Runnerd => &["--systemd-compat"],
        Init::Systemd => &[],
    };
    let machine = Machine::boot_with(init, units, None, options);
    for unit in STARTED {
        machine.systemctl(&["start", unit]);
    }
    machine.until("what fails has failed", || {
        let state = |unit| machine.systemctl(&["is-active", unit]).stdout;
        state("fails.service") == "failed\n" && state("helps.service") == "active\n"
    });
    let shown = SHOWN.iter().map(|unit| {
        let answer = machine.systemctl(&["show", "--all", unit]);
        assert_eq!(answer.code, 0, "{unit}: {answer:?}");
        let mut all = Shown::new();
        for line in answer.stdout.lines() {
            let (name, value) = line.split_once('=').expect("NAME=VALUE");
            let value = comparable(name, value);
            all.entry(name.to_owned()).or_default().push(value);
        }
        // Members of other lists than those of commands have no order that says anything.
        for (_, lines) in all.iter_mut().filter(|(name, _)| !name.starts_with("Exec")) {
            lines.sort_unstable();
        }
        all
    });
    shown.collect()
}

/// What a value is to be the same in: numbers that nobody chooses become words, and lists of units
/// have an order.
fn comparable(name: &str, value: &str) -> String {
    const COUNTED: [&str; 4] = [
        "MemoryCurrent",
        "TasksCurrent",
        "CPUUsageNSec",
        "ControlGroupId",
    ];
    if let Some(word) = of_one_run(name, value) {
        return word.to_owned();
    }
    let is_moment = name.contains("Timestamp") || name.starts_with("NextElapse");
    if is_moment && !matches!(value, "" | "0" | "infinity") {
        return "TIME".to_owned();
    }
    if COUNTED.contains(&name) {
        return "COUNTED".to_owned();
    }
    if name.starts_with("Exec") || name.starts_with("Timers") {
        return of_no_run(value, OF_A_RUN);
    }
    let mut words: Vec<&str> = value.split(' ').collect();
    if words.iter().all(|word| word.contains('.')) {
        words.sort_unstable();
    }
    words.join(" ")
}

/// The moments and the pid of a command or a timer.
const OF_A_RUN: &[(&str, &str, &str)] = &[
    ("next_elapse=", " }", "(null)"),
    ("start_time=[", "]", "n/a"),
    ("stop_time=[", "]", "n/a"),
    ("pid=", " ", "0"),
];

impl Row {
    fn is_of(&self, unit: &str, property: &str) -> bool {
        let mut units = self.units.split(' ');
        let its = units.any(|one| one.is_empty() || unit.ends_with(one));
        its && self
            .properties
            .split_whitespace()
            .any(|one| one == property)
    }
}

/// The row for a property of a unit; it is noted as of use.
fn row_of(
    table: &'static [Row],
    unit: &str,
    property: &str,
    used: &mut BTreeSet<(*const Row, String)>,
) -> bool {
    let rows = table.iter().filter(|row| row.is_of(unit, property));
    let mut found = false;
    for row in rows {
        used.insert((std::ptr::from_ref(row), property.to_owned()));
        found = true;
    }
    found
}

#[test]
fn each_property_is_systemds_or_has_a_reason() {
    let units = tempfile::tempdir().expect("a directory for unit files");
    for (name, text) in UNITS {
        std::fs::write(units.path().join(name), text).expect("a unit file");
    }
    let (systemd, runnerd) = thread::scope(|scope| {
        let real = scope.spawn(|| show(Init::Systemd, units.path()));
        let ours = show(Init::Runnerd, units.path());
        (real.join().expect("systemd's part"), ours)
    });
    let mut used = BTreeSet::new();
    // The same difference of many units is told once.
    let mut told: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for ((unit, systemd), runnerd) in SHOWN.iter().zip(&systemd).zip(&runnerd) {
        for (property, value) in systemd {
            let Some(ours) = runnerd.get(property) else {
                if !row_of(ABSENT, unit, property, &mut used) {
                    let line = format!("{property} is not shown; systemd: {value:?}");
                    told.entry(line).or_default().push(unit);
                }
                continue;
            };
            if ours != value && !row_of(DIFFERENT, unit, property, &mut used) {
                let line = format!("{property}\n  systemd {value:?}\n  runnerd {ours:?}");
                told.entry(line).or_default().push(unit);
            }
        }
        for property in runnerd.keys().filter(|name| !systemd.contains_key(*name)) {
            let line = format!("{property} is not systemd's");
            told.entry(line).or_default().push(unit);
        }
    }
    for (what, table) in [("absent", ABSENT), ("different", DIFFERENT)] {
        for row in table {
            for property in row.properties.split_whitespace() {
                if !used.contains(&(std::ptr::from_ref(row), property.to_owned())) {
                    let line = format!("{property} is not {what}, as a row says");
                    told.entry(line).or_default().push(row.units);
                }
            }
        }
    }
    let lines = told
        .iter()
        .map(|(line, units)| format!("{line}\n  of {}\n", units.join(" ")));
    assert!(told.is_empty(), "\n{}", lines.collect::<String>());
}

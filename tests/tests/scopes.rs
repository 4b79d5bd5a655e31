//! Scopes: processes that somebody else started, taken into units by the real systemd-run, on runnerd and
//! on the real systemd.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use tests::{Init, Machine};

/// Runs where processes may be moved to other control groups: inside of the machine's.
const SCRIPT: &str = r#"
exec >/run/out 2>&1
until_is() { until [ "$(systemctl is-active "$1")" = "$2" ]; do sleep 0.05; done; echo "$1 $2"; }
until_has_process() { until [ -s "$1" ]; do sleep 0.05; done; }

echo "-- as long as its process"
systemd-run --scope --unit=short true; echo $?
until_is short.scope inactive
systemd-run --scope --unit=status sh -c 'exit 7'; echo $?

echo "-- as it is shown"
systemd-run --scope --unit=shown --description=Shown sh -c '
    systemctl is-active shown.scope
    systemctl show shown.scope -p Id,Description,LoadState,ActiveState,SubState,Result,Transient | sort
    systemctl show shown.scope -p TimeoutStopUSec,KillMode,KillSignal,SendSIGKILL,RuntimeMaxUSec | sort
    systemctl show shown.scope -p Controller
    systemctl status shown.scope | head -4 | grep -v Loaded: | sed "s/since .*//"
    sed "s/.*shown/shown/" /proc/self/cgroup | tail -1
    [ "$(systemctl show -p InvocationID --value shown.scope)" = "$INVOCATION_ID" ] && echo one invocation'

echo "-- others of it stay when the first one ends"
systemd-run --scope --unit=stays sh -c 'sleep 1000 & :'
systemctl is-active stays.scope
systemctl kill --signal=KILL stays.scope; echo $?
until_is stays.scope inactive

echo "-- stopped"
systemd-run --scope --unit=stopped sh -c 'echo $$ >/run/stopped; exec sleep 1000' &
until_has_process /run/stopped
systemctl stop stopped.scope; echo $?
wait $!; echo $?
systemctl is-active stopped.scope

echo "-- for no longer than it may"
systemd-run --scope --unit=limited --property=RuntimeMaxSec=1 sleep 1000; echo $?
until_is limited.scope failed
systemctl show limited.scope -p Result
systemctl reset-failed limited.scope; echo $?
systemctl is-active limited.scope

echo "-- it does not obey"
systemd-run --scope --unit=deaf --property=TimeoutStopSec=1 sh -c '
    trap "" TERM; echo $$ >/run/deaf; sleep 1000; sleep 1000' &
until_has_process /run/deaf
systemctl stop deaf.scope; echo $?
wait $!; echo $?
systemctl show deaf.scope -p Result,ActiveState

echo "-- it is taken already"
systemd-run --scope --unit=deaf true; echo $?
systemctl start nosuch.scope; echo $?
systemctl restart nosuch.scope; echo $?
"#;

/// A machine that has run a script as a service, which leaves alone what it has started.
fn after(init: Init, script: &str) -> Machine {
    const SERVICE: &str = "[Service]\nType=oneshot\nKillMode=none\n\
                           ExecStart=/bin/sh /etc/systemd/system/script.sh\n";
    let units = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(units.path().join(name), text).unwrap();
    file("script.sh", script);
    file("script.service", SERVICE);
    let machine = Machine::boot_with(init, units.path(), None, &["--systemd-compat"]);
    assert_eq!(machine.systemctl(&["start", "script"]).code, 0);
    machine
}

fn said(init: Init) -> String {
    after(init, SCRIPT).run(&["cat", "/run/out"]).stdout
}

#[test]
fn systemd_run_makes_the_same_scopes() {
    let (systemd, runnerd) = std::thread::scope(|scope| {
        let real = scope.spawn(|| said(Init::Systemd));
        let ours = said(Init::Runnerd);
        (real.join().unwrap(), ours)
    });
    assert!(runnerd.contains("one invocation"), "{runnerd}");
    assert_eq!(
        runnerd, systemd,
        "runnerd (left) and systemd (right) differ"
    );
}

#[test]
fn a_scope_outlives_the_manager_that_made_it() {
    let script = "systemd-run --scope --unit=kept sh -c 'echo $$ >/run/kept; exec sleep 1000' &\n\
                  until [ -s /run/kept ]; do sleep 0.05; done\n";
    let machine = after(Init::Runnerd, script);
    let is = || machine.systemctl(&["is-active", "kept.scope"]).stdout;
    assert_eq!(is(), "active\n");
    let script = "kill -KILL $(pgrep -P 1 -x runnerd) && systemctl is-active kept.scope";
    assert_eq!(machine.run(&["sh", "-c", script]).stdout, "active\n");
    assert_eq!(machine.systemctl(&["daemon-reexec"]).code, 0);
    assert_eq!(is(), "active\n");
    let alive = || machine.run(&["sh", "-c", "kill -0 $(cat /run/kept)"]).code;
    assert_eq!(alive(), 0);
    assert_eq!(machine.systemctl(&["stop", "kept.scope"]).code, 0);
    machine.until("its processes are gone", || alive() != 0);
    machine.until("it is forgotten", || is() == "inactive\n");
}

//! The system bus with runnerd as process 1, and with the real systemd, which has to say the same:
//! callers who are not root, what systemctl does over the bus alone, and units that the bus starts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use tests::{Init, Machine, Outcome};

const AUTHORITY: &str = include_str!("system_bus/authority.py");
const OWNER: &str = include_str!("bus_names/owner.py");

/// Lets root own the names of the test, as packages that have such names do.
const POLICY: &str = "<busconfig>
 <policy user='root'>
  <allow own='org.freedesktop.PolicyKit1'/><allow own_prefix='org.example'/>
 </policy>
 <policy context='default'>
  <allow send_destination='org.freedesktop.PolicyKit1'/>
  <allow send_destination='org.example.Woken'/><allow send_destination='org.example.Broken'/>
  <allow send_destination='org.example.Absent'/>
 </policy>
</busconfig>\n";

/// Name and text of the units beside those of the bus.
const UNITS: &[(&str, &str)] = &[
    ("yes.service", "[Service]\nExecStart=/bin/sleep infinity\n"),
    ("no.service", "[Service]\nExecStart=/bin/sleep infinity\n"),
    ("ask.service", "[Service]\nExecStart=/bin/sleep infinity\n"),
    (
        "never.service",
        "[Service]\nExecStart=/bin/sleep infinity\n",
    ),
    (
        "fails.service",
        "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'exit 3'\n",
    ),
    (
        "brief.service",
        "[Service]\nExecStart=/bin/sh -c 'exec /bin/sleep 0.2'\n",
    ),
    (
        "dirs.service",
        "[Service]\nExecStart=/bin/sleep infinity\nStateDirectory=dirs/a\nCacheDirectory=dirs\n",
    ),
    (
        "polkit.service",
        "[Service]\nType=dbus\nBusName=org.freedesktop.PolicyKit1\n\
         ExecStart=/usr/bin/python3 /opt/authority.py\n",
    ),
    (
        "woken.service",
        "[Service]\nType=dbus\nBusName=org.example.Woken\n\
         ExecStart=/usr/bin/python3 /opt/owner.py org.example.Woken\n",
    ),
    (
        "broken.service",
        "[Service]\nType=dbus\nBusName=org.example.Broken\nExecStart=/bin/false\n",
    ),
    (
        "posed.service",
        "[Service]\nType=dbus\nBusName=org.example.Posed\nExecStart=/bin/sleep infinity\n\
         TimeoutStartSec=2\n",
    ),
];

const ACTIVATED: &[(&str, &str)] = &[
    ("org.freedesktop.PolicyKit1", "polkit.service"),
    ("org.example.Woken", "woken.service"),
    ("org.example.Broken", "broken.service"),
    ("org.example.Absent", "absent.service"),
];

const AS_NOBODY: &[&str] = &[
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
];

fn write(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// What is beside the files of this machine: the policy, and who is started for which name.
fn layer() -> tempfile::TempDir {
    let layer = tempfile::tempdir().unwrap();
    // It becomes the root directory, which is everybody's.
    let everybody = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(layer.path(), everybody).unwrap();
    write(layer.path(), "etc/dbus-1/system.d/tests.conf", POLICY);
    write(layer.path(), "opt/authority.py", AUTHORITY);
    write(layer.path(), "opt/owner.py", OWNER);
    for (name, unit) in ACTIVATED {
        let file = format!("usr/share/dbus-1/system-services/{name}.service");
        let text = format!(
            "[D-BUS Service]\nName={name}\nExec=/bin/false\nUser=root\nSystemdService={unit}\n"
        );
        write(layer.path(), &file, &text);
    }
    layer
}

fn boot(init: Init, layer: &Path) -> Machine {
    let units = tempfile::tempdir().unwrap();
    for (name, text) in UNITS {
        write(units.path(), name, text);
    }
    for name in ["dbus.socket", "dbus.service"] {
        let packaged = Path::new("/lib/systemd/system").join(name);
        std::fs::copy(packaged, units.path().join(name)).unwrap();
    }
    let options: &[&str] = match init {
        Init::Runnerd => &["--systemd-compat", "--bus=system"],
        Init::Systemd => &[],
    };
    let machine = Machine::boot_with(init, units.path(), Some(layer), options);
    assert_eq!(machine.systemctl(&["start", "dbus.service"]).code, 0);
    owned(&machine);
    machine
}

/// Waits until the manager owns systemd's name.
fn owned(machine: &Machine) {
    machine.until("the name is owned", || {
        let bus = "org.freedesktop.DBus";
        let words = ["busctl", "call", bus, "/org/freedesktop/DBus", bus];
        let asked = [
            &words[..],
            &["NameHasOwner", "s", "org.freedesktop.systemd1"],
        ]
        .concat();
        machine.run(&asked).stdout.trim() == "b true"
    });
}

fn nobody(machine: &Machine, words: &[&str]) -> Outcome {
    machine.run(&[AS_NOBODY, &["systemctl", "--no-pager"], words].concat())
}

/// Steps, with `nobody` before those of somebody who may not; `sh -c` where a line begins with `!`.
const STEPS: &str = "
nobody is-active yes
nobody is-system-running
nobody start yes
is-active yes
nobody kill -s CONT yes
nobody stop yes
nobody start no
is-active no
nobody start ask
nobody daemon-reload
nobody enable no
nobody set-environment A=b
nobody list-units --no-legend --plain yes.service no.service
nobody show -p Id,LoadState,ActiveState yes
nobody start nosuch
start --wait fails
start --wait brief
is-active brief
!SYSTEMCTL_FORCE_BUS=1 systemctl start no; systemctl is-active no
!SYSTEMCTL_FORCE_BUS=1 systemctl restart no
!SYSTEMCTL_FORCE_BUS=1 systemctl stop no; systemctl is-active no
nobody freeze no
start yes
freeze yes
show -p FreezerState,CanFreeze yes
thaw yes
show -p FreezerState yes
!systemctl freeze yes; systemctl stop yes; systemctl is-active yes
freeze nosuch
clean nosuch
start dirs
show -p CanClean dirs
clean dirs
stop dirs
!touch /var/cache/dirs/file; systemctl clean --what=cache dirs; ls -d /var/lib/dirs/a /var/cache/dirs
clean --what=all dirs
!ls -d /var/lib/dirs /var/lib/dirs/a
clean --what=logs dirs
nobody clean --what=all dirs
!busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager GetUnitFileLinks sb no.service false
!systemd-run --quiet --wait /bin/sh -c 'exit 7'
!systemd-run --quiet --wait /bin/true
!systemd-run --quiet --wait --pipe /bin/echo said
!systemd-run --quiet --wait --collect /bin/false
!busctl call org.example.Woken / org.freedesktop.DBus.Peer Ping --timeout=1 2>/dev/null; systemctl is-active woken
!busctl call org.example.Absent / org.freedesktop.DBus.Peer Ping 2>&1 | sed s/.*absent/absent/
!setpriv --reuid=65534 --regid=65534 --clear-groups busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager GetUnit s dbus.service
!busctl get-property org.freedesktop.systemd1 /org/freedesktop/systemd1/unit/no_2eservice org.freedesktop.systemd1.Unit ActiveState
!gdbus call --system -d org.freedesktop.systemd1 -o /org/freedesktop/systemd1 -m org.freedesktop.systemd1.Manager.GetUnitFileState no.service
!gdbus call --system -d org.freedesktop.systemd1 -o /org/freedesktop/systemd1 -m org.freedesktop.systemd1.Manager.Unsubscribe
!busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1/unit/no_2eservice org.freedesktop.systemd1.Unit Unref
";

fn perform(init: Init, layer: &Path) -> Vec<(String, String)> {
    let machine = boot(init, layer);
    let steps = STEPS.lines().filter(|line| !line.is_empty());
    let answers = steps.map(|step| {
        let outcome = match (step.strip_prefix('!'), step.strip_prefix("nobody ")) {
            (Some(script), _) => machine.run(&["sh", "-c", script]),
            (_, Some(words)) => nobody(&machine, &words.split(' ').collect::<Vec<_>>()),
            _ => machine.systemctl(&step.split(' ').collect::<Vec<_>>()),
        };
        let (code, mut said) = (outcome.code, outcome.stdout + &outcome.stderr);
        if step.starts_with("show ") {
            // Properties come in the order of whoever answers.
            let mut lines: Vec<&str> = said.lines().collect();
            lines.sort_unstable();
            said = lines.join("\n");
        }
        (step.to_owned(), format!("status {code}\n{said}"))
    });
    answers.collect()
}

#[test]
fn says_the_same_over_the_system_bus_as_systemd() {
    let layer = layer();
    let (systemd, runnerd) = std::thread::scope(|scope| {
        let real = scope.spawn(|| perform(Init::Systemd, layer.path()));
        let ours = perform(Init::Runnerd, layer.path());
        (real.join().expect("systemd's part"), ours)
    });
    let mut report = String::new();
    for ((step, systemd), (_, runnerd)) in systemd.iter().zip(&runnerd) {
        if systemd != runnerd {
            report.push_str(&format!(
                "== {step}\n-- systemd\n{systemd}\n-- runnerd\n{runnerd}\n"
            ));
        }
    }
    assert!(report.is_empty(), "{report}");
    let said = |step: &str| &runnerd.iter().find(|(known, _)| known == step).unwrap().1;
    assert_eq!(said("nobody start yes"), "status 0\n");
    assert_eq!(said("is-active no"), "status 3\ninactive\n");
}

/// The bus is a unit: it is started anew, stopped and woken, and nothing waits for it.
#[test]
fn the_bus_may_come_and_go() {
    let layer = layer();
    let machine = boot(Init::Runnerd, layer.path());
    assert_eq!(nobody(&machine, &["is-active", "dbus.service"]).code, 0);
    let restarted = machine.systemctl(&["restart", "dbus.service"]);
    assert_eq!(restarted.code, 0, "{restarted:?}");
    owned(&machine);
    assert_eq!(nobody(&machine, &["is-active", "dbus.service"]).code, 0);

    assert_eq!(machine.systemctl(&["stop", "dbus.service"]).code, 0);
    machine.until("its socket listens", || {
        let shown = machine.systemctl(&["show", "dbus.socket", "-p", "SubState", "--value"]);
        shown.stdout.trim() == "listening"
    });
    // Commands of root need no bus, and we are not the client that wakes it.
    assert_eq!(machine.systemctl(&["start", "no"]).code, 0);
    assert_eq!(machine.systemctl(&["is-active", "dbus.service"]).code, 3);
    assert_eq!(nobody(&machine, &["is-active", "no"]).code, 0);
    assert_eq!(machine.systemctl(&["is-active", "dbus.service"]).code, 0);

    // Killed at once, again and again, with the manager in between.
    for victim in ["dbus-daemon", "runnerd", "dbus-daemon"] {
        let script = format!("kill -KILL $(pgrep -P 1 -x {victim})");
        assert_eq!(machine.run(&["sh", "-c", &script]).code, 0, "{victim}");
        machine.until("the bus is back", || {
            nobody(&machine, &["is-active", "no"]).code == 0
        });
    }
}

/// A stranger who owns the name of a service does not make the service one that has started.
#[test]
fn only_a_process_of_the_unit_can_own_its_name() {
    let layer = layer();
    let machine = boot(Init::Runnerd, layer.path());
    let stranger = "/usr/bin/python3 /opt/owner.py org.example.Posed";
    let words = ["systemd-run", "--quiet", "--unit=stranger"];
    let words = [&words[..], &stranger.split(' ').collect::<Vec<_>>()].concat();
    let mut starting = machine.begin(&["systemctl", "start", "posed"]);
    machine.until("it is being started", || {
        let shown = machine.systemctl(&["show", "posed", "-p", "SubState", "--value"]);
        shown.stdout.trim() == "start"
    });
    assert_eq!(machine.run(&words).code, 0);
    assert!(!starting.wait().unwrap().success());
    assert_eq!(machine.systemctl(&["is-active", "stranger"]).code, 0);
    let result = machine.systemctl(&["show", "posed", "-p", "Result", "--value"]);
    assert_eq!(result.stdout.trim(), "timeout");
    let console = machine.console();
    assert!(
        console.contains("posed.service: org.example.Posed is owned by process"),
        "{console}"
    );
}

/// A client hears at once of a name whose unit does not come up.
#[test]
fn a_failed_activation_is_told() {
    let layer = layer();
    let machine = boot(Init::Runnerd, layer.path());
    let ping = [
        "org.example.Broken",
        "/",
        "org.freedesktop.DBus.Peer",
        "Ping",
    ];
    let failed = machine.run(&[&["busctl", "call"][..], &ping].concat());
    assert_eq!(failed.code, 1, "{failed:?}");
    assert!(
        failed
            .stderr
            .contains("unit broken.service could not be started: failed"),
        "{failed:?}"
    );
}

/// The authority is slow: others are served meanwhile, and what it did not permit does not happen.
#[test]
fn a_slow_authority_keeps_nobody_else_waiting() {
    let layer = layer();
    let machine = boot(Init::Runnerd, layer.path());
    let words = [AS_NOBODY, &["systemctl", "start", "never"]].concat();
    let mut waiting = machine.begin(&words);
    machine.until("the authority runs", || {
        machine.systemctl(&["is-active", "polkit"]).code == 0
    });
    assert_eq!(nobody(&machine, &["start", "yes"]).code, 0);
    assert!(waiting.try_wait().unwrap().is_none(), "it was answered");
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    assert_eq!(machine.systemctl(&["is-active", "never"]).code, 3);
}

/// Our own name, with the policy that is delivered with it, and the rules of the real thing.
#[test]
fn our_own_name_with_what_is_delivered() {
    let layer = layer();
    let delivered = tests::repository().join("contrib/dbus");
    for name in ["org.unitrunner.Runner1.conf", "runner-systemd1.conf"] {
        let text = std::fs::read_to_string(delivered.join(name)).unwrap();
        let file = format!("usr/share/dbus-1/system.d/{name}");
        write(layer.path(), &file, &text);
    }
    // Ours is to do without systemd's.
    let none = "<busconfig></busconfig>\n";
    let theirs = "usr/share/dbus-1/system.d/org.freedesktop.systemd1.conf";
    write(layer.path(), theirs, none);
    let name = "org.unitrunner.Runner1";
    let text = std::fs::read_to_string(delivered.join(format!("{name}.service"))).unwrap();
    let file = format!("usr/share/dbus-1/system-services/{name}.service");
    write(layer.path(), &file, &text);
    let machine = boot(Init::Runnerd, layer.path());
    let call = |before: &[&str], words: &[&str]| {
        let begin = ["busctl", "call", name, "/org/unitrunner/Runner1"];
        machine.run(&[before, &begin, &["org.unitrunner.Runner1.Manager"], words].concat())
    };
    machine.until("our own name is ours", || {
        call(&[], &["GetUnit", "s", "no.service"]).code == 0
    });
    let start = |unit| ["StartUnit", "ss", unit, "replace"];
    assert_eq!(call(AS_NOBODY, &start("no.service")).code, 1);
    assert_eq!(call(AS_NOBODY, &start("yes.service")).code, 0);
    assert_eq!(nobody(&machine, &["is-active", "yes"]).code, 0);
    // A bus that is started again is followed, and who may do what is as before. Once in three times
    // nothing else keeps this machine busy.
    let returns = (0..3).map(|_| {
        assert_eq!(machine.systemctl(&["restart", "dbus.service"]).code, 0);
        let began = Instant::now();
        machine.until("our own name is ours again", || {
            call(&[], &["GetUnit", "s", "no.service"]).code == 0
        });
        let took = began.elapsed();
        assert_eq!(call(AS_NOBODY, &start("no.service")).code, 1);
        assert_eq!(call(AS_NOBODY, &start("yes.service")).code, 0);
        took
    });
    let soonest = returns.min().unwrap();
    assert!(soonest < Duration::from_secs(1), "{soonest:?}");
    // Somebody else cannot pose as either.
    for name in [name, "org.freedesktop.systemd1"] {
        let bus = "org.freedesktop.DBus";
        let own = ["busctl", "call", bus, "/org/freedesktop/DBus", bus];
        let own = [AS_NOBODY, &own, &["RequestName", "su", name, "0"]].concat();
        let refused = machine.run(&own);
        assert_eq!(refused.code, 1, "{refused:?}");
    }
    let help = "org.freedesktop.systemd1";
    assert_eq!(
        machine
            .run(&["busctl", "introspect", help, "/org/freedesktop/systemd1"])
            .code,
        0
    );
}

/// The example: a container's system bus, woken by its first client.
#[test]
fn a_container_gets_its_system_bus() {
    let units = tempfile::tempdir().unwrap();
    let example = tests::repository().join("contrib/examples/system-bus/dbus.toml");
    std::fs::copy(example, units.path().join("dbus.toml")).unwrap();
    let options = ["--bus=system", "--systemd-compat"];
    let machine = Machine::boot_with(Init::Runnerd, units.path(), None, &options);
    let state = |unit: &str| {
        let shown = machine.systemctl(&["show", unit, "-p", "SubState", "--value"]);
        shown.stdout.trim().to_owned()
    };
    assert_eq!(state("dbus.socket"), "listening");
    assert_eq!(state("dbus.service"), "dead");
    let listed = machine.run(&[AS_NOBODY, &["busctl", "list", "--acquired"]].concat());
    assert_eq!(listed.code, 0, "{listed:?}");
    assert_eq!(state("dbus.service"), "running");
    owned(&machine);
    assert_eq!(machine.ctl(&["reload", "dbus.service"]).code, 0);
    assert_eq!(nobody(&machine, &["is-active", "dbus.service"]).code, 0);
}

//! Services that count as started when their name on the message bus has an owner, with the bus as
//! a unit of the same machine: under runnerd, and under the real systemd, which has to say the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::path::Path;

use tests::{Init, Machine};

const OWNER: &str = include_str!("bus_names/owner.py");

const POLICY: &str = "<busconfig><policy user='root'><allow own_prefix='org.example'/></policy>
</busconfig>\n";

/// Name and text of the units beside those of the bus.
const UNITS: &[(&str, &str)] = &[
    (
        "named.service",
        "[Service]\nType=dbus\nBusName=org.example.Named\n\
         ExecStart=/usr/bin/python3 /opt/owner.py org.example.Named\n",
    ),
    (
        "mute.service",
        "[Service]\nType=dbus\nBusName=org.example.Mute\nExecStart=/bin/sleep infinity\n\
         TimeoutStartSec=1\n",
    ),
    (
        "brief.service",
        "[Service]\nType=dbus\nBusName=org.example.Brief\nExecStart=/bin/true\n",
    ),
    (
        "forks.service",
        "[Service]\nType=forking\nGuessMainPID=no\nBusName=org.example.Forks\n\
         ExecStart=/bin/sh -c '/usr/bin/python3 /opt/owner.py org.example.Forks & exit 0'\n",
    ),
    (
        "nameless.service",
        "[Service]\nType=dbus\nExecStart=/bin/sleep infinity\n",
    ),
];

fn boot(init: Init) -> Machine {
    let units = tempfile::tempdir().unwrap();
    for (name, text) in UNITS {
        std::fs::write(units.path().join(name), text).unwrap();
    }
    for name in ["dbus.socket", "dbus.service"] {
        let packaged = Path::new("/lib/systemd/system").join(name);
        std::fs::copy(packaged, units.path().join(name)).unwrap();
    }
    let layer = tempfile::tempdir().unwrap();
    let policies = layer.path().join("etc/dbus-1/system.d");
    std::fs::create_dir_all(&policies).unwrap();
    std::fs::write(policies.join("example.conf"), POLICY).unwrap();
    std::fs::create_dir(layer.path().join("opt")).unwrap();
    std::fs::write(layer.path().join("opt/owner.py"), OWNER).unwrap();
    Machine::boot_with(init, units.path(), Some(layer.path()), &[])
}

/// What is done, and what is said of it.
struct Story {
    machine: Machine,
    told: Vec<String>,
}

impl Story {
    fn property(&self, unit: &str, name: &str) -> String {
        let outcome = self.machine.ctl(&["show", "--property", name, unit]);
        let value = outcome.stdout.trim_end().split_once('=');
        value.map_or_else(String::new, |(_, value)| value.to_owned())
    }

    fn verb(&mut self, verb: &str, unit: &str) {
        let code = self.machine.ctl(&[verb, unit]).code;
        self.told.push(format!("{verb} {unit}: {code}"));
        self.show(unit);
    }

    fn show(&mut self, unit: &str) {
        let state = ["ActiveState", "SubState", "Result", "NRestarts"];
        let words = state.map(|name| self.property(unit, name));
        let main = self.property(unit, "MainPID") != "0";
        self.told
            .push(format!("{unit} {}, main: {main}", words.join(" ")));
    }

    fn signal(&mut self, unit: &str, signal: &str) {
        let pid = self.property(unit, "MainPID");
        assert_ne!(
            pid,
            "0",
            "{unit} has no process:\n{}",
            self.machine.console()
        );
        assert_eq!(self.machine.run(&["kill", "-s", signal, &pid]).code, 0);
    }

    fn wait(&mut self, unit: &str, state: &str) {
        self.machine.until(&format!("{unit} is {state}"), || {
            self.property(unit, "ActiveState") == state
        });
        self.show(unit);
    }

    /// The connection that owns a name.
    fn owner(&self, name: &str) -> Option<String> {
        let bus = "org.freedesktop.DBus";
        let words = ["busctl", "call", bus, "/org/freedesktop/DBus", bus];
        let words = [&words[..], &["GetNameOwner", "s", name]].concat();
        let outcome = self.machine.run(&words);
        (outcome.code == 0).then(|| outcome.stdout.trim().to_owned())
    }
}

fn story(init: Init) -> Vec<String> {
    let mut story = Story {
        machine: boot(init),
        told: Vec::new(),
    };
    story.verb("start", "named.service");
    let name = story.property("named.service", "BusName");
    story.told.push(name);
    // The name is another connection's, and nobody notices.
    let first = story.owner("org.example.Named");
    story.signal("named.service", "USR2");
    story.machine.until("the name has another owner", || {
        story.owner("org.example.Named") != first
    });
    story.show("named.service");
    // It gives it back: its run is over.
    story.signal("named.service", "USR1");
    story.wait("named.service", "inactive");
    story.verb("start", "named.service");
    story.verb("restart", "named.service");
    story.signal("named.service", "KILL");
    story.wait("named.service", "failed");
    story.verb("start", "named.service");
    story.verb("stop", "named.service");

    story.verb("start", "mute.service");
    story.verb("start", "brief.service");
    story.wait("brief.service", "inactive");
    story.verb("start", "forks.service");
    story.machine.until("the main process is known", || {
        story.property("forks.service", "MainPID") != "0"
    });
    story.show("forks.service");
    story.verb("stop", "forks.service");
    let state = story.property("nameless.service", "LoadState");
    story.told.push(state);
    story.told
}

#[test]
fn a_service_is_up_while_its_name_has_an_owner() {
    let (systemd, runnerd) = std::thread::scope(|scope| {
        let real = scope.spawn(|| story(Init::Systemd));
        let ours = story(Init::Runnerd);
        (real.join().expect("systemd's part"), ours)
    });
    assert_eq!(runnerd, systemd);
    assert_eq!(
        &runnerd[..3],
        [
            "start named.service: 0",
            "named.service active running success 0, main: true",
            "org.example.Named"
        ]
    );
}

#[test]
fn the_bus_and_the_manager_may_be_started_anew() {
    let mut story = Story {
        machine: boot(Init::Runnerd),
        told: Vec::new(),
    };
    story.verb("start", "named.service");
    let main = story.property("named.service", "MainPID");
    story.verb("restart", "dbus.service");
    story.machine.until("the name has an owner again", || {
        story.owner("org.example.Named").is_some()
    });
    story.show("named.service");
    assert_eq!(story.machine.ctl(&["daemon-reexec"]).code, 0);
    story.show("named.service");
    assert_eq!(story.property("named.service", "MainPID"), main);
    // Both watches are new, and both see the name go.
    story.signal("named.service", "USR1");
    story.wait("named.service", "inactive");
    let up = "named.service active running success 0, main: true";
    assert_eq!(
        story.told,
        [
            "start named.service: 0",
            up,
            "restart dbus.service: 0",
            "dbus.service active running success 0, main: true",
            up,
            up,
            "named.service inactive dead success 0, main: false",
        ]
    );
}

#[test]
fn without_a_bus_the_start_fails_and_says_why() {
    let mut world = tests::World::new();
    world.environment("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/bus");
    world.unit(
        "a.toml",
        "[service]\ntype = \"dbus\"\nbus-name = \"org.example.A\"\n\
         exec-start = \"@actor@ as=a tell=up pause\"\nautostart = false",
    );
    world.start();
    let outcome = world.ctl(&["start", "a.service"]);
    assert_eq!(outcome.code, 1);
    assert_eq!(world.show("a.service", "Result"), "resources");
    let failure = world.show("a.service", "Failure");
    let wanted = "there is no message bus to look for org.example.A on: ";
    assert!(failure.starts_with(wanted), "{failure}");
    assert!(world.heard().is_empty());
}

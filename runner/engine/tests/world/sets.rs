//! Sets of units to simulate: made once from seeds, shared by all schedules.

use std::fmt::Write as _;
use std::sync::Arc;

use units::{Diagnostic, Surroundings, UnitName, UnitSet, load_texts};

use super::dice::Dice;

/// How many different sets.
const VARIANTS: u64 = 96;

#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) units: Arc<UnitSet>,
    pub(crate) diagnostics: Arc<Vec<Diagnostic>>,
    /// The units of the set that are not built in.
    pub(crate) names: Vec<UnitName>,
    pub(crate) text: String,
}

#[derive(Debug)]
pub(crate) struct Sets {
    pub(crate) variants: Vec<Variant>,
}

impl Sets {
    pub(crate) fn load() -> Sets {
        Sets {
            variants: (0..VARIANTS).map(variant).collect(),
        }
    }
}

const RESTARTS: [&str; 7] = [
    "no",
    "always",
    "on-success",
    "on-failure",
    "on-abnormal",
    "on-abort",
    "on-watchdog",
];
const TYPES: [&str; 5] = ["simple", "exec", "oneshot", "notify", "forking"];
const KILLS: [&str; 4] = ["control-group", "control-group", "mixed", "process"];

/// Commands and limits for some sockets.
fn socket(dice: &mut Dice, text: &mut String) {
    for (chance, setting) in [
        (30, "exec-start-pre = [['/bin/a'], ['-/bin/b']]"),
        (30, "exec-start-post = '/bin/c'"),
        (30, "exec-stop-pre = '/bin/d'"),
        (30, "exec-stop-post = '/bin/e'"),
        (20, "send-sigkill = false"),
        (30, "kill-mode = 'mixed'"),
        (20, "flush-pending = true"),
        (20, "remove-on-stop = true"),
        (20, "poll-limit-burst = 2"),
        (20, "pass-file-descriptors-to-exec = true"),
    ] {
        if dice.percent(chance) {
            writeln!(text, "{setting}").unwrap();
        }
    }
    text.push_str("timeout-sec = '2s'\n");
}

/// A timer and a path for some services.
fn triggers(dice: &mut Dice, text: &mut String, name: char) {
    if dice.percent(20) {
        text.push_str("[timer]\n");
        for (chance, setting) in [
            (60, "on-active-sec = [1, 7]"),
            (20, "on-startup-sec = '3s'"),
            (40, "on-unit-active-sec = '6s'"),
            (40, "on-unit-inactive-sec = '4s'"),
            (10, "on-clock-change = true"),
            (30, "randomized-delay-sec = '2s'"),
            (30, "remain-after-elapse = false"),
            (50, "accuracy-sec = '1us'"),
            (20, "wake-system = true"),
        ] {
            if dice.percent(chance) {
                writeln!(text, "{setting}").unwrap();
            }
        }
        text.push_str("on-calendar = ['*:*:0/20', '*:*:7/30']\n");
        if dice.percent(50) {
            text.push_str("persistent = true\n");
        }
        if dice.percent(30) {
            text.push_str("defer-reactivation = true\n");
        }
    }
    if dice.percent(20) {
        writeln!(text, "[path]\npath-exists = '/run/{name}'\n").unwrap();
    }
}

/// How a service comes and goes: what ends it, and what follows.
fn ends(dice: &mut Dice, text: &mut String, kind: &str) {
    for (word, chance) in [
        ("restart-mode = 'direct'", 20),
        ("restart-prevent-exit-status = '3'", 15),
        ("runtime-max-sec = '3s'", 15),
        ("timeout-start-failure-mode = 'abort'", 15),
        ("timeout-stop-failure-mode = 'abort'", 15),
        ("timeout-abort-sec = '1s'", 15),
        ("guess-main-pid = false", 15),
        ("exec-condition = '/bin/condition'", 15),
        ("restart-steps = 3\nrestart-max-delay-sec = '2s'", 10),
        ("start-limit-interval-sec = '5s'\nstart-limit-burst = 2", 10),
        ("file-descriptor-store-preserve = 'yes'", 15),
    ] {
        if dice.percent(chance) {
            writeln!(text, "{word}").unwrap();
        }
    }
    if kind == "oneshot" {
        return;
    }
    for (word, chance) in [
        ("exit-type = 'cgroup'", 20),
        ("restart-force-exit-status = '0'", 10),
        ("oom-policy = 'kill'", 10),
    ] {
        if dice.percent(chance) {
            writeln!(text, "{word}").unwrap();
        }
    }
}

/// A template: its instances are what others say they are.
fn template(dice: &mut Dice) -> String {
    let kind = *dice.pick(&["simple", "exec", "oneshot", "notify"]).unwrap();
    let mut text = format!("[service]\ntype = '{kind}'\nexec-start = '/bin/t %i'\n");
    let restart = *dice.pick(&["no", "on-failure"]).unwrap();
    writeln!(text, "restart = '{restart}'\ntimeout-stop-sec = '2s'").unwrap();
    ends(dice, &mut text, kind);
    for (word, chance) in [
        ("exec-stop-post = '/bin/stop-post %i'", 25),
        ("after = ['a.service']", 40),
        ("part-of = ['a.service']", 20),
        ("stop-when-unneeded = true", 20),
        ("collect-mode = 'inactive-or-failed'", 20),
    ] {
        if dice.percent(chance) {
            writeln!(text, "{word}").unwrap();
        }
    }
    text
}

/// Up to five services and two sockets, with whatever settings the dice say.
fn variant(seed: u64) -> Variant {
    let mut dice = Dice::new(seed ^ 0xabcd_ef01);
    // Of its own, so that what is added here leaves the rest of each set as it was.
    let mut words = Dice::new(seed ^ 0x5e4a_11ce);
    let mut of_sockets = Dice::new(seed ^ 0x50c7);
    let mut of_bus = Dice::new(seed ^ 0xb5);
    let mut texts: Vec<(String, String)> = Vec::new();
    let count = 1 + dice.below(5);
    let has_template = words.percent(35);
    for number in 0..count {
        let name = char::from(b'a' + u8::try_from(number).unwrap());
        let kind = match *dice.pick(&TYPES).unwrap() {
            "simple" if words.percent(30) => "idle",
            "notify" if words.percent(30) => "notify-reload",
            "exec" if of_bus.percent(40) => "dbus",
            other => other,
        };
        let mut text = format!("[service]\ntype = '{kind}'\nexec-start = '/bin/{name}'\n");
        if kind == "dbus" || of_bus.percent(10) {
            writeln!(text, "bus-name = 'org.example.{name}'").unwrap();
        }
        let mut restart = *dice.pick(&RESTARTS).unwrap();
        if kind == "oneshot" && ["always", "on-success"].contains(&restart) {
            restart = "on-failure";
        }
        writeln!(text, "restart = '{restart}'").unwrap();
        if dice.percent(30) {
            text.push_str("restart-sec = 0\n");
        }
        writeln!(text, "kill-mode = '{}'", dice.pick(&KILLS).unwrap()).unwrap();
        ends(&mut words, &mut text, kind);
        for phase in ["start-pre", "start-post", "stop", "stop-post", "reload"] {
            if dice.percent(25) {
                let ignored = if dice.percent(30) { "-" } else { "" };
                writeln!(text, "exec-{phase} = '{ignored}/bin/{phase}'").unwrap();
            }
        }
        if kind == "oneshot" && dice.percent(50) {
            text.push_str("remain-after-exit = true\n");
        }
        if kind == "forking" && dice.percent(60) {
            text.push_str("pid-file = '/run/x.pid'\n");
        }
        if dice.percent(30) && ["simple", "exec"].contains(&kind) {
            text.push_str("ready-after = '300ms'\n");
        }
        if dice.percent(30) && !["oneshot", "idle"].contains(&kind) {
            let probe = dice.pick(&["tcp:80", "exec:/bin/probe"]).unwrap();
            writeln!(text, "ready-probe = '{probe}'").unwrap();
            if dice.percent(50) {
                text.push_str("ready-probe-timeout-sec = '700ms'\n");
            }
        }
        if dice.percent(30) {
            writeln!(text, "start-retries = {}", dice.below(4)).unwrap();
            text.push_str("start-retry-sec = '200ms'\n");
        }
        if dice.percent(20) {
            text.push_str("success-exit-status-only = true\nsuccess-exit-status = '0 3'\n");
        }
        if dice.percent(30) {
            writeln!(text, "group-priority = {}", dice.below(3)).unwrap();
        }
        if dice.percent(20) {
            text.push_str("watchdog-sec = '1s'\n");
        }
        if dice.percent(20) {
            text.push_str("send-sigkill = false\n");
        }
        if dice.percent(20) {
            text.push_str("autostart = false\n");
        }
        if dice.percent(20) {
            text.push_str("condition-path-exists = ['/a', '|/b', '|!/c']\n");
        }
        for (word, chance) in [
            ("stop-when-unneeded = true", 12),
            ("refuse-manual-start = true", 6),
            ("refuse-manual-stop = true", 6),
            ("allow-isolate = true", 20),
            ("ignore-on-isolate = true", 15),
            ("job-timeout-sec = '4s'", 10),
            ("job-running-timeout-sec = '1s'", 10),
            ("collect-mode = 'inactive-or-failed'", 15),
            ("on-failure-job-mode = 'isolate'", 6),
            (
                "failure-action = 'exit'\nfailure-action-exit-status = 42",
                3,
            ),
            ("success-action = 'poweroff-force'", 2),
        ] {
            if dice.percent(chance) {
                writeln!(text, "{word}").unwrap();
            }
        }
        if dice.percent(15) {
            text.push_str("assert-user = 'root'\n");
        }
        if dice.percent(20) {
            text.push_str("file-descriptor-store-max = 2\nnotify-access = 'all'\n");
        }
        text.push_str("timeout-start-sec = '5s'\ntimeout-stop-sec = '2s'\n");
        // Mostly backwards, so that most sets have no circle.
        for word in [
            "requires",
            "wants",
            "binds-to",
            "part-of",
            "conflicts",
            "on-failure",
            "on-success",
            "requisite",
            "upholds",
            "propagates-stop-to",
            "propagates-reload-to",
        ] {
            if dice.percent(18) {
                let other = if dice.percent(90) {
                    dice.below(number + 1)
                } else {
                    dice.below(count)
                };
                if has_template && words.percent(25) {
                    let instance = 1 + words.below(2);
                    writeln!(text, "{word} = ['t@{instance}.service']").unwrap();
                } else if other != number {
                    let other = char::from(b'a' + u8::try_from(other).unwrap());
                    writeln!(text, "{word} = ['{other}.service']").unwrap();
                    if dice.percent(80) || word == "conflicts" {
                        // A key stands once.
                        if !text.contains("after = ") {
                            writeln!(text, "after = ['{other}.service']").unwrap();
                        }
                    }
                }
            }
        }
        if dice.percent(25) {
            text.push_str("[socket]\nlisten-stream = '/run/");
            text.push(name);
            text.push_str("'\n");
            socket(&mut of_sockets, &mut text);
        }
        triggers(&mut dice, &mut text, name);
        texts.push((format!("{name}.toml"), text));
    }
    if dice.percent(30) {
        // Several of one group, with one socket that starts none of them.
        let mut text = "[socket]\nlisten-stream = '/run/pool'\nactivates = false\n".to_owned();
        for member in 0..1 + dice.below(3) {
            writeln!(
                text,
                "[service.'pool:{member}']\nexec-start = '/bin/pool'\nsockets = ['pool.socket']\n\
                 kill-mode = '{}'\nready-after = '1s'\nstart-retries = 2\n\
                 restart = 'on-failure'\nrestart-sec = 0\ngroup-priority = -1\n\
                 group-position = {}\ntimeout-stop-sec = '2s'",
                dice.pick(&KILLS).unwrap(),
                9 - member
            )
            .unwrap();
        }
        texts.push(("pool.toml".to_owned(), text));
    }
    if dice.percent(25) {
        texts.push((
            "each.toml".to_owned(),
            "[socket]\nlisten-stream = '/run/each'\naccept = true\nmax-connections = 2\n"
                .to_owned(),
        ));
        texts.push((
            "each@.toml".to_owned(),
            "[service]\nexec-start = '/bin/each'\n".to_owned(),
        ));
    }
    if has_template {
        texts.push(("t@.toml".to_owned(), template(&mut words)));
    }
    let borrowed: Vec<(&str, &str)> = texts
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let (units, diagnostics) = load_texts(&borrowed, &Surroundings::example());
    let own = |name: &&UnitName| {
        !name.is_template()
            && texts
                .iter()
                .any(|(path, _)| path.strip_suffix(".toml") == name.stem().split(':').next())
    };
    let mut names: Vec<UnitName> = units
        .iter()
        .map(|unit| unit.name())
        .filter(own)
        .cloned()
        .collect();
    if has_template {
        // Whether another unit names them or not.
        let instances = ["t@1.service", "t@2.service"].map(|name| UnitName::parse(name).unwrap());
        names.retain(|name| !instances.contains(name));
        names.extend(instances);
    }
    let text = texts
        .iter()
        .map(|(path, text)| format!("== {path}\n{text}"))
        .collect();
    Variant {
        units: Arc::new(units),
        diagnostics: Arc::new(diagnostics),
        names,
        text,
    }
}

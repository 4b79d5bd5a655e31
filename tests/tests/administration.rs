//! What administers Debian machines, on runnerd and on the real systemd, each as process 1: apt with
//! the packages' own scripts, `service`, `invoke-rc.d`, and Ansible. All of it has to say and do the
//! same on both.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tests::{Init, Machine, repository, tool};

/// How long apt may take, in seconds.
const APT: u32 = 300;

/// What a machine needs to be taken for one of systemd's.
const OPTIONS: [&str; 3] = [
    "--systemd-compat",
    "--systemd-units",
    "--ignore-unsupported",
];

/// What both inits answer is compared; gives what they said.
fn both(play: impl Fn(Init) -> Vec<String> + Sync) -> Vec<String> {
    let (systemd, runnerd) = std::thread::scope(|scope| {
        let real = scope.spawn(|| play(Init::Systemd));
        let ours = play(Init::Runnerd);
        (real.join().expect("systemd's part"), ours)
    });
    same_steps(&systemd, &runnerd);
    runnerd
}

/// The first step that differs, with all of what was said about it.
#[track_caller]
fn same_steps(systemd: &[String], runnerd: &[String]) {
    for (real, ours) in systemd.iter().zip(runnerd) {
        assert_eq!(ours, real, "runnerd (left) and systemd (right) differ");
    }
    assert_eq!(runnerd.len(), systemd.len());
}

/// The packages, and for each its unit.
const PACKAGES: [(&str, &str); 4] = [
    ("nginx", "nginx.service"),
    ("redis-server", "redis-server.service"),
    ("cron", "cron.service"),
    ("memcached", "memcached.service"),
];

/// Commands after the installation. Times since then are not compared.
const INSTALLED: &[&str] = &[
    "systemctl status nginx redis-server cron memcached | grep -E '^[^ ]|Loaded:|Active:'",
    "service nginx status | head -1",
    "service redis-server restart",
    "invoke-rc.d nginx reload",
    "invoke-rc.d cron restart",
    "curl --silent --output /dev/null --write-out '%{http_code}' http://127.0.0.1/",
    "redis-cli ping",
    "systemctl list-unit-files nginx.service redis-server.service cron.service memcached.service",
];

/// Commands after the removal, where configuration files stay: among them the old scripts of init.
const REMOVED: &[&str] = &[
    "systemctl --failed --no-legend",
    "curl --silent --output /dev/null http://127.0.0.1/",
];

#[test]
fn packages_are_installed_and_removed_as_under_systemd() {
    let said = both(packages);
    let is_said = |what: &str| said.iter().any(|line| line == what);
    for (package, unit) in PACKAGES {
        assert!(
            is_said(&format!("installed {unit}: active enabled loaded")),
            "{said:#?}"
        );
        assert!(
            is_said(&format!("removed {unit}: inactive not-found")),
            "{package}: {said:#?}"
        );
    }
    assert!(is_said("redis-cli ping: 0 PONG"), "{said:#?}");
}

fn packages(init: Init) -> Vec<String> {
    let units = tempfile::tempdir().unwrap();
    let layer = tempfile::tempdir().unwrap();
    let path = |name: &str| layer.path().join(name);
    let archives = path("archives");
    std::fs::create_dir_all(archives.join("partial")).unwrap();
    for archive in std::fs::read_dir(repository().join("target/archives")).unwrap() {
        let archive = archive.unwrap();
        std::fs::copy(archive.path(), archives.join(archive.file_name())).unwrap();
    }
    // Images of containers forbid packages to start anything.
    std::fs::create_dir_all(path("usr/sbin")).unwrap();
    script(&path("usr/sbin/policy-rc.d"), "#!/bin/sh\nexit 0\n");
    readable(layer.path());

    let machine = Machine::boot_with(init, units.path(), Some(layer.path()), &OPTIONS);
    let mut said = Vec::new();
    let mut names: Vec<&str> = PACKAGES.iter().map(|(package, _)| *package).collect();
    names.push("nginx-common");
    let apt = |words: &str| {
        let line = format!(
            "DEBIAN_FRONTEND=noninteractive {words} {} 2>&1",
            names.join(" ")
        );
        let outcome = machine.run_for(APT, &["sh", "-c", &line]);
        assert_eq!(
            outcome.code,
            0,
            "{}: {line}\n{}",
            init.name(),
            outcome.stdout
        );
        outcome.stdout
    };
    // This machine may have some of them.
    apt("apt-get --quiet=2 --yes purge");
    let told = apt(
        "apt-get --quiet=2 --yes --no-download --no-install-recommends \
         -o APT::Sandbox::User=root -o Dir::Cache::archives=/archives install",
    );
    // In the order of the packages, which is apt's to choose.
    let mut links: Vec<String> = told
        .lines()
        .filter(|line| line.contains("symlink"))
        .map(str::to_owned)
        .collect();
    links.sort();
    said.extend(links);
    for (_, unit) in PACKAGES {
        let active = machine.systemctl(&["is-active", unit]).stdout;
        let enabled = machine.systemctl(&["is-enabled", unit]).stdout;
        let loaded = machine.systemctl(&["show", "-P", "LoadState", unit]).stdout;
        let words: Vec<&str> = [&active, &enabled, &loaded]
            .map(|word| word.trim_end())
            .into();
        said.push(format!("installed {unit}: {}", words.join(" ")));
    }
    let all = |commands: &[&str], said: &mut Vec<String>| {
        for command in commands {
            let outcome = machine.run(&["sh", "-c", command]);
            let words = without_times(&outcome.stdout);
            said.push(format!("{command}: {} {words}", outcome.code));
        }
    };
    all(INSTALLED, &mut said);
    let told = apt("apt-get --quiet=2 --yes remove");
    let complaints = told.lines().filter(|line| line.contains("ailed"));
    said.extend(complaints.map(str::to_owned));
    for (_, unit) in PACKAGES {
        let active = machine.systemctl(&["is-active", unit]).stdout;
        let loaded = machine.systemctl(&["show", "-P", "LoadState", unit]).stdout;
        said.push(format!(
            "removed {unit}: {} {}",
            active.trim_end(),
            loaded.trim_end()
        ));
    }
    all(REMOVED, &mut said);
    apt("apt-get --quiet=2 --yes purge");
    for (_, unit) in PACKAGES {
        let outcome = machine.systemctl(&["is-enabled", unit]);
        said.push(format!(
            "purged {unit}: {} {}",
            outcome.code,
            outcome.stdout.trim_end()
        ));
    }
    said
}

/// Without `since Sun 2026-11-22 03:12:14 UTC; 24s ago`.
fn without_times(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| line.split(" since ").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// An executable file.
fn script(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}

/// A temporary directory is its owner's only, and this one becomes the root of a machine.
fn readable(directory: &Path) {
    std::fs::set_permissions(directory, PermissionsExt::from_mode(0o755)).unwrap();
}

/// Modules, their arguments, and what Ansible has to say to them on both.
const TASKS: &[(&str, &str, &str)] = &[
    ("setup", "filter=ansible_service_mgr", "SUCCESS"),
    (
        "systemd_service",
        "name=a state=started enabled=yes",
        "CHANGED",
    ),
    (
        "systemd_service",
        "name=a state=started enabled=yes",
        "SUCCESS",
    ),
    (
        "systemd_service",
        "name=a state=restarted daemon_reload=yes",
        "CHANGED",
    ),
    ("systemd_service", "name=again state=reloaded", "CHANGED"),
    ("systemd_service", "name=again state=reloaded", "CHANGED"),
    (
        "systemd_service",
        "name=a state=stopped enabled=no",
        "CHANGED",
    ),
    (
        "systemd_service",
        "name=a state=stopped enabled=no",
        "SUCCESS",
    ),
    ("systemd_service", "name=packaged masked=yes", "CHANGED"),
    ("systemd_service", "name=packaged masked=yes", "SUCCESS"),
    ("systemd_service", "name=packaged state=started", "FAILED"),
    ("systemd_service", "name=packaged masked=no", "CHANGED"),
    ("systemd_service", "name=nobody state=started", "FAILED"),
    ("systemd_service", "name=fails state=started", "FAILED"),
    ("systemd_service", "daemon_reload=yes", "SUCCESS"),
    ("systemd_service", "daemon_reexec=yes", "SUCCESS"),
    ("service", "name=a state=started enabled=yes", "CHANGED"),
    ("service", "name=a state=started enabled=yes", "SUCCESS"),
    ("service", "name=a state=restarted", "CHANGED"),
    ("service", "name=a state=stopped enabled=no", "CHANGED"),
    ("service_facts", "", "SUCCESS"),
];

const UNITS: &[(&str, &str)] = &[
    (
        "a.service",
        "[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n",
    ),
    (
        "again.service",
        "[Service]\nExecStart=/bin/sleep 1000\nExecReload=/bin/true\n",
    ),
    (
        "fails.service",
        "[Service]\nType=oneshot\nExecStart=/bin/false\n",
    ),
];

#[test]
fn ansible_changes_what_it_changes_under_systemd() {
    let said = both(ansible);
    for (line, (module, words, expected)) in said.iter().zip(TASKS) {
        assert!(
            line.starts_with(&format!("{module} {words}: {expected}")),
            "{line}"
        );
    }
}

/// Ansible runs out here, and the Python of its modules inside.
fn ansible(init: Init) -> Vec<String> {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    std::fs::create_dir(path("units")).unwrap();
    for (name, text) in UNITS {
        std::fs::write(path("units").join(name), text).unwrap();
    }
    // Files of administrators cannot be masked.
    let packaged = path("layer/usr/lib/systemd/system");
    std::fs::create_dir_all(&packaged).unwrap();
    std::fs::write(packaged.join("packaged.service"), UNITS[0].1).unwrap();
    let layer = path("layer");
    readable(&layer);
    let machine = Machine::boot_with(init, &path("units"), Some(&layer), &OPTIONS);
    let entrance = machine.entrance().join(" ");
    script(
        &path("python"),
        &format!("#!/bin/sh\nexec {entrance} /usr/bin/python3 \"$@\"\n"),
    );
    let task = |(module, words, _): &(&str, &str, &str)| {
        let module = format!("ansible.builtin.{module}");
        json!({ module: words, "ignore_errors": true })
    };
    let tasks: Vec<Value> = TASKS.iter().map(task).collect();
    let play = json!([{ "hosts": "machine", "gather_facts": false, "tasks": tasks }]);
    // JSON is YAML.
    std::fs::write(path("play.yml"), play.to_string()).unwrap();
    let done = Command::new(tool("ansible-playbook"))
        .args(["--inventory", "machine,", "--connection", "local"])
        .arg(path("play.yml"))
        .env("ANSIBLE_STDOUT_CALLBACK", "oneline")
        // Modules go in through standard input: the files of out here are not in there.
        .env("ANSIBLE_PIPELINING", "True")
        .env("ANSIBLE_HOME", path("ansible"))
        .env("ANSIBLE_PYTHON_INTERPRETER", path("python"))
        .output()
        .expect("ansible-playbook");
    let told = String::from_utf8_lossy(&done.stdout);
    let mut answers = told.lines().filter(|line| line.starts_with("machine | "));
    let answer = |(module, words, _): &(&str, &str, &str)| {
        let line = answers.next().unwrap_or_else(|| panic!("{done:?}"));
        let known = ["CHANGED", "SUCCESS", "FAILED"];
        let word = known
            .iter()
            .find(|word| line.contains(&format!("| {word}")));
        let word = word.unwrap_or_else(|| panic!("{module} {words}: {line}"));
        format!("{module} {words}: {word}{}", details(module, line))
    };
    TASKS.iter().map(answer).collect()
}

/// What of Ansible's answer has to be the same, beside the word.
fn details(module: &str, told: &str) -> String {
    let json = told.split_once("=> ").map_or("", |(_, json)| json);
    let answer: Value = serde_json::from_str(json.trim()).unwrap_or_default();
    match module {
        "setup" => format!(" {}", answer["ansible_facts"]["ansible_service_mgr"]),
        "service_facts" => {
            let services = &answer["ansible_facts"]["services"];
            // What is stopped and not in use runnerd keeps loaded, and systemd does not: for Ansible
            // it is "stopped" here and "inactive" there.
            let ours = UNITS.iter().map(|(name, _)| {
                let runs = services[name]["state"] == "running";
                format!(" {} {runs}", services[name]["status"])
            });
            ours.collect()
        }
        _ => format!(
            " {} {} {}",
            answer["state"], answer["enabled"], answer["msg"]
        ),
    }
}

//! The images of `contrib/docker`. There is no docker here: what they copy is there, and what they run
//! runs, as process 1.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tests::{Ended, Identity, World, get, program, repository};

fn images() -> PathBuf {
    repository().join("contrib/docker")
}

#[test]
fn what_is_copied_is_there() {
    let mut dockerfiles = 0;
    for image in std::fs::read_dir(images()).unwrap() {
        let path = image.unwrap().path().join("Dockerfile");
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        dockerfiles += 1;
        let copies = text.lines().filter_map(|line| line.strip_prefix("COPY "));
        for line in copies.filter(|line| !line.starts_with("--from=")) {
            let words: Vec<&str> = line.split_whitespace().collect();
            for source in &words[..words.len() - 1] {
                assert!(
                    repository().join(source).exists(),
                    "{}: {line}",
                    path.display()
                );
            }
        }
        // Programs of ours that a first stage has built, and no others.
        let built = text
            .lines()
            .filter_map(|line| line.strip_prefix("COPY --from=build "));
        for line in built {
            let sources = line
                .split_whitespace()
                .filter(|word| word.starts_with("/runner/"));
            for source in sources {
                let name = Path::new(source).file_name().unwrap().to_str().unwrap();
                assert!(program(name).is_file(), "{}: {line}", path.display());
            }
        }
    }
    assert_eq!(dockerfiles, 4);
}

/// Puts the files of a directory into the world, moved to its address and directories.
fn take(world: &World, from: &str) {
    for entry in std::fs::read_dir(images().join(from)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() || path.ends_with("Dockerfile") {
            continue;
        }
        let text = moved(world, &std::fs::read_to_string(&path).unwrap());
        let name = path.file_name().unwrap();
        std::fs::write(world.path("units").join(name), text).unwrap();
    }
    let nginx = std::fs::read_to_string(images().join("nginx.conf")).unwrap();
    std::fs::write(world.path("state/nginx.conf"), moved(world, &nginx)).unwrap();
}

fn moved(world: &World, text: &str) -> String {
    let state = world.path("state").display().to_string();
    text.replace("/tmp", &state)
        .replace("/etc/shop", &state)
        .replace("0.0.0.0", world.host())
        .replace("127.0.0.1", world.host())
        .replace("/run/supervisor.sock", &format!("{state}/supervisor.sock"))
}

/// The web server of all images answers.
fn serves(world: &World) {
    let answers = || get(&format!("{}:8080", world.host())).is_ok_and(|body| body.contains("open"));
    world.until("the shop is open", answers);
}

#[test]
fn from_s6_overlay() {
    let mut world = World::with(Identity::Init);
    take(&world, "from-s6-overlay/units");
    world.start();
    // Ready is what answers, and all that it needs.
    world.ctl(&["is-ready"]).ok();
    assert_eq!(world.show("prepare.service", "SubState"), "exited");
    serves(&world);
    world.ctl(&["kill", "--signal=KILL", "web"]).ok();
    assert_eq!(world.ended(), Ended::Exited(128 + 9));
}

#[test]
fn from_systemd() {
    let mut world = World::with(Identity::Init);
    take(&world, "from-systemd/units");
    // As `systemctl enable` has it in the image.
    for (unit, target) in [("shop.service", "multi-user"), ("tidy.timer", "timers")] {
        let wants = world.path("units").join(format!("{target}.target.wants"));
        std::fs::create_dir(&wants).unwrap();
        std::os::unix::fs::symlink(format!("../{unit}"), wants.join(unit)).unwrap();
    }
    world.start();
    serves(&world);
    assert_eq!(world.show("shop.service", "ActiveState"), "active");
    assert_eq!(world.show("tidy.timer", "SubState"), "waiting");
    world.ctl(&["reload", "shop"]).ok();
    serves(&world);
    assert_eq!(world.stop(), Ended::Exited(0));
}

#[test]
fn from_supervisord() {
    let mut world = World::with(Identity::Init);
    take(&world, "from-supervisord");
    let conf = world.path("units/supervisord.conf");
    // As the image calls it, by its other name.
    let link = world.path("supervisord");
    std::os::unix::fs::symlink(program("runnerd"), &link).unwrap();
    let words = ["sh", "-c", "exec \"$0\" -n -c \"$1\""];
    let all = [
        &words[..],
        &[link.to_str().unwrap(), conf.to_str().unwrap()],
    ]
    .concat();
    world.wrapper(&all);
    let place = world.path("run");
    world.environment("RUNNER_RUNTIME_DIR", place.to_str().unwrap());
    world.launch();
    serves(&world);
    let client = world.path("supervisorctl");
    std::os::unix::fs::symlink(program("runnerctl"), &client).unwrap();
    let output = Command::new(client)
        .arg("-c")
        .arg(&conf)
        .arg("status")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.lines()
            .all(|line| line.contains("RUNNING") || line.contains("STARTING")),
        "{said}"
    );
    assert_eq!(said.lines().count(), 2, "{said}");
    assert_eq!(world.stop(), Ended::Exited(0));
}

/// The programs as an image of nothing else has them: in the long form those of `contrib/build-static`,
/// otherwise those of this build, with the libraries they are linked to.
fn into_empty_root(root: &Path) {
    std::fs::create_dir_all(root.join("bin")).unwrap();
    std::fs::create_dir_all(root.join("etc/runner/units")).unwrap();
    let output = |command: &mut Command| {
        let output = command.current_dir(repository()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let built = std::env::var_os("RUNNER_TESTS_LONG").map(|_| {
        let place = output(&mut Command::new("contrib/build-static"));
        repository().join(place.trim_end())
    });
    if let Some(built) = &built {
        let size = built.join("runnerd").metadata().unwrap().len();
        assert!(size < 4_000_000, "runnerd has grown to {size} bytes");
    }
    for name in ["runnerd", "runnerctl"] {
        let path = built
            .as_ref()
            .map_or_else(|| program(name), |built| built.join(name));
        std::fs::copy(&path, root.join("bin").join(name)).unwrap();
        if built.is_none() {
            let libraries = output(Command::new("ldd").arg(&path));
            let paths = libraries
                .split_whitespace()
                .filter(|word| word.starts_with('/'));
            for path in paths {
                let inside = root.join(path.trim_start_matches('/'));
                std::fs::create_dir_all(inside.parent().unwrap()).unwrap();
                std::fs::copy(path, inside).unwrap();
            }
        }
    }
}

#[test]
fn from_scratch() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    into_empty_root(root);
    let unit = images().join("scratch/units/version.toml");
    std::fs::copy(unit, root.join("etc/runner/units/version.toml")).unwrap();
    let mut daemon = Command::new("unshare")
        .args(["--pid", "--mount", "--fork", "--kill-child", "chroot"])
        .arg(root)
        .arg("/bin/runnerd")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Its lines end with it.
    let mut said = BufReader::new(daemon.stdout.take().unwrap()).lines();
    let ready = said.find(|line| line.as_ref().unwrap().contains("reached default.target"));
    assert!(ready.is_some(), "it ended at once");
    let inside = |words: &[&str]| {
        let output = Command::new("chroot")
            .arg(root)
            .arg("/bin/runnerctl")
            .args(words)
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    inside(&["is-ready"]);
    assert_eq!(
        inside(&["show", "version", "-p", "SubState", "--value"]),
        "exited\n"
    );
    assert!(inside(&["logs", "version"]).contains(concat!("runnerd ", env!("CARGO_PKG_VERSION"))));
    inside(&["exit", "9"]);
    assert_eq!(daemon.wait().unwrap().code(), Some(9));
}

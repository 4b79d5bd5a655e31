//! The images of `contrib/docker`. There is no docker here: what they copy is there, and what they run
//! runs, as process 1.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};

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
    let output = std::process::Command::new(client)
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

//! Services that count as started when somebody outside finds them ready.

use std::fs;
use std::process::Command;

use tests::{CONFIGURATION, Kind, Peer, World, tool};

#[test]
fn what_comes_after_redis_finds_it_answering() {
    let mut world = World::new();
    let (server, client) = (tool("redis-server"), tool("redis-cli"));
    let host = world.host().to_owned();
    // The wait is what is tested: without a probe the client would come too early every time.
    world.unit(
        "redis.toml",
        &format!(
            "[service]\nexec-start = [\"/bin/sh\", \"-c\", \"sleep 0.5; exec {} --bind {host} --port 6379 --save ''\"]\n\
             ready-probe = \"tcp:{host}:6379\"\n",
            server.display()
        ),
    );
    world.unit(
        "client.toml",
        &format!(
            "[service]\ntype = \"oneshot\"\nremain-after-exit = true\nrequires = [\"redis.service\"]\n\
             after = [\"redis.service\"]\nexec-start = \"{} -h {host} -p 6379 -e ping\"\n",
            client.display()
        ),
    );
    world.start();
    assert_eq!(world.show("client.service", "ActiveState"), "active");
    assert_eq!(world.show("client.service", "Result"), "success");
    assert_eq!(world.show("redis.service", "SubState"), "running");
    assert_eq!(world.show("redis.service", "ReadyProbeResult"), "");
}

#[test]
fn http_servers_answer_well_or_never_are_ready() {
    let mut world = World::new();
    let python = tool("python");
    let host = world.host().to_owned();
    fs::create_dir(world.path("www")).unwrap();
    fs::write(world.path("www/health"), "fine\n").unwrap();
    let unit = |port: u16, path: &str, more: &str| {
        format!(
            "[service]\nexec-start = \"{} -m http.server --bind {host} --directory @dir@/www {port}\"\n\
             ready-probe = \"http://{host}:{port}/{path}\"\n{more}\n",
            python.display()
        )
    };
    world.unit("good.toml", &unit(8000, "health", ""));
    let never = "timeout-start-sec = \"2s\"\nautostart = false";
    world.unit("never.toml", &unit(8001, "missing", never));
    world.start();
    world.wait_for("good.service", "ready");
    let answer = tests::get(&format!("{host}:8000")).unwrap();
    assert!(answer.contains("200 OK"), "{answer}");
    let why = world.ctl(&["start", "never"]).refused(1);
    let said =
        format!("start took too long: ready-probe http://{host}:8001/missing: HTTP status 404");
    assert!(why.contains(&said), "{why}");
    assert_eq!(world.show("never.service", "Result"), "timeout");
}

#[test]
fn a_command_is_asked_as_the_user_also_over_a_killed_manager() {
    tests::needs_root();
    let mut world = World::new();
    // What a stranger may look into.
    let public = tempfile::tempdir().unwrap();
    fs::set_permissions(
        public.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let file = public.path().join("x.service-nobody");
    world.unit(
        "x.toml",
        &format!(
            "[service]\nexec-start = \"@actor@ as=x tell=up pause\"\nuser = \"nobody\"\n\
             environment = \"WHERE={}\"\n\
             ready-probe = \"exec:/bin/sh -c 'test -e $$WHERE/%n-$$(id -un)'\"\n",
            public.path().display()
        ),
    );
    world.launch();
    world.event("x", "up");
    world.answers();
    let waits = || world.show("x.service", "ReadyProbeResult");
    world.until("an attempt has failed", || {
        waits().ends_with("exited with status 1")
    });
    assert_eq!(world.show("x.service", "SubState"), "start");
    let status = world.ctl(&["status", "x"]).stdout;
    assert!(
        status.contains("Waiting for: ready-probe exec:"),
        "{status}"
    );
    world.kill_manager();
    world.answers();
    assert_eq!(world.show("x.service", "SubState"), "start");
    fs::write(&file, "").unwrap();
    world.wait_for("x.service", "ready");
    assert_eq!(world.show("x.service", "NRestarts"), "0");
}

#[test]
fn supervisorctl_sees_a_program_start_until_its_probe_succeeds() {
    let peer = Peer::start(
        Kind::Ours,
        &format!(
            "{CONFIGURATION}[program:web]
command=/bin/sleep 1000
startsecs=0
runner.ready-probe=exec:/usr/bin/test -e DIR/ready
runner.ready-probe-interval-sec=50ms
[program:never]
command=/bin/sleep 1000
startsecs=0
startretries=0
runner.ready-probe=unix:DIR/nobody
runner.timeout-start-sec=1
runner.memory-max=50%%
"
        ),
    );
    let status = |program: &str| {
        let output = Command::new(tool("supervisorctl"))
            .arg("-c")
            .arg(peer.path("supervisord.conf"))
            .args(["status", program])
            .output()
            .expect("supervisorctl");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    peer.wait_until("never is given up", |_| status("never").contains("FATAL"));
    // More than a second has passed, and it is still on its way.
    assert!(status("web").contains("STARTING"), "{}", status("web"));
    fs::write(peer.path("ready"), "").unwrap();
    peer.wait_until("web is ready", |_| status("web").contains("RUNNING"));
    let (status, left) = peer.stop();
    assert_eq!((status.as_str(), left.len()), ("exited 0", 0), "{left:?}");
}

#[test]
fn a_limit_of_memory_is_in_force_or_missed() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\nexec-start = \"@actor@ as=x tell=up pause\"\nmemory-max = \"64M\"\n",
    );
    world.start();
    world.event("x", "up");
    let group = world.show("x.service", "ControlGroup");
    let file = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        .iter()
        .map(|mount| format!("{mount}{group}/memory.max"))
        .find_map(|file| fs::read_to_string(file).ok());
    match file.filter(|_| !group.is_empty()) {
        Some(limit) => assert_eq!(limit.trim(), "67108864"),
        None => {
            world.console_line("that there is no limit", |line| {
                line.contains("x.service: memory-max = 64M has no effect: ")
                    && line.contains("needs the memory controller")
            });
        }
    }
    // It runs all the same.
    assert_eq!(world.show("x.service", "SubState"), "running");
}

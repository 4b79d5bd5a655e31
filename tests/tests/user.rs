//! Without any privilege.

use tests::{Ended, Identity, World, get};

#[test]
fn everything_works_as_an_ordinary_user() {
    let mut world = World::with(Identity::Nobody);
    world.unit(
        "web.toml",
        "[socket]\nlisten-stream = \"@host@:8080\"\n[service]\nlog-file = \"@dir@/state/web.log\"\n\
         exec-start = \"@actor@ as=web print=hello hold=TERM serve\"\n",
    );
    world.unit(
        "n.toml",
        "[service]\ntype = \"notify\"\nrestart = \"always\"\nrestart-sec = 0\n\
         exec-start = \"@actor@ as=n facts notify=READY=1 hold=TERM tell=up await tell=down\"\n",
    );
    world.start();
    world.event("n", "up");
    let keeper = world.keeper();
    let status = std::fs::read_to_string(format!("/proc/{}/status", keeper.pid)).unwrap();
    if nix::unistd::geteuid().is_root() {
        assert!(status.contains("Uid:\t65534\t65534"), "{status}");
    }
    assert!(
        get(&format!("{}:8080", world.host()))
            .unwrap()
            .contains("web ")
    );
    let main = world.main_process("n.service");
    main.signal(libc::SIGKILL);
    world.event("n", "up");
    world.kill_manager();
    world.answers();
    world.wait_for("n.service", "ready");
    assert_eq!(world.show("n.service", "NRestarts"), "1");
    assert_eq!(world.stop(), Ended::Exited(0));
    // By now everything has gone where it should.
    assert_eq!(
        std::fs::read_to_string(world.path("state/web.log")).unwrap(),
        "hello\n"
    );
    world.event("n", "down");
}

#[test]
fn a_user_cannot_become_another() {
    let mut world = World::with(Identity::Nobody);
    world.unit("x.toml", "[service]\nautostart = false\ntype = \"exec\"\nuser = \"daemon\"\nexec-start = \"/bin/true\"\n");
    world.unit("own.toml", "[service]\nautostart = false\ntype = \"exec\"\nuser = \"nobody\"\nexec-start = \"@actor@ as=own tell=up pause\"\n");
    world.start();
    assert_eq!(world.ctl(&["start", "x"]).code, 1);
    assert!(["216", "217"].contains(&world.show("x.service", "ExecMainStatus").as_str()));
    // Its own name is no privilege.
    world.ctl(&["start", "own"]).ok();
    world.event("own", "up");
}

#[test]
fn the_directory_comes_from_the_session() {
    let mut world = World::with(Identity::Nobody);
    let session = world.path("home");
    world.unit(
        "x.toml",
        "[service]\nexec-start = \"@actor@ as=x tell=up pause\"\n",
    );
    world.start();
    world.event("x", "up");
    // runnerctl finds a daemon the same way: here there is none.
    let output = std::process::Command::new(tests::program("runnerctl"))
        .env_remove("RUNNER_RUNTIME_DIR")
        .env("XDG_RUNTIME_DIR", &session)
        .args([
            "--runtime-dir",
            session.join("nothing").to_str().unwrap(),
            "status",
        ])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("nothing"),
        "does not say where it looked: {said}"
    );
}

#[test]
fn others_may_look_but_not_touch() {
    tests::needs_root();
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\nenvironment = [\"SECRET=1\"]\nexec-start = \"@actor@ as=x print=private tell=up pause\"\n",
    );
    world.start();
    world.event("x", "up");
    let stranger = |words: &[&str]| {
        let program = tests::program("runnerctl").display().to_string();
        let directory = world.path("run").display().to_string();
        let mut all = vec![
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            &program,
            "--runtime-dir",
            &directory,
        ];
        all.extend(words);
        world.tool("setpriv", &all)
    };
    assert_eq!(stranger(&["is-active", "x"]).ok().trim(), "active");
    for words in [
        &["stop", "x"][..],
        &["kill", "x"],
        &["daemon-reload"],
        &["shutdown"],
        &["logs", "x"],
    ] {
        let outcome = stranger(words);
        assert_eq!(
            outcome.code, 4,
            "{words:?}: {}{}",
            outcome.stdout, outcome.stderr
        );
    }
    let shown = stranger(&["show", "x"]);
    assert!(
        !shown.stdout.contains("SECRET") && !shown.stdout.contains("events"),
        "{}",
        shown.stdout
    );
    assert_eq!(world.show("x.service", "ActiveState"), "active");
}

//! Reading the unit files again: all or nothing, and what runs keeps running.

use tests::World;

const A1: &str = "[service]\ndescription = \"one\"\nexec-start = \"@actor@ as=a1 tell=up pause\"\n";
const A2: &str = "[service]\ndescription = \"two\"\nexec-start = \"@actor@ as=a2 tell=up pause\"\n";
const B: &str = "[service]\ndescription = \"b\"\nexec-start = \"@actor@ as=b tell=up pause\"\n";

fn world() -> World {
    let mut world = World::new();
    world.unit("a.toml", A1);
    world.unit("b.toml", B);
    world.start();
    world.event("a1", "up");
    world.event("b", "up");
    world
}

#[test]
fn a_changed_definition_applies_to_the_next_start() {
    let world = world();
    let main = world.main_process("a.service");
    world.unit("a.toml", A2);
    world.unit(
        "c.toml",
        "[service]\nexec-start = \"@actor@ as=c tell=up pause\"\n",
    );
    world.ctl(&["daemon-reload"]).ok();
    assert_eq!(world.show("a.service", "Description"), "two");
    assert!(!main.is_gone(), "a reload touched a running service");
    assert_eq!(world.show("c.service", "ActiveState"), "inactive");
    world.ctl(&["restart", "a"]).ok();
    world.event("a2", "up");
    world.ctl(&["start", "c"]).ok();
    world.event("c", "up");
}

#[test]
fn a_broken_file_refuses_the_whole_reload() {
    for broken in [
        &b"[service]\nexec-strat = \"x\"\n"[..],
        b"[service]\nexec-start = \"/bin/tr",
        b"\x7fELF\x00\x01\xff\xfe",
        b"[service]\nrestart = 3\nexec-start = \"/bin/true\"\n",
        b"",
    ] {
        let world = world();
        let main = world.main_process("b.service");
        world.unit("a.toml", A2);
        std::fs::write(world.path("units/b.toml"), broken).unwrap();
        if broken.is_empty() {
            // An empty file defines nothing: b is gone, which is no error.
            world.ctl(&["daemon-reload"]).ok();
            assert!(!main.is_gone(), "an orphan was stopped");
            assert_eq!(world.show("b.service", "ActiveState"), "active");
            continue;
        }
        let refused = world.ctl(&["daemon-reload"]).refused(1);
        assert!(refused.contains("b.toml:"), "no place: {refused}");
        // Nothing at all was applied.
        assert_eq!(world.show("a.service", "Description"), "one");
        assert_eq!(world.show("b.service", "Description"), "b");
        assert!(!main.is_gone());
        world.ctl(&["restart", "a"]).ok();
        world.event("a1", "up");
        // On its old definition it can still be started anew.
        world.ctl(&["restart", "b"]).ok();
        world.event("b", "up");
        // And repaired, all is applied.
        world.unit("b.toml", B);
        world.ctl(&["daemon-reload"]).ok();
        assert_eq!(world.show("a.service", "Description"), "two");
    }
}

#[test]
fn keep_going_applies_the_good_files() {
    let world = world();
    world.unit("a.toml", A2);
    world.unit("b.toml", "[service]\nexec-strat = \"x\"\n");
    let outcome = world.ctl(&["daemon-reload", "--keep-going"]);
    assert!((outcome.stdout + &outcome.stderr).contains("b.toml:2:1"));
    assert_eq!(world.show("a.service", "Description"), "two");
    assert_eq!(world.show("b.service", "Description"), "b");
    world.ctl(&["restart", "b"]).ok();
    world.event("b", "up");
}

#[test]
fn a_file_broken_from_the_start_does_not_refuse_reloads() {
    let mut world = World::new();
    world.unit("a.toml", A1);
    world.unit("bad.toml", "[service]\nexec-strat = \"x\"\n");
    world.start();
    world.event("a1", "up");
    world.unit("a.toml", A2);
    world.ctl(&["daemon-reload"]).ok();
    assert_eq!(world.show("a.service", "Description"), "two");
}

#[test]
fn files_that_changed_are_noticed_before_they_are_read() {
    let world = world();
    let changed = |unit: &str| world.show(unit, "NeedDaemonReload");
    assert_eq!(
        (&*changed("a.service"), &*changed("b.service")),
        ("no", "no")
    );
    world.unit("a.toml", A2);
    std::fs::create_dir(world.path("units/b.toml.d")).unwrap();
    assert_eq!(
        (&*changed("a.service"), &*changed("b.service")),
        ("yes", "yes")
    );
    let told = world.ctl(&["restart", "a"]);
    assert!(told.stderr.contains("daemon-reload"), "{}", told.stderr);
    // The next manager has not read them either.
    world.kill_manager();
    assert_eq!(changed("a.service"), "yes");
    world.unit("b.toml", "[service]\nexec-strat = \"x\"\n");
    world.ctl(&["daemon-reload"]).refused(1);
    assert_eq!(changed("a.service"), "yes");
    world.unit("b.toml", B);
    world.ctl(&["daemon-reload"]).ok();
    assert_eq!(
        (&*changed("a.service"), &*changed("b.service")),
        ("no", "no")
    );
}

#[test]
fn by_signal_too() {
    let world = world();
    world.unit("a.toml", A2);
    world.unit("b.toml", "[service]\nexec-strat = \"x\"\n");
    world.keeper().signal(libc::SIGHUP);
    world.console_line("the refusal", |line| line.contains("b.toml:2:1"));
    assert_eq!(world.show("a.service", "Description"), "one");
    world.unit("b.toml", B);
    world.unit("d.toml", "[service]\nexec-strat = \"x\"\n");
    std::fs::remove_file(world.path("units/d.toml")).unwrap();
    let before = world.notifications().len();
    world.keeper().signal(libc::SIGHUP);
    world.notified("RELOADING=1", before);
    world.notified("READY=1", before + 1);
    assert_eq!(world.show("a.service", "Description"), "two");
}

#[test]
fn drop_ins_and_where_things_come_from() {
    let mut world = World::new();
    world.unit("a.toml", A1);
    world.unit(
        "a.toml.d/10-more.toml",
        "[service]\nenvironment = [\"X=1\"]\ndescription = \"with more\"\n",
    );
    world.unit(
        "a.toml.d/20-most.toml",
        "[service]\nenvironment = [\"Y=2\"]\n",
    );
    world.start();
    world.event("a1", "up");
    assert_eq!(world.show("a.service", "Description"), "with more");
    let environment = world.show("a.service", "Environment");
    assert!(
        environment.contains("X=1") && environment.contains("Y=2"),
        "{environment}"
    );
    let text = world.ctl(&["cat", "a"]).ok();
    for piece in [
        "a.toml",
        "10-more.toml",
        "20-most.toml",
        "with more",
        "exec-start",
    ] {
        assert!(text.contains(piece), "{piece}: {text}");
    }
}

#[test]
fn a_deleted_unit_runs_on_as_an_orphan() {
    let world = world();
    let main = world.main_process("b.service");
    std::fs::remove_file(world.path("units/b.toml")).unwrap();
    world.ctl(&["daemon-reload"]).ok();
    assert!(!main.is_gone());
    assert_eq!(world.show("b.service", "ActiveState"), "active");
    world.ctl(&["stop", "b"]).ok();
    assert!(main.is_gone());
    assert_eq!(world.ctl(&["start", "b"]).code, 5);
}

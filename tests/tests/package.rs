//! The Debian package: built from the programs of this build, looked at, unpacked and run.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use tests::{Ended, Init, Machine, World, program, repository};

fn run(program: &str, words: &[&str]) -> String {
    let output = Command::new(program)
        .args(words)
        .current_dir(repository())
        // Nobody ships this one.
        .env("DPKG_DEB_COMPRESSOR_TYPE", "none")
        .env(
            "DPKG_FORCE",
            "script-chrootless,not-root,depends,security-mac,unsafe-io",
        )
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{program} {words:?}: {out}{err}");
    out
}

/// The package, in a directory.
fn build(directory: &Path) -> PathBuf {
    let binaries = program("runnerd").parent().unwrap().to_owned();
    let words = [binaries.to_str().unwrap(), directory.to_str().unwrap()];
    let path = run("contrib/debian/build", &words);
    PathBuf::from(path.trim_end())
}

#[test]
fn everything_has_its_place_and_works_there() {
    let directory = tempfile::tempdir().unwrap();
    let package = build(directory.path());
    let package = package.to_str().unwrap();

    let field = |name: &str| run("dpkg-deb", &["--field", package, name]);
    assert_eq!(field("Package"), "runner\n");
    assert_eq!(field("Version").trim_end(), env!("CARGO_PKG_VERSION"));
    assert!(
        field("Depends").contains("libc6 (>= "),
        "{}",
        field("Depends")
    );

    let contents = run("dpkg-deb", &["--contents", package]);
    for line in contents.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (mode, owner, path) = (words[0], words[1], words[5]);
        assert_eq!(owner, "root/root", "{line}");
        let program = path.starts_with("./usr/bin/") && !path.ends_with('/')
            || path.starts_with("./usr/share/doc/runner/examples/") && mode == "-rwxr-xr-x";
        let expected = match mode.as_bytes()[0] {
            b'd' => "drwxr-xr-x",
            b'l' => "lrwxrwxrwx",
            _ if program => "-rwxr-xr-x",
            _ => "-rw-r--r--",
        };
        assert_eq!(mode, expected, "{line}");
        assert!(!path.contains("/local/"), "{line}");
    }

    let root = directory.path().join("root");
    run("dpkg-deb", &["--extract", package, root.to_str().unwrap()]);
    let there = |path: &str| root.join(path).symlink_metadata().is_ok();
    for page in ["man1/runnerctl.1", "man5/runner.unit.5", "man8/runnerd.8"] {
        assert!(there(&format!("usr/share/man/{page}.gz")), "{page}");
        let path = root.join(format!("usr/share/man/{page}.gz"));
        let text = run("gzip", &["-dc", path.to_str().unwrap()]);
        assert!(
            text.starts_with(".TH ") || text.contains("\n.TH "),
            "{page}"
        );
    }
    for path in [
        "usr/share/bash-completion/completions/runnerctl",
        "usr/share/zsh/vendor-completions/_runnerctl",
        "usr/share/fish/vendor_completions.d/runnerctl.fish",
        "usr/share/dbus-1/system.d/org.unitrunner.Runner1.conf",
        "usr/share/dbus-1/interfaces/org.unitrunner.Runner1.Manager.xml",
        "usr/share/dbus-1/system-services/org.unitrunner.Runner1.service",
        "usr/share/dbus-1/services/org.unitrunner.Runner1.service",
        "usr/share/polkit-1/actions/org.unitrunner.Runner1.policy",
        "usr/lib/systemd/system/runnerd.service",
        "usr/lib/systemd/system/runnerd.socket",
        "usr/lib/systemd/user/runnerd.service",
        "usr/share/runner/runner-unit.schema.json",
        "usr/lib/systemd/catalog/runner.catalog",
        "usr/share/doc/runner/copyright",
        "usr/share/doc/runner/changelog.gz",
        "usr/share/doc/runner/CHANGELOG.md.gz",
        "etc/runner/units",
    ] {
        assert!(there(path), "{path}");
    }
    let services = root.join("usr/share/dbus-1/system-services");
    assert_eq!(std::fs::read_dir(services).unwrap().count(), 1);
    // A policy for machines without systemd would open what systemd's own keeps shut.
    assert!(!there("usr/share/dbus-1/system.d/runner-systemd1.conf"));
    // Every link leads to a program.
    for names in ["supervisor", "init"] {
        for link in std::fs::read_dir(root.join("usr/lib/runner").join(names)).unwrap() {
            let link = link.unwrap().path();
            assert!(link.metadata().unwrap().is_file(), "{}", link.display());
        }
    }
    let version = run(
        root.join("usr/lib/runner/init/init").to_str().unwrap(),
        &["--help"],
    );
    assert!(version.contains("telinit"), "{version}");

    let mut world = World::new();
    world.binary(&root.join("usr/bin/runnerd"));
    world.unit(
        "a.toml",
        "[service]\nexec-start = \"@actor@ as=a hold=TERM tell=up await\"\n",
    );
    world.start();
    world.event("a", "up");
    assert_eq!(world.stop(), Ended::Exited(0));
}

#[test]
fn it_is_installed_found_whole_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let package = build(directory.path());
    let root = directory.path().join("root");
    for part in ["var/lib/dpkg/updates", "var/lib/dpkg/info", "var/log"] {
        std::fs::create_dir_all(root.join(part)).unwrap();
    }
    for file in ["status", "available"] {
        std::fs::write(root.join("var/lib/dpkg").join(file), "").unwrap();
    }
    let root_word = format!("--root={}", root.display());
    let dpkg = |words: &[&str]| run("dpkg", &[&[root_word.as_str()], words].concat());
    dpkg(&["--install", package.to_str().unwrap()]);
    assert!(dpkg(&["--status", "runner"]).contains("Status: install ok installed"));
    // Says what differs from what the package says of itself.
    assert_eq!(dpkg(&["--verify", "runner"]), "");
    assert!(root.join("usr/bin/runnerctl").is_file());
    dpkg(&["--purge", "runner"]);
    assert!(!root.join("usr/bin/runnerctl").exists());
    assert!(!root.join("usr/share/doc/runner").exists());
}

/// On a machine whose process 1 is one of the two: found, not started, and gone without a trace.
#[test]
fn it_is_installed_on_a_machine_enabled_and_purged() {
    for init in [Init::Systemd, Init::Runnerd] {
        let layer = tempfile::tempdir().unwrap();
        let units = tempfile::tempdir().unwrap();
        let readable = || std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(layer.path(), readable()).unwrap();
        // Images of containers forbid packages to stop anything.
        let policy = layer.path().join("usr/sbin/policy-rc.d");
        std::fs::create_dir_all(policy.parent().unwrap()).unwrap();
        std::fs::write(&policy, "#!/bin/sh\nexit 0\n").unwrap();
        std::fs::set_permissions(&policy, readable()).unwrap();
        let package = build(layer.path());
        let package = format!("/{}", package.file_name().unwrap().to_str().unwrap());
        let options = [
            "--systemd-compat",
            "--systemd-units",
            "--ignore-unsupported",
        ];
        let machine = Machine::boot_with(init, units.path(), Some(layer.path()), &options);
        let shell = |line: &str| {
            let outcome = machine.run_for(60, &["sh", "-c", line]);
            let said = format!("{}{}", outcome.stdout, outcome.stderr);
            assert_eq!(outcome.code, 0, "{}: {line}\n{said}", init.name());
            outcome.stdout.trim_end().to_owned()
        };
        let is = |question: &str| {
            let outcome = machine.systemctl(&[question, "runnerd.service"]);
            outcome.stdout.trim_end().to_owned()
        };
        // What is there by itself, and what is there because of the package.
        let traces = "find /etc /usr /var -xdev -iname '*runner*' ! -path '*/share/doc/*' | sort";
        let before = shell(traces);

        shell(&format!("dpkg --force-depends --install {package}"));
        assert_eq!(shell("dpkg --verify runner"), "");
        assert_eq!(
            [is("is-enabled"), is("is-active")],
            ["disabled", "inactive"]
        );
        shell("systemctl enable runnerd.service runnerd.socket");
        if init == Init::Systemd {
            // Below runnerd its runtime directory is taken.
            shell("systemctl start runnerd.service");
            assert_eq!(is("is-active"), "active");
            shell("runnerctl is-ready --wait");
        }

        // What was enabled stays so over a removal.
        shell("dpkg --remove runner");
        assert_eq!(is("is-active"), "inactive");
        shell(&format!("dpkg --force-depends --install {package}"));
        assert_eq!(is("is-enabled"), "enabled", "{}", init.name());
        shell("dpkg --purge runner");
        assert_eq!(shell(traces), before, "{}", init.name());
        assert_eq!(shell("systemctl --failed --no-legend"), "");
    }
}

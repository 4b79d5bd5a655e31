//! Where things are: the programs under test, the actor, the examples, the foreign tools.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The directory with the binaries under test: `RUNNER_BIN_DIR`, else the one this test was
/// built into, after making sure that it is current.
fn binaries() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        if let Some(directory) = std::env::var_os("RUNNER_BIN_DIR") {
            return directory.into();
        }
        let me = std::env::current_exe().expect("the path of this test");
        let directory = me
            .ancestors()
            .find(|path| path.join("deps").is_dir())
            .expect("a test is built below target/PROFILE/deps")
            .to_owned();
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        build
            .args(["build", "--quiet", "--workspace", "--bins"])
            .current_dir(repository());
        if directory.ends_with("release") {
            build.arg("--release");
        }
        assert!(
            build.status().expect("cargo").success(),
            "the programs under test do not build"
        );
        directory
    })
}

/// A binary of this workspace, by name.
pub fn program(name: &str) -> PathBuf {
    let path = binaries().join(name);
    assert!(path.exists(), "{} is missing", path.display());
    path
}

/// The program that plays the services.
pub fn actor() -> PathBuf {
    program("actor")
}

/// The root of the source tree.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the repository")
}

/// A foreign program a test needs, by name. A missing one fails the test: nothing is skipped.
pub fn tool(name: &str) -> PathBuf {
    let python = repository().join("target/python/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::iter::once(python)
        .chain(std::env::split_paths(&path))
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| {
            panic!("{name} is not installed: run tests/run, which sets up what the tests need")
        })
}

/// Fails the test when it does not run as root: what only root can do is not skipped silently.
pub fn needs_root() {
    assert!(
        nix::unistd::geteuid().is_root(),
        "this test needs root: run it in a container"
    );
}

/// A port of the loopback address that was free a moment ago; a daemon says so if somebody else was
/// quicker.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}

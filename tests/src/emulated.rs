//! A whole computer, emulated: Debian's kernel, runnerd as its init, and of this machine's programs
//! those that a test names. It needs neither rights nor hardware of this machine, and a few seconds.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::place::{program, repository};

/// How long a computer may run, in seconds: many times what it takes.
const LIFE: &str = "300";

/// The root file system of a computer that has not been switched on.
#[derive(Debug)]
pub struct Computer {
    place: tempfile::TempDir,
    init: &'static str,
}

/// Where its files come to lie before they are on a disk.
const TREE: &str = "tree";

impl Computer {
    /// One with runnerd and runnerctl in `/sbin`, which is its init, and nothing else.
    #[must_use]
    pub fn new() -> Computer {
        let computer = Computer {
            place: tempfile::tempdir().unwrap(),
            init: "/sbin/runnerd",
        };
        for directory in ["sbin", "bin", "etc", "proc", "sys", "dev", "run", "tmp"] {
            std::fs::create_dir_all(computer.path(directory)).unwrap();
        }
        computer.take_ours();
        computer
    }

    /// One with this machine's Debian packages and systemd for its init, and runnerd and runnerctl in
    /// `/usr/sbin`.
    #[must_use]
    pub fn debian(packages: &[&str]) -> Computer {
        let computer = Computer {
            place: tempfile::tempdir().unwrap(),
            init: "/lib/systemd/systemd",
        };
        let done = Command::new("bash")
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/src/emulated/debian.sh"
            ))
            .arg(computer.path(""))
            .args(packages)
            .status();
        assert!(done.expect("bash").success());
        computer.take_ours();
        computer
    }

    fn take_ours(&self) {
        for name in ["runnerd", "runnerctl"] {
            let from = program(name);
            let to = self.path("sbin").join(name);
            // With what a debugger needs they would not fit.
            let done = Command::new("strip").arg("-o").args([&to, &from]).status();
            assert!(done.expect("strip").success(), "{}", from.display());
            self.libraries(&from);
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(TREE).join(name)
    }

    /// Gives it programs of this machine, with their libraries.
    pub fn programs(&self, names: &[&str]) {
        for name in names {
            let directories = ["/bin", "/usr/bin", "/sbin", "/usr/sbin"].map(Path::new);
            let from = directories.iter().map(|directory| directory.join(name));
            let from = from.into_iter().find(|path| path.is_file());
            let from = from.unwrap_or_else(|| panic!("no program {name}"));
            std::fs::copy(&from, self.path("bin").join(name)).unwrap();
            self.libraries(&from);
        }
    }

    /// Gives it the program that plays services, as `/bin/actor`.
    pub fn actor(&self) {
        let from = program("actor");
        let stripped = self.path("bin/actor");
        let done = Command::new("strip")
            .arg("-o")
            .args([&stripped, &from])
            .status();
        assert!(done.expect("strip").success(), "{}", from.display());
        self.libraries(&from);
    }

    /// Gives it modules of its kernel, in `/modules`: by their paths below that kernel's own.
    pub fn modules(&self, paths: &[&str]) {
        let all = repository().join("target/kernel/lib/modules");
        let mut versions = std::fs::read_dir(&all).expect("target/kernel/lib: tests/run --set-up");
        let version = versions.next().expect("a version").unwrap().path();
        std::fs::create_dir_all(self.path("modules")).unwrap();
        for path in paths {
            let from = version.join("kernel").join(path);
            let name = from.file_name().expect("a file");
            std::fs::copy(&from, self.path("modules").join(name)).unwrap();
        }
    }

    fn libraries(&self, program: &Path) {
        let listed = Command::new("ldd").arg(program).output().expect("ldd");
        let listed = String::from_utf8(listed.stdout).unwrap();
        let libraries = listed
            .split_whitespace()
            .filter(|word| word.starts_with('/'));
        for library in libraries {
            let to = self.path(library.trim_start_matches('/'));
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            if !to.exists() {
                std::fs::copy(library, to).unwrap();
            }
        }
    }

    /// Puts a file there.
    pub fn file(&self, path: &str, text: &str) {
        let path = self.path(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Switches it on with its files on a disk, and gives what it said on its serial line until it
    /// was off.
    #[must_use]
    pub fn run(&self) -> String {
        let disk = self.place.path().join("disk");
        let made = Command::new("mke2fs")
            .args(["-q", "-t", "ext4", "-d"])
            .args([&self.place.path().join(TREE), &disk])
            .arg("300M")
            .status();
        assert!(made.expect("mke2fs").success());
        let drive = format!("file={},if=none,id=disk,format=raw", disk.display());
        self.emulate(
            &["-drive", &drive, "-device", "nvme,drive=disk,serial=1"],
            &format!("root=/dev/nvme0n1 rw init={}", self.init),
        )
    }

    /// The same with its files in memory, as those with which a kernel begins.
    #[must_use]
    pub fn run_from_memory(&self) -> String {
        let archive = self.place.path().join("archive");
        let pack = "find . | cpio --quiet --create --format=newc --owner=0:0 >\"$0\"";
        let packed = Command::new("sh")
            .args(["-ec", pack])
            .arg(&archive)
            .current_dir(self.place.path().join(TREE))
            .status();
        assert!(packed.expect("sh").success());
        self.emulate(
            &["-initrd", &archive.to_string_lossy()],
            &format!("rdinit={}", self.init),
        )
    }

    fn emulate(&self, words: &[&str], line: &str) -> String {
        let line = format!("console=ttyS0 quiet panic=-1 {line}");
        let mut computer = Command::new("timeout")
            .args(["--kill-after=1", LIFE, "qemu-system-x86_64"])
            .args(["-accel", "tcg", "-cpu", "max", "-m", "512", "-nodefaults"])
            .args(["-nographic", "-no-reboot", "-serial", "stdio", "-kernel"])
            .arg(kernel())
            .args(words)
            .args(["-append", &line])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("qemu-system-x86_64");
        let mut said = Vec::new();
        let mut line = computer.stdout.take().expect("piped");
        line.read_to_end(&mut said).unwrap();
        let ended = computer.wait().unwrap();
        let said = String::from_utf8_lossy(&said).replace('\r', "");
        assert!(ended.success(), "it was not switched off: {ended}\n{said}");
        said
    }
}

impl Default for Computer {
    fn default() -> Computer {
        Computer::new()
    }
}

/// The kernel that `tests/run` has unpacked.
fn kernel() -> PathBuf {
    let directory = repository().join("target/kernel/boot");
    let files = std::fs::read_dir(&directory).expect("target/kernel: tests/run --set-up");
    let files = files.map(|file| file.unwrap().path());
    let mut kernels = files.filter(|path| path.to_string_lossy().contains("/vmlinuz-"));
    kernels.next().expect("a kernel")
}

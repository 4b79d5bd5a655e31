use std::fs;
use std::path::PathBuf;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::*;

struct Place {
    directory: tempfile::TempDir,
    watches: Watches,
    tickets: u64,
}

impl Place {
    fn new() -> Place {
        Place {
            directory: tempfile::tempdir().unwrap(),
            watches: Watches::new().unwrap(),
            tickets: 0,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn watcher() -> Watcher {
        Watcher::Unit(UnitName::parse("a.path").unwrap())
    }

    fn watch(&mut self, check: PathCheck, name: &str, seen: &[u64]) -> Answer {
        self.tickets += 1;
        let request = Request {
            watcher: Place::watcher(),
            ticket: Ticket(self.tickets),
            paths: vec![(check, self.path(name).to_str().unwrap().to_owned())],
            make: None,
            seen: seen.to_vec(),
        };
        let mut answers = self.watches.watch(request);
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers.remove(0)
    }

    /// Watches a path that is not as it should be yet; gives what it looks like.
    fn waits(&mut self, check: PathCheck, name: &str) -> Vec<u64> {
        match self.watch(check, name, &[]) {
            Answer::Watched { seen, .. } => seen,
            other => panic!("{other:?}"),
        }
    }

    /// Whether anything woke us.
    fn is_awake(&self) -> bool {
        let fd = self.watches.descriptor();
        let mut asked = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
        poll(&mut asked, PollTimeout::ZERO).unwrap() > 0
    }

    /// Reads what happened until the request is answered; nothing else may come of it.
    fn is_found(&mut self) -> bool {
        while self.is_awake() {
            for (_, answer) in self.watches.read() {
                match answer {
                    Answer::Found { ticket, .. } => {
                        assert_eq!(ticket, Ticket(self.tickets));
                        assert!(self.watches.requests.is_empty());
                        assert!(self.watches.nodes.is_empty());
                        return true;
                    }
                    Answer::Watched { .. } => {}
                    other => panic!("{other:?}"),
                }
            }
        }
        false
    }
}

#[test]
fn a_file_that_comes_with_its_directories() {
    let mut place = Place::new();
    place.waits(PathCheck::Exists, "a/b/file");
    fs::create_dir(place.path("other")).unwrap();
    assert!(!place.is_found());
    fs::create_dir(place.path("a")).unwrap();
    assert!(!place.is_found());
    fs::create_dir(place.path("elsewhere")).unwrap();
    fs::write(place.path("elsewhere/file"), "").unwrap();
    assert!(!place.is_found());
    // With the file in it already, by a rename.
    fs::rename(place.path("elsewhere"), place.path("a/b")).unwrap();
    assert!(place.is_found());
    // Level triggered: asked again it is there.
    let answer = place.watch(PathCheck::Exists, "a/b/file", &[]);
    assert!(matches!(answer, Answer::Found { .. }), "{answer:?}");
}

#[test]
fn a_directory_above_that_goes_and_comes_back() {
    let mut place = Place::new();
    fs::create_dir_all(place.path("a/b")).unwrap();
    place.waits(PathCheck::Exists, "a/b/file");
    fs::rename(place.path("a"), place.path("away")).unwrap();
    assert!(!place.is_found());
    fs::write(place.path("away/b/file"), "").unwrap();
    assert!(!place.is_found());
    fs::rename(place.path("away"), place.path("a")).unwrap();
    assert!(place.is_found());
}

#[test]
fn a_link_that_is_pointed_elsewhere() {
    let mut place = Place::new();
    fs::create_dir_all(place.path("one")).unwrap();
    fs::create_dir_all(place.path("two")).unwrap();
    fs::write(place.path("two/file"), "").unwrap();
    std::os::unix::fs::symlink("one", place.path("link")).unwrap();
    place.waits(PathCheck::Exists, "link/file");
    std::os::unix::fs::symlink("two", place.path("new")).unwrap();
    fs::rename(place.path("new"), place.path("link")).unwrap();
    assert!(place.is_found());
}

#[test]
fn a_pattern() {
    let mut place = Place::new();
    fs::create_dir(place.path("spool")).unwrap();
    place.waits(PathCheck::ExistsGlob, "spool/job-[0-9]*.txt");
    fs::write(place.path("spool/job-x.txt"), "").unwrap();
    fs::write(place.path("spool/.job-1.txt"), "").unwrap();
    assert!(!place.is_found());
    fs::write(place.path("spool/job-17.txt"), "").unwrap();
    assert!(place.is_found());
    let answer = place.watch(PathCheck::ExistsGlob, "sp*/job-?7.txt", &[]);
    assert!(matches!(answer, Answer::Found { .. }), "{answer:?}");
}

#[test]
fn a_directory_that_is_filled() {
    let mut place = Place::new();
    place.waits(PathCheck::DirectoryNotEmpty, "spool");
    fs::create_dir(place.path("spool")).unwrap();
    assert!(!place.is_found());
    fs::create_dir(place.path("spool/x")).unwrap();
    assert!(place.is_found());
    fs::remove_dir(place.path("spool/x")).unwrap();
    place.waits(PathCheck::DirectoryNotEmpty, "spool");
}

#[test]
fn changes_are_told_when_the_writer_is_done() {
    let mut place = Place::new();
    let file = place.path("file");
    fs::write(&file, "1").unwrap();
    place.waits(PathCheck::Changed, "file");
    let mut writer = fs::OpenOptions::new().append(true).open(&file).unwrap();
    std::io::Write::write_all(&mut writer, b"2").unwrap();
    assert!(!place.is_found(), "not done yet");
    drop(writer);
    assert!(place.is_found());
    place.waits(PathCheck::Modified, "file");
    let mut writer = fs::OpenOptions::new().append(true).open(&file).unwrap();
    std::io::Write::write_all(&mut writer, b"3").unwrap();
    assert!(place.is_found(), "every write counts");
    drop(writer);
    // Reading is no change; replacing, removing and making it are.
    place.waits(PathCheck::Changed, "file");
    fs::read(&file).unwrap();
    assert!(!place.is_found());
    fs::write(place.path("new"), "4").unwrap();
    fs::rename(place.path("new"), &file).unwrap();
    assert!(place.is_found());
    place.waits(PathCheck::Changed, "file");
    fs::remove_file(&file).unwrap();
    assert!(place.is_found());
    place.waits(PathCheck::Changed, "file");
    fs::write(&file, "5").unwrap();
    assert!(place.is_found());
}

#[test]
fn a_busy_directory_above_wakes_nobody() {
    let mut place = Place::new();
    fs::create_dir_all(place.path("busy")).unwrap();
    fs::write(place.path("busy/file"), "").unwrap();
    place.waits(PathCheck::Changed, "busy/file");
    // Until a directory above is known to have the next part, it is watched for it.
    assert!(!place.is_found());
    for number in 0..10 {
        fs::write(place.path(&format!("busy/{number}")), "").unwrap();
    }
    assert!(!place.is_awake());
}

#[test]
fn what_changed_while_nobody_looked() {
    let mut place = Place::new();
    let file = place.path("file");
    fs::write(&file, "1").unwrap();
    let seen = place.waits(PathCheck::Changed, "file");
    let answer = place.watch(PathCheck::Changed, "file", &seen);
    assert!(matches!(answer, Answer::Watched { .. }), "{answer:?}");
    fs::read(&file).unwrap();
    let answer = place.watch(PathCheck::Changed, "file", &seen);
    assert!(matches!(answer, Answer::Watched { .. }), "{answer:?}");
    fs::write(&file, "another").unwrap();
    let answer = place.watch(PathCheck::Changed, "file", &seen);
    assert!(matches!(answer, Answer::Found { .. }), "{answer:?}");
    // Of a directory also what is in it.
    fs::create_dir(place.path("directory")).unwrap();
    fs::write(place.path("directory/x"), "1").unwrap();
    let seen = place.waits(PathCheck::Changed, "directory");
    fs::write(place.path("directory/x"), "22").unwrap();
    let answer = place.watch(PathCheck::Changed, "directory", &seen);
    assert!(matches!(answer, Answer::Found { .. }), "{answer:?}");
}

#[test]
fn two_units_may_watch_one_file() {
    let mut place = Place::new();
    fs::write(place.path("file"), "").unwrap();
    place.waits(PathCheck::Changed, "file");
    let other = Watcher::Unit(UnitName::parse("b.path").unwrap());
    let request = Request {
        watcher: other.clone(),
        ticket: Ticket(99),
        paths: vec![(
            PathCheck::Modified,
            place.path("file").to_str().unwrap().to_owned(),
        )],
        make: None,
        seen: Vec::new(),
    };
    place.watches.watch(request);
    place.watches.unwatch(&Place::watcher());
    fs::write(place.path("file"), "x").unwrap();
    let answers = place.watches.read();
    let path = place.path("file").to_str().unwrap().to_owned();
    let ticket = Ticket(99);
    assert_eq!(answers, [(other, Answer::Found { ticket, path })]);
}

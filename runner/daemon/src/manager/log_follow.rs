//! Clients that follow log files (`tail -f`): one thread for all of them, which sleeps while there
//! is none.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc as queue;
use std::time::Duration;

use control::{Answerer, LogProblem, Reply};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::log_text;
use crate::reason::reason;

/// How often the files are looked at: supervisord's pace.
const PACE: Duration = Duration::from_millis(100);
/// How much is told at once.
const PIECE: u64 = 32 * 1024;
/// How many pieces wait for a client. One that does not take them is told later: they are in the
/// file.
const QUEUE: usize = 8;
/// What is told where the file has become shorter.
const TRUNCATED: &[u8] = b"==> File truncated <==\n";

/// The thread, started with the first follower.
#[derive(Debug, Default)]
pub(super) struct Followers {
    newcomers: Option<queue::Sender<Newcomer>>,
}

#[derive(Debug)]
struct Newcomer {
    path: PathBuf,
    last: u64,
    answerer: Answerer,
}

impl Followers {
    /// Follows a file from its last `last` bytes on; all of it where it has fewer.
    pub(super) fn follow(&mut self, path: PathBuf, last: u64, answerer: Answerer) {
        let newcomer = Newcomer {
            path,
            last,
            answerer,
        };
        if self.newcomers.is_none() {
            let (sender, receiver) = queue::channel();
            let started = std::thread::Builder::new()
                .name("followers".into())
                .stack_size(128 * 1024)
                .spawn(move || attend(&receiver));
            match started {
                Ok(_) => self.newcomers = Some(sender),
                Err(error) => {
                    let why = format!("cannot start a thread: {}", reason(&error));
                    newcomer
                        .answerer
                        .answer(Ok(Reply::LogBytes(Err(LogProblem::Failed(why)))));
                    return;
                }
            }
        }
        if let Some(sender) = &self.newcomers {
            // The thread ends only after its last sender.
            let _ = sender.send(newcomer);
        }
    }
}

fn attend(newcomers: &queue::Receiver<Newcomer>) {
    let mut followers: Vec<Follower> = Vec::new();
    loop {
        let newcomer = if followers.is_empty() {
            match newcomers.recv() {
                Ok(newcomer) => Some(newcomer),
                Err(queue::RecvError) => return,
            }
        } else {
            match newcomers.recv_timeout(PACE) {
                Ok(newcomer) => Some(newcomer),
                Err(queue::RecvTimeoutError::Timeout) => None,
                Err(queue::RecvTimeoutError::Disconnected) => return,
            }
        };
        if let Some(newcomer) = newcomer {
            let (to, pieces) = mpsc::channel(QUEUE);
            let opened = Follower::open(newcomer.path, newcomer.last, to);
            let reply = match opened {
                Ok(follower) => {
                    followers.push(follower);
                    Ok(pieces)
                }
                Err(problem) => Err(problem),
            };
            newcomer.answerer.answer(Ok(Reply::LogBytes(reply)));
        }
        followers.retain_mut(Follower::look);
    }
}

/// One client, and how far it is.
#[derive(Debug)]
struct Follower {
    path: PathBuf,
    file: File,
    identity: (u64, u64),
    at: u64,
    to: mpsc::Sender<Arc<[u8]>>,
}

/// Nobody listens any more.
struct Gone;

impl Follower {
    fn open(path: PathBuf, last: u64, to: mpsc::Sender<Arc<[u8]>>) -> Result<Follower, LogProblem> {
        let (file, identity, size) = match open(&path) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(LogProblem::NoFile(Some(path)));
            }
            Err(error) => {
                let why = format!("cannot read {}: {}", path.display(), reason(&error));
                return Err(LogProblem::Failed(why));
            }
        };
        Ok(Follower {
            path,
            file,
            identity,
            at: size.saturating_sub(last),
            to,
        })
    }

    /// Tells what is new. Says whether anybody still listens.
    fn look(&mut self) -> bool {
        !self.to.is_closed() && self.tell().is_ok()
    }

    fn tell(&mut self) -> Result<(), Gone> {
        loop {
            // A file that cannot be asked now can perhaps be asked later.
            let Ok(size) = self.file.metadata().map(|found| found.len()) else {
                return Ok(());
            };
            if size < self.at {
                if !self.send(TRUNCATED)? {
                    return Ok(());
                }
                self.at = 0;
                continue;
            }
            if size > self.at {
                let wanted = (size - self.at).min(PIECE);
                match log_text::read_part(&self.file, self.at, wanted) {
                    Ok(text) if !text.is_empty() => {
                        if !self.send(&text)? {
                            return Ok(());
                        }
                        self.at += text.len() as u64;
                        continue;
                    }
                    Ok(_) | Err(_) => return Ok(()),
                }
            }
            // All of it is told: perhaps another file has taken its place.
            match open(&self.path) {
                Ok((file, identity, _)) if identity != self.identity => {
                    (self.file, self.identity, self.at) = (file, identity, 0);
                }
                Ok(_) | Err(_) => return Ok(()),
            }
        }
    }

    /// Says whether it was taken.
    fn send(&self, text: &[u8]) -> Result<bool, Gone> {
        match self.to.try_send(Arc::from(text)) {
            Ok(()) => Ok(true),
            Err(TrySendError::Full(_)) => Ok(false),
            Err(TrySendError::Closed(_)) => Err(Gone),
        }
    }
}

/// A regular file, which one it is, and its size.
fn open(path: &std::path::Path) -> io::Result<(File, (u64, u64), u64)> {
    let file = log_text::open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok((file, (found.dev(), found.ino()), found.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(pieces: &mut mpsc::Receiver<Arc<[u8]>>) -> String {
        let mut text = String::new();
        while let Ok(piece) = pieces.try_recv() {
            text += std::str::from_utf8(&piece).unwrap();
        }
        text
    }

    #[test]
    fn follows_over_rotation_and_truncation() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        std::fs::write(&path, "0123456789").unwrap();
        let (to, mut pieces) = mpsc::channel(QUEUE);
        let mut follower = Follower::open(path.clone(), 4, to).ok().unwrap();
        assert!(follower.look());
        assert_eq!(heard(&mut pieces), "6789");
        let add = |text: &str| {
            use std::io::Write as _;
            let mut file = File::options().append(true).open(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        add("ab");
        // What was written before the rotation is told first.
        std::fs::rename(&path, dir.path().join("a.log.1")).unwrap();
        std::fs::write(&path, "new").unwrap();
        assert!(follower.look());
        assert_eq!(heard(&mut pieces), "abnew");
        std::fs::write(&path, "x").unwrap();
        assert!(follower.look());
        assert_eq!(heard(&mut pieces), "==> File truncated <==\nx");
        std::fs::remove_file(&path).unwrap();
        assert!(follower.look());
        std::fs::write(&path, "again").unwrap();
        assert!(follower.look());
        assert_eq!(heard(&mut pieces), "again");
        drop(pieces);
        assert!(!follower.look());
    }

    #[test]
    fn a_slow_client_misses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let all: String = (0..100_000).map(|n| format!("{n}\n")).collect();
        std::fs::write(&path, &all).unwrap();
        let (to, mut pieces) = mpsc::channel(QUEUE);
        let mut follower = Follower::open(path, all.len() as u64 + 1, to).ok().unwrap();
        let mut text = String::new();
        while text.len() < all.len() {
            assert!(follower.look());
            let more = heard(&mut pieces);
            assert!(!more.is_empty() && more.len() as u64 <= PIECE * QUEUE as u64);
            text += &more;
        }
        assert_eq!(text, all);
    }
}

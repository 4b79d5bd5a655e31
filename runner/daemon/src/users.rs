//! Users and groups by name.
//!
//! `/etc/passwd` and `/etc/group` are read directly; a name that is not in them is asked of a
//! `getent` child, which knows every source the C library is set up for (nss(5)). Nothing of the
//! `getpwnam` family is called: those load modules into the daemon, which may block for minutes and
//! keep memory for ever. May block, so: only on the spawner's threads.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A line of passwd(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The login name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// The number of its own group.
    pub gid: u32,
    /// Its home directory; `/` where the line has none.
    pub home: String,
    /// Its shell; `/bin/sh` where the line has none.
    pub shell: String,
}

/// A line of group(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its number.
    pub gid: u32,
    /// The names of those who have it as a supplementary group.
    pub members: Vec<String>,
}

/// Where accounts are looked up: the files of this machine, or those of a test.
#[derive(Debug, Clone)]
pub struct Accounts {
    passwd: String,
    group: String,
    ask_getent: bool,
}

impl Default for Accounts {
    fn default() -> Accounts {
        Accounts {
            passwd: "/etc/passwd".to_owned(),
            group: "/etc/group".to_owned(),
            ask_getent: true,
        }
    }
}

/// How long a `getent` child may take before it is killed.
const GETENT_TIME: Duration = Duration::from_secs(5);
/// How much of an answer or a file is read: a site with more users than this uses nss.
const MOST_BYTES: u64 = 16 << 20;

impl Accounts {
    /// The accounts in the files of this machine only: looking one up never waits for anybody.
    #[must_use]
    pub fn local() -> Accounts {
        Accounts {
            ask_getent: false,
            ..Accounts::default()
        }
    }

    /// The user with this name, or this number where `name` is a number that no user is called.
    ///
    /// # Errors
    /// When the file cannot be read, or `getent` cannot be run or takes more than 5 s.
    pub fn user(&self, name: &str) -> io::Result<Option<User>> {
        let matches = by_name_or_number(name, |user: &User| (&user.name, user.uid));
        self.look_up(&self.passwd, "passwd", name, parse_user, matches)
    }

    /// The user with this number.
    ///
    /// # Errors
    /// As [`Accounts::user`].
    pub fn user_by_uid(&self, uid: u32) -> io::Result<Option<User>> {
        let matches = |users: Vec<User>| users.into_iter().find(|user| user.uid == uid);
        self.look_up(
            &self.passwd,
            "passwd",
            &uid.to_string(),
            parse_user,
            matches,
        )
    }

    /// The group with this name, or this number where `name` is a number that no group is called.
    ///
    /// # Errors
    /// As [`Accounts::user`].
    pub fn group(&self, name: &str) -> io::Result<Option<Group>> {
        let matches = by_name_or_number(name, |group: &Group| (&group.name, group.gid));
        self.look_up(&self.group, "group", name, parse_group, matches)
    }

    /// A user that has to be there: its number, and its line where there is one. A number that nobody
    /// has can run programs and own files as well.
    ///
    /// # Errors
    /// As [`Accounts::user`], and [`io::ErrorKind::NotFound`] when there is no such user.
    pub fn known_user(&self, name: &str) -> io::Result<(u32, Option<User>)> {
        match self.user(name)? {
            Some(user) => Ok((user.uid, Some(user))),
            None => Ok((bare_number("user", name)?, None)),
        }
    }

    /// The number of a group that has to be there; one that nobody has will do as well.
    ///
    /// # Errors
    /// As [`Accounts::user`], and [`io::ErrorKind::NotFound`] when there is no such group.
    pub fn known_group(&self, name: &str) -> io::Result<u32> {
        match self.group(name)? {
            Some(group) => Ok(group.gid),
            None => bare_number("group", name),
        }
    }

    /// The numbers of who is to own something; the group is the user's own where none is named.
    ///
    /// # Errors
    /// As [`Accounts::known_user`] and [`Accounts::known_group`].
    pub fn owner(
        &self,
        user: Option<&str>,
        group: Option<&str>,
    ) -> io::Result<(Option<u32>, Option<u32>)> {
        let user = user.map(|name| self.known_user(name)).transpose()?;
        let (uid, line) = user.map_or((None, None), |(uid, line)| (Some(uid), line));
        let gid = match group {
            None => line.map(|user| user.gid),
            Some(name) => Some(self.known_group(name)?),
        };
        Ok((uid, gid))
    }

    /// The numbers of all groups of `user`, `gid` (the one it will run with) first.
    ///
    /// # Errors
    /// As [`Accounts::user`].
    pub fn groups_of(&self, user: &User, gid: u32) -> io::Result<Vec<u32>> {
        let text = read_bounded(&self.group)?;
        let mut gids = vec![gid];
        gids.extend(
            text.lines()
                .filter_map(parse_group)
                .filter(|group| group.members.contains(&user.name))
                .map(|group| group.gid),
        );
        // Users of other sources than the file have their groups there too.
        let local = read_bounded(&self.passwd)?;
        let is_local = local
            .lines()
            .filter_map(parse_user)
            .any(|known| known.name == user.name);
        if !is_local && self.ask_getent {
            let answer = getent(&["initgroups", &user.name])?;
            gids.extend(
                answer
                    .split_whitespace()
                    .skip(1)
                    .filter_map(|gid| gid.parse::<u32>().ok()),
            );
        }
        let mut seen = std::collections::BTreeSet::new();
        gids.retain(|gid| seen.insert(*gid));
        Ok(gids)
    }

    fn look_up<T>(
        &self,
        file: &str,
        database: &str,
        key: &str,
        parse: fn(&str) -> Option<T>,
        choose: impl Fn(Vec<T>) -> Option<T>,
    ) -> io::Result<Option<T>> {
        let text = read_bounded(file)?;
        if let Some(found) = choose(text.lines().filter_map(parse).collect()) {
            return Ok(Some(found));
        }
        if !self.ask_getent || key.is_empty() {
            return Ok(None);
        }
        Ok(choose(
            getent(&[database, key])?
                .lines()
                .filter_map(parse)
                .collect(),
        ))
    }
}

/// A name wins over a number, as everywhere in Unix.
fn by_name_or_number<T>(
    key: &str,
    parts: impl Fn(&T) -> (&String, u32),
) -> impl Fn(Vec<T>) -> Option<T> {
    let number: Option<u32> = key.parse().ok();
    move |mut all| {
        let place = all.iter().position(|one| parts(one).0 == key).or_else(|| {
            number.and_then(|number| all.iter().position(|one| parts(one).1 == number))
        })?;
        Some(all.swap_remove(place))
    }
}

fn parse_user(line: &str) -> Option<User> {
    let [name, _, uid, gid, _, home, shell] = fields(line)?;
    let or = |text: &str, default: &str| if text.is_empty() { default } else { text }.to_owned();
    Some(User {
        name: name.to_owned(),
        uid: number(uid)?,
        gid: number(gid)?,
        home: or(home, "/"),
        shell: or(shell, "/bin/sh"),
    })
}

fn parse_group(line: &str) -> Option<Group> {
    let [name, _, gid, members] = fields(line)?;
    let members = members
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    Some(Group {
        name: name.to_owned(),
        gid: number(gid)?,
        members: members.map(str::to_owned).collect(),
    })
}

/// The `N` fields of a line; `None` for comments, NIS lines (`+`) and broken ones.
fn fields<const N: usize>(line: &str) -> Option<[&str; N]> {
    if line.starts_with(['#', '+', '-']) {
        return None;
    }
    let parts: Vec<&str> = line.trim_end().split(':').collect();
    let parts: [&str; N] = parts.try_into().ok()?;
    (!parts.first()?.is_empty()).then_some(parts)
}

/// An id; the one that means "leave it" to the kernel is no id.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|id| *id != u32::MAX)
}

/// A name that nobody has, as the number it may be.
fn bare_number(what: &str, name: &str) -> io::Result<u32> {
    let none = || {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("there is no {what} {name:?}"),
        )
    };
    number(name).ok_or_else(none)
}

/// The text of a file; a missing one is empty (a container may have none).
fn read_bounded(path: &str) -> io::Result<String> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The IPv4 address of a host by its name (hosts(5), DNS), the first of several. May wait for
/// somebody else's machine.
///
/// # Errors
/// As [`Accounts::user`].
pub fn address_of_host(name: &str) -> io::Result<Option<std::net::IpAddr>> {
    if name.is_empty() || name.starts_with('-') {
        return Ok(None);
    }
    let answer = getent(&["ahostsv4", name])?;
    Ok(answer
        .split_whitespace()
        .next()
        .and_then(|address| address.parse().ok()))
}

/// Asks `getent`; empty when it is not installed or knows nothing.
fn getent(words: &[&str]) -> io::Result<String> {
    let mut command = Command::new("getent");
    command
        .args(words)
        .env_clear()
        .env("PATH", OsStr::new(crate::process::SEARCH_PATH))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let answer = match child.stdout.take() {
        Some(stdout) => read_in_time(stdout, GETENT_TIME),
        None => Ok(Vec::new()),
    };
    if answer.is_err() {
        // It may be gone already; the wait below takes care of it either way.
        let _ = child.kill();
    }
    child.wait()?;
    Ok(String::from_utf8_lossy(&answer?).into_owned())
}

/// All there is to read until the other end closes.
fn read_in_time(mut from: std::process::ChildStdout, time: Duration) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + time;
    let mut bytes = Vec::new();
    let mut room = [0u8; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = nix::poll::PollTimeout::try_from(left).unwrap_or(nix::poll::PollTimeout::MAX);
        let mut waiting = [nix::poll::PollFd::new(
            std::os::fd::AsFd::as_fd(&from),
            nix::poll::PollFlags::POLLIN,
        )];
        match nix::poll::poll(&mut waiting, left) {
            Ok(0) => {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "getent did not answer",
                ));
            }
            Ok(_) => {}
            Err(nix::errno::Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
        }
        let count = from.read(&mut room)?;
        if count == 0 || bytes.len() as u64 > MOST_BYTES {
            return Ok(bytes);
        }
        bytes.extend_from_slice(room.get(..count).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    struct Files {
        _directory: tempfile::TempDir,
        accounts: Accounts,
    }

    fn files(passwd: &str, group: &str) -> Files {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::File::create(&path)
                .unwrap()
                .write_all(text.as_bytes())
                .unwrap();
            path.to_str().unwrap().to_owned()
        };
        let accounts = Accounts {
            passwd: write("passwd", passwd),
            group: write("group", group),
            ask_getent: false,
        };
        Files {
            _directory: directory,
            accounts,
        }
    }

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n# comment\n+nis\nbroken:x\n\
        www:x:33:34:Web,,,:/var/www:\n7:x:700:700::/home/seven:/bin/sh\nx:x:7:8::/:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nweb:x:34:\naudio:x:29:www,7\nvideo:x:44: www \n";

    #[test]
    fn by_name_and_number() {
        let files = files(PASSWD, GROUP);
        let www = files.accounts.user("www").unwrap().unwrap();
        assert_eq!((www.uid, www.gid, www.home.as_str()), (33, 34, "/var/www"));
        assert_eq!(www.shell, "/bin/sh");
        assert_eq!(files.accounts.user("33").unwrap().unwrap().name, "www");
        assert_eq!(
            files.accounts.user("7").unwrap().unwrap().uid,
            700,
            "a name wins"
        );
        assert_eq!(files.accounts.user_by_uid(7).unwrap().unwrap().name, "x");
        assert_eq!(files.accounts.user("broken").unwrap(), None);
        assert_eq!(files.accounts.user("").unwrap(), None);
        assert_eq!(files.accounts.group("audio").unwrap().unwrap().gid, 29);
        assert_eq!(files.accounts.group("44").unwrap().unwrap().name, "video");
    }

    #[test]
    fn owners_exist() {
        let files = files(PASSWD, GROUP);
        let accounts = &files.accounts;
        for (user, group, owner) in [
            (None, None, (None, None)),
            (Some("www"), None, (Some(33), Some(34))),
            (Some("www"), Some("audio"), (Some(33), Some(29))),
            (None, Some("audio"), (None, Some(29))),
            (Some("33"), None, (Some(33), Some(34))),
            (Some("1234"), None, (Some(1234), None)),
            (Some("1234"), Some("5678"), (Some(1234), Some(5678))),
        ] {
            assert_eq!(accounts.owner(user, group).unwrap(), owner);
        }
        let unknown = |user, group| accounts.owner(user, group).unwrap_err().to_string();
        assert_eq!(unknown(Some("you"), None), "there is no user \"you\"");
        assert_eq!(unknown(Some("www"), Some("us")), "there is no group \"us\"");
        // It is no user, but "leave it as it is" to chown(2).
        let nobody = u32::MAX.to_string();
        let said = format!("there is no user {nobody:?}");
        assert_eq!(unknown(Some(&nobody), None), said);
    }

    #[test]
    fn supplementary_groups() {
        let files = files(PASSWD, GROUP);
        let www = files.accounts.user("www").unwrap().unwrap();
        assert_eq!(
            files.accounts.groups_of(&www, www.gid).unwrap(),
            [34, 29, 44]
        );
        assert_eq!(files.accounts.groups_of(&www, 29).unwrap(), [29, 44]);
    }

    #[test]
    fn no_files_at_all() {
        let accounts = Accounts {
            passwd: "/nonexistent/passwd".to_owned(),
            group: "/nonexistent/group".to_owned(),
            ask_getent: false,
        };
        assert_eq!(accounts.user("root").unwrap(), None);
    }

    #[test]
    fn getent_is_asked() {
        let accounts = Accounts {
            passwd: "/nonexistent/passwd".to_owned(),
            group: "/nonexistent/group".to_owned(),
            ask_getent: true,
        };
        // The machine's own files through nss: there is a root everywhere.
        if !getent(&["passwd", "root"]).unwrap().is_empty() {
            assert_eq!(accounts.user("root").unwrap().unwrap().uid, 0);
        }
        assert_eq!(accounts.user("no such user").unwrap(), None);
    }
}

//! The section `[supervisorctl]` of a configuration file, and those of the machine's facts it may
//! name. `[include]` is not followed: the original's client does not.

use std::path::Path;

use units::supervisord::{Account, Anywhere, Around, Known, World, read_client};
use units::{Diagnostic, disk};

use super::http::Credentials;
use super::options::File;

/// Where users are looked up, for `~name`. A client asks nobody else: a name in a path is not worth
/// a question over the network.
const USERS: &str = "/etc/passwd";

/// Reads a file, and says what is strange about it.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(path: &Path) -> Result<(File, Vec<Diagnostic>), String> {
    let around = around();
    let file = disk::supervisord::read_alone(&path.to_string_lossy(), &around)
        .map_err(|refused| refused.message)?;
    let (client, remarks) = read_client(&file, &around).map_err(|refused| refused.message)?;
    let file = File {
        url: client.serverurl,
        credentials: Credentials {
            username: client.username,
            password: client.password.map(|word| word.reveal().to_owned()),
        },
        prompt: Some(client.prompt),
        history_file: client.history_file.map(Into::into),
    };
    Ok((file, remarks))
}

/// This machine, as far as a configuration can name it.
pub(crate) fn around() -> Around<'static> {
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let current = std::env::current_dir().unwrap_or_else(|_| "/".into());
    Around {
        environment,
        host_name: rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
        current_directory: current.display().to_string(),
        temporary_directory: std::env::temp_dir().display().to_string(),
        uid: rustix::process::geteuid().as_raw(),
        user_is_given: false,
        needs_supervisord_section: false,
        world: &Users,
    }
}

/// The users of `/etc/passwd`. The section names nothing else of the machine.
struct Users;

impl World for Users {
    fn user(&self, name: &str) -> Known<Account> {
        let users = std::fs::read_to_string(USERS).unwrap_or_default();
        users
            .lines()
            .find_map(|line| account(line, name))
            .map_or(Known::No, Known::Yes)
    }

    fn user_by_id(&self, uid: u32) -> Known<Account> {
        Anywhere.user_by_id(uid)
    }

    fn group(&self, name: &str) -> Known<u32> {
        Anywhere.group(name)
    }

    fn group_by_id(&self, gid: u32) -> Known<u32> {
        Anywhere.group_by_id(gid)
    }

    fn is_directory(&self, path: &str) -> bool {
        Path::new(path).is_dir()
    }
}

/// The user of a line of `/etc/passwd`, if it is the one of this name.
fn account(line: &str, name: &str) -> Option<Account> {
    let mut fields = line.split(':');
    if fields.next() != Some(name) {
        return None;
    }
    let mut number = |at| fields.nth(at)?.parse().ok();
    let (uid, gid) = (number(1)?, number(0)?);
    Some(Account {
        uid,
        gid,
        home: fields.nth(1)?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_passwd() {
        let found = account("www:x:33:34:Web:/var/www:/bin/false", "www").unwrap();
        assert_eq!((found.uid, found.gid, &*found.home), (33, 34, "/var/www"));
        assert_eq!(account("www:x:33:34:Web:/var/www:/bin/false", "w"), None);
        assert_eq!(account("www:x:x:34:Web", "www"), None);
        assert_eq!(account("", "www"), None);
    }

    #[test]
    fn the_section_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.conf");
        let write = |text: &str| std::fs::write(&path, text).unwrap();
        write("[supervisorctl]\nserverurl=unix://%(here)s/s.sock ; here\nprompt=web\n");
        let (file, _) = read(&path).unwrap();
        let socket = format!("unix://{}/s.sock", directory.path().display());
        assert_eq!(file.url, socket);
        assert_eq!(file.prompt.as_deref(), Some("web"));
        for (text, message) in [
            (
                "[supervisord]\n",
                ".ini file does not include supervisorctl section",
            ),
            (
                "[supervisorctl]\nnonsense\n",
                "Source contains parsing errors",
            ),
        ] {
            write(text);
            let said = read(&path).unwrap_err();
            assert!(said.starts_with(message), "{said}");
        }
        let missing = directory.path().join("none");
        assert_eq!(
            read(&missing).unwrap_err(),
            format!("could not find config file {}", missing.display())
        );
        assert!(
            read(directory.path())
                .unwrap_err()
                .starts_with("could not read config file")
        );
    }
}

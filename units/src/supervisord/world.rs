//! What a supervisord.conf may know of the machine it is read on.

use std::collections::BTreeMap;

/// An answer about something that may live on another machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known<T> {
    /// It exists, and this is it.
    Yes(T),
    /// It does not exist.
    No,
    /// Nobody here can say: the file is for another machine.
    Perhaps,
}

/// A user of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user's number.
    pub uid: u32,
    /// The number of the primary group.
    pub gid: u32,
    /// The home directory, for `~name`.
    pub home: String,
}

/// Users, groups and directories: what makes the same file good on one machine and bad on another.
pub trait World {
    /// The user of this name.
    fn user(&self, name: &str) -> Known<Account>;
    /// The user with this number.
    fn user_by_id(&self, uid: u32) -> Known<Account>;
    /// The number of the group of this name.
    fn group(&self, name: &str) -> Known<u32>;
    /// The group with this number.
    fn group_by_id(&self, gid: u32) -> Known<u32>;
    /// Whether the absolute path is a directory, links followed.
    fn is_directory(&self, path: &str) -> bool;
}

/// A machine on which everything exists, for a file that will run somewhere else.
#[derive(Debug, Clone, Copy, Default)]
pub struct Anywhere;

impl World for Anywhere {
    fn user(&self, _: &str) -> Known<Account> {
        Known::Perhaps
    }

    fn user_by_id(&self, _: u32) -> Known<Account> {
        Known::Perhaps
    }

    fn group(&self, _: &str) -> Known<u32> {
        Known::Perhaps
    }

    fn group_by_id(&self, _: u32) -> Known<u32> {
        Known::Perhaps
    }

    fn is_directory(&self, _: &str) -> bool {
        true
    }
}

/// Everything that is not in the file and yet decides what it means.
#[derive(Clone)]
pub struct Around<'a> {
    /// The daemon's own environment: `%(ENV_X)s`, and `HOME` for `~`.
    pub environment: BTreeMap<String, String>,
    /// The host's name: `%(host_node_name)s`.
    pub host_name: String,
    /// Where relative paths begin. Absolute.
    pub current_directory: String,
    /// Where AUTO logs go when `childlogdir` does not say.
    pub temporary_directory: String,
    /// The number of the user we run as.
    pub uid: u32,
    /// Whether the command line names a user (`-u`): the file's own is then not looked up.
    pub user_is_given: bool,
    /// Whether a file without `[supervisord]` is refused, as the real program does. A fragment
    /// that others include has none.
    pub needs_supervisord_section: bool,
    /// Who and what there is on the machine.
    pub world: &'a dyn World,
}

impl Around<'_> {
    /// A machine nothing is known of: empty environment, host `localhost`, everything exists.
    pub fn anywhere() -> Around<'static> {
        Around {
            environment: BTreeMap::new(),
            host_name: "localhost".to_owned(),
            current_directory: "/".to_owned(),
            temporary_directory: "/tmp".to_owned(),
            uid: 0,
            user_is_given: false,
            needs_supervisord_section: true,
            world: &Anywhere,
        }
    }
}

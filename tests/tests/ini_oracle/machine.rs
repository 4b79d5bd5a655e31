//! This machine, for files that are read as they would be run here.

use std::path::Path;

use nix::unistd::{Gid, Group, Uid, User};
use units::supervisord::{Account, Known, World};

pub(crate) struct Machine;

fn account(user: Option<User>) -> Known<Account> {
    user.map_or(Known::No, |user| {
        Known::Yes(Account {
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            home: user.dir.to_str().unwrap().to_owned(),
        })
    })
}

fn number(group: Option<Group>) -> Known<u32> {
    group.map_or(Known::No, |group| Known::Yes(group.gid.as_raw()))
}

impl World for Machine {
    fn user(&self, name: &str) -> Known<Account> {
        account(User::from_name(name).unwrap())
    }

    fn user_by_id(&self, uid: u32) -> Known<Account> {
        account(User::from_uid(Uid::from_raw(uid)).unwrap())
    }

    fn group(&self, name: &str) -> Known<u32> {
        number(Group::from_name(name).unwrap())
    }

    fn group_by_id(&self, gid: u32) -> Known<u32> {
        number(Group::from_gid(Gid::from_raw(gid)).unwrap())
    }

    fn is_directory(&self, path: &str) -> bool {
        Path::new(path).is_dir()
    }
}

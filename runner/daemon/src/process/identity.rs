//! Whom a program runs as: the unit's user and group, and all groups of that user.

use std::io;

use engine::event::SpawnFailure;
use units::value::Privileges;

use super::open;
use super::order::Order;
use super::step::Step;
use crate::users::{Accounts, User};

/// The account of a new program, looked up.
#[derive(Debug, Default)]
pub(super) struct Identity {
    pub user: Option<User>,
    /// How the unit names it.
    pub user_name: Option<String>,
    pub group_name: Option<String>,
    pub gid: Option<u32>,
    pub groups: Option<Vec<u32>>,
    /// The groups that the user itself is in; the unit may add more.
    pub own_groups: Option<Vec<u32>>,
    /// The program keeps our privileges (`+`, `!`): only the environment is the user's.
    pub keep: bool,
}

/// The home directory for `~`: the unit's user's, or ours.
pub(super) fn home(identity: &Identity, accounts: &Accounts) -> Result<String, SpawnFailure> {
    if let Some(user) = &identity.user {
        return Ok(user.home.clone());
    }
    let uid = rustix::process::geteuid().as_raw();
    let failed = |reason: String| {
        Step::Directory.refused(format!(
            "cannot find the home directory of user {uid}: {reason}"
        ))
    };
    match accounts.user_by_uid(uid) {
        Ok(Some(user)) => Ok(user.home),
        Ok(None) => Err(failed("there is no such user".to_owned())),
        Err(error) => Err(failed(super::step::reason_of(&error))),
    }
}

impl Identity {
    /// Whom the unit's commands run as.
    pub(super) fn of(order: &Order, accounts: &Accounts) -> Result<Identity, SpawnFailure> {
        let definition = &order.definition;
        let keep = match order.privileges() {
            Privileges::OfUnit | Privileges::NoSetuidWithoutAmbient => false,
            // Whose directories and environment it has the unit says all the same.
            Privileges::Full | Privileges::NoSetuid => true,
        };
        let mut identity = Identity {
            user_name: definition.user().map(str::to_owned),
            group_name: definition.group().map(str::to_owned),
            keep,
            ..Identity::default()
        };
        if let Some(name) = definition.group() {
            identity.gid = Some(group_id(name, accounts)?);
        }
        if let Some(name) = definition.user() {
            let user = user_of(name, identity.gid, accounts)?;
            let gid = *identity.gid.get_or_insert(user.gid);
            // Root's group is not looked up: such a program has the groups that we have.
            if gid != 0 {
                let groups = accounts.groups_of(&user, gid).map_err(|error| {
                    let what = format!("cannot find the groups of user {name:?}");
                    open::failure(Step::Group, &what, &error)
                })?;
                identity.own_groups = Some(groups.clone());
                identity.groups = Some(groups);
            }
            identity.user = Some(user);
        }
        for name in definition.supplementary_groups() {
            let gid = group_id(name, accounts)?;
            let groups = identity.groups.get_or_insert_default();
            if !groups.contains(&gid) {
                groups.push(gid);
            }
        }
        identity.leave_out_what_holds_already(!definition.supplementary_groups().is_empty());
        Ok(identity)
    }

    /// An ordinary user may name itself, although it may not call setgroups(2) at all.
    fn leave_out_what_holds_already(&mut self, more: bool) {
        if rustix::process::geteuid().is_root() {
            return;
        }
        let own_uid = rustix::process::geteuid().as_raw();
        let own_gid = rustix::process::getegid().as_raw();
        let same_user = self.user.as_ref().is_none_or(|user| user.uid == own_uid);
        let same_group = self.gid.is_none_or(|gid| gid == own_gid);
        // More groups are more than it may give itself, and it is told so.
        if same_user && same_group && !more {
            self.groups = None;
            self.own_groups = None;
            self.gid = None;
        }
    }
}

fn group_id(name: &str, accounts: &Accounts) -> Result<u32, SpawnFailure> {
    accounts
        .known_group(name)
        .map_err(|error| not_found(Step::Group, "group", name, &error))
}

/// The user by name, or by number; a number nobody has needs a group from the unit.
fn user_of(name: &str, gid: Option<u32>, accounts: &Accounts) -> Result<User, SpawnFailure> {
    let found = accounts.known_user(name);
    let found = found.map_err(|error| not_found(Step::User, "user", name, &error))?;
    match (found, gid) {
        ((_, Some(user)), _) => Ok(user),
        ((uid, None), Some(gid)) => Ok(User {
            name: name.to_owned(),
            uid,
            gid,
            home: "/".to_owned(),
            shell: "/bin/sh".to_owned(),
        }),
        ((_, None), None) => Err(Step::User.refused(format!(
            "there is no user with the number {name}, and no group is set that it could run with"
        ))),
    }
}

/// The failure of a step that needs a user or a group.
fn not_found(step: Step, what: &str, name: &str, error: &io::Error) -> SpawnFailure {
    match error.kind() {
        io::ErrorKind::NotFound => step.refused(error.to_string()),
        _ => open::failure(step, &format!("cannot look up {what} {name:?}"), error),
    }
}

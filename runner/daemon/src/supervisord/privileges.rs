//! Giving up privileges, and raising limits, before anything is opened or started.

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::unistd::{Gid, Uid, getresuid, setgid, setgroups, setuid};

use crate::users::{Accounts, User};

/// Becomes `uid` with that user's groups; whether anything had to be done.
///
/// # Errors
/// In the words of supervisord.
pub fn become_user(uid: u32) -> Result<bool, String> {
    let (now, wanted) = (nix::unistd::getuid(), Uid::from_raw(uid));
    if now == wanted {
        return Ok(false);
    }
    if !now.is_root() {
        return Err("Can't drop privilege as nonroot user".to_owned());
    }
    let accounts = Accounts::default();
    let user = accounts.user_by_uid(uid).ok().flatten();
    let user = user.ok_or_else(|| format!("Can't find uid {uid}"))?;
    let groups = groups_of(&accounts, &user)?;
    setgroups(&groups).map_err(|_| "Could not set groups of effective user".to_owned())?;
    setgid(Gid::from_raw(user.gid))
        .map_err(|_| "Could not set group id of effective user".to_owned())?;
    setuid(wanted).map_err(|error| format!("Could not become user {}: {error}", user.name))?;
    verify(wanted)?;
    Ok(true)
}

fn groups_of(accounts: &Accounts, user: &User) -> Result<Vec<Gid>, String> {
    let groups = accounts
        .groups_of(user, user.gid)
        .map_err(|error| format!("Could not find the groups of user {}: {error}", user.name))?;
    Ok(groups.into_iter().map(Gid::from_raw).collect())
}

/// Programs have run as root because nobody looked whether this had worked.
fn verify(wanted: Uid) -> Result<(), String> {
    let ids = getresuid().map_err(|error| format!("Could not see who we are: {error}"))?;
    let all = [ids.real, ids.effective, ids.saved];
    if all != [wanted; 3] || setuid(Uid::from_raw(0)).is_ok() {
        return Err(format!("Could not give up privileges for user {wanted}"));
    }
    Ok(())
}

/// What is said of a limit, and in what the original calls it.
struct Wanted {
    name: &'static str,
    resource: Resource,
    what: &'static str,
    option: &'static str,
    verb: &'static str,
    object: &'static str,
}

const FILES: Wanted = Wanted {
    name: "RLIMIT_NOFILE",
    resource: Resource::RLIMIT_NOFILE,
    what: "file descriptors required to run this process",
    option: "minfds",
    verb: "open",
    object: "file descriptors",
};
const PROCESSES: Wanted = Wanted {
    name: "RLIMIT_NPROC",
    resource: Resource::RLIMIT_NPROC,
    what: "available processes required to run this program",
    option: "minprocs",
    verb: "open",
    object: "processes",
};

/// Raises the limits of open files and of processes where they are lower; programs inherit them.
/// Gives a remark for each one that was raised.
///
/// # Errors
/// In the words of supervisord, where a limit cannot be had.
pub fn raise_limits(files: i64, processes: i64) -> Result<Vec<String>, String> {
    let mut remarks = Vec::new();
    for (wanted, least) in [(FILES, files), (PROCESSES, processes)] {
        let (soft, hard) = getrlimit(wanted.resource)
            .map_err(|error| format!("Could not read {}: {error}", wanted.name))?;
        let Ok(least) = u64::try_from(least) else {
            continue;
        };
        if soft == RLIM_INFINITY || soft >= least {
            continue;
        }
        // Only root may raise the second one; else the call says so.
        let ceiling = if hard == RLIM_INFINITY {
            hard
        } else {
            hard.max(least)
        };
        setrlimit(wanted.resource, least, ceiling).map_err(|_| refusal(&wanted, least, hard))?;
        remarks.push(format!("Increased {} limit to {least}", wanted.name));
    }
    Ok(remarks)
}

fn refusal(wanted: &Wanted, least: u64, hard: u64) -> String {
    let Wanted {
        what,
        option,
        verb,
        object,
        ..
    } = wanted;
    let goal = match wanted.resource {
        Resource::RLIMIT_NOFILE => "the process",
        _ => "the program",
    };
    format!(
        "The minimum number of {what} is {least} as per the \"{option}\" command-line argument or \
         config file setting. The current environment will only allow you to {verb} {hard} \
         {object}.  Either raise the number of usable {object} in your environment (see \
         README.rst) or lower the {option} setting in the config file to allow {goal} to start."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_already_is_left_alone() {
        assert_eq!(raise_limits(1, 1), Ok(Vec::new()));
        assert_eq!(raise_limits(-1, -1), Ok(Vec::new()));
        let own = nix::unistd::getuid().as_raw();
        assert_eq!(become_user(own), Ok(false));
    }

    #[test]
    fn the_refusal_has_the_originals_words() {
        let text = refusal(&FILES, 70_000, 4096);
        assert!(text.starts_with(
            "The minimum number of file descriptors required to run this process is 70000 as per \
             the \"minfds\" command-line argument or config file setting. The current environment \
             will only allow you to open 4096 file descriptors.  Either raise"
        ));
        assert!(text.ends_with("allow the process to start."), "{text}");
    }
}

//! What programs have where their unit says nothing: looked up once, since it does not change.

use std::str::FromStr;

use control::Defaults;
use nix::sys::resource::{Resource, getrlimit};
use units::SettingId;
use units::value::Limit;

use super::limits::OriginalLimits;

/// Which setting is about which of the kernel's limits.
const LIMITS: [(SettingId, Resource); 16] = [
    (SettingId::LimitCpu, Resource::RLIMIT_CPU),
    (SettingId::LimitFsize, Resource::RLIMIT_FSIZE),
    (SettingId::LimitData, Resource::RLIMIT_DATA),
    (SettingId::LimitStack, Resource::RLIMIT_STACK),
    (SettingId::LimitCore, Resource::RLIMIT_CORE),
    (SettingId::LimitRss, Resource::RLIMIT_RSS),
    (SettingId::LimitNofile, Resource::RLIMIT_NOFILE),
    (SettingId::LimitAs, Resource::RLIMIT_AS),
    (SettingId::LimitNproc, Resource::RLIMIT_NPROC),
    (SettingId::LimitMemlock, Resource::RLIMIT_MEMLOCK),
    (SettingId::LimitLocks, Resource::RLIMIT_LOCKS),
    (SettingId::LimitSigpending, Resource::RLIMIT_SIGPENDING),
    (SettingId::LimitMsgqueue, Resource::RLIMIT_MSGQUEUE),
    (SettingId::LimitNice, Resource::RLIMIT_NICE),
    (SettingId::LimitRtprio, Resource::RLIMIT_RTPRIO),
    (SettingId::LimitRttime, Resource::RLIMIT_RTTIME),
];

/// Looks at ourselves. What we changed of it for our own use is taken from `original`.
#[must_use]
pub fn look(original: OriginalLimits) -> Defaults {
    let limit = |(id, resource)| {
        let (soft, hard) = match resource {
            Resource::RLIMIT_NOFILE => original.open_files,
            other => getrlimit(other).ok()?,
        };
        Some((id, Limit { soft, hard }))
    };
    let score: i32 = number("/proc/self/oom_score_adj").unwrap_or(0);
    let filter = read("/proc/self/coredump_filter");
    Defaults {
        limits: LIMITS.into_iter().filter_map(limit).collect(),
        nice: rustix::process::getpriority_process(None).unwrap_or(0),
        // Our own protection is not passed on.
        oom_score_adjust: score.max(0),
        // What the kernel has for those who never said anything.
        timer_slack: number("/proc/self/timerslack_ns").unwrap_or(50_000),
        coredump_filter: filter
            .and_then(|digits| u64::from_str_radix(&digits, 16).ok())
            .unwrap_or(0x33),
    }
}

fn read(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned())
}

fn number<T: FromStr>(path: &str) -> Option<T> {
    read(path)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_there_is_a_setting_for_is_known() {
        let known = look(OriginalLimits { open_files: (7, 9) });
        for setting in units::settings::all().filter(|row| row.key.starts_with("limit-")) {
            let found = known.limits.iter().find(|(id, _)| *id == setting.id);
            assert!(found.is_some(), "{}", setting.key);
        }
        let open_files = known.limit(SettingId::LimitNofile);
        assert_eq!((open_files.soft, open_files.hard), (7, 9));
    }

    #[test]
    fn says_what_the_shell_says() {
        let known = look(OriginalLimits::remember().unwrap());
        let shell = |script: &str| {
            let output = std::process::Command::new("sh")
                .args(["-c", script])
                .output();
            let text = String::from_utf8(output.unwrap().stdout).unwrap();
            text.trim().to_owned()
        };
        assert_eq!(shell("nice"), known.nice.to_string());
        let core = known.limit(SettingId::LimitCore).soft;
        // In blocks of 512 bytes.
        let said = match core {
            Limit::INFINITY => "unlimited".to_owned(),
            bytes => (bytes / 512).to_string(),
        };
        assert_eq!(shell("ulimit -S -c"), said);
    }
}

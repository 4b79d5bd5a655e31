//! What the child does to itself between getting its descriptors and `execve`: a list of prepared
//! system calls, decided here from the unit's settings, in systemd's order.

use std::ffi::{CStr, CString, c_int, c_long};

use engine::event::SpawnFailure;
use units::Definition;
use units::value::{
    Capabilities, CpuSet, IoClass, KeyringMode, Limit, NumaPolicy, Personality, Privileges,
};

use super::identity::Identity;
use super::own::Own;
use super::step::Step;

/// One deed of the child.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    /// What it belongs to, for the exit status and the sentence.
    pub step: Step,
    pub deed: Deed,
    /// Failures that are none: what a container may not do and nobody needs.
    pub tolerated: &'static [c_int],
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Deed {
    /// A system call.
    System(c_long, [c_long; 5]),
    /// A system call; where it is not permitted, the same with other arguments.
    Or(c_long, [c_long; 5], [c_long; 5]),
    /// Writes a file of the kernel's: path, text and its length.
    Write(&'static CStr, *const u8, usize),
    /// Becomes this user, and makes sure of it: `true` where capabilities are kept over it.
    BecomeUser(u32, bool),
    /// Changes to this directory, or if `true` stays in `/` where it cannot.
    Directory(*const libc::c_char, bool),
}

/// What is not allowed in many containers, and no reason to refuse a start.
const UNPRIVILEGED: &[c_int] = &[libc::EPERM, libc::EACCES];

/// The list, and what its pointers point to.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) list: Vec<Call>,
    wide: Vec<Box<[u64]>>,
    narrow: Vec<Box<[u32]>>,
    texts: Vec<CString>,
}

/// The limits of systemd.exec(5): the setting's key, the kernel's number, and what is set.
pub(super) type NamedLimit = (&'static str, c_int, Option<Limit>);

pub(super) fn limits(unit: &Definition) -> [NamedLimit; 16] {
    let number = |resource| resource as c_int;
    [
        ("limit-cpu", number(libc::RLIMIT_CPU), unit.limit_cpu()),
        (
            "limit-fsize",
            number(libc::RLIMIT_FSIZE),
            unit.limit_fsize(),
        ),
        ("limit-data", number(libc::RLIMIT_DATA), unit.limit_data()),
        (
            "limit-stack",
            number(libc::RLIMIT_STACK),
            unit.limit_stack(),
        ),
        ("limit-core", number(libc::RLIMIT_CORE), unit.limit_core()),
        ("limit-rss", number(libc::RLIMIT_RSS), unit.limit_rss()),
        (
            "limit-nofile",
            number(libc::RLIMIT_NOFILE),
            unit.limit_nofile(),
        ),
        ("limit-as", number(libc::RLIMIT_AS), unit.limit_as()),
        (
            "limit-nproc",
            number(libc::RLIMIT_NPROC),
            unit.limit_nproc(),
        ),
        (
            "limit-memlock",
            number(libc::RLIMIT_MEMLOCK),
            unit.limit_memlock(),
        ),
        (
            "limit-locks",
            number(libc::RLIMIT_LOCKS),
            unit.limit_locks(),
        ),
        (
            "limit-sigpending",
            number(libc::RLIMIT_SIGPENDING),
            unit.limit_sigpending(),
        ),
        (
            "limit-msgqueue",
            number(libc::RLIMIT_MSGQUEUE),
            unit.limit_msgqueue(),
        ),
        ("limit-nice", number(libc::RLIMIT_NICE), unit.limit_nice()),
        (
            "limit-rtprio",
            number(libc::RLIMIT_RTPRIO),
            unit.limit_rtprio(),
        ),
        (
            "limit-rttime",
            number(libc::RLIMIT_RTTIME),
            unit.limit_rttime(),
        ),
    ]
}

/// What of the plan the list needs besides the unit.
#[derive(Debug)]
pub(super) struct Ground<'a> {
    pub(super) privileges: Privileges,
    pub(super) identity: &'a Identity,
    pub(super) own: &'a Own,
    /// The limit of open files from before we raised ours.
    pub(super) open_files: (u64, u64),
    /// `/` of the program.
    pub(super) root: Option<&'a str>,
    /// Where it begins, and whether that may be missing; `None`: where we are.
    pub(super) directory: Option<(&'a str, bool)>,
    /// Descriptor 0 is a terminal that becomes the program's own; `true`: whoever has it loses it.
    pub(super) terminal: Option<bool>,
}

impl Calls {
    /// Decides what is to be done.
    ///
    /// # Errors
    /// When a setting asks for what this machine does not have.
    pub(super) fn of(unit: &Definition, ground: &Ground<'_>) -> Result<Calls, SpawnFailure> {
        let mut calls = Calls::default();
        let confined = ground.privileges != Privileges::Full;
        if let Some(force) = ground.terminal {
            let args = [0, libc::TIOCSCTTY as c_long, c_long::from(force), 0, 0];
            calls.system(Step::Stdin, libc::SYS_ioctl, args);
        }
        calls.of_the_process(unit, ground)?;
        let mask = c_long::from(unit.umask().bits());
        calls.system(Step::Limits, libc::SYS_umask, [mask, 0, 0, 0, 0]);
        calls.limits(unit, ground, confined);
        calls.groups(ground.identity);
        let (bounding, ambient) = if confined {
            (unit.capability_bounding_set(), unit.ambient_capabilities())
        } else {
            (Capabilities::ALL, Capabilities::NONE)
        };
        // What the unit may not have at all it is not given either.
        let ambient = ambient.bits() & bounding.bits() & ground.own.bounding;
        if bounding != Capabilities::ALL {
            calls.bound(bounding.bits(), ground.own);
        }
        let inheritable = (ground.own.inheritable & bounding.bits()) | ambient;
        if ambient != 0 {
            calls.set_capabilities(ground.own.permitted, inheritable);
            calls.raise(ambient);
        }
        if let Some(root) = ground.root {
            let path = calls.text(root, Step::Root)?;
            calls.system(Step::Root, libc::SYS_chroot, [path, 0, 0, 0, 0]);
        }
        let secure_bits = if confined {
            unit.secure_bits().bits()
        } else {
            0
        };
        calls.user(ground.identity, ambient, secure_bits);
        calls.keyring(unit);
        if let Some((path, optional)) = ground.directory {
            calls.texts.push(c_string(path, Step::Directory)?);
            let path = calls
                .texts
                .last()
                .map_or(std::ptr::null(), |text| text.as_ptr());
            calls.add(Step::Directory, Deed::Directory(path, optional));
        }
        if secure_bits != 0 {
            // A user who is not root has lost the right, and has it back until `execve`.
            calls.set_capabilities(ground.own.permitted, inheritable);
            let bits = c_long::from(secure_bits);
            let args = [c_long::from(libc::PR_SET_SECUREBITS), bits, 0, 0, 0];
            calls.system(Step::SecureBits, libc::SYS_prctl, args);
        }
        if confined && unit.no_new_privileges() {
            let args = [c_long::from(libc::PR_SET_NO_NEW_PRIVS), 1, 0, 0, 0];
            calls.system(Step::NoNewPrivileges, libc::SYS_prctl, args);
        }
        Ok(calls)
    }

    /// What needs no privileges, or those that we have now and the program may not have.
    fn of_the_process(
        &mut self,
        unit: &Definition,
        ground: &Ground<'_>,
    ) -> Result<(), SpawnFailure> {
        if unit.ignore_sigpipe() {
            // A `struct sigaction` as the kernel has it, which begins with the handler.
            let ignore = self.wide(vec![libc::SIG_IGN as u64, 0, 0, 0, 0, 0, 0, 0]);
            let args = [c_long::from(libc::SIGPIPE), ignore, 0, 8, 0];
            self.system(Step::Signals, libc::SYS_rt_sigaction, args);
        }
        if let Some(score) = unit.oom_score_adjust() {
            self.write(
                Step::OutOfMemory,
                c"/proc/self/oom_score_adj",
                &score.to_string(),
            )?;
        }
        if let Some(filter) = unit.coredump_filter() {
            self.write(
                Step::CoreDumps,
                c"/proc/self/coredump_filter",
                &filter.to_string(),
            )?;
        }
        if let Some(level) = unit.nice() {
            // As near as an ordinary user may come to it.
            let lowest = 20 - i32::try_from(ground.own.nice_limit.min(40)).unwrap_or(40);
            let args = |level: i32| {
                [
                    c_long::from(libc::PRIO_PROCESS as i32),
                    0,
                    c_long::from(level),
                    0,
                    0,
                ]
            };
            let nearest = args(level.max(lowest.min(ground.own.nice)));
            self.add(
                Step::Nice,
                Deed::Or(libc::SYS_setpriority, args(level), nearest),
            );
        }
        self.scheduling(unit);
        if let Some(cpus) = unit.cpu_affinity().filter(|cpus| !cpus.is_empty()) {
            let mask = affinity(unit, cpus)?;
            let length = mask.len() * 8;
            let mask = self.wide(mask);
            self.system(
                Step::Affinity,
                libc::SYS_sched_setaffinity,
                [0, length as c_long, mask, 0, 0],
            );
        }
        if let Some(policy) = unit.numa_policy() {
            self.memory_policy(unit, policy);
        }
        let (class, priority) = (unit.io_scheduling_class(), unit.io_scheduling_priority());
        if class.is_some() || priority.is_some() {
            let class = match class.unwrap_or(IoClass::BestEffort) {
                IoClass::None => IoClass::BestEffort,
                other => other,
            };
            let value = class.number() << 13 | priority.unwrap_or(4);
            // 1 is IOPRIO_WHO_PROCESS.
            self.system(
                Step::IoPriority,
                libc::SYS_ioprio_set,
                [1, 0, c_long::from(value), 0, 0],
            );
        }
        if let Some(slack) = unit.timer_slack_nsec() {
            let slack = c_long::try_from(slack.0).unwrap_or(c_long::MAX);
            let args = [c_long::from(libc::PR_SET_TIMERSLACK), slack, 0, 0, 0];
            self.system(Step::TimerSlack, libc::SYS_prctl, args);
        }
        if let Some(personality) = unit.personality() {
            let args = [persona(personality, ground.own)?, 0, 0, 0, 0];
            self.system(Step::Personality, libc::SYS_personality, args);
        }
        Ok(())
    }

    fn scheduling(&mut self, unit: &Definition) {
        let policy = unit.cpu_scheduling_policy();
        let priority = unit.cpu_scheduling_priority();
        let resets = unit.cpu_scheduling_reset_on_fork();
        if policy.is_none() && priority.is_none() && !resets {
            return;
        }
        let real_time = policy.is_some_and(units::value::CpuPolicy::is_real_time);
        let priority = priority.unwrap_or(0);
        let priority = if real_time { priority.max(1) } else { 0 };
        let number = policy.map_or(0, units::value::CpuPolicy::number);
        let number = if resets {
            number | libc::SCHED_RESET_ON_FORK
        } else {
            number
        };
        let param = self.narrow(vec![priority.unsigned_abs()]);
        let args = [0, c_long::from(number), param, 0, 0];
        self.system(Step::Scheduler, libc::SYS_sched_setscheduler, args);
    }

    fn memory_policy(&mut self, unit: &Definition, policy: NumaPolicy) {
        let mask = match unit.numa_mask() {
            Some(nodes) if nodes.all => nodes_online(),
            Some(nodes) => nodes.mask(),
            None => Vec::new(),
        };
        let by_itself = matches!(policy, NumaPolicy::Default | NumaPolicy::Local);
        let (mask, bits) = if by_itself || mask.is_empty() {
            (0, 0)
        } else {
            let bits = mask.len() * 64 + 1;
            (self.wide(mask), bits)
        };
        let args = [c_long::from(policy.number()), mask, bits as c_long, 0, 0];
        // Kernels without such memory do not know the call.
        self.list.push(Call {
            step: Step::MemoryPolicy,
            deed: Deed::System(libc::SYS_set_mempolicy, args),
            tolerated: &[libc::ENOSYS],
        });
    }

    fn limits(&mut self, unit: &Definition, ground: &Ground<'_>, confined: bool) {
        for (_, resource, wanted) in limits(unit) {
            // Ours is raised, and no program's business.
            let original = (resource == libc::RLIMIT_NOFILE as c_int).then_some(Limit {
                soft: ground.open_files.0,
                hard: ground.open_files.1,
            });
            let Some(limit) = wanted.filter(|_| confined).or(original) else {
                continue;
            };
            let highest = ground.own.hard_limit(resource);
            let wanted = self.wide(vec![limit.soft, limit.hard]);
            let nearest = self.wide(vec![limit.soft.min(highest), limit.hard.min(highest)]);
            let args = |limit| [0, c_long::from(resource), limit, 0, 0];
            self.add(
                Step::Limits,
                Deed::Or(libc::SYS_prlimit64, args(wanted), args(nearest)),
            );
        }
    }

    fn groups(&mut self, identity: &Identity) {
        // As systemd: who keeps our privileges (`+`, `!`) is in the user's groups all the same.
        let groups = match identity.keep {
            true => &identity.own_groups,
            false => &identity.groups,
        };
        if let Some(groups) = groups {
            let list = self.narrow(groups.clone());
            self.system(
                Step::Group,
                libc::SYS_setgroups,
                [groups.len() as c_long, list, 0, 0, 0],
            );
        }
        if let Some(gid) = identity.gid.filter(|_| !identity.keep) {
            let gid = c_long::from(gid);
            self.system(Step::Group, libc::SYS_setresgid, [gid, gid, gid, 0, 0]);
        }
    }

    fn bound(&mut self, bounding: u64, own: &Own) {
        for number in (0..=own.last_capability).filter(|number| bounding >> number & 1 == 0) {
            // One that is gone already need not be dropped, which takes a privilege.
            if own.bounding >> number & 1 == 1 {
                let args = [
                    c_long::from(libc::PR_CAPBSET_DROP),
                    c_long::from(number),
                    0,
                    0,
                    0,
                ];
                self.system(Step::Capabilities, libc::SYS_prctl, args);
            }
        }
        if own.inheritable & !bounding != 0 {
            self.set_capabilities(own.permitted, own.inheritable & bounding);
        }
    }

    fn raise(&mut self, ambient: u64) {
        for number in (0..63).filter(|number| ambient >> number & 1 == 1) {
            let raise = c_long::from(libc::PR_CAP_AMBIENT_RAISE);
            let args = [c_long::from(libc::PR_CAP_AMBIENT), raise, number, 0, 0];
            self.system(Step::Capabilities, libc::SYS_prctl, args);
        }
    }

    /// capset(2) for the process itself: effective what is permitted.
    fn set_capabilities(&mut self, permitted: u64, inheritable: u64) {
        // _LINUX_CAPABILITY_VERSION_3, and 0 for this process.
        let header = self.narrow(vec![0x2008_0522, 0]);
        let half =
            |set: u64, upper: bool| (if upper { set >> 32 } else { set & 0xffff_ffff }) as u32;
        let data: Vec<u32> = [false, true]
            .into_iter()
            .flat_map(|upper| {
                let permitted = half(permitted, upper);
                [permitted, permitted, half(inheritable, upper)]
            })
            .collect();
        let data = self.narrow(data);
        self.system(
            Step::Capabilities,
            libc::SYS_capset,
            [header, data, 0, 0, 0],
        );
    }

    fn user(&mut self, identity: &Identity, ambient: u64, secure_bits: u32) {
        let Some(user) = identity.user.as_ref().filter(|_| !identity.keep) else {
            return;
        };
        /// The bit of SECURE_KEEP_CAPS.
        const KEEP_CAPABILITIES: u32 = 1 << 4;
        let keeps = (ambient != 0 || secure_bits != 0) && user.uid != 0;
        if keeps {
            let bits = c_long::from(secure_bits | KEEP_CAPABILITIES);
            let args = [c_long::from(libc::PR_SET_SECUREBITS), bits, 0, 0, 0];
            self.system(Step::User, libc::SYS_prctl, args);
        }
        self.add(Step::User, Deed::BecomeUser(user.uid, keeps));
        if ambient != 0 {
            self.raise(ambient);
        }
    }

    fn keyring(&mut self, unit: &Definition) {
        let mode = unit.keyring();
        // Containers have no keyrings, and users only so many.
        const NONE: &[c_int] = &[libc::ENOSYS, libc::EPERM, libc::EACCES, libc::EDQUOT];
        let mut add = |args| {
            self.list.push(Call {
                step: Step::Keyring,
                deed: Deed::System(libc::SYS_keyctl, args),
                tolerated: NONE,
            });
        };
        if mode != KeyringMode::Inherit {
            // KEYCTL_JOIN_SESSION_KEYRING, without a name.
            add([1, 0, 0, 0, 0]);
        }
        if mode == KeyringMode::Shared {
            // KEYCTL_LINK of KEY_SPEC_USER_KEYRING into KEY_SPEC_SESSION_KEYRING.
            add([8, -4, -3, 0, 0]);
        }
    }

    fn add(&mut self, step: Step, deed: Deed) {
        self.list.push(Call {
            step,
            deed,
            tolerated: &[],
        });
    }

    fn system(&mut self, step: Step, number: c_long, args: [c_long; 5]) {
        self.add(step, Deed::System(number, args));
    }

    fn write(&mut self, step: Step, path: &'static CStr, text: &str) -> Result<(), SpawnFailure> {
        let text = c_string(text, step)?;
        let length = text.as_bytes().len();
        self.texts.push(text);
        let start = self
            .texts
            .last()
            .map_or(std::ptr::null(), |text| text.as_ptr());
        self.list.push(Call {
            step,
            deed: Deed::Write(path, start.cast(), length),
            tolerated: UNPRIVILEGED,
        });
        Ok(())
    }

    fn text(&mut self, text: &str, step: Step) -> Result<c_long, SpawnFailure> {
        self.texts.push(c_string(text, step)?);
        Ok(self.texts.last().map_or(0, |text| text.as_ptr() as c_long))
    }

    /// Keeps numbers for the child; where they are. Boxes stay where they are when the list grows.
    fn wide(&mut self, numbers: Vec<u64>) -> c_long {
        self.wide.push(numbers.into());
        self.wide.last().map_or(0, |kept| kept.as_ptr() as c_long)
    }

    fn narrow(&mut self, numbers: Vec<u32>) -> c_long {
        self.narrow.push(numbers.into());
        self.narrow.last().map_or(0, |kept| kept.as_ptr() as c_long)
    }
}

fn c_string(text: &str, step: Step) -> Result<CString, SpawnFailure> {
    CString::new(text).map_err(|_| step.refused(format!("{text:?} contains a NUL character")))
}

/// The kernel's number of a personality, which this machine has to have.
fn persona(personality: Personality, own: &Own) -> Result<c_long, SpawnFailure> {
    if own.personality != Some(personality.wide()) {
        return Err(
            Step::Personality.refused(format!("this machine has no personality {personality}"))
        );
    }
    // PER_LINUX32 and PER_LINUX.
    Ok(if personality.is_narrow() { 8 } else { 0 })
}

/// The processors of a unit as a mask, those of its memory nodes included where it says so.
fn affinity(unit: &Definition, cpus: &CpuSet) -> Result<Vec<u64>, SpawnFailure> {
    if !cpus.numa {
        return Ok(cpus.mask());
    }
    let nodes = match unit.numa_mask() {
        Some(nodes) if nodes.all => CpuSet::default().with(&online()),
        Some(nodes) => Ok(nodes.clone()),
        None => {
            return Err(Step::Affinity.refused(
                "cpu-affinity = \"numa\" needs numa-mask to say which nodes are meant".to_owned(),
            ));
        }
    };
    let mut all = cpus.clone();
    for node in nodes
        .map_err(|problem| Step::Affinity.refused(problem.to_string()))?
        .numbers()
    {
        let path = format!("/sys/devices/system/node/node{node}/cpulist");
        let list = std::fs::read_to_string(&path).map_err(|error| {
            Step::Affinity.refused(format!(
                "cannot read {path}: {}",
                super::step::reason_of(&error)
            ))
        })?;
        all = all
            .with(&list)
            .map_err(|problem| Step::Affinity.refused(format!("{path}: {problem}")))?;
    }
    Ok(all.mask())
}

/// The memory nodes there are; a machine that has none says nothing.
fn online() -> String {
    std::fs::read_to_string("/sys/devices/system/node/online").unwrap_or_default()
}

fn nodes_online() -> Vec<u64> {
    CpuSet::default().with(&online()).unwrap_or_default().mask()
}

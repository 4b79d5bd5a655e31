//! Who belongs to a unit, and that all of them are reached.

use std::io::Read as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use engine::Ticket;
use runnerd::cgroup::Cgroups;
use runnerd::process::order::Stdio;
use runnerd::process::spawner::Spawned;
use runnerd::process::table::{Membership, Processes};
use units::UnitName;
use units::value::Signal;

use crate::{Bench, Running, bench_with, order};

/// A unit with a process that left its session, one that lost its parent, and one in the group.
const FAMILY: &str = "exec-start = \"\"\"/bin/sh -c 'sleep 1001 & setsid sleep 1002 & \
    (setsid sleep 1003 &) ; echo ready; exec sleep 1000'\"\"\"";

fn family(bench: &mut Bench, processes: &mut Processes) -> (UnitName, Running) {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut order = order(FAMILY);
    order.spawn.ticket = Ticket(1);
    order.stdout = Stdio::Fd(Arc::new(OwnedFd::from(writer)));
    let unit = order.spawn.unit.clone();
    processes.ordered(&order.spawn);
    let running = bench.start(order);
    let mut line = [0; 6];
    reader.read_exact(&mut line).unwrap();
    let pidfd = running.0.pidfd.try_clone().unwrap();
    let copy = Spawned {
        ticket: Ticket(1),
        unit: unit.clone(),
        pid: running.pid(),
        pidfd,
    };
    assert_eq!(processes.spawned(copy), None);
    (unit, running)
}

/// Waits until all four processes run the program they are to run.
fn settled(processes: &mut Processes, unit: &UnitName) -> Vec<u32> {
    loop {
        let members = processes.members(unit);
        let sleeping = members
            .iter()
            .filter(|member| member.command.starts_with("sleep 100"));
        if sleeping.count() == 4 {
            return members.iter().map(|member| member.pid).collect();
        }
        std::thread::yield_now();
    }
}

fn everybody_is_reached(cgroups: Option<Arc<Cgroups>>, signal: Signal) {
    // Orphans come to us, as they come to the keeper.
    nix::sys::prctl::set_child_subreaper(true).unwrap();
    let mut bench = bench_with(|settings| settings.cgroups = cgroups.clone());
    let mut processes = Processes::new(std::process::id(), cgroups.clone()).unwrap();
    let (unit, running) = family(&mut bench, &mut processes);
    let pids = settled(&mut processes, &unit);
    for pid in &pids {
        assert_eq!(processes.membership(&unit, *pid, 0), Membership::Member);
    }
    assert_eq!(
        processes.membership(&unit, std::process::id(), 0),
        Membership::Stranger
    );
    assert!(!processes.watch_empty(&unit));
    assert!(processes.look().is_empty());
    assert_eq!(processes.signal_all(&unit, signal, true), 4);
    running.wait();
    let status = engine::event::ExitStatus::Signal(15);
    let at = engine::clock::Monotonic(1);
    assert_eq!(
        processes.exited(Ticket(1), status, at),
        runnerd::process::table::Delivery::Now
    );
    assert_eq!(
        processes.exited(Ticket(1), status, at),
        runnerd::process::table::Delivery::Unknown
    );
    // The keeper's part: reaping those that came to it.
    for pid in pids.iter().filter(|pid| **pid != running.pid()) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(*pid).unwrap());
        loop {
            match nix::sys::wait::waitpid(pid, None) {
                Err(nix::errno::Errno::ECHILD) if Path::new(&format!("/proc/{pid}")).exists() => {
                    std::thread::yield_now();
                }
                _ => break,
            }
        }
    }
    loop {
        let empty = processes.look();
        if empty == [unit.clone()] {
            break;
        }
        let mut waiting = [nix::poll::PollFd::new(
            processes.as_fd(),
            nix::poll::PollFlags::POLLIN,
        )];
        nix::poll::poll(&mut waiting, nix::poll::PollTimeout::NONE).unwrap();
    }
    assert!(processes.members(&unit).is_empty());
    assert_eq!(
        processes.membership(&unit, running.pid(), 0),
        Membership::Gone
    );
    processes.release(&unit);
    if let Some(cgroups) = cgroups {
        assert!(!cgroups.directory(&unit).exists());
    }
}

#[test]
fn everybody_is_reached_by_descent() {
    everybody_is_reached(None, Signal::TERM);
}

#[test]
fn everybody_is_reached_in_a_group() {
    let unique = format!("/test/{}/family", std::process::id());
    if let Ok(cgroups) = Cgroups::detect(Path::new(&unique)) {
        let cgroups = Arc::new(cgroups);
        everybody_is_reached(Some(Arc::clone(&cgroups)), Signal::TERM);
        everybody_is_reached(Some(cgroups), Signal::KILL);
    }
}

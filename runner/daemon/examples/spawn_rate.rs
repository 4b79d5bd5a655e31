//! Starts a thousand programs through the spawner, and as many in a bare `posix_spawn` loop, in
//! turns, and prints both times and their ratio.
//!
//! `cargo run --release -p runnerd --example spawn_rate [PROGRAM] [COUNT]`
#![allow(unsafe_code, reason = "the bare loop is what C would do")]
#![allow(clippy::print_stdout, reason = "printing is all it is for")]

use std::error::Error;
use std::ffi::CString;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::Ticket;
use engine::action::{Role, Spawn, StopHint};
use engine::ticket::Invocation;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use runnerd::cgroup::Cgroups;
use runnerd::process::directories::Roots;
use runnerd::process::limits::OriginalLimits;
use runnerd::process::order::{Order, Stdio};
use runnerd::process::spawner::{Report, Settings, Spawner};
use units::value::{Signal, Span};
use units::{Surroundings, UnitName};

const ROUNDS: u32 = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let program = words.next().unwrap_or_else(|| "/bin/true".to_owned());
    let count: u64 = words.next().map_or(Ok(1000), |word| word.parse())?;
    let limits = OriginalLimits::remember_and_raise()?;
    let cgroups = Cgroups::detect(Path::new("/spawn-rate")).ok().map(Arc::new);
    let orders = orders(&program, count)?;
    let (mut bare, mut ours, mut grouped) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(posix_spawn_loop(&program, count)?);
        ours.push(through_spawner(
            &orders,
            Settings::new(None, None, limits, Roots::of(&Surroundings::example())),
        )?);
        if let Some(cgroups) = &cgroups {
            let settings = Settings::new(
                None,
                Some(Arc::clone(cgroups)),
                limits,
                Roots::of(&Surroundings::example()),
            );
            grouped.push(through_spawner(&orders, settings)?);
            for order in &orders {
                cgroups.remove(&order.spawn.unit)?;
            }
        }
    }
    let bare = median(bare);
    println!("{count} x {program}, median of {ROUNDS} rounds");
    println!("posix_spawn loop            {bare:?}");
    for (name, times) in [("spawner", ours), ("spawner, control groups", grouped)] {
        if !times.is_empty() {
            let time = median(times);
            let ratio = time.as_secs_f64() / bare.as_secs_f64();
            println!("{name:<27} {time:?}  {ratio:.2} x (limit 1.3)");
        }
    }
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// All are started before the first one is waited for, as the spawner does it.
fn posix_spawn_loop(program: &str, count: u64) -> Result<Duration, Box<dyn Error>> {
    let path = CString::new(program)?;
    let argv = [path.as_ptr().cast_mut(), std::ptr::null_mut()];
    let envp = [std::ptr::null_mut()];
    let began = Instant::now();
    let mut pids = Vec::new();
    for _ in 0..count {
        let mut pid = 0;
        // SAFETY: all strings and both arrays end in a null and outlive the call.
        let errno = unsafe {
            libc::posix_spawn(
                &raw mut pid,
                path.as_ptr(),
                std::ptr::null(),
                std::ptr::null(),
                argv.as_ptr(),
                envp.as_ptr(),
            )
        };
        if errno != 0 {
            return Err(std::io::Error::from_raw_os_error(errno).into());
        }
        pids.push(pid);
    }
    for pid in pids {
        waitid(
            Id::Pid(nix::unistd::Pid::from_raw(pid)),
            WaitPidFlag::WEXITED,
        )?;
    }
    Ok(began.elapsed())
}

fn through_spawner(orders: &[Order], settings: Settings) -> Result<Duration, Box<dyn Error>> {
    let (sender, mut reports) = tokio::sync::mpsc::unbounded_channel();
    let spawner = Spawner::start(settings, sender)?;
    let began = Instant::now();
    for order in orders {
        spawner.submit(order.clone());
    }
    let mut processes = Vec::new();
    for _ in orders {
        match reports.blocking_recv() {
            Some(Report::Spawned(spawned)) => processes.push(spawned),
            other => return Err(format!("{other:?}").into()),
        }
    }
    for process in processes {
        waitid(Id::PIDFd(process.pidfd.as_fd()), WaitPidFlag::WEXITED)?;
    }
    Ok(began.elapsed())
}

fn orders(program: &str, count: u64) -> Result<Vec<Order>, Box<dyn Error>> {
    let text = format!("[service]\nexec-start = \"{program}\"\n");
    let template = UnitName::parse("rate@.service")?;
    let (units, _) = units::load_texts(&[("rate@.toml", &text)], &Surroundings::example());
    let mut orders = Vec::new();
    for number in 0..count {
        let unit = template.instantiate(&number.to_string())?;
        let definition = units.resolve(&unit).ok_or("the unit does not load")?;
        let command = definition.exec_start().first().ok_or("no command")?.clone();
        orders.push(Order {
            spawn: Spawn {
                ticket: Ticket(number + 1),
                unit,
                role: Role::Main,
                command,
                environment: Vec::new(),
                invocation: Invocation(1),
                listen: Vec::new(),
                connection: None,
                stop: StopHint {
                    rank: 0,
                    signal: Signal::TERM,
                    timeout: Span::from_secs(90),
                },
            },
            definition,
            stdin: Stdio::Null,
            stdout: Stdio::Null,
            stderr: Stdio::Inherit,
            listen: Vec::new(),
            stored: Vec::new(),
            notify_path: None,
            environment: Arc::new([]),
            changed_environment: Arc::new([]),
            server_url: None,
            foreground: false,
        });
    }
    Ok(orders)
}

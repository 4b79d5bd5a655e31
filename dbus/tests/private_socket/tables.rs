//! What the tables promise is what comes.

use dbus::names::{ROOT, interface, job_path, unit_path};
use dbus::server::methods::METHODS;
use dbus::server::{INTERFACES, introspection, properties};
use engine::job::JobResult;
use zbus::{Connection, Message};

use crate::fake::{Fake, Order};

async fn connect(fake: &Fake) -> Connection {
    let stream = std::os::unix::net::UnixStream::connect(fake.socket()).unwrap();
    zbus::connection::Builder::unix_stream(stream)
        .p2p()
        .build()
        .await
        .unwrap()
}

/// Calls a method with arguments that fit its row.
async fn call(connection: &Connection, path: &str, interface: &str, name: &str) -> Message {
    macro_rules! with {
        ($($body:tt)*) => {
            connection
                .call_method(None::<&str>, path, Some(interface), name, &$($body)*)
                .await
                .unwrap_or_else(|error| panic!("{interface}.{name}: {error}"))
        };
    }
    let (unit, mode) = ("web.service", "replace");
    match (interface == interface::MANAGER, name) {
        (_, "EnqueueJob") => with!((unit, "start", mode, "")),
        (_, "AwaitJob") => with!(1u32),
        (_, "CancelJob" | "GetJob") => with!(2u32),
        (
            true,
            "StartUnit"
            | "StopUnit"
            | "RestartUnit"
            | "TryRestartUnit"
            | "ReloadUnit"
            | "ReloadOrRestartUnit"
            | "ReloadOrTryRestartUnit",
        ) => with!((unit, mode)),
        (_, "GetUnitByPID") => with!(7u32),
        (_, "KillUnit") => with!((unit, "all", 15i32)),
        (_, "CleanUnit") => with!((unit, vec!["cache"])),
        (false, "Clean") => with!(vec!["cache"]),
        (
            _,
            "FreezeUnit" | "ThawUnit" | "ResetFailedUnit" | "GetUnit" | "LoadUnit"
            | "GetUnitProcesses" | "Cat",
        ) => {
            with!(unit)
        }
        (_, "GetUnitProperties") => with!((vec![unit], vec!["Id"])),
        (_, "ListUnitsByPatterns") => with!((Vec::<&str>::new(), vec!["web*"])),
        (_, "ListDependencies") => with!((unit, "reverse")),
        (_, "ReadLog") => with!((vec![unit], 1u32, false)),
        (_, "ReloadUnits") => with!(true),
        (_, "Exit") => with!(0u8),
        (
            false,
            "Start" | "Stop" | "Restart" | "TryRestart" | "Reload" | "ReloadOrRestart"
            | "ReloadOrTryRestart",
        ) => with!(mode),
        (_, "Kill") => with!(("main", 15i32)),
        _ => with!(()),
    }
}

/// The fake manager has no files, makes no units and has no environment: whole-program tests
/// (`cli_install`, `cli_environment`, `cli_run`, `cli_plan`, `cli_why`, `systemctl`) call these of a real one.
const OF_FILES_AND_PROGRAMS: &[&str] = &[
    "AddDependencyUnitFiles",
    "AwaitUnit",
    "DescribeUnitFiles",
    "DisableUnitFiles",
    "DisableUnitFilesWithFlagsAndInstallInfo",
    "EnableUnitFiles",
    "GetDefaultTarget",
    "GetUnitByControlGroup",
    "GetUnitByInvocationID",
    "GetUnitFileLinks",
    "GetUnitFileState",
    "LinkUnitFiles",
    "ListUnitFiles",
    "ListUnitFilesByPatterns",
    "MaskUnitFiles",
    "PreviewReload",
    "ReenableUnitFiles",
    "Reload",
    "RevertUnitFiles",
    "SetDefaultTarget",
    "SetEnvironment",
    "SetUnitProperties",
    "StartTransientUnit",
    "UnmaskUnitFiles",
    "UnsetAndSetEnvironment",
    "UnsetEnvironment",
    "Why",
];

#[tokio::test]
async fn every_method_takes_and_gives_what_its_row_says() {
    let fake = Fake::start();
    let connection = connect(&fake).await;
    // Job 1 has ended and job 2 runs; both are wanted below.
    call(&connection, ROOT, interface::MANAGER, "EnqueueJob").await;
    let unit = unit_path("web.service");
    for method in METHODS {
        if method.interface == interface::MANAGER && OF_FILES_AND_PROGRAMS.contains(&method.name) {
            continue;
        }
        let job = if ["CancelJob", "GetJob", "Cancel"].contains(&method.name) {
            let body = ("db.service", "start", "replace", "");
            let reply = connection
                .call_method(
                    None::<&str>,
                    ROOT,
                    Some(interface::MANAGER),
                    "EnqueueJob",
                    &body,
                )
                .await
                .unwrap();
            let (job, _): (u32, zbus::OwnedObjectPath) = reply.body().deserialize().unwrap();
            Some(job)
        } else {
            None
        };
        let path = match method.interface {
            interface::MANAGER => ROOT.to_owned(),
            interface::UNIT => unit.clone(),
            _ => job_path(job.unwrap()),
        };
        let reply = match (method.name, job) {
            ("CancelJob" | "GetJob", Some(job)) => connection
                .call_method(
                    None::<&str>,
                    &*path,
                    Some(method.interface),
                    method.name,
                    &job,
                )
                .await
                .unwrap(),
            _ => call(&connection, &path, method.interface, method.name).await,
        };
        let promised: String = method
            .outputs
            .iter()
            .map(|output| output.signature)
            .collect();
        let given = reply.body().signature().to_string_no_parens();
        assert_eq!(given, promised, "{}.{}", method.interface, method.name);
        if let Some(job) = job.filter(|_| method.name == "GetJob") {
            fake.order(Order::End(job, JobResult::Done));
        }
        // And nothing else is taken.
        let wrong = connection
            .call_method(
                None::<&str>,
                &*path,
                Some(method.interface),
                method.name,
                &(1i16, 2i16),
            )
            .await;
        assert!(
            wrong.is_err(),
            "{}.{} takes anything",
            method.interface,
            method.name
        );
    }
}

#[test]
fn introspection_has_every_row() {
    for (interface, about) in INTERFACES {
        assert!(!about.is_empty());
        let xml = introspection::of_interface(interface);
        for row in properties::of_interface(interface) {
            assert!(
                xml.contains(&format!("<property name=\"{}\"", row.name)),
                "{}",
                row.name
            );
        }
    }
    let all: usize = INTERFACES
        .iter()
        .map(|(name, _)| properties::of_interface(name).count())
        .sum();
    assert_eq!(
        all,
        properties::all().len(),
        "no property without a documented interface"
    );
}

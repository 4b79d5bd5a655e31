//! Our own client against the server.

use std::sync::mpsc;

use crate::fake::{Fake, Order};
use dbus::client::{Change, Client, Error, Kind, Value};
use engine::job::JobResult;

#[tokio::test]
async fn everything_that_can_be_asked() {
    let fake = Fake::start();
    let client = Client::connect(fake.socket()).await.unwrap();

    let units = client.list_units(&[], &["web.*".to_owned()]).await.unwrap();
    let names: Vec<&str> = units.iter().map(|unit| unit.name.as_str()).collect();
    assert_eq!(names, ["web.service", "web.socket"]);
    assert_eq!(units[0].description, "Shop front end");
    let inactive = client
        .list_units(&["inactive".to_owned()], &[])
        .await
        .unwrap();
    assert!(inactive.len() > 3);

    let web = client.unit("web.service").await.unwrap();
    assert_eq!(web.text("Id"), "web.service");
    assert_eq!(
        web.texts("Requires"),
        ["db.service", "sysinit.target", "system.slice"]
    );
    assert_eq!(web.number("RestartUSec"), Some(500_000));
    assert_eq!(web.number("CPUUsageNSec"), None, "not known");
    assert!(web.flag("CanReload"));
    assert_eq!(
        web.get("SuccessExitStatus")
            .map(ToString::to_string)
            .as_deref(),
        Some("{ 3 } { 10 }")
    );
    assert_eq!(
        client.unit("no.service").await.unwrap().text("LoadState"),
        "not-found"
    );
    assert_eq!(
        client.unit("nonsense").await.unwrap_err().kind(),
        Some(Kind::UnknownObject)
    );

    assert_eq!(
        client.properties().await.unwrap().get("NJobs"),
        Some(&Value::Number(0))
    );
    assert_eq!(
        client.list_sockets().await.unwrap()[0].triggers,
        ["web.service"]
    );
    let tree = client
        .list_dependencies("web.service", "requirements")
        .await
        .unwrap();
    assert_eq!((tree[0].depth, tree[0].unit.as_str()), (0, "web.service"));
    assert_eq!((tree[1].depth, tree[1].unit.as_str()), (1, "db.service"));
    let reverse = client
        .list_dependencies("db.service", "reverse")
        .await
        .unwrap();
    assert!(reverse.iter().any(|line| line.unit == "web.service"));
    let error = client
        .list_dependencies("db.service", "up")
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("one of: requirements, reverse, after, before")
    );

    assert!(
        client.cat("web.service").await.unwrap()[0]
            .text
            .contains("hunter2")
    );
    assert_eq!(client.processes("web.service").await.unwrap()[0].pid, 101);
    client.kill("web.service", "main", 15).await.unwrap();
    let refused = client.kill("db.service", "main", 15).await.unwrap_err();
    assert_eq!(refused.kind(), Some(Kind::NoSuchProcess));
    client.reset_failed(None).await.unwrap();
    client.reset_failed(Some("web.service")).await.unwrap();
    client.exit(0).await.unwrap();

    let reload = client.reload_units(false).await.unwrap();
    assert!(!reload.applied);
    assert_eq!(
        reload.diagnostics[0].to_string(),
        "/etc/bad.toml:3:7: error: unknown setting `exec-strat`\n  hint: did you mean `exec-start`?"
    );
    assert!(client.reload_units(true).await.unwrap().applied);
}

#[tokio::test]
async fn jobs_are_awaited() {
    let fake = Fake::start();
    let mut client = Client::connect(fake.socket()).await.unwrap();
    let ended = client
        .enqueue_and_wait("web.service", "start", "replace")
        .await
        .unwrap();
    assert_eq!((ended.job, ended.result.as_str()), (1, "done"));

    let job = client
        .enqueue("db.service", "start", "replace", "")
        .await
        .unwrap();
    let line = client.list_jobs().await.unwrap().remove(0);
    assert_eq!(
        (line.id, line.unit.as_str(), line.state.as_str()),
        (job, "db.service", "running")
    );
    client.cancel_job(job).await.unwrap();
    assert_eq!(client.await_job(job).await.unwrap(), "canceled");
    assert_eq!(
        client.await_job(99).await.unwrap_err().kind(),
        Some(Kind::NoSuchJob)
    );
    let refused = client
        .enqueue_and_wait("no.service", "start", "replace")
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), Some(Kind::NoSuchUnit));
    let many = vec!["*".to_owned(); 300];
    let refused = client.list_units(&[], &many).await.unwrap_err();
    assert_eq!(refused.kind(), Some(Kind::LimitsExceeded));
}

#[tokio::test]
async fn a_call_that_waits_holds_up_no_other() {
    let fake = Fake::start();
    let client = Client::connect(fake.socket()).await.unwrap();
    let job = client
        .enqueue("db.service", "start", "replace", "")
        .await
        .unwrap();
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.await_job(job).await }
    });
    for _ in 0..100 {
        client.list_jobs().await.unwrap();
    }
    assert!(!waiting.is_finished());
    fake.order(Order::End(job, JobResult::Failed));
    assert_eq!(waiting.await.unwrap().unwrap(), "failed");
}

#[tokio::test]
async fn waiting_goes_on_over_a_restart_of_the_manager() {
    let fake = Fake::start();
    let mut client = Client::connect(fake.socket()).await.unwrap();
    let mut changes = client.changes().await.unwrap();
    let waiting = tokio::spawn(async move {
        client
            .enqueue_and_wait("db.service", "start", "replace")
            .await
    });
    assert_eq!(
        changes.next().await.unwrap(),
        Change::JobNew(1, "db.service".to_owned())
    );
    let (done, restarted) = mpsc::channel();
    fake.order(Order::Restart(done));
    restarted.recv().unwrap();
    assert!(matches!(changes.next().await, Err(Error::Lost(_))));
    fake.order(Order::End(1, JobResult::Done));
    let ended = waiting.await.unwrap().unwrap();
    assert_eq!(
        (ended.job, ended.result.as_str()),
        (1, "done"),
        "the same job, not a second one"
    );
}

#[tokio::test]
async fn changes_come_in_order_and_whole() {
    let fake = Fake::start();
    let client = Client::connect(fake.socket()).await.unwrap();
    let mut changes = client.changes().await.unwrap();
    fake.order(Order::Burst(3_000));
    let mut last = 0;
    while last < 3_000 {
        if let Change::Moved(moved) = changes.next().await.unwrap() {
            assert_eq!(moved.seq, last + 1);
            assert_eq!(moved.unit, "web.service");
            last = moved.seq;
        }
    }
}

#[tokio::test]
async fn logs_are_read_and_followed() {
    let fake = Fake::start();
    let client = Client::connect(fake.socket()).await.unwrap();
    let units = ["web.service".to_owned()];
    let mut lines = client.read_log(&units, 3, false).await.unwrap();
    for number in 1..=3 {
        let line = lines.next().await.unwrap().unwrap();
        assert_eq!(line.text, format!("line {number} of \"web.service\""));
        assert_eq!(
            (line.source.as_str(), line.pid, line.realtime_usec),
            ("out", Some(101), Some(number))
        );
    }
    assert_eq!(lines.next().await.unwrap(), None);

    // More than a pipe holds: the writer waits for us.
    let mut lines = client.read_log(&units, 0, true).await.unwrap();
    for _ in 0..5_000 {
        assert!(lines.next().await.unwrap().is_some());
    }
    drop(lines);
    let refused = client.read_log(&[], 1, false).await.unwrap_err();
    assert_eq!(refused.kind(), Some(Kind::InvalidArgs));
}

#[tokio::test]
async fn nobody_there_is_said_so() {
    let directory = tempfile::tempdir().unwrap();
    let error = Client::connect(directory.path().join("bus"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Connect { .. }));
    assert!(error.to_string().contains("cannot connect to"), "{error}");
}

#[tokio::test]
async fn a_replaced_manager_is_waited_for() {
    let fake = Fake::start();
    let mut client = Client::connect(fake.socket()).await.unwrap();
    let watcher = client.clone();
    let before = client.properties().await.unwrap().number("ManagerPID");
    let replacing = tokio::spawn(async move {
        client.reexecute().await.unwrap();
        client.properties().await.unwrap().number("ManagerPID")
    });
    let (done, restarted) = mpsc::channel();
    // Whether the order comes before or after the call, a manager goes and another one comes.
    watcher.list_jobs().await.unwrap();
    fake.order(Order::Restart(done));
    restarted.recv().unwrap();
    assert_ne!(replacing.await.unwrap(), before);
}

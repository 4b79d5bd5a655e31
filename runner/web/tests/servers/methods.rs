//! Every method, its faults and the order in which they are found.

use engine::job::JobResult;
use xmlrpc::Value;

use crate::fake::{Fake, Order};

fn fault(fake: &Fake, method: &str, parameters: &[Value]) -> (i64, String) {
    match fake.call(method, parameters) {
        Err(fault) => fault,
        Ok(value) => panic!("{method}{parameters:?} gave {value:?}"),
    }
}

fn array(values: Vec<Value>) -> Value {
    Value::Array(values)
}

/// `name:status:description` of each element.
fn statuses(value: &Value) -> Vec<String> {
    let text = |value: &Value, name| match value.member(name) {
        Some(Value::Str(text)) => text.clone(),
        Some(Value::Int(number)) => number.to_string(),
        other => panic!("{name} is {other:?}"),
    };
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let parts = ["group", "name", "status", "description"].map(|name| text(one, name));
            parts.join(" ")
        })
        .collect()
}

#[test]
fn what_the_daemon_says_of_itself() {
    let fake = Fake::start();
    for (method, value) in [
        ("supervisor.getAPIVersion", Value::from("3.0")),
        ("supervisor.getVersion", "3.0".into()),
        ("supervisor.getSupervisorVersion", "4.3.0".into()),
        ("supervisor.getIdentification", "tester".into()),
        ("supervisor.getPID", Value::Int(4711)),
    ] {
        assert_eq!(fake.call(method, &[]), Ok(value), "{method}");
    }
    let state = fake.call("supervisor.getState", &[]).unwrap();
    assert_eq!(state.member("statecode"), Some(&Value::Int(1)));
    assert_eq!(state.member("statename"), Some(&"RUNNING".into()));
    let methods = fake.call("system.listMethods", &[]).unwrap();
    assert_eq!(methods.as_array().unwrap().len(), 41);
    assert_eq!(
        fake.call(
            "system.methodSignature",
            &["supervisor.startProcess".into()]
        ),
        Ok(array(vec![
            "boolean".into(),
            "string".into(),
            "boolean".into()
        ]))
    );
    let help = fake.call("system.methodHelp", &["supervisor.startProcess".into()]);
    assert!(
        help.unwrap()
            .as_str()
            .unwrap()
            .contains("@param string name")
    );
    for method in ["system.methodHelp", "system.methodSignature"] {
        assert_eq!(
            fault(&fake, method, &["x".into()]),
            (4, "SIGNATURE_UNSUPPORTED".to_owned())
        );
    }
}

#[test]
fn b14_faults_are_supervisords() {
    let fake = Fake::start();
    let cat = || Value::from("cat");
    let unknown = (1, "UNKNOWN_METHOD");
    let parameters = (2, "INCORRECT_PARAMETERS");
    for (method, given, (code, text)) in [
        ("supervisor.foo", vec![], unknown),
        ("supervisor", vec![], unknown),
        ("a.b.c", vec![], unknown),
        (
            "supervisor.supervisord.options.warnings.linecache.os.system",
            vec![cat()],
            unknown,
        ),
        ("supervisor._update", vec![cat()], unknown),
        ("supervisor.getState", vec![cat()], parameters),
        ("supervisor.startProcess", vec![], parameters),
        ("supervisor.startProcess", vec![Value::Int(1)], parameters),
        (
            "supervisor.readLog",
            vec![array(vec![]), Value::Int(0)],
            parameters,
        ),
        (
            "supervisor.startProcess",
            vec!["x".into()],
            (10, "BAD_NAME: x"),
        ),
        (
            "supervisor.startProcess",
            vec!["grp".into()],
            (10, "BAD_NAME: grp"),
        ),
        (
            "supervisor.startProcess",
            vec!["x:*".into()],
            (10, "BAD_NAME: x:*"),
        ),
        (
            "supervisor.startProcess",
            vec![cat()],
            (60, "ALREADY_STARTED: cat"),
        ),
        (
            "supervisor.startProcess",
            vec!["nosuch".into()],
            (20, "NO_FILE: can't find command 'nosuch'"),
        ),
        (
            "supervisor.startProcess",
            vec!["nox".into()],
            (
                21,
                "NOT_EXECUTABLE: command at '/etc/passwd' is not executable",
            ),
        ),
        (
            "supervisor.startProcess",
            vec!["quick".into()],
            (50, "SPAWN_ERROR: quick"),
        ),
        // It backs off now, and that counts as running.
        (
            "supervisor.startProcess",
            vec!["quick".into()],
            (60, "ALREADY_STARTED: quick"),
        ),
        (
            "supervisor.startProcessGroup",
            vec!["x".into()],
            (10, "BAD_NAME: x"),
        ),
        (
            "supervisor.stopProcess",
            vec!["slow".into()],
            (70, "NOT_RUNNING: slow"),
        ),
        (
            "supervisor.stopProcess",
            vec!["grp:x".into()],
            (10, "BAD_NAME: grp:x"),
        ),
        (
            "supervisor.signalProcess",
            vec!["slow".into(), "NOPE".into()],
            (11, "BAD_SIGNAL: NOPE"),
        ),
        (
            "supervisor.signalProcess",
            vec!["slow".into(), "HUP".into()],
            (70, "NOT_RUNNING: slow"),
        ),
        (
            "supervisor.signalProcess",
            vec!["x".into(), "NOPE".into()],
            (10, "BAD_NAME: x"),
        ),
        (
            "supervisor.getProcessInfo",
            vec!["grp:*".into()],
            (10, "BAD_NAME: grp:*"),
        ),
        (
            "supervisor.clearProcessLogs",
            vec!["grp:*".into()],
            (10, "BAD_NAME: grp:*"),
        ),
        (
            "supervisor.readProcessStdoutLog",
            vec!["x".into(), Value::Int(0), Value::Int(0)],
            (10, "BAD_NAME: x"),
        ),
        (
            "supervisor.readProcessStdoutLog",
            vec!["quick".into(), Value::Int(0), Value::Int(0)],
            (20, "NO_FILE"),
        ),
        (
            "supervisor.sendProcessStdin",
            vec!["x".into(), Value::Int(5)],
            (2, "INCORRECT_PARAMETERS: 5"),
        ),
        (
            "supervisor.sendProcessStdin",
            vec!["x".into(), "a".into()],
            (10, "BAD_NAME: x"),
        ),
        (
            "supervisor.sendProcessStdin",
            vec!["slow".into(), "a".into()],
            (70, "NOT_RUNNING: slow"),
        ),
        (
            "supervisor.addProcessGroup",
            vec!["cat".into()],
            (90, "ALREADY_ADDED: cat"),
        ),
        (
            "supervisor.addProcessGroup",
            vec!["x".into()],
            (10, "BAD_NAME: x"),
        ),
        (
            "supervisor.removeProcessGroup",
            vec!["cat".into()],
            (91, "STILL_RUNNING: cat"),
        ),
        (
            "supervisor.removeProcessGroup",
            vec!["x".into()],
            (10, "BAD_NAME: x"),
        ),
    ] {
        assert_eq!(
            fault(&fake, method, &given),
            (code, text.to_owned()),
            "{method}{given:?}"
        );
    }
    assert_eq!(
        fake.call(
            "supervisor.startProcess",
            &["grp:a".into(), Value::Bool(false)]
        ),
        Ok(Value::Bool(true))
    );
    assert_eq!(
        fault(
            &fake,
            "supervisor.sendProcessStdin",
            &["grp:a".into(), "x".into()]
        ),
        (20, "NO_FILE: grp:a".to_owned())
    );
}

#[test]
fn processes_are_started_stopped_and_told() {
    let fake = Fake::start();
    let started = fake
        .call("supervisor.startProcess", &["grp:*".into()])
        .unwrap();
    assert_eq!(statuses(&started), ["grp b 80 OK", "grp a 80 OK"]);
    assert_eq!(
        fake.call("supervisor.startProcessGroup", &["grp".into()]),
        Ok(array(vec![]))
    );
    let stopped = fake.call("supervisor.stopAllProcesses", &[]).unwrap();
    assert_eq!(
        statuses(&stopped),
        ["cat cat 80 OK", "grp b 80 OK", "grp a 80 OK"]
    );
    assert_eq!(
        fake.call("supervisor.startProcess", &["cat:cat".into()]),
        Ok(Value::Bool(true))
    );
    for signal in [
        Value::from("HUP"),
        "sigusr1".into(),
        Value::Int(15),
        "0".into(),
    ] {
        assert_eq!(
            fake.call("supervisor.signalProcess", &["cat".into(), signal]),
            Ok(Value::Bool(true))
        );
    }
    let bad = fake
        .call(
            "supervisor.signalProcessGroup",
            &["cat".into(), "NOPE".into()],
        )
        .unwrap();
    assert_eq!(statuses(&bad), ["cat cat 11 BAD_SIGNAL: NOPE"]);
    for text in [Value::from("é\n"), Value::Base64(vec![0, 255])] {
        assert_eq!(
            fake.call("supervisor.sendProcessStdin", &["cat".into(), text]),
            Ok(Value::Bool(true))
        );
    }
    assert_eq!(
        fake.seen(),
        (
            "é\n\0\u{0}".as_bytes()[..4]
                .iter()
                .copied()
                .chain([255])
                .collect::<Vec<u8>>(),
            vec![1, 10, 15]
        )
    );
}

#[test]
fn what_takes_time_is_waited_for_while_others_are_served() {
    let fake = Fake::start();
    for (result, expected) in [
        (
            JobResult::Failed,
            Err((40, "ABNORMAL_TERMINATION: slow".to_owned())),
        ),
        (JobResult::Done, Ok(Value::Bool(true))),
    ] {
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| fake.call("supervisor.startProcess", &["slow".into()]));
            // Until it has begun, and that without anything in its way.
            loop {
                let info = fake
                    .call("supervisor.getProcessInfo", &["slow".into()])
                    .unwrap();
                if info.member("statename") == Some(&"STARTING".into()) {
                    break;
                }
            }
            assert!(!waits.is_finished());
            fake.order(Order::EndSlow(result));
            assert_eq!(waits.join().unwrap(), expected);
        });
        if result == JobResult::Failed {
            assert_eq!(
                fake.call("supervisor.stopProcess", &["slow".into()]),
                Ok(Value::Bool(true))
            );
        }
    }
}

#[test]
fn several_calls_in_one() {
    let fake = Fake::start();
    let call = |name: &str, parameters: Option<Vec<Value>>| {
        let mut members = vec![("methodName".to_owned(), Value::from(name))];
        members.extend(parameters.map(|values| ("params".to_owned(), array(values))));
        Value::Struct(members)
    };
    let calls = array(vec![
        call("supervisor.getPID", None),
        call("supervisor.startProcess", Some(vec!["quick".into()])),
        call("system.multicall", Some(vec![array(vec![])])),
        call("supervisor.stopProcess", Some(vec!["cat".into()])),
        Value::Struct(vec![]),
        Value::Int(1),
        call("supervisor.nope", None),
        call("supervisor.getVersion", Some(vec![Value::Int(1)])),
    ]);
    let results = fake.call("system.multicall", &[calls]).unwrap();
    let shown: Vec<String> = results
        .as_array()
        .unwrap()
        .iter()
        .map(
            |result| match (result.member("faultCode"), result.member("faultString")) {
                (Some(Value::Int(code)), Some(Value::Str(text))) => format!("{code} {text}"),
                _ => format!("{result:?}"),
            },
        )
        .collect();
    assert_eq!(
        shown,
        [
            "Int(4711)",
            "50 SPAWN_ERROR: quick",
            "2 INCORRECT_PARAMETERS: Recursive system.multicall forbidden",
            "Bool(true)",
            "2 INCORRECT_PARAMETERS: No methodName",
            "2 INCORRECT_PARAMETERS",
            "1 UNKNOWN_METHOD",
            "2 INCORRECT_PARAMETERS",
        ]
    );
    let (code, text) = fault(
        &fake,
        "system.multicall",
        &[array(vec![Value::Struct(vec![]); 1001])],
    );
    assert_eq!(code, 2);
    assert!(text.contains("at most 1000"), "{text}");
}

#[test]
fn states_and_settings_are_structs_of_the_original() {
    let fake = Fake::start();
    let all = fake.call("supervisor.getAllProcessInfo", &[]).unwrap();
    let names: Vec<&str> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one.member("name").unwrap().as_str().unwrap())
        .collect();
    assert_eq!(names, ["cat", "a", "b", "nosuch", "nox", "quick", "slow"]);

    let configs = fake.call("supervisor.getAllConfigInfo", &[]).unwrap();
    let configs = configs.as_array().unwrap();
    let names: Vec<&str> = configs
        .iter()
        .map(|one| one.member("name").unwrap().as_str().unwrap())
        .collect();
    assert_eq!(names, ["a", "b", "cat", "nosuch", "nox", "quick", "slow"]);
    let Value::Struct(cat) = &configs[2] else {
        panic!("no struct");
    };
    let shown: Vec<String> = cat
        .iter()
        .map(|(name, value)| match value {
            Value::Int(number) => format!("{name}={number}"),
            Value::Bool(truth) => format!("{name}={truth}"),
            Value::Str(text) => format!("{name}='{text}'"),
            other => format!("{name}={other:?}"),
        })
        .collect();
    assert_eq!(
        shown.join(" "),
        "autostart=true directory='/srv' uid=0 command='/bin/cat' exitcodes=Array([Int(0), Int(2)]) \
         group='cat' group_prio=999 inuse=true killasgroup=false name='cat' process_prio=999 \
         redirect_stderr=false startretries=3 startsecs=1 stdout_capture_maxbytes=0 \
         stdout_events_enabled=false stdout_logfile='/var/log/cat.log' stdout_logfile_backups=10 \
         stdout_logfile_maxbytes=52428800 stdout_syslog=false stopsignal=15 stopwaitsecs=10 \
         stderr_capture_maxbytes=0 stderr_events_enabled=false stderr_logfile='none' \
         stderr_logfile_backups=10 stderr_logfile_maxbytes=52428800 stderr_syslog=false \
         serverurl='none'"
    );
    assert_eq!(
        configs[6].member("stdout_logfile"),
        Some(&"/tmp/slow-stdout---tester-abcdefgh.log".into())
    );
}

#[test]
fn b22_logs_are_read_by_supervisords_rules() {
    let fake = Fake::start();
    let cat = || Value::from("cat");
    let read = |offset, length| {
        let range = [cat(), Value::Int(offset), Value::Int(length)];
        fake.call("supervisor.readProcessStdoutLog", &range)
    };
    assert_eq!(read(0, 0), Ok("0123456789abcdefghi\n".into()));
    assert_eq!(read(-5, 0), Ok("fghi\n".into()));
    assert_eq!(read(2, 3), Ok("234".into()));
    assert_eq!(read(i64::from(i32::MAX), 0), Ok("".into()));
    for (offset, length) in [(-1, 1), (0, -1)] {
        assert_eq!(read(offset, length), Err((3, "BAD_ARGUMENTS".to_owned())));
    }
    let tail = |offset, length| {
        let range = [cat(), Value::Int(offset), Value::Int(length)];
        let values = fake.call("supervisor.tailProcessLog", &range).unwrap();
        let values = values.as_array().unwrap().to_vec();
        (
            values[0].as_str().unwrap().to_owned(),
            values[1].as_int().unwrap(),
            values[2].as_bool().unwrap(),
        )
    };
    assert_eq!(tail(0, 5), ("fghi\n".to_owned(), 20, true));
    assert_eq!(tail(100, 5), (String::new(), 20, false));
    let nothing = fake.call(
        "supervisor.tailProcessStderrLog",
        &[cat(), Value::Int(0), Value::Int(5)],
    );
    assert_eq!(
        nothing,
        Ok(array(vec!["".into(), Value::Int(0), Value::Bool(false)]))
    );
    let main = |method: &str| fake.call(method, &[Value::Int(-4), Value::Int(0)]);
    assert_eq!(main("supervisor.readLog"), Ok("log\n".into()));
    assert_eq!(main("supervisor.readMainLog"), Ok("log\n".into()));
    for (method, parameters) in [
        ("supervisor.clearProcessLogs", vec![cat()]),
        ("supervisor.clearLog", vec![]),
    ] {
        assert_eq!(fake.call(method, &parameters), Ok(Value::Bool(true)));
    }
    assert_eq!(read(0, 0), Ok("".into()));
    assert_eq!(main("supervisor.readLog"), Ok("".into()));
    let all = fake.call("supervisor.clearAllProcessLogs", &[]).unwrap();
    assert_eq!(statuses(&all).len(), 7);
}

#[test]
fn groups_are_read_again_and_a_broken_file_is_reported() {
    let fake = Fake::start();
    let names = |names: &[&str]| array(names.iter().map(|name| (*name).into()).collect());
    assert_eq!(
        fake.call("supervisor.reloadConfig", &[]),
        Ok(array(vec![array(vec![
            names(&["new", "other"]),
            names(&[]),
            names(&["old"])
        ])]))
    );
    let ok = Ok(Value::Bool(true));
    assert_eq!(fake.call("supervisor.addProcessGroup", &["new".into()]), ok);
    assert_eq!(
        fake.call("supervisor.removeProcessGroup", &["old".into()]),
        ok
    );
    fake.order(Order::Break);
    let expected = "CANT_REREAD: invalid literal for int() with base 10: 'x' in section \
                    'program:z' (file: '/etc/supervisord.conf')\n/etc/supervisord.conf:7:1: ours";
    for method in ["supervisor.reloadConfig", "supervisor.restart"] {
        assert_eq!(fault(&fake, method, &[]), (92, expected.to_owned()));
    }
    // Nothing has happened.
    assert!(fake.call("supervisor.getState", &[]).is_ok());
}

#[test]
fn while_everything_is_stopped_only_system_methods_answer() {
    let fake = Fake::start();
    assert_eq!(fake.call("supervisor.shutdown", &[]), Ok(Value::Bool(true)));
    for method in [
        "supervisor.getState",
        "supervisor.getPID",
        "supervisor.shutdown",
    ] {
        assert_eq!(fault(&fake, method, &[]), (6, "SHUTDOWN_STATE".to_owned()));
    }
    assert!(fake.call("system.listMethods", &[]).is_ok());
    let told = fake.call("supervisor.sendRemoteCommEvent", &["t".into(), "d".into()]);
    assert_eq!(told, Ok(Value::Bool(true)));
}

#[test]
fn without_its_interface_supervisors_methods_are_not_there() {
    let fake = Fake::start();
    fake.order(Order::Reconfigure(Box::new(|config| {
        config.rpc_interface = false;
    })));
    let unknown = (1, "UNKNOWN_METHOD".to_owned());
    // The order and the connection come by different ways.
    while fake.call("supervisor.getState", &[]).is_ok() {}
    assert_eq!(fault(&fake, "supervisor.getState", &[]), unknown);
    let methods = fake.call("system.listMethods", &[]).unwrap();
    assert_eq!(methods.as_array().unwrap().len(), 4);
}

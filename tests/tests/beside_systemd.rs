//! The real systemd and runnerd beside each other, in the same kind of namespaces: what a unit
//! file means is what systemd makes of it. `beside_systemd/*.case` say how they are written.

use std::path::Path;

macro_rules! files {
    ($($name:ident)+) => {
        $(#[test]
        fn $name() {
            let name = concat!("tests/beside_systemd/", stringify!($name), ".case");
            tests::beside::compare(&Path::new(env!("CARGO_MANIFEST_DIR")).join(name));
        })+

        /// Every case file there is has its test.
        #[test]
        fn no_case_file_is_forgotten() {
            let names = [$(concat!(stringify!($name), ".case")),+];
            let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/beside_systemd");
            for entry in std::fs::read_dir(directory).unwrap() {
                let name = entry.unwrap().file_name();
                let name = name.to_str().unwrap();
                assert!(names.contains(&name), "{name} is run by no test");
            }
        }
    };
}

files! {
    command_lines
    commands
    conditions
    dependencies
    fd_store
    files
    jobs
    notify
    order
    paths
    restart_matrix
    service_words
    socket_options
    socket_units
    sockets
    start_limits
    stop
    timeouts
    timers
    triggers
    types
}

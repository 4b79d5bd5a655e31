//! `runnerctl`: see the library beside it.

fn main() -> std::process::ExitCode {
    runnerctl::main()
}

//! Property values as `systemctl show` prints them: moments as dates, spans in units, modes octal.
//!
//! What a number is follows from the name of the property, as it does for systemctl
//! (`print_property` and `bus_print_property` of systemd 252). Programs that want numbers ask for
//! `--json`.

use dbus::client::Value;
use units::civil::TimeZone;
use units::value::{Capabilities, Signal, Span, format_timestamp};

use super::ending::code_word;

/// A number without a value: "not known", or no limit.
const NONE: u64 = u64::MAX;

/// What is printed after `NAME=`, a line for each. An empty text is shown only where everything is
/// wanted; no text at all stands for a list that has a line for each member, and has none.
pub(crate) fn lines(name: &str, value: &Value, zone: &TimeZone) -> Vec<String> {
    match (name, value) {
        ("Job", Value::List(job)) => vec![match job.first() {
            Some(Value::Number(number)) if *number > 0 => number.to_string(),
            _ => String::new(),
        }],
        ("LoadError", Value::List(error)) => match texts(error).as_slice() {
            [] | ["", ""] => vec![String::new()],
            [kind, rest @ ..] => vec![format!("{kind} \"{}\"", rest.join(" "))],
        },
        ("Listen" | "Paths", Value::List(rows)) => each(rows, |row| match texts(row).as_slice() {
            // Paths are told as (setting, path), addresses as (kind, address).
            [kind, what] => Some(format!("{what} ({kind})")),
            _ => None,
        }),
        ("EnvironmentFiles", Value::List(rows)) => each(rows, |row| match row {
            [path, Value::Flag(optional)] => {
                let optional = yes_or_no(*optional);
                Some(format!("{path} (ignore_errors={optional})"))
            }
            _ => None,
        }),
        ("TimersMonotonic", Value::List(rows)) => each(rows, |row| match row {
            [base, Value::Number(after), Value::Number(next)] => {
                let (after, next) = (span(*after), span(*next));
                Some(format!("{{ {base}={after} ; next_elapse={next} }}"))
            }
            _ => None,
        }),
        ("TimersCalendar", Value::List(rows)) => each(rows, |row| match row {
            [base, spec, Value::Number(next)] => {
                let next = moment(*next, zone).unwrap_or_else(|| "(null)".to_owned());
                Some(format!("{{ {base}={spec} ; next_elapse={next} }}"))
            }
            _ => None,
        }),
        (name, Value::List(rows)) if name.starts_with("Exec") && !name.ends_with("Path") => {
            each(rows, |row| command(row, zone))
        }
        (name, Value::List(sets)) if name.ends_with("ExitStatus") => vec![exits(sets)],
        (_, Value::List(list)) => vec![words(list)],
        (name, Value::Number(value)) => vec![number(name, *value, zone)],
        // A second line would look like the next property.
        (_, Value::Text(text)) if text.contains('\n') => vec!["[unprintable]".to_owned()],
        (_, value) => vec![value.to_string()],
    }
}

fn number(name: &str, value: u64, zone: &TimeZone) -> String {
    let is_moment = name.ends_with("Timestamp")
        || matches!(
            name,
            "NextElapseUSecRealtime" | "LastTriggerUSec" | "TimeUSec" | "RTCTimeUSec"
        );
    if is_moment {
        return moment(value, zone).unwrap_or_default();
    }
    if name.contains("USec") {
        return span(value);
    }
    if name.contains("UMask") || name.contains("Mode") {
        return format!("{value:04o}");
    }
    let is_usage = matches!(name, "MemoryCurrent" | "TasksCurrent") || name.ends_with("NSec");
    match name {
        "CoredumpFilter" => format!("{value:#x}"),
        "CapabilityBoundingSet" | "AmbientCapabilities" => Capabilities::from_bits(value)
            .names()
            .map(|name| format!("cap_{}", name.to_ascii_lowercase()))
            .collect::<Vec<_>>()
            .join(" "),
        _ if is_usage && value == NONE => "[not set]".to_owned(),
        _ if value == NONE => "infinity".to_owned(),
        _ => value.to_string(),
    }
}

/// `Sat 2026-11-21 23:20:10 UTC`; nothing for a moment that never was, or never will be.
fn moment(micros: u64, zone: &TimeZone) -> Option<String> {
    (micros != 0 && micros != NONE).then(|| format_timestamp(micros, zone))
}

fn span(micros: u64) -> String {
    Span::from_micros(micros).to_string()
}

fn yes_or_no(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}

/// A line for each row.
fn each(rows: &[Value], line: impl Fn(&[Value]) -> Option<String>) -> Vec<String> {
    rows.iter()
        .map(|row| match row {
            Value::List(row) => line(row).unwrap_or_else(|| words(row)),
            other => other.to_string(),
        })
        .collect()
}

fn texts(list: &[Value]) -> Vec<&str> {
    list.iter()
        .filter_map(|value| match value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

/// Members with a space between them, each as a shell would have to be given it.
fn words(list: &[Value]) -> String {
    let word = |value: &Value| match value {
        Value::Text(text) => quoted(text),
        Value::List(_) | Value::Map(_) => format!("{{ {value} }}"),
        value => value.to_string(),
    };
    list.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// In double quotes where a shell would take it apart (`shell_maybe_quote` of systemd).
fn quoted(text: &str) -> String {
    let needs =
        |letter: char| letter.is_ascii_control() || " \t\n\r\"\\`$*?['()<>|&;!".contains(letter);
    if !text.contains(needs) {
        return text.to_owned();
    }
    let mut out = String::from('"');
    for letter in text.chars() {
        match letter {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            control if control.is_ascii_control() => {
                out.push_str(&format!("\\{:03o}", u32::from(control)));
            }
            special => {
                if "\"\\`$".contains(special) {
                    out.push('\\');
                }
                out.push(special);
            }
        }
    }
    out.push('"');
    out
}

/// Exit codes as numbers, then signals by name.
fn exits(sets: &[Value]) -> String {
    let members = |at: usize| match sets.get(at) {
        Some(Value::List(list)) => list.as_slice(),
        _ => &[],
    };
    let signal = |value: &Value| match value {
        Value::Signed(number) => bare_signal(*number),
        other => other.to_string(),
    };
    let codes = members(0).iter().map(ToString::to_string);
    let signals = members(1).iter().map(signal);
    codes.chain(signals).collect::<Vec<_>>().join(" ")
}

/// `TERM`; a number that no signal has stays one.
fn bare_signal(number: i64) -> String {
    let signal = i32::try_from(number).ok().and_then(Signal::from_number);
    match signal {
        Some(signal) => signal.to_string().trim_start_matches("SIG").to_owned(),
        None => number.to_string(),
    }
}

/// A command with what became of it, from the fields of systemd's `a(sasbttttuii)`.
fn command(row: &[Value], zone: &TimeZone) -> Option<String> {
    let [
        path,
        Value::List(argv),
        Value::Flag(ignore),
        Value::Number(start),
        _,
        Value::Number(stop),
        _,
        Value::Number(pid),
        Value::Signed(code),
        Value::Signed(status),
    ] = row
    else {
        return None;
    };
    let argv = texts(argv).join(" ");
    let ignore = yes_or_no(*ignore);
    let at = |micros| moment(micros, zone).unwrap_or_else(|| "n/a".to_owned());
    let (start, stop) = (at(*start), at(*stop));
    let word = code_word(*code).unwrap_or("(null)");
    let signal = match word {
        "exited" => String::new(),
        _ => format!("/{}", bare_signal(*status)),
    };
    Some(format!(
        "{{ path={path} ; argv[]={argv} ; ignore_errors={ignore} ; start_time=[{start}] ; \
         stop_time=[{stop}] ; pid={pid} ; code={word} ; status={status}{signal} }}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn list<const N: usize>(values: [Value; N]) -> Value {
        Value::List(values.to_vec())
    }

    fn shown(name: &str, value: &Value) -> String {
        lines(name, value, &TimeZone::UTC).join("\n")
    }

    #[test]
    fn numbers_are_what_their_names_say() {
        for (name, value, expected) in [
            (
                "ActiveEnterTimestamp",
                1_795_303_210_000_000,
                "Sat 2026-11-21 23:20:10 UTC",
            ),
            ("ActiveEnterTimestamp", 0, ""),
            ("ActiveEnterTimestampMonotonic", 0, "0"),
            ("NextElapseUSecRealtime", NONE, ""),
            ("NextElapseUSecMonotonic", 5_000_000, "5s"),
            ("TimeoutStartUSec", 90_000_000, "1min 30s"),
            ("RestartUSec", 1_500_000, "1.500000s"),
            ("RuntimeMaxUSec", NONE, "infinity"),
            ("WatchdogUSec", 0, "0"),
            ("UMask", 0o22, "0022"),
            ("SocketMode", 0o600, "0600"),
            ("MemoryMax", NONE, "infinity"),
            ("MemoryCurrent", NONE, "[not set]"),
            ("CPUUsageNSec", NONE, "[not set]"),
            ("TimerSlackNSec", 50_000, "50000"),
            ("CoredumpFilter", 0x33, "0x33"),
            ("LimitNOFILE", 200, "200"),
            (
                "CapabilityBoundingSet",
                0b101,
                "cap_chown cap_dac_read_search",
            ),
            ("MainPID", 0, "0"),
        ] {
            assert_eq!(shown(name, &Value::Number(value)), expected, "{name}");
        }
    }

    #[test]
    fn rows_have_a_line_each() {
        let listen = list([
            list([text("Stream"), text("/run/x.sock")]),
            list([text("Datagram"), text("127.0.0.1:999")]),
        ]);
        assert_eq!(
            lines("Listen", &listen, &TimeZone::UTC),
            ["/run/x.sock (Stream)", "127.0.0.1:999 (Datagram)"]
        );
        assert!(lines("Listen", &list([]), &TimeZone::UTC).is_empty());
        let timers = list([list([
            text("OnBootUSec"),
            Value::Number(10_800_000_000),
            Value::Number(0),
        ])]);
        assert_eq!(
            shown("TimersMonotonic", &timers),
            "{ OnBootUSec=3h ; next_elapse=0 }"
        );
        let calendars = list([list([
            text("OnCalendar"),
            text("*-*-* 00:00:00"),
            Value::Number(1_795_305_600_000_000),
        ])]);
        assert_eq!(
            shown("TimersCalendar", &calendars),
            "{ OnCalendar=*-*-* 00:00:00 ; next_elapse=Sun 2026-11-22 00:00:00 UTC }"
        );
        let files = list([list([text("/etc/x"), Value::Flag(true)])]);
        assert_eq!(
            shown("EnvironmentFiles", &files),
            "/etc/x (ignore_errors=yes)"
        );
    }

    #[test]
    fn commands_tell_what_became_of_them() {
        let row = |code: i64, status: i64| {
            list([list([
                text("/bin/sleep"),
                list([text("/bin/sleep"), text("a b")]),
                Value::Flag(false),
                Value::Number(1_795_303_210_000_000),
                Value::Number(1),
                Value::Number(0),
                Value::Number(0),
                Value::Number(98),
                Value::Signed(code),
                Value::Signed(status),
            ])])
        };
        let head = "{ path=/bin/sleep ; argv[]=/bin/sleep a b ; ignore_errors=no ; \
                    start_time=[Sat 2026-11-21 23:20:10 UTC] ; stop_time=[n/a] ; pid=98 ; ";
        for (code, status, end) in [
            (0, 0, "code=(null) ; status=0/0 }"),
            (1, 3, "code=exited ; status=3 }"),
            (2, 15, "code=killed ; status=15/TERM }"),
        ] {
            assert_eq!(
                shown("ExecStart", &row(code, status)),
                format!("{head}{end}")
            );
        }
        assert!(lines("ExecStop", &list([]), &TimeZone::UTC).is_empty());
    }

    #[test]
    fn lists_are_words_for_a_shell() {
        let environment = list([text("A=1"), text("B=two words"), text("C=$x")]);
        assert_eq!(
            shown("Environment", &environment),
            r#"A=1 "B=two words" "C=\$x""#
        );
        assert_eq!(shown("Wants", &list([])), "");
        let exits = list([
            list([Value::Signed(3), Value::Signed(250)]),
            list([Value::Signed(1)]),
        ]);
        assert_eq!(shown("SuccessExitStatus", &exits), "3 250 HUP");
        assert_eq!(shown("StatusText", &text("a\nb")), "[unprintable]");
        let error = list([text("a.b.C"), text("it is wrong")]);
        assert_eq!(shown("LoadError", &error), "a.b.C \"it is wrong\"");
        assert_eq!(shown("LoadError", &list([text(""), text("")])), "");
        assert_eq!(shown("Job", &list([Value::Number(0), text("/")])), "");
        assert_eq!(shown("Job", &list([Value::Number(7), text("/x")])), "7");
    }
}

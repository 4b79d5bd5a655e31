//! Whatever a unit file holds, loading says what is wrong and goes on.

use proptest::prelude::*;
use units::{Content, Diagnostic, LoadState, Source, Surroundings, UnitSet, load, settings};

fn source(path: &str, bytes: &[u8]) -> Source {
    Source {
        rank: 0,
        path: path.into(),
        content: Content::Bytes(bytes.to_vec()),
        named: false,
    }
}

/// Loads the bytes as a file and as a drop-in, beside a file that is right.
fn load_beside_a_good_one(bytes: &[u8]) -> (UnitSet, Vec<Diagnostic>) {
    let good = b"[service]\nexec-start = '/bin/true'\n";
    let sources = [
        source("/u/bad.toml", bytes),
        source("/u/good.toml", good),
        source("/u/bad.toml.d/1.toml", bytes),
    ];
    load(&sources, &Surroundings::example())
}

/// Every unit with an error says so, the good one is loaded, and the whole set survives as records.
fn check(bytes: &[u8]) {
    let (set, found) = load_beside_a_good_one(bytes);
    let mut loaded = set.iter().filter(|unit| unit.is_loaded());
    assert!(loaded.any(|unit| unit.name().as_str() == "good.service"));
    for diagnostic in &found {
        assert!(!diagnostic.message.is_empty() && !diagnostic.to_string().contains("\n\n"));
    }
    for unit in set.iter() {
        if let LoadState::BadSetting(why) = unit.load_state() {
            assert!(!why.is_empty());
        }
    }
    let records: Vec<_> = set
        .records()
        .map(|(name, record)| (name.clone(), record))
        .collect();
    let around = Surroundings::example();
    let texts = records
        .iter()
        .map(|(name, record)| (name.clone(), record.as_str()));
    let (again, _) = UnitSet::from_records(texts, &around);
    assert_eq!(set.diff(&again), []);
}

/// Text that looks like a unit file: right keys with right and wrong values.
fn unit_file() -> impl Strategy<Value = String> {
    let keys: Vec<&'static str> = settings::all().map(|row| row.key).collect();
    let value = prop_oneof![
        Just("true".to_owned()),
        any::<u32>().prop_map(|n| n.to_string()),
        Just("1.5".to_owned()),
        Just("[]".to_owned()),
        Just("{ A = 'b' }".to_owned()),
        Just("[['/bin/x', 'y'], '/bin/z']".to_owned()),
        "'[a-z0-9%@/:. -]{0,12}'",
        prop_oneof![
            Just("/bin/x %i $A"),
            Just("web.service"),
            Just("5min"),
            Just("64M"),
            Just("0644"),
            Just("SIGTERM"),
            Just("notify"),
            Just("always"),
            Just("[::]:80"),
            Just("log"),
        ]
        .prop_map(|word| format!("['{word}']")),
    ];
    let line = (proptest::sample::select(keys), value)
        .prop_map(|(key, value)| format!("{key} = {value}\n"));
    let table = prop_oneof![
        Just("[service]\n"),
        Just("[socket]\n"),
        Just("[target]\n"),
        Just("[install]\n"),
        Just("[service.a]\n"),
        Just("[socket.b]\n"),
        Just("[timer]\n"),
    ];
    let part = (table, proptest::collection::vec(line, 0..6))
        .prop_map(|(table, lines)| format!("{table}{}", lines.concat()));
    proptest::collection::vec(part, 0..4).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        check(&bytes);
    }

    #[test]
    fn any_text(text in "[\\[\\]={}'\"a-z.\n#\\\\ -]{0,200}") {
        check(text.as_bytes());
    }

    #[test]
    fn anything_like_a_unit_file(text in unit_file()) {
        check(text.as_bytes());
    }

    /// Values print as they are read, whatever the setting.
    #[test]
    fn values_read_back(index in 0..settings::all().count(), text in "[a-zA-Z0-9%@/:.= -]{1,20}") {
        reads_back(index, &text)?;
    }
}

/// What chance seldom comes upon.
#[test]
fn nearly_nothing_reads_back() {
    for index in 0..settings::all().count() {
        for text in ["", " ", "-", "%%", "/", "0"] {
            reads_back(index, text).unwrap();
        }
    }
}

fn reads_back(index: usize, text: &str) -> Result<(), TestCaseError> {
    let row = settings::all().nth(index);
    let row = row.ok_or_else(|| TestCaseError::reject("no such row"))?;
    if let Ok(value) = row.value.read_literally(text) {
        // An empty text is a value in a file alone: an empty set of capabilities.
        for shown in value.texts().into_iter().filter(|shown| !shown.is_empty()) {
            let again = row.value.read_literally(&shown);
            prop_assert!(again.is_ok(), "{}: {text:?} shows as {shown:?}", row.key);
            prop_assert_eq!(
                again.map(|v| v.texts()).unwrap_or_default(),
                [shown],
                "{}: {:?}",
                row.key,
                text
            );
        }
    }
    Ok(())
}

#[test]
fn nested_without_end() {
    for text in [
        "[".repeat(100_000),
        "a = ".to_owned() + &"[".repeat(100_000),
        "{".repeat(50_000),
    ] {
        let (_, found) = load_beside_a_good_one(text.as_bytes());
        assert!(found.iter().any(Diagnostic::is_error));
        assert!(found.len() < 20);
    }
}

//! The kinds of values that only settings of commands have (systemd.exec(5)).

use super::{NO_WORDS, Shape, Typed, ValueType, fold, list, mismatch, scalar, types, word_list};
use crate::settings::value::Value;
use crate::value::{
    Capabilities, CoredumpFilter, CpuPolicy, CpuSet, InputData, InputText, IoClass, KeyringMode,
    Limit, LoadedCredential, Nanoseconds, NumaPolicy, OwnDirectory, Personality, SecureBits,
    SetCredential, ValueProblem, absolute_path, check_account, parse_between, split_words,
};

value_types! {
    BytesLimit -> Option<Limit> {
        name: "resource limit",
        grammar: "a size such as `64M`, `soft:hard`, or `infinity`",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: TextOrNumber, list: false,
        read: |items, expand| scalar(items, expand, |t| Limit::parse_bytes(t).map(Value::Limit)),
        lend: { Value::Nothing => None, Value::Limit(limit) => Some(*limit) },
    }
    SecondsLimit -> Option<Limit> {
        name: "resource limit",
        grammar: "a time such as `10min`, `soft:hard`, or `infinity`",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: TextOrNumber, list: false,
        read: |items, expand| scalar(items, expand, |t| Limit::parse_seconds(t).map(Value::Limit)),
        lend: { Value::Nothing => None, Value::Limit(limit) => Some(*limit) },
    }
    MicrosecondsLimit -> Option<Limit> {
        name: "resource limit",
        grammar: "a number of microseconds or a time such as `5ms`, `soft:hard`, or `infinity`",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: TextOrNumber, list: false,
        read: |items, expand| scalar(items, expand, |t| Limit::parse_microseconds(t).map(Value::Limit)),
        lend: { Value::Nothing => None, Value::Limit(limit) => Some(*limit) },
    }
    NiceLimit -> Option<Limit> {
        name: "resource limit",
        grammar: "a nice level with its sign, the kernel's number from 1 to 40, `soft:hard`, or `infinity`",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: TextOrNumber, list: false,
        read: |items, expand| scalar(items, expand, |t| Limit::parse_nice(t).map(Value::Limit)),
        lend: { Value::Nothing => None, Value::Limit(limit) => Some(*limit) },
    }
    NiceLevel -> Option<i32> {
        name: "whole number",
        grammar: "a number from -20 to 19",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Number, list: false,
        read: |items, expand| scalar(items, expand, |t| {
            parse_between(t, "nice level", -20..=19).map(Value::Integer)
        }),
        lend: { Value::Nothing => None, Value::Integer(number) => Some(*number) },
    }
    OomScore -> Option<i32> {
        name: "whole number",
        grammar: "a number from -1000 to 1000",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Number, list: false,
        read: |items, expand| scalar(items, expand, |t| {
            parse_between(t, "score", -1000..=1000).map(Value::Integer)
        }),
        lend: { Value::Nothing => None, Value::Integer(number) => Some(*number) },
    }
    CpuPriority -> Option<i32> {
        name: "whole number",
        grammar: "a number from 0 to 99",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Number, list: false,
        read: |items, expand| scalar(items, expand, |t| {
            parse_between(t, "priority", 0..=99).map(Value::Integer)
        }),
        lend: { Value::Nothing => None, Value::Integer(number) => Some(*number) },
    }
    IoPriority -> Option<i32> {
        name: "whole number",
        grammar: "a number from 0 to 7",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Number, list: false,
        read: |items, expand| scalar(items, expand, |t| {
            parse_between(t, "priority", 0..=7).map(Value::Integer)
        }),
        lend: { Value::Nothing => None, Value::Integer(number) => Some(*number) },
    }
    CpuSchedulingWord -> Option<CpuPolicy> {
        name: "scheduling policy",
        grammar: "one word",
        words: CpuPolicy::WORDS, meanings: CpuPolicy::MEANINGS,
        shape: Text, list: false,
        read: |items, expand| scalar(items, expand, |text| {
            let number = text.trim().parse().ok();
            let numbered = |one: &&CpuPolicy| number == Some(one.number());
            match CpuPolicy::from_word(text).or_else(|| CpuPolicy::ALL.iter().find(numbered).copied()) {
                Some(word) => Ok(Value::Word(word.as_str())),
                None => Err(ValueProblem::unknown_word("scheduling policy", text, CpuPolicy::WORDS)),
            }
        }),
        lend: {
            Value::Nothing => None,
            Value::Word(word) => CpuPolicy::from_word(word),
        },
    }
    IoSchedulingWord -> Option<IoClass> {
        name: "scheduling class",
        grammar: "one word",
        words: IoClass::WORDS, meanings: IoClass::MEANINGS,
        shape: Text, list: false,
        read: |items, expand| scalar(items, expand, |text| {
            let number = text.trim().parse().ok();
            let numbered = |one: &&IoClass| number == Some(one.number());
            match IoClass::from_word(text).or_else(|| IoClass::ALL.iter().find(numbered).copied()) {
                Some(word) => Ok(Value::Word(word.as_str())),
                None => Err(ValueProblem::unknown_word("scheduling class", text, IoClass::WORDS)),
            }
        }),
        lend: {
            Value::Nothing => None,
            Value::Word(word) => IoClass::from_word(word),
        },
    }
    Keyring -> Option<KeyringMode> {
        name: "keyring mode",
        grammar: "one word",
        words: KeyringMode::WORDS, meanings: KeyringMode::MEANINGS,
        shape: Text, list: false,
        read: |items, expand| scalar(items, expand, |text| match KeyringMode::from_word(text) {
            Some(word) => Ok(Value::Word(word.as_str())),
            None => Err(ValueProblem::unknown_word("keyring mode", text, KeyringMode::WORDS)),
        }),
        lend: {
            Value::Nothing => None,
            Value::Word(word) => KeyringMode::from_word(word),
        },
    }
    Machine -> Option<Personality> {
        name: "personality",
        grammar: "one word",
        words: Personality::WORDS, meanings: Personality::MEANINGS,
        shape: Text, list: false,
        read: |items, expand| scalar(items, expand, |text| match Personality::from_word(text) {
            Some(word) => Ok(Value::Word(word.as_str())),
            None => Err(ValueProblem::unknown_word("personality", text, Personality::WORDS)),
        }),
        lend: {
            Value::Nothing => None,
            Value::Word(word) => Personality::from_word(word),
        },
    }
    MemoryPolicy -> Option<NumaPolicy> {
        name: "memory policy",
        grammar: "one word",
        words: NumaPolicy::WORDS, meanings: NumaPolicy::MEANINGS,
        shape: Text, list: false,
        read: |items, expand| scalar(items, expand, |text| match NumaPolicy::from_word(text) {
            Some(word) => Ok(Value::Word(word.as_str())),
            None => Err(ValueProblem::unknown_word("memory policy", text, NumaPolicy::WORDS)),
        }),
        lend: {
            Value::Nothing => None,
            Value::Word(word) => NumaPolicy::from_word(word),
        },
    }
    CpuList -> Option<&'a CpuSet> {
        name: "list of processors",
        grammar: "numbers and ranges such as `0-3 6`, or `numa`",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: ListOrNumber, list: true,
        read: |items, expand| {
            fold(items, expand, CpuSet::default(), |set, text| set.with(text)).map(Value::Cpus)
        },
        lend: { Value::Nothing => None, Value::Cpus(set) => Some(set) },
    }
    NodeList -> Option<&'a CpuSet> {
        name: "list of memory nodes",
        grammar: "numbers and ranges such as `0-3 6`, or `all`",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: ListOrNumber, list: true,
        read: |items, expand| {
            fold(items, expand, CpuSet::default(), |set, text| set.with(text)).map(Value::Cpus)
        },
        lend: { Value::Nothing => None, Value::Cpus(set) => Some(set) },
    }
    BoundingSet -> Capabilities {
        name: "capabilities",
        grammar: "names such as `CAP_NET_BIND_SERVICE`; with `~` before them all but these",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| {
            fold(items, expand, Capabilities::ALL, |set, text| {
                set.lay_over(Capabilities::ALL, text)
            })
            .map(Value::Capabilities)
        },
        lend: { Value::Nothing => Capabilities::ALL, Value::Capabilities(set) => *set },
    }
    AmbientSet -> Capabilities {
        name: "capabilities",
        grammar: "names such as `CAP_NET_BIND_SERVICE`; with `~` before them all but these",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| {
            fold(items, expand, Capabilities::NONE, |set, text| {
                set.lay_over(Capabilities::NONE, text)
            })
            .map(Value::Capabilities)
        },
        lend: { Value::Nothing => Capabilities::NONE, Value::Capabilities(set) => *set },
    }
    SecureBitSet -> SecureBits {
        name: "secure bits",
        grammar: "`keep-caps`, `no-setuid-fixup`, `noroot`, each also with `-locked`",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| {
            fold(items, expand, SecureBits::default(), |set, text| set.with(text))
                .map(Value::SecureBits)
        },
        lend: { Value::Nothing => SecureBits::default(), Value::SecureBits(bits) => *bits },
    }
    DumpFilter -> Option<CoredumpFilter> {
        name: "core dump filter",
        grammar: "kinds of memory as core(5) has them (`private-anonymous`), `default`, `all`, or hexadecimal digits",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| {
            fold(items, expand, CoredumpFilter::default(), |set, text| set.with(text))
                .map(Value::CoredumpFilter)
        },
        lend: { Value::Nothing => None, Value::CoredumpFilter(filter) => Some(*filter) },
    }
    ShortTime -> Option<Nanoseconds> {
        name: "time in nanoseconds",
        grammar: "`50us`, or a number of nanoseconds",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: TextOrNumber, list: false,
        read: |items, expand| {
            scalar(items, expand, |t| Nanoseconds::parse(t).map(Value::Nanoseconds))
        },
        lend: { Value::Nothing => None, Value::Nanoseconds(time) => Some(*time) },
    }
    QuotedWords -> &'a [Box<str>] {
        name: "list of words",
        grammar: "words separated by spaces and quoted where they have some, or an array",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| {
            list(items, expand, |item, expand, words| {
                for word in split_words(item)? {
                    words.push(Box::from(expand(&word)?));
                }
                Ok(())
            })
            .map(Value::Texts)
        },
        lend: { Value::Nothing => &[], Value::Texts(texts) => texts },
    }
    Accounts -> &'a [Box<str>] {
        name: "list of groups",
        grammar: "names or numbers, separated by spaces or as an array",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: ListOrNumber, list: true,
        read: |items, expand| {
            word_list(items, expand, |word| Ok(Box::from(check_account(word)?))).map(Value::Texts)
        },
        lend: { Value::Nothing => &[], Value::Texts(texts) => texts },
    }
    SearchPath -> &'a [Box<str>] {
        name: "list of directories",
        grammar: "absolute paths separated by `:`, or an array",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| {
            list(items, expand, |item, expand, paths| {
                for path in item.split(':').filter(|path| !path.is_empty()) {
                    paths.push(Box::from(absolute_path(&expand(path)?)?));
                }
                Ok(())
            })
            .map(Value::Texts)
        },
        lend: { Value::Nothing => &[], Value::Texts(texts) => texts },
    }
    OwnDirectories -> &'a [OwnDirectory] {
        name: "list of directories to make",
        grammar: "relative paths, each with `:LINK` after it where a symbolic link is to lead there",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| {
            list(items, expand, |item, expand, found| {
                found.extend(OwnDirectory::parse_line_with(item, expand)?);
                Ok(())
            })
            .map(|found| Value::OwnDirectories(OwnDirectory::in_order(found.into_vec())))
        },
        lend: { Value::Nothing => &[], Value::OwnDirectories(found) => found },
    }
    LoadedCredentials -> &'a [LoadedCredential] {
        name: "list of credentials",
        grammar: "`NAME:PATH` or `NAME`, or an array of them",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| {
            list(items, expand, |item, expand, found| {
                found.push(LoadedCredential::parse_with(item, expand)?);
                Ok(())
            })
            .map(Value::LoadedCredentials)
        },
        lend: { Value::Nothing => &[], Value::LoadedCredentials(found) => found },
    }
    SetCredentials -> &'a [SetCredential] {
        name: "list of credentials with their content",
        grammar: "`NAME:content` with C escapes, or an array of them",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| {
            list(items, expand, |item, expand, found| {
                found.push(SetCredential::parse_with(item, expand)?);
                Ok(())
            })
            .map(Value::SetCredentials)
        },
        lend: { Value::Nothing => &[], Value::SetCredentials(found) => found },
    }
    Lines -> &'a [u8] {
        name: "lines of text",
        grammar: "text with C escapes, or an array with a line each",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| {
            fold(items, expand, InputText::default(), |text, line| text.with(line))
                .map(|text| Value::InputText(text.into()))
        },
        lend: { Value::Nothing => &[], Value::InputText(text) => text.bytes() },
    }
    Base64 -> &'a [u8] {
        name: "bytes in Base64",
        grammar: "Base64, or an array of it",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| {
            fold(items, expand, InputData::default(), |data, text| data.with(text))
                .map(|data| Value::InputData(data.into()))
        },
        lend: { Value::Nothing => &[], Value::InputData(data) => data.bytes() },
    }
    JournalFields -> &'a [Box<str>] {
        name: "list of journal fields",
        grammar: "`FIELD=value`, quoted where there are spaces, or an array of them",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| {
            list(items, expand, |item, expand, fields| {
                for word in split_words(item)? {
                    fields.push(check_journal_field(&expand(&word)?)?);
                }
                Ok(())
            })
            .map(Value::Texts)
        },
        lend: { Value::Nothing => &[], Value::Texts(texts) => texts },
    }
    OptionalText -> Option<&'a str> {
        name: "text",
        grammar: "any text",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Text, list: false,
        read: |items, expand| scalar(items, expand, |text| Ok(Value::Text(text.into()))),
        lend: { Value::Nothing => None, Value::Text(text) => Some(&**text) },
    }
}

/// A field of the journal: capitals, digits and `_`, not beginning with either of the latter.
fn check_journal_field(text: &str) -> Result<Box<str>, ValueProblem> {
    let problem = |what: &str| {
        Err(ValueProblem::new(format!("{text:?} {what}"))
            .with_hint("write `FIELD=value`, the name in capitals"))
    };
    let Some((name, _)) = text.split_once('=') else {
        return problem("sets no field");
    };
    let well = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.len() <= 64
        && name
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    if well {
        Ok(text.into())
    } else {
        problem("begins with no name of a field")
    }
}

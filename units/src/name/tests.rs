use proptest::prelude::*;

use super::*;

#[test]
fn parts_of_names() {
    let plain = UnitName::parse("web.service").unwrap();
    assert_eq!(
        (plain.prefix(), plain.instance(), plain.is_template()),
        ("web", None, false)
    );
    let template = UnitName::parse("web@.service").unwrap();
    assert!(template.is_template());
    assert_eq!(template.instance(), None);
    let instance = template.instantiate("a@b").unwrap();
    assert_eq!(instance.as_str(), "web@a@b.service");
    assert_eq!(instance.instance(), Some("a@b"));
    assert_eq!(instance.template(), Some(template));
    assert_eq!(
        instance.with_kind(UnitKind::Socket).unwrap().as_str(),
        "web@a@b.socket"
    );
    assert_eq!(
        UnitName::parse("cat:cat_00.service").unwrap().prefix(),
        "cat:cat_00"
    );
}

#[test]
fn refused_names() {
    for (text, problem) in [
        ("", NameProblem::Empty),
        (".service", NameProblem::Empty),
        ("web", NameProblem::NoSuffix),
        ("web.", NameProblem::NoSuffix),
        ("web.servce", NameProblem::UnknownSuffix("servce".into())),
        ("@.service", NameProblem::NoPrefix),
        ("a b.service", NameProblem::BadCharacter(' ')),
        ("a/b.service", NameProblem::BadCharacter('/')),
        ("ä.service", NameProblem::BadCharacter('ä')),
    ] {
        assert_eq!(UnitName::parse(text), Err(problem), "{text:?}");
    }
    let long = format!("{}.service", "a".repeat(248));
    assert_eq!(UnitName::parse(&long), Err(NameProblem::TooLong(256)));
    assert!(UnitName::parse(&long[1..]).is_ok());
}

proptest! {
    #[test]
    fn any_text_parses_or_says_why(text in any::<String>()) {
        if let Ok(name) = UnitName::parse(&text) {
            prop_assert_eq!(name.as_str(), text);
        }
    }
}

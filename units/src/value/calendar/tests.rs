use super::*;

/// What systemd-analyze prints as the normalised form.
#[test]
fn normal_forms() {
    for (text, normal) in [
        ("daily", "*-*-* 00:00:00"),
        ("Minutely", "*-*-* *:*:00"),
        ("weekly", "Mon *-*-* 00:00:00"),
        ("quarterly", "*-01,04,07,10-01 00:00:00"),
        ("semi-annually", "*-01,07-01 00:00:00"),
        ("anually UTC", "*-01-01 00:00:00 UTC"),
        ("Sat,Sun,mon-tuesday,", "Mon,Tue,Sat,Sun *-*-* 00:00:00"),
        ("Mon..Sun 5:00", "*-*-* 05:00:00"),
        ("Fri..Sun", "Fri..Sun *-*-* 00:00:00"),
        ("12,14,13,12:20,10,30", "*-*-* 12,13,14:10,20,30:00"),
        ("03-05", "*-03-05 00:00:00"),
        (
            "05:40:23.4200004/3.1700005",
            "*-*-* 05:40:23.420000/3.170001",
        ),
        ("*-*~07/1", "*-*~07/1 00:00:00"),
        ("70..5-1-1", "1970..2005-01-01 00:00:00"),
        ("69-*-* *:*:*", "2069-*-* *:*:*"),
        (
            "0..24/23:1..5/10:0..0.5/0.1",
            "*-*-* 00..23/23:01:00..00.500000/0.100000",
        ),
        ("@1700000000", "2023-11-14 22:13:20 UTC"),
        ("Tue @ +1700000000", "Tue 2023-11-14 22:13:20 UTC"),
    ] {
        let found = CalendarSpec::parse(text, &NoZones);
        let found = found.map(|spec| spec.to_string()).unwrap_or_default();
        assert_eq!(found, normal, "{text}");
    }
}

#[test]
fn refusals_say_where() {
    let problem = |text: &str| CalendarSpec::parse(text, &NoZones).unwrap_err().to_string();
    assert_eq!(
        problem("*-*-* 25:00"),
        "\"*-*-* 25:00\", character 7: there is no hour 25"
    );
    assert_eq!(
        problem("Mon..Wed,Fri..Tue"),
        "\"Mon..Wed,Fri..Tue\", character 15: a range of days ends before it begins"
    );
    for text in [
        "",
        " ",
        "x",
        "Mon Tue",
        "5",
        "*",
        "24:00",
        "0:60",
        "0:0:60",
        "2200-1-1",
        "1-0",
        "*~29",
        "0:0:0..0.5",
        "0:0/0",
        "1..",
        "0:0:0.",
        "0:1 ",
        "*~1-1",
        "1,,2:0",
        "@",
        "@-1",
        "@1.5",
        "@99999999999999999999",
        "Mon..",
        "Mond",
        "Fri..Mon",
        "Mon..Tue..Wed",
        "2147483648-1-1",
        "*-*-* 0:0:0 Nowhere/City",
        "ä",
        "0:0:0 ä",
    ] {
        assert!(CalendarSpec::parse(text, &NoZones).is_err(), "{text}");
    }
}

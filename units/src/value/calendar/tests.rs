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

fn next(text: &str, time: u64) -> Option<u64> {
    let spec = CalendarSpec::parse(text, &NoZones).unwrap();
    spec.next_after(time, &TimeZone::UTC)
}

#[test]
fn the_next_time_is_a_later_one() {
    const DAY: u64 = 86_400_000_000;
    assert_eq!(next("daily", 0), Some(DAY));
    assert_eq!(next("daily", DAY - 1), Some(DAY));
    assert_eq!(next("daily", DAY), Some(2 * DAY));
    assert_eq!(next("*:*:0.5", 0), Some(500_000));
    assert_eq!(next("*:*:0/1.5", 500_000), Some(1_500_000));
    assert_eq!(next("*-02-30", 0), None);
    assert_eq!(next("2199-12-31 23:59:59", 0), Some(7_258_118_399_000_000));
    assert_eq!(next("daily", 7_258_118_399_000_000), None);
    assert_eq!(next("daily", u64::MAX), None);
}

/// Berlin's rule for all time.
fn berlin() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

#[test]
fn hours_that_are_missing_or_come_twice() {
    let spec = CalendarSpec::parse("*-*-* 02:30", &NoZones).unwrap();
    let hour = 3_600_000_000;
    // 2024-03-31 00:00 UTC; an hour later it is 3 o'clock.
    let spring = 1_711_843_200_000_000;
    assert_eq!(
        spec.next_after(spring, &berlin()),
        Some(spring + 24 * hour + hour / 2)
    );
    // 2024-10-26 23:00 UTC is 1 o'clock, and 2 o'clock comes after it and an hour later again.
    let autumn = 1_729_983_600_000_000;
    let first = spec.next_after(autumn, &berlin());
    assert_eq!(first, Some(autumn + hour + hour / 2));
    assert_eq!(
        spec.next_after(autumn + hour + hour / 2, &berlin()),
        Some(autumn + 26 * hour + hour / 2)
    );
}

#[test]
fn a_search_that_systemd_gives_up() {
    let spec = CalendarSpec::parse("Tue *-02/9-*", &NoZones).unwrap();
    // 2030-11-26 00:00 to 2031-02-04 00:00.
    let found = spec.next_after(1_921_878_000_000_000, &berlin());
    assert_eq!(found, Some(1_927_926_000_000_000));
}

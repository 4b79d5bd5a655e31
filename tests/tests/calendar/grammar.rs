//! Calendar expressions, time spans and texts for names by chance: mostly right ones, with the
//! places in them where one goes wrong.

/// Numbers by chance, the same ones for the same seed (xorshift64*).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    }

    /// True once in `n` times.
    fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len() as u64) as usize]
    }

    fn within(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from + 1)
    }
}

const SHORTHANDS: &[&str] = &[
    "minutely",
    "hourly",
    "daily",
    "weekly",
    "monthly",
    "quarterly",
    "yearly",
    "annually",
    "anually",
    "biannually",
    "bi-annually",
    "semiannually",
    "semi-annually",
    "Daily",
    "WEEKLY",
    "dayly",
    "fortnightly",
];

const DAYS: &[&str] = &[
    "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "monday", "Tuesday", "WED", "thursday",
    "Friday", "Saturday", "Sunday",
];

const ZONES: &[&str] = &[
    "UTC",
    "utc",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Europe/Dublin",
    "Pacific/Chatham",
    "Antarctica/Troll",
    "Asia/Gaza",
    "America/St_Johns",
    "Etc/GMT+5",
    "CET",
    "EST5EDT",
    "GMT",
    "CEST",
    "EDT",
    "Mars/Phobos",
    "../UTC",
    "/UTC",
    "europe/berlin",
    "Europe",
];

/// A calendar expression.
pub(crate) fn calendar(c: &mut Chance) -> String {
    let mut text = match c.below(12) {
        0 => c.pick(SHORTHANDS).to_owned(),
        1 => format!("@{}", epoch(c)),
        2 => weekdays(c),
        3 => date(c),
        4 => time(c),
        5 => format!("{} {}", weekdays(c), time(c)),
        6 => format!("{} {}", weekdays(c), date(c)),
        7..10 => format!("{} {}", date(c), time(c)),
        _ => format!("{} {} {}", weekdays(c), date(c), time(c)),
    };
    if c.once_in(3) {
        text = format!("{text} {}", c.pick(ZONES));
    }
    if c.once_in(25) {
        text = spoilt(c, &text);
    }
    text
}

fn epoch(c: &mut Chance) -> String {
    match c.below(6) {
        0 => format!("{}.5", c.below(1 << 31)),
        1 => format!("-{}", c.below(5)),
        2 => format!(" +{}", c.below(1 << 31)),
        3 => (c.below(1 << 31) * 5).to_string(),
        _ => c.below(1 << 31).to_string(),
    }
}

fn weekdays(c: &mut Chance) -> String {
    let mut text = String::new();
    loop {
        text.push_str(c.pick(DAYS));
        if c.once_in(3) {
            text.push_str(c.pick(&["..", "..", "-"]));
            text.push_str(c.pick(&["Fri", "Sat", "Sun", "Wed"]));
        }
        if !c.once_in(3) {
            break;
        }
        text.push(',');
    }
    if c.once_in(20) {
        text.push_str(c.pick(&[",", ".", "..", "-", "x", " "]));
    }
    text
}

fn date(c: &mut Chance) -> String {
    let separator = if c.once_in(6) { "~" } else { "-" };
    let day = if separator == "~" {
        let last = if c.once_in(6) { 31 } else { 28 };
        list(c, 1, last)
    } else {
        list(c, 1, 31)
    };
    let month = list(c, 1, 12);
    if c.once_in(4) {
        return format!("{month}{separator}{day}");
    }
    let year = match c.below(8) {
        0 => list(c, 0, 99),
        1 => list(c, 1970, 2199),
        2 => list(c, 2010, 2040),
        3 => c.within(2015, 2035).to_string(),
        _ => "*".to_owned(),
    };
    format!("{year}-{month}{separator}{day}")
}

fn time(c: &mut Chance) -> String {
    // The hours at which clocks are changed, more often than chance would have it.
    let hour = match c.below(3) {
        0 => list(c, 0, 3),
        _ => list(c, 0, 23),
    };
    let minute = list(c, 0, 59);
    match c.below(3) {
        0 => format!("{hour}:{minute}"),
        1 => format!("{hour}:{minute}:{}", list(c, 0, 59)),
        _ => format!("{hour}:{minute}:{}", seconds(c)),
    }
}

/// A field of values between two bounds; rarely one beyond them.
fn list(c: &mut Chance, from: u64, to: u64) -> String {
    if c.once_in(3) {
        return "*".to_owned();
    }
    let mut text = item(c, from, to);
    while c.once_in(4) {
        text = format!("{text},{}", item(c, from, to));
    }
    text
}

fn item(c: &mut Chance, from: u64, to: u64) -> String {
    let start = match c.below(60) {
        0 => to + 1,
        1 => from.saturating_sub(1),
        _ => c.within(from, to),
    };
    let padded = |value: u64, c: &mut Chance| match c.below(3) {
        0 => format!("{value:02}"),
        _ => value.to_string(),
    };
    let mut text = padded(start, c);
    if c.once_in(5) {
        let stop = match c.below(10) {
            0 => c.within(from, to),
            1 => to + 1,
            _ => c.within(start.min(to), to),
        };
        text = format!("{text}..{}", padded(stop, c));
    }
    if c.once_in(5) {
        text = format!("{text}/{}", c.below(to - from + 2));
    }
    text
}

fn seconds(c: &mut Chance) -> String {
    let second = |c: &mut Chance| {
        let whole = c.below(60);
        match c.below(4) {
            0 => format!("{whole}.{}", c.below(1000)),
            1 => format!("{whole}.{:07}", c.below(10_000_000)),
            2 => format!("{whole}.{:06}", c.below(1_000_000)),
            _ => format!("{whole:02}"),
        }
    };
    let mut text = second(c);
    if c.once_in(4) {
        text = format!("{text}..{}", second(c));
    }
    if c.once_in(3) {
        text = format!("{text}/{}", second(c));
    }
    if c.once_in(5) {
        text = format!("{text},{}", second(c));
    }
    text
}

/// The text with one character more, less, or changed.
fn spoilt(c: &mut Chance, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let at = c.below(letters.len().max(1) as u64) as usize;
    let strange: Vec<char> = " ,.-~:*/@0129xTä".chars().collect();
    let letter = strange[c.below(strange.len() as u64) as usize];
    match c.below(3) {
        0 => letters.insert(at, letter),
        1 if at < letters.len() => letters[at] = letter,
        _ if at < letters.len() => drop(letters.remove(at)),
        _ => {}
    }
    letters.into_iter().collect()
}

const SPAN_UNITS: &[&str] = &[
    "seconds", "second", "sec", "s", "minutes", "minute", "min", "m", "months", "month", "M",
    "msec", "ms", "hours", "hour", "hr", "h", "days", "day", "d", "weeks", "week", "w", "years",
    "year", "y", "usec", "us", "µs", "μs", "",
];

/// A time span.
pub(crate) fn span(c: &mut Chance) -> String {
    if c.once_in(40) {
        return c
            .pick(&["infinity", " infinity ", "infinity1", "", " "])
            .to_owned();
    }
    let mut text = String::new();
    for _ in 0..c.within(1, 4) {
        let number = match c.below(8) {
            0 => format!("{}.{}", c.below(100), c.below(1000)),
            1 => format!(".{}", c.below(100)),
            2 => c.below(1 << 31).to_string(),
            3 => (c.below(1 << 31) * 4_294_967_296).to_string(),
            _ => c.below(200).to_string(),
        };
        let space = c.pick(&["", " ", ""]);
        let between = c.pick(&["", " ", "  ", " "]);
        text.push_str(&format!("{number}{space}{}{between}", c.pick(SPAN_UNITS)));
    }
    if c.once_in(8) {
        text = spoilt(c, &text);
    }
    text
}

/// A text to be escaped, or one that looks like it was.
pub(crate) fn text(c: &mut Chance) -> String {
    const PARTS: &[&str] = &[
        "a",
        "b",
        "web",
        "-",
        "/",
        "/",
        "//",
        ".",
        "..",
        "/./",
        "@",
        " ",
        "ä",
        ":",
        "_",
        "\\x2d",
        "\\x20",
        "\\x",
        "\\",
        "\\xc3\\xa4",
        ".service",
        ".mount",
        ".device",
        "dev",
        "/dev/",
        "*",
        "[",
        "\"",
        "\n",
    ];
    let mut text = String::new();
    for _ in 0..c.within(1, 6) {
        text.push_str(c.pick(PARTS));
    }
    text
}

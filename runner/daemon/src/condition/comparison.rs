//! Comparisons as `ConditionKernelVersion=`, `ConditionOSRelease=` and their like write them.

use std::cmp::Ordering;

/// What two things are compared for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    /// `$=`: the right side is a pattern.
    Matches,
    /// `!$=`
    MatchesNot,
    /// `<`
    Lower,
    /// `<=`
    LowerOrEqual,
    /// `==`, and `=` where that does not mean the very same text
    Equal,
    /// `<>`, and `!=` where that does not mean the very same text
    Unequal,
    /// `>=`
    GreaterOrEqual,
    /// `>`
    Greater,
    /// `=`: the very same text
    Same,
    /// `!=`: not the very same text
    NotSame,
}

/// What `=` and `!=` mean, and whether patterns may be compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Numbers, and no patterns.
    Numbers,
    /// Versions.
    Versions,
    /// Versions, but `=` and `!=` compare texts.
    Texts,
}

/// The operator that `text` begins with, and what comes after it.
pub(super) fn operator(text: &str, kind: Kind) -> Option<(Operator, &str)> {
    let by_text = kind == Kind::Texts;
    // One that another one begins with stands after it.
    let words = [
        ("$=", Operator::Matches),
        ("!$=", Operator::MatchesNot),
        ("<>", Operator::Unequal),
        ("<=", Operator::LowerOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Lower),
        (">", Operator::Greater),
        ("==", Operator::Equal),
        (
            "=",
            if by_text {
                Operator::Same
            } else {
                Operator::Equal
            },
        ),
        (
            "!=",
            if by_text {
                Operator::NotSame
            } else {
                Operator::Unequal
            },
        ),
    ];
    let allowed = |operator: Operator| {
        kind != Kind::Numbers || !matches!(operator, Operator::Matches | Operator::MatchesNot)
    };
    words
        .into_iter()
        .filter(|(_, operator)| allowed(*operator))
        .find_map(|(word, operator)| Some((operator, text.strip_prefix(word)?)))
}

impl Operator {
    /// Whether two things that stand to each other like this are as the operator says.
    pub(super) fn holds(self, order: Ordering) -> bool {
        match self {
            Operator::Lower => order.is_lt(),
            Operator::LowerOrEqual => order.is_le(),
            Operator::Equal | Operator::Same | Operator::Matches => order.is_eq(),
            Operator::Unequal | Operator::NotSame | Operator::MatchesNot => order.is_ne(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::Greater => order.is_gt(),
        }
    }

    /// The same for two versions or texts.
    pub(super) fn holds_for(self, left: &str, right: &str) -> bool {
        match self {
            Operator::Matches => control::matches(right, left),
            Operator::MatchesNot => !control::matches(right, left),
            Operator::Same | Operator::NotSame => self.holds(left.cmp(right)),
            _ => self.holds(versions(left, right)),
        }
    }
}

/// Which of two versions is the newer one, as `systemd-analyze compare-versions` has it: `~` is
/// before everything, even the end; then `-`, `^`, `.`; numbers are newer than letters.
pub(super) fn versions(left: &str, right: &str) -> Ordering {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"~-^.".contains(&byte);
    let skip = |mut text: &[u8]| {
        while let [first, rest @ ..] = text
            && !is_part(*first)
        {
            text = rest;
        }
        text.len()
    };
    let (mut a, mut b) = (left.as_bytes(), right.as_bytes());
    loop {
        a = &a[a.len() - skip(a)..];
        b = &b[b.len() - skip(b)..];
        if let Some(order) = separator(&mut a, &mut b, b'~') {
            return order;
        }
        if a.is_empty() || b.is_empty() {
            return b.is_empty().cmp(&a.is_empty());
        }
        for mark in [b'-', b'^', b'.'] {
            if let Some(order) = separator(&mut a, &mut b, mark) {
                return order;
            }
        }
        let starts_with_digit = |text: &[u8]| text.first().is_some_and(u8::is_ascii_digit);
        let order = if starts_with_digit(a) || starts_with_digit(b) {
            let (one, two) = (
                take(&mut a, u8::is_ascii_digit),
                take(&mut b, u8::is_ascii_digit),
            );
            let emptiness = two.is_empty().cmp(&one.is_empty());
            let (one, two) = (without_zeros(one), without_zeros(two));
            emptiness.then(one.len().cmp(&two.len())).then(one.cmp(two))
        } else {
            let (one, two) = (
                take(&mut a, u8::is_ascii_alphabetic),
                take(&mut b, u8::is_ascii_alphabetic),
            );
            one.cmp(two)
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Where one of them has this mark next: the other one is newer, or both step over it.
fn separator(a: &mut &[u8], b: &mut &[u8], mark: u8) -> Option<Ordering> {
    match (a.first() == Some(&mark), b.first() == Some(&mark)) {
        (false, false) => None,
        (true, true) => {
            *a = &a[1..];
            *b = &b[1..];
            None
        }
        (true, false) => Some(Ordering::Less),
        (false, true) => Some(Ordering::Greater),
    }
}

fn take<'a>(text: &mut &'a [u8], is: fn(&u8) -> bool) -> &'a [u8] {
    let end = text.iter().position(|byte| !is(byte)).unwrap_or(text.len());
    let (taken, rest) = text.split_at(end);
    *text = rest;
    taken
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_systemd_orders_them() {
        // Of systemd's own test, oldest first.
        let ascending = [
            "~1",
            "",
            "ab",
            "abb",
            "abc",
            "0001",
            "002",
            "12",
            "122",
            "122.9",
            "123~rc1",
            "123",
            "123-a",
            "123-a.1",
            "123-a1",
            "123-a1.1",
            "123-3",
            "123-3.1",
            "123^patch1",
            "123^1",
            "123.a-1",
            "123.1-1",
            "123a-1",
            "124",
        ];
        for (at, one) in ascending.iter().enumerate() {
            for (other, two) in ascending.iter().enumerate() {
                assert_eq!(versions(one, two), at.cmp(&other), "{one:?} {two:?}");
            }
        }
        for (one, two) in [("123.0", "123.0"), ("00012", "12"), ("1_2", "12_")] {
            let same = versions(one, two);
            assert_eq!(same, versions(two, one).reverse());
        }
        assert_eq!(versions("00012", "12"), Ordering::Equal);
    }

    #[test]
    fn the_longest_operator_is_read() {
        let read = |text, kind| operator(text, kind);
        assert_eq!(
            read("<=3", Kind::Numbers),
            Some((Operator::LowerOrEqual, "3"))
        );
        assert_eq!(read("<>3", Kind::Versions), Some((Operator::Unequal, "3")));
        assert_eq!(read("=3", Kind::Versions), Some((Operator::Equal, "3")));
        assert_eq!(read("=3", Kind::Texts), Some((Operator::Same, "3")));
        assert_eq!(read("==3", Kind::Texts), Some((Operator::Equal, "3")));
        assert_eq!(read("!$=3", Kind::Texts), Some((Operator::MatchesNot, "3")));
        assert_eq!(read("$=3", Kind::Numbers), None);
        assert_eq!(read("3", Kind::Numbers), None);
    }
}

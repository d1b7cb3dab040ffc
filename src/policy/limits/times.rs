//! Dates and times of the week, in UTC: a limit must not depend on where a machine thinks it is.

/// A part of certain days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hours {
    /// One bit each, Monday first.
    days: u8,
    /// Minutes of the day.
    from: u16,
    to: u16,
}

impl Hours {
    /// Reads `mon-fri 08:00-18:00 UTC`; without days, all of them are meant.
    pub(super) fn of(text: &str) -> Result<Hours, &'static str> {
        let mut words = text.split(' ').filter(|word| !word.is_empty());
        let mut first = words.next().ok_or("nothing between two ';'")?;
        let mut days = 0b111_1111;
        if first.starts_with(|c: char| c.is_ascii_alphabetic()) {
            days = 0;
            for part in first.split(',') {
                let (from, to) = part.split_once('-').unwrap_or((part, part));
                let (from, to) = (day(from)?, day(to)?);
                // From Saturday to Monday goes round.
                let count = (to + 7 - from) % 7;
                days |= (0..=count).fold(0, |days, step| days | 1 << ((from + step) % 7));
            }
            first = words.next().ok_or("days without a time")?;
        }
        let (from, to) = first.split_once('-').ok_or("a time without an end")?;
        let (from, to) = (minute(from)?, minute(to)?);
        if words.next() != Some("UTC") || words.next().is_some() {
            return Err("no 'UTC' at its end");
        }
        if from >= to {
            return Err(
                "a time that ends before it begins (over midnight: '22:00-24:00 UTC; 00:00-06:00 UTC')",
            );
        }
        Ok(Hours { days, from, to })
    }

    /// Whether a time is in it.
    pub(crate) fn hold(&self, now_ns: u64) -> bool {
        let minutes = now_ns / 60_000_000_000;
        // The first of January 1970 was a Thursday.
        let (day, minute) = ((minutes / 1_440 + 3) % 7, minutes % 1_440);
        self.days >> day & 1 == 1 && (u64::from(self.from)..u64::from(self.to)).contains(&minute)
    }
}

/// Reads `2026-12-31`, the end of which is meant, or a date with a time: the first nanosecond after it.
pub(super) fn until(text: &str) -> Result<u64, &'static str> {
    let date = text.get(..10).ok_or(NO_DATE)?;
    let days = days_of(date)?;
    let rest = &text[10..];
    let minutes = match rest {
        "" => 1_440,
        _ => {
            let time = rest.strip_prefix(' ').and_then(|rest| rest.strip_suffix(" UTC"));
            let iso = || rest.strip_prefix('T').and_then(|rest| rest.strip_suffix('Z'));
            minute(time.or_else(iso).ok_or("a time that is not written as ' 18:00 UTC' or 'T18:00Z'")?)?
        }
    };
    Ok(days * DAY_NS + u64::from(minutes) * 60_000_000_000)
}

/// The days from 1970 to a date.
fn days_of(date: &str) -> Result<u64, &'static str> {
    let mut parts = date.split('-').map(number);
    let (Some(Some(year)), Some(Some(month)), Some(Some(day)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(NO_DATE);
    };
    let leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let of_month = |month: u64| match month {
        2 => 28 + u64::from(leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1970..=2400).contains(&year) || !(1..=12).contains(&month) || !(1..=of_month(month)).contains(&day) {
        return Err(NO_DATE);
    }
    let years = (1970..year).map(|year| 365 + u64::from(leap(year))).sum::<u64>();
    Ok(years + (1..month).map(of_month).sum::<u64>() + day - 1)
}

fn day(name: &str) -> Result<u8, &'static str> {
    let at = DAYS.iter().position(|day| *day == name);
    at.map(|at| at as u8).ok_or("a day that is not one of mon, tue, wed, thu, fri, sat, sun")
}

fn minute(text: &str) -> Result<u16, &'static str> {
    let wrong = "a time that is not from 00:00 to 24:00";
    let (hours, minutes) = text.split_once(':').filter(|_| text.len() == 5).ok_or(wrong)?;
    let (hours, minutes) = (number(hours).ok_or(wrong)?, number(minutes).ok_or(wrong)?);
    if minutes > 59 || hours * 60 + minutes > 1_440 { Err(wrong) } else { Ok((hours * 60 + minutes) as u16) }
}

fn number(text: &str) -> Option<u64> {
    let digits = (2..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const NO_DATE: &str = "no date";
pub(crate) const DAY_NS: u64 = 86_400_000_000_000;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (text, seconds) in [
            ("1970-01-01", 86_400),
            ("2000-02-29", 951_868_800),
            ("2026-12-31", 1_798_761_600),
            ("2026-12-31 18:00 UTC", 1_798_740_000),
            ("2026-12-31T18:00Z", 1_798_740_000),
        ] {
            assert_eq!(until(text).map(|ns| ns / 1_000_000_000), Ok(seconds), "{text}");
        }
        for text in [
            "",
            "2026",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "31-12-2026",
            "2026-12-31 18:00",
            "1969-12-31",
            "2026-12-31 18",
            "2026-1-1",
        ] {
            assert!(until(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_of_the_week_are_in_utc() {
        // 2026-11-22 is a Sunday.
        let sunday = until("2026-11-21").unwrap();
        let at =
            |day: u64, hour: u64, minute: u64| sunday + day * DAY_NS + (hour * 60 + minute) * 60_000_000_000;
        let hours = Hours::of("mon-fri 08:00-18:00 UTC").unwrap();
        assert!(!hours.hold(at(0, 12, 0)) && hours.hold(at(1, 8, 0)) && hours.hold(at(5, 17, 59)));
        assert!(!hours.hold(at(1, 7, 59)) && !hours.hold(at(1, 18, 0)) && !hours.hold(at(6, 12, 0)));
        let hours = Hours::of("sat-mon,wed 00:00-24:00 UTC").unwrap();
        let held: Vec<_> = (0..7).filter(|day| hours.hold(at(*day, 23, 59))).collect();
        assert_eq!(held, [0, 1, 3, 6]);
        assert!(Hours::of("10:00-11:00 UTC").unwrap().hold(at(2, 10, 30)));
        for wrong in [
            "",
            "mon",
            "mon-fri 08:00-18:00",
            "8:00-18:00 UTC",
            "08:00-18:00 CET",
            "18:00-08:00 UTC",
            "08:00-25:00 UTC",
            "Mon 08:00-09:00 UTC",
            "mon-xyz 08:00-09:00 UTC",
            "08:00 UTC",
            "08:60-09:00 UTC",
            "08:00-09:00 UTC UTC",
        ] {
            assert!(Hours::of(wrong).is_err(), "{wrong}");
        }
    }
}

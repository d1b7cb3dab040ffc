//! Times as logs write them, in UTC: `2026-11-22T09:12:13.123456Z`. In this form they sort as texts do.

use crate::cli::parse_seconds;
pub(super) use signbox::audit::written;
use signbox_exchanges::civil;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Reads the beginning of a span: a time as logs write it, or the beginning of one.
pub(crate) fn since(text: &str) -> Result<String, String> {
    if text == "today" {
        return Ok(today());
    }
    if let Ok(seconds) = parse_seconds(text) {
        return Ok(written(now().saturating_sub(Duration::from_secs(seconds.into()))));
    }
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let time = time.trim_end_matches('Z');
    let fits = |shape: &[u8]| {
        time.len() == shape.len()
            && time.bytes().zip(shape).all(
                |(byte, like)| {
                    if *like == b'0' { byte.is_ascii_digit() } else { byte == *like }
                },
            )
    };
    let in_day = time < "24" && !time.split(':').skip(1).any(|part| part >= "60");
    if !(fits(b"00:00") || fits(b"00:00:00")) || !in_day {
        return Err(NOT_A_TIME.to_owned());
    }
    day(date).map(|date| format!("{date}T{time}")).map_err(|_| NOT_A_TIME.to_owned())
}

/// Reads a day.
pub(crate) fn day(text: &str) -> Result<String, String> {
    let parts: Vec<Option<u64>> = text.split('-').map(number).collect();
    match parts[..] {
        [Some(year), Some(month), Some(day)] if text.len() == 10 => {
            // A day that is not in the calendar comes back as another one.
            let days = days_of(year, month, day);
            let there = year >= 1970 && (1..=12).contains(&month) && (1..=31).contains(&day);
            if there && civil(days) == (year, month, day) {
                Ok(text.to_owned())
            } else {
                Err(NOT_A_DAY.to_owned())
            }
        }
        _ => Err(NOT_A_DAY.to_owned()),
    }
}

/// This day.
pub(super) fn today() -> String {
    written(now())[..10].to_owned()
}

/// The time since 1970.
pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn number(text: &str) -> Option<u64> {
    let digits = (2..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// The day of a date, counted from the first of January 1970: the other way round than [`civil`].
fn days_of(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2 && year > 0);
    let month = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * month + 2) / 5 + day.saturating_sub(1);
    let in_era = year % 400;
    (year / 400 * 146_097 + in_era * 365 + in_era / 4 - in_era / 100 + of_year).saturating_sub(719_468)
}

const NOT_A_TIME: &str = "neither 'today' nor a time like 2026-11-22, 2026-11-22T09:30, 30m, 8h or 7d";
const NOT_A_DAY: &str = "not a day like 2026-11-22";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_calendar_has_them() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400, "2000-02-29T00:00:00.000000Z"),
            (1_795_338_733, "2026-11-22T09:12:13.000000Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000000Z"),
        ] {
            assert_eq!(written(Duration::from_secs(seconds)), text);
        }
        for days in 0..80_000 {
            let (year, month, date) = civil(days);
            assert_eq!(days_of(year, month, date), days);
        }
    }

    #[test]
    fn a_span_begins_at_a_day_at_a_time_or_some_time_ago() {
        for (text, start) in [
            ("2026-11-22", "2026-11-22T00:00"),
            ("2026-11-22T09:30", "2026-11-22T09:30"),
            ("2026-11-22 09:30:15", "2026-11-22T09:30:15"),
            ("2026-11-22T09:30:15Z", "2026-11-22T09:30:15"),
        ] {
            assert_eq!(since(text).as_deref(), Ok(start), "{text}");
        }
        let (ago, now) = (since("8h").unwrap(), written(now()));
        assert!(ago < now && ago.len() == now.len() && since("today").unwrap() <= now);
        for text in [
            "",
            "yesterday",
            "2026-02-29",
            "2026-13-01",
            "2026-11-22T24:00",
            "2026-11-22T09:60",
            "22.11.2026",
            "2026-11-22T9:30",
            "26-11-22",
        ] {
            assert!(since(text).is_err(), "{text}");
            assert!(day(text).is_err(), "{text}");
        }
        assert_eq!(day("2028-02-29").as_deref(), Ok("2028-02-29"));
    }
}

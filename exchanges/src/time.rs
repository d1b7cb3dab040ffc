//! Timestamps and nonces: minted when a request has none, checked when it has one.

use crate::scheme::{Time, Unit};

/// How far from now a time in a request may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skew {
    /// This many seconds, either way.
    Seconds(u32),
    /// The request's time is not compared with the clock.
    Off,
}

impl Skew {
    /// What holds where nothing else is said.
    pub const DEFAULT: Skew = Skew::Seconds(60);

    /// The narrower of two.
    pub fn narrower(self, other: Skew) -> Skew {
        match (self, other) {
            (Skew::Seconds(a), Skew::Seconds(b)) => Skew::Seconds(a.min(b)),
            (Skew::Off, known) | (known, Skew::Off) => known,
        }
    }
}

/// A time as it is sent and signed.
#[derive(Clone, Debug, Default)]
pub struct Stamp {
    text: [u8; 32],
    len: usize,
    /// What the key's next nonce must exceed, in the scheme's unit.
    pub value: u64,
    /// Whether it was made here.
    pub minted: bool,
}

impl Stamp {
    /// The text of the time.
    pub fn text(&self) -> &str {
        core::str::from_utf8(self.bytes()).expect("only ASCII is written")
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.text[..self.len]
    }

    /// Of a scheme without a time: the highest one stays what it was.
    pub(crate) fn none(last: u64) -> Stamp {
        Stamp { value: last, ..Stamp::default() }
    }

    /// Makes a time for a request that has none: now, and above `last` where that is not far ahead.
    ///
    /// A nonce must rise whatever the clock says. A timestamp rises too, but never runs more than
    /// a quarter of a second ahead of the clock: exchanges refuse one from the future.
    pub fn mint(time: &Time, now_ns: u64, last: u64) -> Stamp {
        let then_ns = now_ns + u64::from(time.after) * NS_PER_S;
        let next = last.saturating_add(1).max(from_ns(time.unit, then_ns));
        let value = if time.rising { next } else { next.min(from_ns(time.unit, then_ns + LEAD_NS)) };
        let mut stamp = Stamp { value, minted: true, ..Stamp::default() };
        stamp.write(time.unit, value);
        stamp
    }

    /// The same moment in another unit, `later` of those units later.
    pub(crate) fn again(&self, from: Unit, unit: Unit, later: u32) -> Stamp {
        let ns = self.value.saturating_mul(grain_ns(from));
        let value = from_ns(unit, ns).saturating_add(u64::from(later));
        let mut stamp = Stamp { value, minted: true, ..Stamp::default() };
        stamp.write(unit, value);
        stamp
    }

    fn write(&mut self, unit: Unit, value: u64) {
        match unit {
            Unit::IsoMillis => self.put_iso(value, Some(3)),
            Unit::IsoSeconds => self.put_iso(value.saturating_mul(1_000), Some(0)),
            Unit::IsoPlain => self.put_iso(value.saturating_mul(1_000), None),
            Unit::Decimals => {
                self.put_number(value / 100_000_000, 1);
                self.put(b'.');
                self.put_number(value % 100_000_000, 8);
            }
            Unit::Seconds | Unit::Millis | Unit::Micros | Unit::Nanos => self.put_number(value, 1),
        }
    }

    /// Takes over the time of a request, or says why it is stale.
    pub fn check(time: &Time, text: &str, now_ns: u64, last: u64, skew: Skew) -> Result<Stamp, &'static str> {
        let mut stamp = Stamp::default();
        stamp.take(text).ok_or("the time is too long")?;
        let text = stamp.text();
        let (value, ns) = match time.unit {
            Unit::IsoMillis | Unit::IsoSeconds | Unit::IsoPlain => {
                let millis =
                    iso_millis(text, time.unit).ok_or("the time is not written as this exchange wants it")?;
                (millis / (grain_ns(time.unit) / NS_PER_MS), millis.checked_mul(NS_PER_MS))
            }
            Unit::Decimals => {
                let value = decimals(text).ok_or("the nonce is not a number with at most eight decimals")?;
                (value, value.checked_mul(10))
            }
            Unit::Seconds | Unit::Millis | Unit::Micros | Unit::Nanos => {
                // Where seconds are wanted, some clients send `1700000000.123`.
                let whole = match text.split_once('.') {
                    Some((whole, rest)) if time.unit == Unit::Seconds && is_digits(rest) => whole,
                    _ => text,
                };
                let number = is_digits(whole) && (whole == "0" || !whole.starts_with('0'));
                let value = whole.parse().ok().filter(|_| number).ok_or("the time is not a whole number")?;
                // Bots count in the unit they like, and exchanges take more than one; how many digits there
                // are tells which.
                (value, of_any_unit(value))
            }
        };
        stamp.value = value;
        if let Skew::Seconds(seconds) = skew {
            // The unit's grain must not make a time of this very second stale.
            let limit = u64::from(seconds) * NS_PER_S + grain_ns(time.unit);
            let ahead = limit + u64::from(time.after) * NS_PER_S;
            let near =
                ns.is_some_and(|ns| ns.saturating_add(limit) >= now_ns && ns <= now_ns.saturating_add(ahead));
            if !near {
                return Err("the time is not near this machine's clock");
            }
        }
        if time.rising && stamp.value <= last {
            return Err("the nonce is not higher than the last one");
        }
        stamp.value = stamp.value.max(last);
        Ok(stamp)
    }

    /// Takes over a text; in a query its colons are escaped.
    fn take(&mut self, text: &str) -> Option<()> {
        let mut rest = text.as_bytes();
        while let [first, after @ ..] = rest {
            let (byte, after) = match rest {
                [b'%', b'3', b'A' | b'a', after @ ..] => (b':', after),
                _ => (*first, after),
            };
            *self.text.get_mut(self.len)? = byte;
            self.len += 1;
            rest = after;
        }
        Some(())
    }

    fn put(&mut self, byte: u8) {
        self.text[self.len] = byte;
        self.len += 1;
    }

    fn put_number(&mut self, value: u64, least_digits: usize) {
        let mut digits = [b'0'; 20];
        let (mut rest, mut at) = (value, 20);
        while rest > 0 || 20 - at < least_digits {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        for digit in &digits[at..] {
            self.put(*digit);
        }
    }

    /// `decimals` of the second, and no Z without any.
    fn put_iso(&mut self, millis: u64, decimals: Option<u8>) {
        let (days, ms) = (millis / MS_PER_DAY, millis % MS_PER_DAY);
        let (year, month, day) = civil(days);
        for (value, digits, after) in [
            (year, 4, b'-'),
            (month, 2, b'-'),
            (day, 2, b'T'),
            (ms / 3_600_000, 2, b':'),
            (ms / 60_000 % 60, 2, b':'),
            (ms / 1_000 % 60, 2, b'.'),
        ] {
            self.put_number(value, digits);
            self.put(after);
        }
        match decimals {
            Some(3) => self.put_number(ms % 1_000, 3),
            _ => self.len -= 1,
        }
        if decimals.is_some() {
            self.put(b'Z');
        }
    }
}

/// Year, month and day of a day since 1970, by the proleptic Gregorian calendar
/// (the `civil_from_days` of H. Hinnant's "chrono-compatible low-level date algorithms").
pub fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468; // days since 0000-03-01
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// Units of ten nanoseconds since 1970 of seconds with at most eight decimals.
fn decimals(text: &str) -> Option<u64> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    if !is_digits(whole) || !is_digits(rest) || rest.len() > 8 {
        return None;
    }
    let scale = 10_u64.pow(8 - rest.len() as u32);
    let rest: u64 = rest.parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(100_000_000)?.checked_add(rest * scale)
}

/// Milliseconds since 1970 of `YYYY-MM-DDTHH:MM:SS`, with `.mmmZ` or `Z` behind it as the unit says.
fn iso_millis(text: &str, unit: Unit) -> Option<u64> {
    let pattern = match unit {
        Unit::IsoMillis => "0000-00-00T00:00:00.000Z",
        Unit::IsoSeconds => "0000-00-00T00:00:00Z",
        _ => "0000-00-00T00:00:00",
    };
    let same = |(a, b): (u8, u8)| if a == b'0' { b.is_ascii_digit() } else { a == b };
    if text.len() != pattern.len() || !pattern.bytes().zip(text.bytes()).all(same) {
        return None;
    }
    let number = |from: usize, to: usize| text[from..to].parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let ms = if unit == Unit::IsoMillis { number(20, 23)? } else { 0 };
    // Days since 0000-03-01, the inverse of `civil`; a date that does not come back is none.
    let march_year = year.checked_sub(u64::from(month <= 2))?;
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + day.checked_sub(1)?;
    let days = march_year * 365 + march_year / 4 - march_year / 100 + march_year / 400 + of_year;
    let days = days.checked_sub(719_468)?;
    let real = civil(days) == (year, month, day) && hour < 24 && minute < 60 && second < 60;
    real.then(|| days * MS_PER_DAY + hour * 3_600_000 + minute * 60_000 + second * 1_000 + ms)
}

fn from_ns(unit: Unit, ns: u64) -> u64 {
    ns / grain_ns(unit)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn grain_ns(unit: Unit) -> u64 {
    match unit {
        Unit::Seconds | Unit::IsoSeconds | Unit::IsoPlain => NS_PER_S,
        Unit::Millis | Unit::IsoMillis => NS_PER_MS,
        Unit::Micros => 1_000,
        Unit::Decimals => 10,
        Unit::Nanos => 1,
    }
}

/// Nanoseconds since 1970 of a present-day time in seconds, milli-, micro- or nanoseconds.
fn of_any_unit(value: u64) -> Option<u64> {
    match value {
        0..100_000_000_000 => value.checked_mul(NS_PER_S),
        100_000_000_000..100_000_000_000_000 => value.checked_mul(NS_PER_MS),
        100_000_000_000_000..100_000_000_000_000_000 => value.checked_mul(1_000),
        _ => Some(value),
    }
}

const NS_PER_S: u64 = 1_000_000_000;
const NS_PER_MS: u64 = 1_000_000;
const MS_PER_DAY: u64 = 86_400_000;
const LEAD_NS: u64 = 250 * NS_PER_MS;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::scheme::Place;

    const NOW: u64 = 1_700_000_000_123_456_789;

    fn time(unit: Unit, rising: bool) -> Time {
        Time { place: Place::Headers, unit, after: 0, rising, text: false, optional: false }
    }

    #[test]
    fn each_unit_is_written_as_the_exchanges_want_it() {
        for (unit, text) in [
            (Unit::Seconds, "1700000000"),
            (Unit::Millis, "1700000000123"),
            (Unit::Micros, "1700000000123456"),
            (Unit::Nanos, "1700000000123456789"),
            (Unit::Decimals, "1700000000.12345678"),
            (Unit::IsoMillis, "2023-11-14T22:13:20.123Z"),
            (Unit::IsoSeconds, "2023-11-14T22:13:20Z"),
            (Unit::IsoPlain, "2023-11-14T22:13:20"),
        ] {
            let stamp = Stamp::mint(&time(unit, false), NOW, 0);
            assert_eq!(stamp.text(), text);
            let again = Stamp::check(&time(unit, false), text, NOW, 0, Skew::DEFAULT).unwrap();
            assert_eq!((again.text(), again.value), (text, stamp.value));
        }
    }

    #[test]
    fn dates_survive_a_round_trip() {
        for day in (0..200_000).step_by(17) {
            let mut stamp = Stamp::default();
            stamp.put_iso(day * MS_PER_DAY + 45_296_789, Some(3));
            assert_eq!(
                iso_millis(stamp.text(), Unit::IsoMillis),
                Some(day * MS_PER_DAY + 45_296_789),
                "{}",
                stamp.text()
            );
        }
        for text in [
            "2023-02-29T00:00:00.000Z",
            "2023-13-01T00:00:00.000Z",
            "2023-01-01T24:00:00.000Z",
            "2023-01-01 00:00:00.000Z",
            "2023-01-00T00:00:00.000Z",
            "2023-01-01T00:00:00Z",
        ] {
            assert_eq!(iso_millis(text, Unit::IsoMillis), None, "{text}");
        }
    }

    #[test]
    fn a_nonce_rises_even_when_the_clock_stands_still() {
        let mut last = 0;
        for _ in 0..1000 {
            let stamp = Stamp::mint(&time(Unit::Millis, true), NOW, last);
            assert!(stamp.value > last);
            last = stamp.value;
        }
        assert_eq!(last, 1_700_000_001_122);
    }

    #[test]
    fn a_timestamp_rises_but_does_not_run_away_from_the_clock() {
        let first = Stamp::mint(&time(Unit::Millis, false), NOW, 0);
        let second = Stamp::mint(&time(Unit::Millis, false), NOW, first.value);
        assert_eq!(second.value, first.value + 1);
        let far = Stamp::mint(&time(Unit::Millis, false), NOW, first.value + 10_000);
        assert_eq!(far.value, first.value + 250);
    }

    #[test]
    fn a_time_far_from_the_clock_is_stale_either_way() {
        for (text, fresh) in [
            ("1700000000123", true),
            ("1700000060000", true),
            ("1699999940200", true),
            ("1700000070000", false),
            ("1699999930000", false),
            ("0", false),
            ("", false),
            ("1700000000123.5", false),
            ("-1700000000123", false),
            ("99999999999999999999", false),
        ] {
            let checked = Stamp::check(&time(Unit::Millis, false), text, NOW, 0, Skew::DEFAULT);
            assert_eq!(checked.is_ok(), fresh, "{text}");
        }
        assert!(Stamp::check(&time(Unit::Millis, false), "5", NOW, 0, Skew::Off).is_ok());
    }

    #[test]
    fn a_time_beyond_all_counting_is_stale_and_nothing_worse() {
        for (unit, text) in [
            (Unit::IsoPlain, "3373-11-14T22:13:20"),
            (Unit::IsoMillis, "9999-12-31T23:59:59.999Z"),
            (Unit::Seconds, "18446744073"),
            (Unit::Nanos, "18446744073709551615"),
            (Unit::Decimals, "184467440737.09551615"),
        ] {
            for skew in [Skew::DEFAULT, Skew::Seconds(u32::MAX)] {
                let _ = Stamp::check(&time(unit, true), text, NOW, 0, skew);
            }
            assert!(Stamp::check(&time(unit, false), text, NOW, 0, Skew::DEFAULT).is_err(), "{text}");
        }
        for unit in [Unit::Seconds, Unit::IsoMillis, Unit::Decimals] {
            Stamp::mint(&time(unit, true), NOW, u64::MAX).again(unit, Unit::Millis, 120);
        }
    }

    #[test]
    fn an_expiry_lies_ahead() {
        let expiry = Time { after: 60, ..time(Unit::Seconds, false) };
        assert_eq!(Stamp::mint(&expiry, NOW, 0).text(), "1700000060");
        for (text, fresh) in
            [("1700000060", true), ("1700000120", true), ("1700000125", false), ("1699999930", false)]
        {
            assert_eq!(Stamp::check(&expiry, text, NOW, 0, Skew::DEFAULT).is_ok(), fresh, "{text}");
        }
    }

    #[test]
    fn colons_may_be_escaped_and_decimals_may_be_fewer() {
        let plain = time(Unit::IsoPlain, false);
        for text in ["2023-11-14T22%3A13%3A20", "2023-11-14T22%3a13%3A20", "2023-11-14T22:13:20"] {
            assert_eq!(
                Stamp::check(&plain, text, NOW, 0, Skew::DEFAULT).unwrap().text(),
                "2023-11-14T22:13:20"
            );
        }
        let nonce = time(Unit::Decimals, true);
        for (text, value) in
            [("1700000000.12299991", 12_299_991), ("1700000000.5", 50_000_000), ("1700000000", 0)]
        {
            let stamp = Stamp::check(&nonce, text, NOW, 0, Skew::DEFAULT).unwrap();
            assert_eq!((stamp.value, stamp.text()), (170_000_000_000_000_000 + value, text));
        }
        assert!(Stamp::check(&nonce, "1700000000.123456789", NOW, 0, Skew::Off).is_err());
    }

    #[test]
    fn a_time_may_count_in_another_unit_and_seconds_may_have_a_fraction() {
        for (unit, text, fresh) in [
            (Unit::Millis, "1700000000123456", true),
            (Unit::Millis, "1700000000", true),
            (Unit::Seconds, "1700000000.123456", true),
            (Unit::Seconds, "1700000000.", false),
            (Unit::Seconds, "1700000000.1x", false),
            (Unit::Millis, "1700000000123.5", false),
        ] {
            let checked = Stamp::check(&time(unit, false), text, NOW, 0, Skew::DEFAULT);
            assert_eq!(checked.is_ok_and(|stamp| stamp.text() == text), fresh, "{text}");
        }
    }

    #[test]
    fn a_nonce_must_exceed_the_last_and_may_count_in_any_unit() {
        let rising = time(Unit::Millis, true);
        for text in ["1700000000", "1700000000123", "1700000000123456", "1700000000123456789"] {
            assert!(Stamp::check(&rising, text, NOW, 0, Skew::DEFAULT).is_ok(), "{text}");
        }
        assert!(Stamp::check(&rising, "1700000000123", NOW, 1_700_000_000_123, Skew::Off).is_err());
        assert!(Stamp::check(&rising, "1700000000124", NOW, 1_700_000_000_123, Skew::Off).is_ok());
    }

    #[test]
    fn an_option_can_only_narrow_the_skew() {
        assert_eq!(Skew::Seconds(5).narrower(Skew::Seconds(60)), Skew::Seconds(5));
        assert_eq!(Skew::Off.narrower(Skew::Seconds(60)), Skew::Seconds(60));
        assert_eq!(Skew::Off.narrower(Skew::Off), Skew::Off);
    }
}

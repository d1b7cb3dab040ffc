//! Exact decimal numbers: what an amount says, to the last digit.
//!
//! Never a float, never rounded: what does not fit is an error.

use crate::json::Wrong;
use core::cmp::Ordering;
use core::fmt;

/// An exact decimal number.
///
/// Read with at most 18 decimals; sums and products may have up to 36.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// Does not end with a zero unless there are no decimals, so that equal numbers are equal here.
    mantissa: i128,
    /// How many of its digits are decimals.
    scale: u8,
}

impl Decimal {
    /// Nothing.
    pub const ZERO: Decimal = Decimal { mantissa: 0, scale: 0 };

    /// The number as bytes, for a file of ours.
    pub fn to_bytes(self) -> [u8; 17] {
        let mut bytes = [self.scale; 17];
        bytes[..16].copy_from_slice(&self.mantissa.to_le_bytes());
        bytes
    }

    /// The number that [`Decimal::to_bytes`] wrote; nothing if it did not write these.
    pub fn from_bytes(bytes: [u8; 17]) -> Option<Decimal> {
        let [mantissa @ .., scale] = bytes;
        let mantissa = i128::from_le_bytes(mantissa);
        let shortest = scale == 0 || mantissa % 10 != 0;
        (scale <= 36 && shortest).then_some(Decimal { mantissa, scale })
    }

    /// Reads a number as JSON writes it: `-1.50`, `1e-7`, `1E3`.
    pub fn parse(text: &str) -> Result<Decimal, Wrong> {
        short(text.as_bytes()).map_or_else(|| Decimal::parse_any(text), Ok)
    }

    fn parse_any(text: &str) -> Result<Decimal, Wrong> {
        let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (number, exponent) = match rest.split_once(['e', 'E']) {
            None => (rest, 0),
            Some((number, exponent)) => (number, parse_exponent(exponent)?),
        };
        let (whole, decimals) = match number.split_once('.') {
            None => (number, ""),
            Some((_, "")) => return Err(NOT_A_NUMBER),
            Some((whole, decimals)) => (whole, decimals),
        };
        if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
            return Err(NOT_A_NUMBER);
        }
        // Zeros at the end say nothing, however many there are.
        let (mut mantissa, mut zeros) = (0_i128, 0_i32);
        let mut scale = -exponent;
        for (at, digit) in whole.bytes().chain(decimals.bytes()).enumerate() {
            let digit = char::from(digit).to_digit(10).ok_or(NOT_A_NUMBER)?;
            scale += i32::from(at >= whole.len());
            zeros += 1;
            if digit != 0 {
                mantissa = shifted(mantissa, zeros as u32)
                    .and_then(|number| number.checked_add(i128::from(digit)))
                    .ok_or(TOO_LONG)?;
                zeros = 0;
            }
        }
        if mantissa == 0 {
            return Ok(Decimal::ZERO);
        }
        scale -= zeros;
        if scale < 0 {
            mantissa = shifted(mantissa, scale.unsigned_abs()).ok_or(TOO_LONG)?;
            scale = 0;
        }
        if scale > i32::from(MOST_READ) {
            return Err("a number with more than 18 decimals");
        }
        Ok(Decimal { mantissa: if negative { -mantissa } else { mantissa }, scale: scale as u8 })
    }

    /// The sum, if it fits.
    pub fn checked_add(self, other: Decimal) -> Option<Decimal> {
        let scale = self.scale.max(other.scale);
        let same = |number: Decimal| shifted(number.mantissa, u32::from(scale - number.scale));
        let mantissa = same(self)?.checked_add(same(other)?)?;
        // The one number that has no positive counterpart is none of ours.
        (mantissa != i128::MIN).then(|| Decimal { mantissa, scale }.shortest())
    }

    /// The product, if it fits.
    pub fn checked_mul(self, other: Decimal) -> Option<Decimal> {
        if let (Ok(one), Ok(two)) = (i64::try_from(self.mantissa), i64::try_from(other.mantissa)) {
            let mantissa = i128::from(one) * i128::from(two);
            let product = Decimal { mantissa, scale: self.scale + other.scale }.shortest();
            return (product.scale <= MOST).then_some(product);
        }
        // The zeros of a whole number and the decimals of the other cancel out.
        let (mut one, mut other) = if self.scale == 0 { (self, other) } else { (other, self) };
        while one.mantissa % 10 == 0 && one.scale == 0 && other.scale > 0 {
            one.mantissa /= 10;
            other.scale -= 1;
        }
        let mantissa = one.mantissa.checked_mul(other.mantissa)?;
        let product = Decimal { mantissa, scale: one.scale + other.scale }.shortest();
        (product.scale <= MOST && mantissa != i128::MIN).then_some(product)
    }

    /// Without its sign.
    pub fn abs(self) -> Decimal {
        Decimal { mantissa: self.mantissa.abs(), scale: self.scale }
    }

    /// Whether it is below zero.
    pub fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// The number that is written without a point though so many of its digits are decimals.
    pub(crate) fn with_decimals(self, decimals: u8) -> Option<Decimal> {
        if decimals == 0 {
            return Some(self);
        }
        let number = Decimal { mantissa: self.mantissa, scale: self.scale.checked_add(decimals)? }.shortest();
        (number.scale <= MOST).then_some(number)
    }

    fn shortest(self) -> Decimal {
        let Decimal { mut mantissa, mut scale } = self;
        // What fits a register is divided by one instruction.
        if let Ok(mut small) = i64::try_from(mantissa) {
            while scale > 0 && small % 10 == 0 {
                small /= 10;
                scale -= 1;
            }
            return Decimal { mantissa: small.into(), scale };
        }
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        Decimal { mantissa, scale }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        let scale = self.scale.max(other.scale);
        let same = |number: &Decimal| shifted(number.mantissa, u32::from(scale - number.scale));
        if let (Some(one), Some(two)) = (same(self), same(other)) {
            return one.cmp(&two);
        }
        // Whole numbers first, then what is above them: nothing has to be made longer than it fits.
        let halves = |number: &Decimal| {
            let unit = power(number.scale);
            let above = number.mantissa.rem_euclid(unit) * power(MOST - number.scale);
            (number.mantissa.div_euclid(unit), above)
        };
        halves(self).cmp(&halves(other))
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = power(self.scale).unsigned_abs();
        let size = self.mantissa.unsigned_abs();
        write!(f, "{}{}", if self.is_negative() { "-" } else { "" }, size / unit)?;
        if self.scale > 0 {
            write!(f, ".{:0width$}", size % unit, width = usize::from(self.scale))?;
        }
        Ok(())
    }
}

/// What nearly every number is: at most 19 digits and perhaps a point among them. Nothing for any other.
fn short(text: &[u8]) -> Option<Decimal> {
    let point = text.iter().position(|byte| *byte == b'.').unwrap_or(text.len());
    let (whole, rest) = text.split_at(point);
    let mut decimals = match rest {
        [] => rest,
        [_] => return None,
        [_, decimals @ ..] => decimals,
    };
    if text.len() > 19 || whole.is_empty() || (whole.len() > 1 && whole[0] == b'0') {
        return None;
    }
    while let [shorter @ .., b'0'] = decimals {
        decimals = shorter;
    }
    let mut mantissa = 0_u64;
    for byte in whole.iter().chain(decimals) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // 19 digits fit.
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    Some(Decimal { mantissa: mantissa.into(), scale: decimals.len() as u8 })
}

/// An exponent, which is small.
fn parse_exponent(text: &str) -> Result<i32, Wrong> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || digits.len() > 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NOT_A_NUMBER);
    }
    let size: i32 = digits.parse().map_err(|_| NOT_A_NUMBER)?;
    Ok(if text.starts_with('-') { -size } else { size })
}

/// A number with so many zeros behind it, if it fits.
fn shifted(number: i128, zeros: u32) -> Option<i128> {
    if number == 0 || zeros == 0 {
        return Some(number);
    }
    let power = *POWERS.get(zeros as usize)?;
    match (i64::try_from(number), i64::try_from(power)) {
        (Ok(number), Ok(power)) => Some(i128::from(number) * i128::from(power)),
        _ => number.checked_mul(power),
    }
}

/// Ten to the power of a scale.
fn power(scale: u8) -> i128 {
    POWERS[usize::from(scale.min(MOST))]
}

/// The powers of ten, as far as there are.
const POWERS: [i128; 39] = {
    let mut powers = [1; 39];
    let mut at = 1;
    while at < 39 {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

const MOST_READ: u8 = 18;
const MOST: u8 = 36;
const NOT_A_NUMBER: Wrong = "an amount that is not a number";
const TOO_LONG: Wrong = "an amount with too many digits";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn numbers_are_read_as_json_writes_them() {
        for (text, value) in [
            ("0", "0"),
            ("-0", "0"),
            ("0.0", "0"),
            ("0e999", "0"),
            ("1", "1"),
            ("1.50", "1.5"),
            ("-1.50", "-1.5"),
            ("0.000000000000000001", "0.000000000000000001"),
            ("1e-7", "0.0000001"),
            ("1E3", "1000"),
            ("1e+3", "1000"),
            ("1.25e1", "12.5"),
            ("100e-2", "1"),
            ("1.0000000000000000000000000000000000000000000000", "1"),
            ("100000000000000000000000000000000000000e-30", "100000000"),
            ("99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
        ] {
            assert_eq!(Decimal::parse(text).map(|number| number.to_string()).as_deref(), Ok(value), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "", "-", "+1", ".5", "5.", "01", "00", "1e", "1e+", "e1", "1e1.5", "1e1000", "1_000", "1,5",
            " 1", "1 ", "0x10", "NaN", "inf", "--1", "1.2.3", "1e5e5", "-.5", "\u{661}", "1.-5", "1.+5",
        ] {
            assert!(Decimal::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_short_way_reads_what_the_long_one_reads() {
        let digits = ["", "0", "7", "00", "07", "70", "0.", "12", "100", "9999999999999999999"];
        let decimals =
            ["", ".", ".0", ".00", ".5", ".50", ".05", ".000000000000000001", ".1.", ".9999999999999999"];
        let mut read = 0;
        for whole in digits {
            for rest in decimals {
                for end in ["", "0", "x", "e1", "-", "/", ":"] {
                    let text = format!("{whole}{rest}{end}");
                    if let Some(number) = short(text.as_bytes()) {
                        assert_eq!(Decimal::parse_any(&text), Ok(number), "{text}");
                        read += 1;
                    }
                }
            }
        }
        assert!(read > 50, "{read}");
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        for _ in 0..20_000 {
            let text = dice.number();
            assert!(
                short(text.as_bytes()).is_none_or(|number| Decimal::parse_any(&text) == Ok(number)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        for text in [
            "1e39",
            "9e38",
            "0.0000000000000000001",
            "1e-19",
            "1e999",
            "123456789012345678901234567890123456789012",
        ] {
            assert!(Decimal::parse(text).is_err(), "{text}");
        }
        let huge = read("99999999999999999999999999999999999999");
        assert_eq!(huge.checked_mul(read("10")), None);
        assert_eq!(huge.checked_add(read("0.1")), None);
        assert_eq!(read("170141183460469231731687303715884105727").checked_add(read("1")), None);
        let fine = read("0.000000000000000001");
        let finer = fine.checked_mul(fine).unwrap();
        assert_eq!(finer.checked_mul(read("0.1")), None);
        assert_eq!(finer.checked_mul(read("10")).unwrap().to_string(), format!("0.{}1", "0".repeat(34)));
    }

    #[test]
    fn numbers_of_any_size_are_compared() {
        let rising = [
            "-99999999999999999999999999999999999999",
            "-1.5",
            "-1.499999999999999999",
            "-1",
            "-0.000000000000000001",
            "0",
            "0.000000000000000001",
            "0.1",
            "1",
            "1.000000000000000001",
            "99999999999999999999999999999999999999",
        ];
        for (at, one) in rising.iter().enumerate() {
            for (place, other) in rising.iter().enumerate() {
                assert_eq!(read(one).cmp(&read(other)), at.cmp(&place), "{one} {other}");
            }
        }
    }

    /// Decimal numbers as a child learns them: sign, digits from the last to the first, number of decimals.
    #[derive(Clone, Debug)]
    struct Big(bool, Vec<u8>, usize);

    impl Big {
        fn of(text: &str) -> Big {
            let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
            let decimals = rest.split_once('.').map_or(0, |(_, decimals)| decimals.len());
            let digits = rest.bytes().rev().filter(|byte| *byte != b'.').map(|byte| byte - b'0').collect();
            Big(negative, digits, decimals)
        }

        fn aligned(&self, decimals: usize, digits: usize) -> Vec<u8> {
            let mut all = vec![0; decimals - self.2];
            all.extend(&self.1);
            all.resize(digits, 0);
            all
        }

        fn plus(&self, other: &Big) -> Big {
            let decimals = self.2.max(other.2);
            let (one, two) = (self.aligned(decimals, 200), other.aligned(decimals, 200));
            let less = one.iter().rev().lt(two.iter().rev());
            let (high, low, negative) = if less { (two, one, other.0) } else { (one, two, self.0) };
            let mut carry = 0_i16;
            let mut sum = Vec::new();
            for (high, low) in high.iter().zip(&low) {
                let low = if self.0 == other.0 { i16::from(*low) } else { -i16::from(*low) };
                let digit = i16::from(*high) + low + carry;
                carry = digit.div_euclid(10);
                sum.push(digit.rem_euclid(10) as u8);
            }
            Big(negative, sum, decimals)
        }

        fn times(&self, other: &Big) -> Big {
            let mut product = vec![0_u32; self.1.len() + other.1.len() + 1];
            for (at, one) in self.1.iter().enumerate() {
                for (place, two) in other.1.iter().enumerate() {
                    product[at + place] += u32::from(*one) * u32::from(*two);
                }
            }
            let mut carry = 0;
            let digits = product.iter().map(|digit| {
                let all = digit + carry;
                carry = all / 10;
                (all % 10) as u8
            });
            let digits = digits.collect();
            Big(self.0 != other.0, digits, self.2 + other.2)
        }

        fn text(&self) -> String {
            let mut digits = self.1.clone();
            digits.resize(digits.len().max(self.2 + 1), 0);
            let text: String = digits.iter().rev().map(|digit| char::from(digit + b'0')).collect();
            let (whole, decimals) = text.split_at(text.len() - self.2);
            let (whole, decimals) = (whole.trim_start_matches('0'), decimals.trim_end_matches('0'));
            let whole = if whole.is_empty() { "0" } else { whole };
            let sign = if self.0 && (whole != "0" || !decimals.is_empty()) { "-" } else { "" };
            let point = if decimals.is_empty() { "" } else { "." };
            format!("{sign}{whole}{point}{decimals}")
        }
    }

    /// Numbers of every length, the same at each run.
    struct Dice(u64);

    impl Dice {
        fn throw(&mut self, below: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % below
        }

        fn number(&mut self) -> String {
            let (whole, decimals) = (1 + self.throw(20), self.throw(19));
            let mut text = String::from(if self.throw(2) == 0 { "-" } else { "" });
            let mut digits = |count: u64, first: u64| -> String {
                (0..count)
                    .map(|at| {
                        let digit = if self.throw(3) == 0 { 0 } else { self.throw(10) };
                        char::from(b'0' + (if at == 0 { digit.max(first) } else { digit }) as u8)
                    })
                    .collect()
            };
            let first = u64::from(whole > 1);
            text.push_str(&digits(whole, first));
            if decimals > 0 {
                text.push('.');
                text.push_str(&digits(decimals, 0));
            }
            text
        }
    }

    #[test]
    fn sums_products_and_order_are_those_of_longhand() {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        let (mut added, mut multiplied) = (0, 0);
        for _ in 0..20_000 {
            let (one, two) = (dice.number(), dice.number());
            let (a, b, big_a, big_b) = (read(&one), read(&two), Big::of(&one), Big::of(&two));
            assert_eq!(a.to_string(), big_a.text(), "{one}");
            assert_eq!(read(&a.to_string()), a, "{one}");
            if let Some(sum) = a.checked_add(b) {
                assert_eq!(sum.to_string(), big_a.plus(&big_b).text(), "{one} + {two}");
                added += 1;
            }
            let exact = big_a.times(&big_b).text();
            match a.checked_mul(b) {
                Some(product) => {
                    assert_eq!(product.to_string(), exact, "{one} * {two}");
                    multiplied += 1;
                }
                // It says so only when it is true.
                None => assert!(exact.bytes().filter(u8::is_ascii_digit).count() >= 36, "{one} * {two}"),
            }
            let flipped = Big(!big_b.0, big_b.1.clone(), big_b.2);
            let difference = big_a.plus(&flipped).text();
            let order = match difference.as_str() {
                "0" => Ordering::Equal,
                text if text.starts_with('-') => Ordering::Less,
                _ => Ordering::Greater,
            };
            assert_eq!(a.cmp(&b), order, "{one} {two}");
            assert_eq!(a == b, order == Ordering::Equal, "{one} {two}");
        }
        assert!(added > 15_000 && multiplied > 5_000, "{added} {multiplied}");
    }
}

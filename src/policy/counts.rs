//! What has left a signer: the sums of a day, and the requests of the last seconds and minutes.
//!
//! Fixed in size, and in memory alone: a new signer begins at nothing. A day is a day of UTC.

use super::limits::{DAY_NS, Rate};
use super::orders::Decimal;

/// The counts of one key under one source of limits.
#[derive(Debug)]
pub(super) struct Counts {
    day: u64,
    sums: Vec<(u64, Decimal)>,
    /// For each rate of the limits, when the last of what left will have been paid back.
    paid_back_ns: [u64; MOST_RATES],
}

impl Default for Counts {
    fn default() -> Self {
        Counts { day: 0, sums: Vec::with_capacity(MOST_SUMS), paid_back_ns: [0; MOST_RATES] }
    }
}

impl Counts {
    /// The sum of this day under a key; nothing if there is no room for one.
    pub(super) fn sum(&self, key: u64, now_ns: u64) -> Option<Decimal> {
        if self.is_over(now_ns) {
            return Some(Decimal::ZERO);
        }
        let known = self.sums.iter().find(|(known, _)| *known == key).map(|(_, sum)| *sum);
        // Half of the room: one request can bring as many sums as a source has words.
        known.or((self.sums.len() < MOST_SUMS / 2).then_some(Decimal::ZERO))
    }

    /// How long a request has to wait for this rate, in nanoseconds; nothing if it need not.
    pub(super) fn wait_ns(&self, at: usize, rate: &Rate, now_ns: u64) -> Option<u64> {
        let at_most = now_ns.saturating_add(rate.interval_ns() * (u64::from(rate.count) - 1));
        self.owed_until(at, now_ns).checked_sub(at_most).filter(|wait| *wait > 0)
    }

    /// Adds to the sum of this day. Never fails for what [`Counts::sum`] had room for.
    pub(super) fn add(&mut self, key: u64, amount: Decimal, now_ns: u64) {
        if self.is_over(now_ns) {
            self.day = now_ns / DAY_NS;
            self.sums.clear();
        }
        if let Some((_, sum)) = self.sums.iter_mut().find(|(known, _)| *known == key) {
            *sum = sum.checked_add(amount).unwrap_or(*sum);
        } else if self.sums.len() < self.sums.capacity() {
            self.sums.push((key, amount));
        }
    }

    /// Counts a request.
    pub(super) fn count(&mut self, at: usize, rate: &Rate, now_ns: u64) {
        let owed = self.owed_until(at, now_ns);
        if let Some(place) = self.paid_back_ns.get_mut(at) {
            *place = owed.saturating_add(rate.interval_ns());
        }
    }

    /// Forgives what was owed beyond the whole of a rate: the clock was put back, or another rate stood here.
    pub(super) fn settle(&mut self, rates: &[Rate], now_ns: u64) {
        for (owed, rate) in self.paid_back_ns.iter_mut().zip(rates) {
            *owed = (*owed).min(now_ns.saturating_add(rate.interval_ns() * u64::from(rate.count)));
        }
    }

    /// A clock that is put back does not begin a new day.
    fn is_over(&self, now_ns: u64) -> bool {
        now_ns / DAY_NS > self.day
    }

    fn owed_until(&self, at: usize, now_ns: u64) -> u64 {
        self.paid_back_ns.get(at).map_or(u64::MAX, |known| now_ns.max(*known))
    }
}

const MOST_RATES: usize = 28;
/// As many again as one source can have words of both kinds.
const MOST_SUMS: usize = 4 * super::limits::MOST_WORDS;

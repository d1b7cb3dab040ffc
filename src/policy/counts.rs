//! What has left a signer: the sums of a day, and the requests of the last seconds and minutes.
//!
//! Fixed in size. In memory alone a new signer begins at nothing; a [`ledger`](crate::ledger) hands over what others have
//! counted, and is handed what has changed. A day is a day of UTC.

use super::limits::{DAY_NS, Rate};
use super::orders::Decimal;

/// The counts of one key under one source of limits.
#[derive(Debug)]
pub(super) struct Counts {
    day: u64,
    sums: Vec<Sum>,
    /// For each rate, at [`Rate::place`], when the last of what left will have been paid back.
    paid_back_ns: [u64; MOST_RATES],
    /// One bit for each of those that has changed since it was last handed on.
    changed: u32,
}

#[derive(Debug)]
struct Sum {
    key: u64,
    amount: Decimal,
    changed: bool,
}

/// One count, as it is handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// The sum of a day.
    Sum {
        /// What it is of.
        key: u64,
        /// The day of UTC since 1970.
        day: u64,
        /// How much.
        amount: Decimal,
    },
    /// What is owed to a rate.
    Rate {
        /// Which one.
        place: u64,
        /// Until when, in nanoseconds since 1970.
        until_ns: u64,
    },
}

impl Count {
    /// Whether both are of the same thing, at whatever time.
    pub fn is_of(&self, other: &Count) -> bool {
        match (self, other) {
            (Count::Sum { key, .. }, Count::Sum { key: known, .. }) => key == known,
            (Count::Rate { place, .. }, Count::Rate { place: known, .. }) => place == known,
            _ => false,
        }
    }
}

impl Default for Counts {
    fn default() -> Self {
        Counts { sums: Vec::with_capacity(MOST_SUMS), ..Counts::without_room() }
    }
}

impl Counts {
    /// Nothing, and no room for sums.
    pub(super) fn without_room() -> Counts {
        Counts { day: 0, sums: Vec::new(), paid_back_ns: [0; MOST_RATES], changed: 0 }
    }

    /// The sum of this day under a key; nothing if there is no room for one.
    pub(super) fn sum(&self, key: u64, now_ns: u64) -> Option<Decimal> {
        if self.is_over(now_ns) {
            return Some(Decimal::ZERO);
        }
        let known = self.sums.iter().find(|sum| sum.key == key).map(|sum| sum.amount);
        // Half of the room: one request can bring as many sums as a source has words.
        known.or((self.sums.len() < MOST_SUMS / 2).then_some(Decimal::ZERO))
    }

    /// How long a request has to wait for this rate, in nanoseconds; nothing if it need not.
    pub(super) fn wait_ns(&self, rate: &Rate, now_ns: u64) -> Option<u64> {
        let at_most = now_ns.saturating_add(rate.interval_ns() * (u64::from(rate.count) - 1));
        self.owed_until(rate, now_ns).checked_sub(at_most).filter(|wait| *wait > 0)
    }

    /// Adds to the sum of this day. Never fails for what [`Counts::sum`] had room for.
    pub(super) fn add(&mut self, key: u64, amount: Decimal, now_ns: u64) {
        self.begin_day(now_ns / DAY_NS);
        if let Some(sum) = self.sums.iter_mut().find(|sum| sum.key == key) {
            sum.amount = sum.amount.checked_add(amount).unwrap_or(sum.amount);
            sum.changed = true;
        } else if self.sums.len() < self.sums.capacity() {
            self.sums.push(Sum { key, amount, changed: true });
        }
    }

    /// Counts a request.
    pub(super) fn count(&mut self, rate: &Rate, now_ns: u64) {
        let owed = self.owed_until(rate, now_ns);
        if let Some(place) = self.paid_back_ns.get_mut(rate.place()) {
            *place = owed.saturating_add(rate.interval_ns());
            self.changed |= 1 << rate.place();
        }
    }

    /// Forgives what was owed beyond the whole of a rate: the clock was put back, or another rate stood here.
    pub(super) fn settle(&mut self, rates: &[Rate], now_ns: u64) {
        for rate in rates {
            if let Some(owed) = self.paid_back_ns.get_mut(rate.place()) {
                *owed = (*owed).min(now_ns.saturating_add(rate.interval_ns() * u64::from(rate.count)));
            }
        }
    }

    /// Every count, or only those that have changed since [`Counts::handed_on`].
    pub(super) fn each(&self, only_changed: bool) -> impl Iterator<Item = Count> {
        let sums = self.sums.iter().filter(move |sum| sum.changed || !only_changed);
        let sums = sums.map(|sum| Count::Sum { key: sum.key, day: self.day, amount: sum.amount });
        let rates = self.paid_back_ns.iter().zip(0_u64..);
        let rates = rates.filter(move |(until_ns, place)| {
            self.changed >> place & 1 == 1 || !only_changed && **until_ns > 0
        });
        sums.chain(rates.map(|(until_ns, place)| Count::Rate { place, until_ns: *until_ns }))
    }

    /// What has changed so far was handed on.
    pub(super) fn handed_on(&mut self) {
        self.changed = 0;
        self.sums.iter_mut().for_each(|sum| sum.changed = false);
    }

    /// Takes a count over that another signer has made.
    pub(super) fn take(&mut self, count: Count) {
        match count {
            Count::Sum { key, day, amount } => {
                self.begin_day(day);
                if day < self.day {
                    return;
                }
                if let Some(sum) = self.sums.iter_mut().find(|sum| sum.key == key) {
                    sum.amount = amount;
                } else if self.sums.len() < self.sums.capacity() {
                    self.sums.push(Sum { key, amount, changed: false });
                }
            }
            Count::Rate { place, until_ns } => {
                let place = usize::try_from(place).ok().and_then(|place| self.paid_back_ns.get_mut(place));
                if let Some(place) = place {
                    *place = until_ns;
                }
            }
        }
    }

    fn begin_day(&mut self, day: u64) {
        if day > self.day {
            self.day = day;
            self.sums.clear();
        }
    }

    /// A clock that is put back does not begin a new day.
    fn is_over(&self, now_ns: u64) -> bool {
        now_ns / DAY_NS > self.day
    }

    fn owed_until(&self, rate: &Rate, now_ns: u64) -> u64 {
        self.paid_back_ns.get(rate.place()).map_or(u64::MAX, |known| now_ns.max(*known))
    }
}

/// All classes and none, in each of the units.
const MOST_RATES: usize = 28;
/// As many again as one source can have words of both kinds.
const MOST_SUMS: usize = 4 * super::limits::MOST_WORDS;

//! A batch: what one wake-up of a signer adds to the ledger, as bytes.
//!
//! A header of 80 bytes (magic, kind, count, key, generation, sequence, head of the log), entries of 42 bytes, and the first 16
//! bytes of the SHA-256 of all that. Numbers are little-endian.

use crate::policy::Count;
use sha2::{Digest as _, Sha256};
use signbox_exchanges::Decimal;
use std::io;

/// Where the log of the key ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The number of its last line.
    pub n: u64,
    /// How many bytes of it count.
    pub len: u64,
    /// The hash of its last line.
    pub hash: [u8; 32],
}

/// One thing that a ledger knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A count under a source of limits.
    Count {
        /// The source, see [`Bound::source`](crate::policy::Bound::source).
        source: u64,
        /// The count.
        count: Count,
    },
    /// The highest time or nonce that was signed.
    Nonce(u64),
    /// A symbol or an endpoint that was used.
    Seen(u64),
}

/// What a batch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What has changed.
    Changes = 1,
    /// All there is: the first one of a region.
    Whole = 2,
    /// It goes on in the other region.
    Left = 3,
}

/// A batch that is being made or was read, in the caller's room.
#[derive(Debug)]
pub struct Batch<'r> {
    room: &'r mut [u8],
    count: usize,
    /// There was no room for an entry.
    full: bool,
}

impl<'r> Batch<'r> {
    pub(super) fn begin(
        room: &'r mut [u8],
        kind: Kind,
        key: [u8; 4],
        generation: u64,
        sequence: u64,
        head: Head,
    ) -> Batch<'r> {
        room[..HEADER].fill(0);
        room[..4].copy_from_slice(MAGIC);
        room[4] = kind as u8;
        room[12..16].copy_from_slice(&key);
        for (place, number) in [(16, generation), (24, sequence), (32, head.n), (40, head.len)] {
            room[place..place + 8].copy_from_slice(&number.to_le_bytes());
        }
        room[48..HEADER].copy_from_slice(&head.hash);
        Batch { room, count: 0, full: false }
    }

    /// Adds an entry. If there is no room for it, the batch cannot be written.
    pub fn push(&mut self, entry: Entry) {
        let (kind, numbers, amount) = match entry {
            Entry::Count { source, count: Count::Sum { key, day, amount } } => {
                (SUM, [source, key, day], amount.to_bytes())
            }
            Entry::Count { source, count: Count::Rate { place, until_ns } } => {
                (RATE, [source, place, until_ns], [0; 17])
            }
            Entry::Nonce(value) => (NONCE, [0, 0, value], [0; 17]),
            Entry::Seen(key) => (SEEN, [0, key, 0], [0; 17]),
        };
        let at = HEADER + self.count * ENTRY;
        // Behind the checksum there must be room in the region for another batch.
        let Some(place) = self.room.get_mut(at..at + ENTRY + CHECKSUM + SHORTEST) else {
            self.full = true;
            return;
        };
        place[0] = kind;
        for (place, number) in place[1..25].chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        place[25..ENTRY].copy_from_slice(&amount);
        self.count += 1;
    }

    pub(super) fn end(&mut self) -> io::Result<()> {
        if self.full {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let count = u32::try_from(self.count).expect("fewer than fit into the room");
        self.room[8..12].copy_from_slice(&count.to_le_bytes());
        let (text, rest) = self.room.split_at_mut(HEADER + self.count * ENTRY);
        rest[..CHECKSUM].copy_from_slice(&Sha256::digest(text)[..CHECKSUM]);
        Ok(())
    }

    /// How long the batch is that begins so, if one does.
    pub(super) fn len_of(start: &[u8]) -> Option<usize> {
        let count = start.get(8..12).filter(|_| start.starts_with(MAGIC))?;
        let count = u32::from_le_bytes(count.try_into().ok()?);
        usize::try_from(count).ok()?.checked_mul(ENTRY)?.checked_add(SHORTEST)
    }

    /// The batch that these bytes begin with, if it is whole.
    pub(super) fn read(room: &'r mut [u8]) -> Option<Batch<'r>> {
        let len = Batch::len_of(room)?;
        let (text, checksum) = room.get(..len)?.split_at(len - CHECKSUM);
        let whole = Sha256::digest(text)[..CHECKSUM] == *checksum && matches!(text[4], 1..=3);
        whole.then(|| Batch { count: (len - SHORTEST) / ENTRY, full: false, room })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.room[..self.len()]
    }

    pub(super) fn len(&self) -> usize {
        SHORTEST + self.count * ENTRY
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn kind(&self) -> Kind {
        match self.room[4] {
            1 => Kind::Changes,
            2 => Kind::Whole,
            _ => Kind::Left,
        }
    }

    /// What tells the ledger of this key from those of others.
    pub(super) fn key(&self) -> [u8; 4] {
        [self.room[12], self.room[13], self.room[14], self.room[15]]
    }

    pub(super) fn generation(&self) -> u64 {
        number(self.room, 16)
    }

    pub(super) fn sequence(&self) -> u64 {
        number(self.room, 24)
    }

    pub(super) fn head(&self) -> Head {
        let mut hash = [0; 32];
        hash.copy_from_slice(&self.room[48..HEADER]);
        Head { n: number(self.room, 32), len: number(self.room, 40), hash }
    }

    /// An entry; nothing if it is none that is known.
    pub(super) fn entry(&self, at: usize) -> Option<Entry> {
        let place = self.room.get(HEADER + at * ENTRY..)?.get(..ENTRY)?;
        let [source, key, value] = [number(place, 1), number(place, 9), number(place, 17)];
        match place[0] {
            SUM => {
                let amount = Decimal::from_bytes(place[25..ENTRY].try_into().ok()?)?;
                Some(Entry::Count { source, count: Count::Sum { key, day: value, amount } })
            }
            RATE => Some(Entry::Count { source, count: Count::Rate { place: key, until_ns: value } }),
            NONCE => Some(Entry::Nonce(value)),
            SEEN => Some(Entry::Seen(key)),
            _ => None,
        }
    }
}

fn number(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

pub(super) const MAGIC: &[u8; 4] = b"sbl1";
pub(super) const HEADER: usize = 80;
const ENTRY: usize = 42;
const CHECKSUM: usize = 16;
/// A batch without entries.
pub(super) const SHORTEST: usize = HEADER + CHECKSUM;

// What entries are.
const SUM: u8 = 1;
const RATE: u8 = 2;
const NONCE: u8 = 3;
const SEEN: u8 = 4;

//! Nonces that are no time: unlike all others, and no secret.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// Makes them from random keys that std drew from the kernel before the walls, and a count.
pub(super) struct Unique {
    keys: [RandomState; 2],
    count: u64,
}

impl Default for Unique {
    fn default() -> Self {
        Unique { keys: [RandomState::new(), RandomState::new()], count: 0 }
    }
}

impl Unique {
    /// The next one: 18 bytes that look random.
    pub(super) fn next(&mut self) -> [u8; 18] {
        self.count += 1;
        let mut bytes = [0; 18];
        for (at, place) in bytes.chunks_mut(8).enumerate() {
            let mut hasher = self.keys[usize::from(at % 2 == 1)].build_hasher();
            hasher.write_u64(self.count);
            hasher.write_usize(at);
            place.copy_from_slice(&hasher.finish().to_le_bytes()[..place.len()]);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_are_the_same_in_one_signer_or_in_two() {
        let mut seen = BTreeSet::new();
        for mut unique in [Unique::default(), Unique::default()] {
            assert!((0..10_000).all(|_| seen.insert(unique.next())));
        }
    }
}

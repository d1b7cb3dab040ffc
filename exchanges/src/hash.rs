// Included by the engine and by build.rs, so that both mean the same hash.

/// A hash of a name: names that differ are mostly told apart without reading them.
pub(crate) fn hash(name: &[u8]) -> u32 {
    let mixed = match (name.first_chunk(), name.last_chunk()) {
        (Some(first), Some(last)) => {
            u64::from_le_bytes(*first).rotate_left(5) ^ u64::from_le_bytes(*last) ^ name.len() as u64
        }
        _ => name.iter().fold(0, |word: u64, byte| word << 8 | u64::from(*byte)),
    };
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

/// What the first two bytes of a name have in common with those of every name that some readers could take for it: mostly
/// enough to see that it is none. 0, which may be any, if it is shorter or one of them is percent-encoded.
pub(crate) fn beginning(name: &[u8]) -> u16 {
    match name.first_chunk() {
        // Letters that differ in case differ in this bit.
        Some(two) if !two.contains(&b'%') => u16::from_le_bytes(*two) | 0x2020,
        _ => 0,
    }
}

/// One of 64 bits for a [`beginning`]; all of them for any.
pub(crate) fn beginning_bit(begins: u16) -> u64 {
    if begins == 0 { u64::MAX } else { 1 << (u32::from(begins).wrapping_mul(0x9e37_79b9) >> 26) }
}

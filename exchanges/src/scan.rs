//! Finding bytes in text, eight at a time: what every line passes through more than once.

/// How many bytes come before the first control character (below 0x20) or byte of `stops`.
#[inline(always)]
pub fn until<const N: usize>(bytes: &[u8], stops: [u8; N]) -> usize {
    // The high bit of each byte is set where a byte is zero after the exclusive or (the usual
    // subtract-and-mask test), or below 0x20. A borrow can only mark bytes behind a true one.
    let found = |word: u64| {
        let mut found = word.wrapping_sub(ONES * 0x20) & !word;
        for stop in stops {
            let zero = word ^ (ONES * u64::from(stop));
            found |= zero.wrapping_sub(ONES) & !zero;
        }
        found & HIGHS
    };
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk::<8>() {
        let found = found(u64::from_le_bytes(*chunk));
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
        if at == LONG {
            let stop = |byte| stops.iter().fold(byte < 0x20, |found, stop| found | (byte == *stop));
            at += clear(&bytes[at..], stop);
        }
    }
    match bytes.last_chunk::<8>() {
        // The last eight bytes without those already seen; the zeros that move in stop the search.
        Some(last) if at < bytes.len() => {
            let word = u64::from_le_bytes(*last) >> (8 * (8 - (bytes.len() - at)));
            at + found(word).trailing_zeros() as usize / 8
        }
        Some(_) => at,
        None => {
            let stop = |byte: u8| stops.iter().fold(byte < 0x20, |found, stop| found | (byte == *stop));
            bytes.iter().take_while(|byte| !stop(**byte)).count()
        }
    }
}

/// Where `byte` stands first, if it does.
pub fn find(bytes: &[u8], byte: u8) -> Option<usize> {
    let mut at = clear(bytes, |other| other == byte);
    while let Some(chunk) = bytes[at..].first_chunk::<8>() {
        let zero = u64::from_le_bytes(*chunk) ^ (ONES * u64::from(byte));
        let found = zero.wrapping_sub(ONES) & !zero & HIGHS;
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    bytes[at..].iter().position(|b| *b == byte).map(|found| at + found)
}

/// How many bytes stand in the blocks at the front in which nothing is to be found. The compiler makes vector
/// instructions of this, which pay in long texts: a whole block is looked at, without a branch.
#[inline(always)]
fn clear(bytes: &[u8], stop: impl Fn(u8) -> bool) -> usize {
    let mut at = 0;
    while let Some(block) = bytes[at..].first_chunk::<32>() {
        if block.iter().fold(0, |found, byte| found | u8::from(stop(*byte))) != 0 {
            break;
        }
        at += 32;
    }
    at
}

/// Where a text begins to be a long one.
const LONG: usize = 32;
const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = ONES << 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_is_found_wherever_it_stands() {
        for stop in [b'"', b'\\', 0x1f, 0x00, b'\n', 0x7f] {
            for filler in [b'a', 0x20, 0x80, 0xff, stop.wrapping_add(1).max(0x20)] {
                for len in [1, 2, 7, 8, 9, 15, 31, 32, 33, 40, 63, 64, 65, 100, 130] {
                    for place in 0..len {
                        let mut bytes = vec![filler; len];
                        bytes[place] = stop;
                        let first = if filler == stop || b"\"\\\x7f".contains(&filler) { 0 } else { place };
                        assert_eq!(until(&bytes, [b'"', b'\\', 0x7f]), first, "{stop} in {filler}");
                        assert_eq!(find(&bytes, stop), Some(if filler == stop { 0 } else { place }));
                    }
                }
            }
        }
        for len in 0..140 {
            assert_eq!(until(&vec![b'a'; len], [b'"']), len);
        }
        assert_eq!(find(b"abcdefghij", b'x'), None);
    }
}

//! Lines of a log, one after the other: a log may be larger than memory, and a line may be anything.

use std::io::{self, BufRead, Read as _};

/// Reads lines, and knows where in the file they stand.
#[derive(Debug)]
pub(super) struct Lines<R> {
    from: R,
    /// Where the next line begins.
    offset: u64,
    /// How many lines were read.
    count: u64,
    buffer: Vec<u8>,
}

/// A line, without its newline.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// Its number in the file, from 1 on.
    pub(super) number: u64,
    /// Where it begins.
    pub(super) offset: u64,
    /// Where the next one begins.
    pub(super) end: u64,
    pub(super) bytes: &'a [u8],
    pub(super) shape: Shape,
}

/// How a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// With a newline.
    Whole,
    /// With the file.
    Cut,
    /// Somewhere: only its beginning is here.
    TooLong,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(from: R) -> Lines<R> {
        Lines { from, offset: 0, count: 0, buffer: Vec::new() }
    }

    /// The next line, if there is one.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.buffer.clear();
        let offset = self.offset;
        let mut read = (&mut self.from).take(LONGEST).read_until(b'\n', &mut self.buffer)? as u64;
        if read == 0 {
            return Ok(None);
        }
        let shape = match self.buffer.last() {
            Some(b'\n') => {
                self.buffer.pop();
                Shape::Whole
            }
            _ if read < LONGEST => Shape::Cut,
            _ => {
                read += self.pass_over()?;
                Shape::TooLong
            }
        };
        self.offset += read;
        self.count += 1;
        Ok(Some(Line { number: self.count, offset, end: self.offset, bytes: &self.buffer, shape }))
    }

    /// Reads up to the end of a line that is too long, and returns how much that was.
    fn pass_over(&mut self) -> io::Result<u64> {
        let mut passed = 0;
        loop {
            let there = self.from.fill_buf()?;
            let newline = there.iter().position(|byte| *byte == b'\n');
            let used = newline.map_or(there.len(), |at| at + 1);
            self.from.consume(used);
            passed += used as u64;
            if newline.is_some() || used == 0 {
                return Ok(passed);
            }
        }
    }
}

/// The longest line, with its newline.
const LONGEST: u64 = 64 * 1024;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<(u64, u64, u64, usize, Shape)> {
        // A small buffer, so that a line is read in pieces.
        let mut lines = Lines::new(io::BufReader::with_capacity(1000, text));
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push((line.number, line.offset, line.end, line.bytes.len(), line.shape));
        }
        all
    }

    #[test]
    fn lines_know_where_they_stand() {
        let expected = [
            (1, 0, 3, 2, Shape::Whole),
            (2, 3, 4, 0, Shape::Whole),
            (3, 4, 6, 1, Shape::Whole),
            (4, 6, 7, 1, Shape::Cut),
        ];
        assert_eq!(read(b"ab\n\nc\nd"), expected);
        assert_eq!(read(b""), []);
    }

    #[test]
    fn of_a_line_that_is_too_long_only_the_beginning_is_kept() {
        let longest = LONGEST as usize;
        let fits = [vec![b'x'; longest - 1], b"\ny\n".to_vec()].concat();
        assert_eq!(read(&fits)[0], (1, 0, LONGEST, longest - 1, Shape::Whole));
        for more in [0, 1, 5000] {
            let long = [vec![b'x'; longest + more], b"\ny\n".to_vec()].concat();
            let end = LONGEST + more as u64 + 1;
            let expected = [(1, 0, end, longest, Shape::TooLong), (2, end, end + 2, 1, Shape::Whole)];
            assert_eq!(read(&long), expected);
        }
        let cut = vec![b'x'; longest + 7];
        assert_eq!(read(&cut), [(1, 0, LONGEST + 7, longest, Shape::TooLong)]);
    }
}

//! Which kind of memory was asked for, and which it is.

use std::fmt;
use std::str::FromStr;

/// What the operator asked for with `--memory`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Choice {
    /// `memfd_secret` where the kernel has it, locked memory elsewhere.
    #[default]
    Auto,
    /// `memfd_secret` or nothing.
    Secretmem,
    /// Locked memory, so that the machine can hibernate.
    Mlock,
}

impl FromStr for Choice {
    type Err = UnknownChoice;

    fn from_str(word: &str) -> Result<Self, UnknownChoice> {
        match word {
            "auto" => Ok(Self::Auto),
            "secretmem" => Ok(Self::Secretmem),
            "mlock" => Ok(Self::Mlock),
            _ => Err(UnknownChoice),
        }
    }
}

/// A word that names no kind of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownChoice;

impl fmt::Display for UnknownChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown kind of memory; 'auto', 'secretmem' and 'mlock' are known")
    }
}

impl std::error::Error for UnknownChoice {}

/// What the mapping for secrets is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// `memfd_secret`: not even root's `/proc/PID/mem` shows it.
    Secretmem,
    /// Locked: neither swapped nor dumped nor inherited, but root can read it.
    Mlock,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secretmem => "secretmem",
            Self::Mlock => "mlock",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_words_are_read_and_no_other() {
        assert_eq!("auto".parse(), Ok(Choice::Auto));
        assert_eq!("secretmem".parse(), Ok(Choice::Secretmem));
        assert_eq!("mlock".parse(), Ok(Choice::Mlock));
        assert_eq!("Mlock".parse::<Choice>(), Err(UnknownChoice));
        assert_eq!("".parse::<Choice>(), Err(UnknownChoice));
    }
}

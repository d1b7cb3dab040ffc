//! What a subcommand reports when it fails: a sentence for a person.

use std::{fmt, io};

/// A sentence, and whether it only says that nobody reads the output any more.
#[derive(Debug)]
pub(crate) struct Error {
    text: String,
    closed_pipe: bool,
}

impl Error {
    /// An error in these words.
    pub(crate) fn new(text: impl fmt::Display) -> Self {
        Error { text: text.to_string(), closed_pipe: false }
    }

    /// Whether it only says that nobody reads the output any more.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.closed_pipe
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<String> for Error {
    fn from(text: String) -> Self {
        Error::new(text)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error { closed_pipe: error.kind() == io::ErrorKind::BrokenPipe, text: error.to_string() }
    }
}

impl From<signbox_keyring::Error> for Error {
    fn from(error: signbox_keyring::Error) -> Self {
        Error::new(error)
    }
}

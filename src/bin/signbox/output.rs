//! Printing: results to standard output, remarks to standard error, a closed pipe as an error and not a panic.

use crate::error::Error;
use std::io::{self, Write as _};

/// Writes a result.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Writes a remark for a person; nothing depends on it.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

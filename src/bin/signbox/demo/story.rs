//! How the demo tells its story: numbered chapters, points that are as claimed or not, and a last word.

use super::attack::Outcome;
use crate::error::Error;
use crate::output::print;
use std::process::ExitCode;

/// Prints as it goes, and counts what is not as claimed.
pub(super) struct Story {
    chapters: u32,
    failures: u32,
}

impl Story {
    pub(super) fn begin(text: &str) -> Result<Story, Error> {
        print(&format!("{text}\n"))?;
        Ok(Story { chapters: 0, failures: 0 })
    }

    pub(super) fn chapter(&mut self, title: &str) -> Result<(), Error> {
        self.chapters += 1;
        print(&format!("\n{}. {title}\n", self.chapters))
    }

    /// Something that is claimed, and whether it is so.
    pub(super) fn point(&mut self, right: bool, text: &str) -> Result<(), Error> {
        print(&format!("  {} {text}\n", self.mark(right)))
    }

    /// An attack on a target where it should work, and on one where it should not.
    pub(super) fn attack(&mut self, name: &str, before: &Outcome, after: &Outcome) -> Result<(), Error> {
        // A control that searches and finds nothing proves nothing of the signer.
        let right = !matches!(before, Outcome::Nothing { .. }) && !matches!(after, Outcome::Found);
        let mark = self.mark(right);
        print(&format!("  {mark} {name:29}{:24}{after}\n", before.to_string()))
    }

    /// What belongs to the point above, in as many lines as it needs.
    pub(super) fn note(&self, text: &str) -> Result<(), Error> {
        let mut lines = String::new();
        let mut room = 0;
        for word in text.split(' ') {
            let len = word.chars().count() + 1;
            if len > room {
                lines.push_str(if lines.is_empty() { "     " } else { "\n     " });
                room = WIDTH;
            }
            lines.extend([" ", word]);
            room = room.saturating_sub(len);
        }
        print(&(lines + "\n"))
    }

    /// What stands over the two outcomes of an attack.
    pub(super) fn columns(&self, before: &str, after: &str) -> Result<(), Error> {
        print(&format!("    {:29}{before:24}{after}\n", ""))
    }

    /// The last word, and the exit code.
    pub(super) fn end(self, text: &str) -> Result<ExitCode, Error> {
        if self.failures > 0 {
            print(&format!(
                "\nNot as claimed: {} of the points above, marked ✗. Please report it.\n",
                self.failures
            ))?;
            return Ok(ExitCode::FAILURE);
        }
        print(&format!("\n{text}\n"))?;
        Ok(ExitCode::SUCCESS)
    }

    fn mark(&mut self, right: bool) -> char {
        self.failures += u32::from(!right);
        if right { '✓' } else { '✗' }
    }
}

const WIDTH: usize = 92;

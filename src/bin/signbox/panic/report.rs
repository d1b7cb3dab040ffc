//! What was done and when, what could not be done, and which exchanges it is about: for the evidence, the hooks and the person.

use super::advice;
use super::keys::Unreached;
use crate::error::Error;
use crate::output::remark;
use crate::process::Process;
use signbox::audit::written;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// Filled step by step; every step is shown as it is done.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) began: SystemTime,
    title: &'static str,
    steps: Vec<(SystemTime, String)>,
    /// What is left to do on this machine.
    left: Vec<String>,
    /// Keys that are looked for once more when the signers are dead.
    pub(super) unreached: Vec<Unreached>,
    /// The keys it is about, as `exchange/label`.
    handles: BTreeSet<String>,
    /// Their lines of `/proc/keys`, from before they were revoked.
    pub(super) lines: BTreeSet<String>,
    /// The processes there were before the signers were killed.
    pub(super) processes: Vec<Process>,
}

impl Report {
    pub(super) fn begin() -> Report {
        Self::titled("signbox panic")
    }

    pub(super) fn titled(title: &'static str) -> Report {
        Report {
            began: SystemTime::now(),
            title,
            steps: Vec::new(),
            left: Vec::new(),
            unreached: Vec::new(),
            handles: BTreeSet::new(),
            lines: BTreeSet::new(),
            processes: Vec::new(),
        }
    }

    pub(super) fn done(&mut self, what: String) {
        remark(&what);
        self.steps.push((SystemTime::now(), what));
    }

    /// Something that failed, or that another has to do.
    pub(super) fn left(&mut self, what: String) {
        // One key can be in the way twice.
        if !self.left.contains(&what) {
            remark(&format!("signbox: {what}"));
            self.left.push(what);
        }
    }

    pub(super) fn about(&mut self, handle: &str) {
        self.handles.insert(handle.to_owned());
    }

    pub(super) fn is_about(&self, handle: &str) -> bool {
        self.handles.contains(handle)
    }

    pub(super) fn evidence(&mut self, folder: Result<(PathBuf, Vec<String>), Error>) {
        match folder {
            Ok((folder, failed)) => {
                self.done(format!("evidence is in {}", super::shown(&folder)));
                failed.into_iter().for_each(|why| self.left(why));
            }
            Err(error) => self
                .left(format!("there is no evidence: {error}; 'signbox panic --evidence DIR' tries again")),
        }
    }

    pub(super) fn hooks(&mut self, worked: usize, failed: usize) {
        if worked > 0 {
            self.done(format!("hooks run: {worked}"));
        }
        if failed > 0 {
            self.left(format!("hooks that failed: {failed}; whoever they should have told may not know"));
        }
    }

    /// Whether nothing is left to do on this machine.
    pub(super) fn is_clean(&self) -> bool {
        self.left.is_empty()
    }

    /// The steps with their times, a line each.
    pub(super) fn log(&self) -> String {
        let steps = self.steps.iter().map(|(at, what)| format!("{} {what}\n", utc(*at)));
        steps.chain(self.left.iter().map(|what| format!("left to do: {what}\n"))).collect()
    }

    /// For the hooks: what was done, and what is to be done now.
    pub(super) fn summary(&self) -> String {
        let steps = self.steps.iter().map(|(_, what)| format!("  {what}\n"));
        let steps = if self.steps.is_empty() { NOTHING.to_owned() } else { steps.collect() };
        format!("{} at {}\n\n{steps}{}", self.title, utc(self.began), self.to_do())
    }

    /// For the person, who has seen the steps: what is to be done now.
    pub(super) fn to_do(&self) -> String {
        let mut text = String::new();
        if !self.left.is_empty() {
            text += "\nNOT DONE:\n";
            for (at, what) in (1..).zip(&self.left) {
                text += &format!("  {at}. {what}\n");
            }
        }
        text + &advice::of(&self.handles)
    }
}

/// `2026-11-22T09:12:13.123456Z`
pub(super) fn utc(time: SystemTime) -> String {
    written(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

const NOTHING: &str = "  There was no key and no signer.\n";

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_utc_with_microseconds() {
        let time = UNIX_EPOCH + Duration::new(1_795_338_733, 123_456_789);
        assert_eq!(utc(time), "2026-11-22T09:12:13.123456Z");
        assert_eq!(utc(UNIX_EPOCH), "1970-01-01T00:00:00.000000Z");
    }

    #[test]
    fn what_is_left_stands_before_what_to_do_at_the_exchanges() {
        let mut report = Report::begin();
        assert!(report.summary().contains("no key and no signer"));
        report.done("revoked kraken/main".to_owned());
        report.about("kraken/main");
        report.left("log out".to_owned());
        report.left("log out".to_owned());
        let summary = report.summary();
        let at = |text: &str| summary.find(text).unwrap_or_else(|| panic!("'{text}' in {summary}"));
        assert!(at("revoked kraken/main") < at("1. log out") && at("1. log out") < at("www.kraken.com"));
        assert!(!report.is_clean() && !summary.contains("2. log out"));
    }
}

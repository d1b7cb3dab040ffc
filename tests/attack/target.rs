//! The naive program as a target: it holds everything that a signer has in its hands at some time.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};

use super::bot::{Talk, wait_until_idle};
use super::place::Place;
use super::secret::{Made, hex};

/// One that runs and waits.
pub(crate) struct Naive(Talk);

impl Naive {
    pub(crate) fn start(place: &Place, uid: u32, made: &Made) -> Self {
        let mut command = Command::new(place.naive());
        command.uid(uid).gid(uid).current_dir(place.path());
        let mut talk = Talk::start(&mut command);
        let forms: Vec<_> = made.forms().iter().map(|form| hex(&form.1)).collect();
        assert_eq!(talk.ask(&forms.join(" ")), "ready");
        wait_until_idle(talk.pid());
        Self(talk)
    }

    pub(crate) fn pid(&self) -> i32 {
        self.0.pid()
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.0.wait()
    }
}

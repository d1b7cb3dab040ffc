//! `signbox watch`: hands a signer's standard error on as it is, and runs the hooks for the alerts in it.
//!
//! What it reads is believed to come from a signer: `signbox run` keeps the end that is written to from the command, and
//! other processes of the user are kept from this one, through which they could get at it.

use crate::cli::Watch;
use crate::error::Error;
use crate::hooks::{self, Event};
use crate::output::remark;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use signbox_keyring as keyring;
use std::io::{self, BufRead, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

pub(crate) fn run(_args: &Watch) -> Result<ExitCode, Error> {
    prctl::set_dumpable(false)
        .map_err(|error| Error::new(format_args!("cannot shut the memory: {error}")))?;
    // Nothing here needs a key, nor does a hook. The alerts matter more than that it fails.
    if let Err(error) = keyring::join_fresh_session() {
        remark(&format!("signbox: remark: hooks see the keys of this session: {error}"));
    }
    // In the background of a terminal with `stty tostop`, what we write would stop us.
    let _ = SigSet::from_iter([Signal::SIGTTOU]).thread_block();
    let (alerts, waiting) = sync_channel(MOST_WAITING);
    // A hook may take its time; a signer whose standard error nobody reads would stand still.
    let hooks = thread::spawn(move || run_hooks(&waiting));
    let read = pass_on(&mut io::stdin().lock(), &alerts, write);
    drop(alerts);
    let _ = hooks.join();
    read.map_err(|error| Error::new(format_args!("cannot read standard input: {error}")))?;
    Ok(ExitCode::SUCCESS)
}

fn run_hooks(alerts: &Receiver<String>) {
    for line in alerts {
        hooks::run(Event::Alert, &line);
    }
}

/// Hands on line by line until the input ends; a line that is too long, piece by piece.
fn pass_on(
    input: &mut impl BufRead,
    alerts: &SyncSender<String>,
    mut out: impl FnMut(&[u8]),
) -> io::Result<()> {
    let mut piece = Vec::new();
    let mut begins = true;
    loop {
        piece.clear();
        if input.by_ref().take(LONGEST_PIECE).read_until(b'\n', &mut piece)? == 0 {
            return Ok(());
        }
        // First the alert: nobody may read what we write.
        if let Some(alert) = alert_in(&piece).filter(|_| begins) {
            if alerts.try_send(alert).is_err() {
                remark("signbox: remark: too many alerts at once; the hooks are not run for the next one");
            }
        }
        begins = piece.ends_with(b"\n");
        out(&piece);
    }
}

/// What hooks read: the audit line, with its end.
fn alert_in(line: &[u8]) -> Option<String> {
    let alert = line.strip_prefix(ALERT)?;
    alert.ends_with(b"\n").then(|| String::from_utf8_lossy(alert).into_owned())
}

/// Writes all of it, in one call if it can be. Where standard error is gone, there is nobody to tell.
fn write(mut bytes: &[u8]) {
    let mut out = io::stderr();
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(count) if count > 0 => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The command has the same end and may have taken its patience off.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let _ = poll(&mut [PollFd::new(out.as_fd(), PollFlags::POLLOUT)], PollTimeout::NONE);
            }
            _ => return,
        }
    }
}

const ALERT: &[u8] = b"signbox-signer: alert: ";
const LONGEST_PIECE: u64 = 65_536;
const MOST_WAITING: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_a_whole_line_that_begins_so() {
        assert_eq!(alert_in(b"signbox-signer: alert: {\"n\":1}\n"), Some("{\"n\":1}\n".to_owned()));
        for other in
            [&b"signbox-signer: alert: {\"n\":1}"[..], b" signbox-signer: alert: {}\n", b"alert: {}\n"]
        {
            assert_eq!(alert_in(other), None);
        }
    }

    #[test]
    fn the_end_of_a_long_line_is_no_alert() {
        let mut input = vec![b'x'; LONGEST_PIECE as usize];
        input.extend(b"signbox-signer: alert: {}\nsignbox-signer: alert: {\"n\":2}\n");
        let (alerts, waiting) = sync_channel(8);
        let mut passed = Vec::new();
        pass_on(&mut input.as_slice(), &alerts, |piece| passed.extend_from_slice(piece))
            .expect("nothing can fail");
        assert_eq!(passed, input);
        drop(alerts);
        assert_eq!(waiting.iter().collect::<Vec<_>>(), ["{\"n\":2}\n"]);
    }
}

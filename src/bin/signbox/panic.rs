//! `signbox panic`: ends every key and every signer at once, keeps what may explain how it came to that, and says what
//! is left to do.
//!
//! The steps are in the order of what they are worth: a key that is revoked signs no more, whoever runs a signer. Each
//! step goes on where a part of it fails; what failed is told in the end, and in the exit code.

mod advice;
mod drill;
mod evidence;
mod keys;
mod report;
mod services;
mod signers;

use crate::cli::Panic;
use crate::error::Error;
use crate::hooks::{self, Event};
use crate::output::{print, remark};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use nix::unistd::{Uid, read};
use report::Report;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn run(args: &Panic) -> Result<ExitCode, Error> {
    if args.drill {
        return drill::run();
    }
    if args.all_users && !Uid::effective().is_root() {
        return Err(Error::new("only root can end the keys and signers of all users; try again with sudo"));
    }
    let whose = if args.all_users { Whose::Everyones } else { Whose::Users(Uid::effective().as_raw()) };
    if !args.yes && !confirmed(whose)? {
        remark("signbox: nothing was done");
        return Ok(ExitCode::FAILURE);
    }
    // Who loses the connection now wants this done all the more.
    let _ = SigSet::from_iter([Signal::SIGHUP]).thread_block();
    let mut report = Report::begin();
    match whose {
        Whose::Users(uid) => keys::revoke(uid, &mut report),
        Whose::Everyones => keys::revoke_of_all(&mut report),
    }
    if Uid::effective().is_root() {
        services::end(&mut report);
    }
    signers::kill(whose, &mut report);
    keys::tell_of_unreached(&mut report);
    let folder = evidence::gather(args.evidence.as_deref(), args.state.as_deref(), &report);
    report.evidence(folder);
    let (worked, failed) = hooks::run(Event::Panic, &report.summary());
    report.hooks(worked, failed);
    // That nobody reads it does not change what was done.
    let _ = print(&report.to_do());
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whose keys and signers are to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Users(u32),
    Everyones,
}

/// Asks on the terminal for one key; without a terminal there must have been `--yes`.
fn confirmed(whose: Whose) -> Result<bool, Error> {
    let (input, mut output) = (io::stdin(), io::stderr());
    if !input.is_terminal() {
        return Err(Error::new("there is no terminal to ask on; add --yes to do it without being asked"));
    }
    let of = match whose {
        Whose::Users(uid) => format!("of {}", crate::keys::user_name(uid)),
        Whose::Everyones => "of all users".to_owned(),
    };
    let before = tcgetattr(&input).map_err(io::Error::from)?;
    let mut one_key = before.clone();
    // Ctrl-C comes as a byte too, and is not yes: so the terminal is always set back.
    one_key.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG);
    // What was typed before the question is not the answer, and what is typed after it is.
    tcsetattr(&input, SetArg::TCSAFLUSH, &one_key).map_err(io::Error::from)?;
    let _ = write!(output, "Revoke all keys {of} and kill their signers, {}? [y/N] ", signers::count(whose));
    let mut answer = [0];
    let _ = poll(&mut [PollFd::new(input.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE);
    let typed = read(&input, &mut answer);
    tcsetattr(&input, SetArg::TCSAFLUSH, &before).map_err(io::Error::from)?;
    let yes = typed.map_err(io::Error::from)? == 1 && answer[0].eq_ignore_ascii_case(&b'y');
    let _ = writeln!(output, "{}", if yes { "y" } else { "n" });
    Ok(yes)
}

/// The name of a file as it may be shown.
fn shown(path: &Path) -> String {
    path.display().to_string().escape_debug().to_string()
}

//! Asking on the terminal for what must not be shown: raw bytes go from the terminal into the caller's memory.
//!
//! The terminal keeps its line mode: with the echo off, the kernel then wipes its own buffer behind each read
//! (`zero_buffer` in drivers/tty/n_tty.c). Signals are held back and waited for, so that Ctrl-C ends the question
//! and not the program, and the echo always comes back.

use crate::error::Error;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{FlushArg, LocalFlags, SetArg, Termios, tcflush, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;

/// The terminal, with its echo off until this is dropped.
#[derive(Debug)]
pub(crate) struct Prompt {
    terminal: File,
    before: Termios,
    signals: SignalFd,
    mask: SigSet,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// A signal came, such as that of Ctrl-C.
    Stopped(i32),
    /// Anything else.
    Failed(Error),
}

impl From<Error> for Unanswered {
    fn from(error: Error) -> Self {
        Unanswered::Failed(error)
    }
}

impl Prompt {
    /// Opens the terminal of this process and turns its echo off.
    pub(crate) fn open() -> Result<Prompt, Error> {
        let wrong = |what: &str, error: Errno| Error::new(format_args!("cannot {what}: {error}"));
        let terminal = File::options().read(true).write(true).open("/dev/tty");
        let terminal =
            terminal.map_err(|error| Error::new(format_args!("there is no terminal to ask on: {error}")))?;
        let before = tcgetattr(&terminal).map_err(|error| wrong("look at the terminal", error))?;

        let held = SigSet::from_iter([
            Signal::SIGINT,
            Signal::SIGTERM,
            Signal::SIGHUP,
            Signal::SIGQUIT,
            Signal::SIGTSTP,
        ]);
        let mask = held.thread_swap_mask(SigmaskHow::SIG_BLOCK);
        let mask = mask.map_err(|error| wrong("hold signals back", error))?;
        let signals = SignalFd::with_flags(&held, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK);
        let signals = signals.map_err(|error| wrong("wait for signals", error))?;
        // From here on dropping it restores the terminal.
        let prompt = Prompt { terminal, before, signals, mask };

        let mut silent = prompt.before.clone();
        silent
            .local_flags
            .remove(LocalFlags::ECHO | LocalFlags::ECHOE | LocalFlags::ECHOK | LocalFlags::ECHONL);
        silent.local_flags.insert(LocalFlags::ICANON | LocalFlags::ISIG);
        // What was typed before, and shown, is not the answer.
        tcsetattr(&prompt.terminal, SetArg::TCSAFLUSH, &silent)
            .map_err(|error| wrong("turn the echo off", error))?;
        // The call succeeds when any of the changes was made.
        let now = tcgetattr(&prompt.terminal).map_err(|error| wrong("look at the terminal", error))?;
        if now.local_flags.contains(LocalFlags::ECHO) {
            return Err(Error::new("the terminal keeps showing what is typed; use --secret-fd"));
        }
        Ok(prompt)
    }

    /// Asks, and reads one line into `answer`; returns its length without the newline.
    pub(crate) fn ask(&mut self, question: &str, answer: &mut [u8]) -> Result<usize, Unanswered> {
        let failed =
            |error: std::io::Error| Unanswered::Failed(Error::new(format_args!("the terminal: {error}")));
        self.terminal.write_all(question.as_bytes()).map_err(failed)?;
        let ready = self.wait();
        let read = ready.and_then(|()| self.terminal.read(answer).map_err(failed));
        // The newline that was typed was not shown either.
        let _ = self.terminal.write_all(b"\n");
        let read = read?;
        if read == 0 {
            return Err(Unanswered::Failed(Error::new("nothing was typed; nothing was stored")));
        }
        let whole = answer[read - 1] == b'\n';
        if !whole || self.more_was_typed() {
            let _ = tcflush(&self.terminal, FlushArg::TCIFLUSH);
            let what = if whole { "more than one line was typed" } else { "that line is too long" };
            return Err(Unanswered::Failed(Error::new(format_args!("{what}; nothing was stored"))));
        }
        Ok(read - 1)
    }

    /// Waits for a line, or for a signal that ends the question.
    fn wait(&self) -> Result<(), Unanswered> {
        let failed = |error: Errno| {
            Unanswered::Failed(Error::new(format_args!("cannot wait for the terminal: {error}")))
        };
        loop {
            let mut ready = [
                PollFd::new(self.terminal.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut ready, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(failed(error)),
            }
            let typed = ready[0].any().unwrap_or(false);
            while let Some(signal) = self.signals.read_signal().map_err(failed)? {
                let number = i32::try_from(signal.ssi_signo).unwrap_or(0);
                // Stopped, we would leave the shell a terminal without echo: Ctrl-Z is passed over.
                if number != Signal::SIGTSTP as i32 {
                    return Err(Unanswered::Stopped(number));
                }
            }
            if typed {
                return Ok(());
            }
        }
    }

    /// Whether another line follows at once, as when several are pasted.
    fn more_was_typed(&self) -> bool {
        let mut ready = [PollFd::new(self.terminal.as_fd(), PollFlags::POLLIN)];
        poll(&mut ready, A_MOMENT).is_ok_and(|count| count > 0)
    }
}

impl Drop for Prompt {
    fn drop(&mut self) {
        // Throws away what nobody has read: the rest of a paste must not become a command of the shell.
        let _ = tcsetattr(&self.terminal, SetArg::TCSAFLUSH, &self.before);
        let _ = self.mask.thread_set_mask();
    }
}

/// How far apart the lines of one paste arrive, in milliseconds.
const A_MOMENT: u16 = 30;

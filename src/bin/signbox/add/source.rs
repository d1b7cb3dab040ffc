//! Where the secret comes from: the terminal, or a descriptor. It goes from there straight into the locked page.

use super::plan::Plan;
use crate::cli::Add;
use crate::error::Error;
use crate::output::remark;
use crate::prompt::{Prompt, Unanswered};
use nix::errno::Errno;
use signbox_exchanges::{Exchange, KeyKind};
use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Read as _, Seek as _, SeekFrom};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

/// Where the secret comes from.
#[derive(Debug)]
pub(super) enum Source {
    Terminal(Box<Prompt>),
    Descriptor(File),
}

/// What was typed, in the locked page.
pub(crate) struct Secrets<'t> {
    pub(crate) secret: &'t [u8],
    pub(crate) passphrase: Option<&'t [u8]>,
    /// The API key, where that is the public half of the secret.
    pub(crate) key: Option<&'t str>,
}

impl Source {
    /// Opens it: the descriptor that was named, else the terminal.
    pub(super) fn open(args: &Add) -> Result<Source, Error> {
        match args.secret_fd {
            Some(number) => descriptor(number).map(Source::Descriptor),
            None if io::stdin().is_terminal() => {
                Prompt::open().map(|prompt| Source::Terminal(Box::new(prompt)))
            }
            None => Err(Error::new(format_args!(
                "standard input is not a terminal to ask for the secret on; hand it over by descriptor: \
                 'signbox add {} --secret-fd 3 3< FILE'",
                args.handle
            ))),
        }
    }

    /// Reads secret and passphrase into `typed`, and closes the source.
    pub(super) fn read<'t>(self, plan: &Plan<'_>, typed: &'t mut [u8]) -> Result<Secrets<'t>, Unanswered> {
        match self {
            Source::Terminal(mut prompt) => {
                let (first, second) = typed.split_at_mut(typed.len() / 2);
                let length = prompt.ask(&format!("Secret of {} (not shown): ", plan.handle.text), first)?;
                let secret = &first[..length];
                if !plan.passphrase {
                    return Ok(Secrets { secret, passphrase: None, key: None });
                }
                let length =
                    prompt.ask(&format!("Passphrase of {} (not shown): ", plan.handle.text), second)?;
                Ok(Secrets { secret, passphrase: Some(&second[..length]), key: None })
            }
            Source::Descriptor(file) => Ok(lines(read_all(file, typed)?, plan.passphrase)?),
        }
    }
}

impl Secrets<'_> {
    /// Refuses what cannot be a secret of this exchange. No error says anything of it.
    pub(super) fn check(&self, exchange: &Exchange) -> Result<(), Error> {
        if self.secret.starts_with(PEM) {
            let lines = self.secret.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            lines.into_iter().try_for_each(|line| text("private key", line))?;
        } else {
            text("secret", self.secret)?;
        }
        if self.secret.trim_ascii().len() < self.secret.len() {
            return Err(Error::new("the secret begins or ends with a space; nothing was stored"));
        }
        exchange.check_secret(self.secret).map_err(|wrong| {
            let plain = !self.secret.starts_with(PEM) && exchange.kinds.items() == [KeyKind::Hmac];
            let needed = if plain { format!(", which {} needs", exchange.name) } else { String::new() };
            Error::new(format_args!("{wrong}{needed}; nothing was stored"))
        })?;
        self.passphrase.map_or(Ok(()), |passphrase| text("passphrase", passphrase))
    }
}

fn text(what: &str, bytes: &[u8]) -> Result<(), Error> {
    let wrong = match std::str::from_utf8(bytes) {
        Err(_) => "is not UTF-8",
        Ok("") => "is empty",
        Ok(text) if text.contains(char::is_control) => {
            "holds a control character, such as an arrow key types"
        }
        Ok(_) => return Ok(()),
    };
    Err(Error::new(format_args!("the {what} {wrong}; nothing was stored")))
}

/// Takes a descriptor of this process, and remarks on what it leaves behind.
pub(crate) fn descriptor(number: i32) -> Result<File, Error> {
    let file = match number {
        0 => File::from(io::stdin().as_fd().try_clone_to_owned()?),
        _ => open_anew(number)?,
    };
    let metadata = file.metadata()?;
    if file.is_terminal() {
        return Err(Error::new(format_args!(
            "descriptor {number} is a terminal, and would show the secret; leave --secret-fd out to be asked for it"
        )));
    }
    if metadata.file_type().is_fifo() {
        remark(
            "remark: through a pipe, a copy of the secret stays in freed memory of the kernel; a file or the terminal \
             leaves none",
        );
    } else if metadata.is_file() && metadata.nlink() > 0 {
        remark("remark: the file still holds the secret; delete it when it is of no more use");
    }
    Ok(file)
}

/// Opens what a descriptor stands for, at the place that it has come to: without unsafe code a number is no descriptor.
fn open_anew(number: i32) -> Result<File, Error> {
    let mut file = File::open(format!("/proc/self/fd/{number}")).map_err(|error| {
        Error::new(match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOENT) => format!(
                "descriptor {number} is not open; the shell opens it: \
                 'signbox add ... --secret-fd {number} {number}< FILE'"
            ),
            Some(Errno::ENXIO) => format!("descriptor {number} is a socket; use a file or a pipe"),
            Some(Errno::EACCES) => {
                format!("descriptor {number} is another user's; hand it over as standard input, with '--secret-fd 0'")
            }
            _ => format!("cannot read descriptor {number}: {error}"),
        })
    })?;
    if file.metadata()?.is_file() {
        let at = fs::read_to_string(format!("/proc/self/fdinfo/{number}"))?;
        let at = at.lines().find_map(|line| line.strip_prefix("pos:")?.trim().parse().ok());
        file.seek(SeekFrom::Start(at.unwrap_or(0)))?;
    }
    Ok(file)
}

fn read_all(mut file: File, typed: &mut [u8]) -> Result<&mut [u8], Error> {
    let mut length = 0;
    while length < typed.len() {
        match file.read(&mut typed[length..]) {
            Ok(0) => return Ok(&mut typed[..length]),
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::new(format_args!("cannot read the secret: {error}"))),
        }
    }
    Err(Error::new(format_args!(
        "the descriptor gives more than {} bytes, too many for a secret",
        typed.len() - 1
    )))
}

/// The first line is the secret, or the lines of a PEM file are; the next one the passphrase where there is one.
fn lines(text: &mut [u8], passphrase: bool) -> Result<Secrets<'_>, Error> {
    let length = without_returns(text);
    let text = &text[..length];
    let first = match text.starts_with(PEM) {
        false => text.iter().position(|byte| *byte == b'\n').unwrap_or(length),
        true => {
            let end = text.windows(PEM_END.len()).position(|window| window == PEM_END);
            let end = end.ok_or_else(|| Error::new("the private key has no END line; nothing was stored"))?;
            text[end..].iter().position(|byte| *byte == b'\n').map_or(length, |newline| end + newline)
        }
    };
    let mut rest = text[first..].split(|byte| *byte == b'\n').skip(1);
    let secrets = Secrets {
        secret: &text[..first],
        passphrase: passphrase.then(|| rest.next().unwrap_or_default()),
        key: None,
    };
    if rest.all(<[u8]>::is_empty) {
        return Ok(secrets);
    }
    Err(Error::new(if passphrase {
        "the descriptor gives more than two lines, secret and passphrase; nothing was stored"
    } else {
        "the descriptor gives more than one line; a secret is one, and a passphrase is only read with --passphrase; \
         nothing was stored"
    }))
}

/// Makes line ends of Windows those of everybody else; returns what is left.
fn without_returns(text: &mut [u8]) -> usize {
    let mut length = 0;
    for at in 0..text.len() {
        if text[at] != b'\r' || text.get(at + 1).is_some_and(|next| *next != b'\n') {
            text[length] = text[at];
            length += 1;
        }
    }
    length
}

const PEM: &[u8] = b"-----BEGIN";
const PEM_END: &[u8] = b"-----END";

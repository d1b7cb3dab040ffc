//! `signbox add`: puts a secret into the kernel, from the terminal or a descriptor, by way of locked memory alone.

mod limits;
mod payload;
mod plan;
mod source;

pub(crate) use plan::Plan;
pub(crate) use source::{Secrets, descriptor};

use crate::cli::Add;
use crate::error::Error;
use crate::keys;
use crate::output::remark;
use crate::prompt::Unanswered;
use crate::{credential, service};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use plan::Home;
use signbox::record::Record;
use signbox_exchanges::json::Names;
use signbox_keyring::{self as keyring, Entry, Key, Keyring, Secret, State};
use signbox_sandbox::{Choice, Memory};
use source::Source;
use std::process::ExitCode;

pub(crate) fn run(args: &Add) -> Result<ExitCode, Error> {
    shut_memory()?;
    let plan = Plan::of(&args.handle, &args.keep, args.passphrase)?;
    plan.warn();
    plan.warn_of_the_missing();
    if args.credential {
        return keep_as_credential(&plan, |typed| Source::open(args)?.read(&plan, typed));
    }
    keep(&plan, |typed| Source::open(args)?.read(&plan, typed))
}

/// Gives the kernel a key whose secret parts `secrets` writes into locked memory, and says what was done.
pub(crate) fn keep(
    plan: &Plan<'_>,
    secrets: impl for<'t> FnOnce(&'t mut [u8]) -> Result<Secrets<'t>, Unanswered>,
) -> Result<ExitCode, Error> {
    if let Home::Group { service: Some(service), .. } = &plan.home {
        credential::refuse_a_second(service, plan.handle.text)?;
    }
    let before = plan.there_already()?;
    let memory = Memory::map_with_deep_stack(Choice::Auto).map_err(Error::new)?;
    let mut names = Names::new();
    // The other stack is only as long as a signer for HMAC needs it.
    let stored =
        memory.run(|vault| vault.wiped(|page, deep| deep.run(|| store(plan, secrets, page, &mut names))));
    match stored {
        Ok(key) => {
            let left = set_timeout(plan, key, before.as_ref())?;
            tell(plan, key, before.as_ref(), left)?;
            match &plan.home {
                // It reads a key that it has anew each time.
                Home::Group { service: Some(service), .. }
                    if before.is_none_or(|before| before.key != key) =>
                {
                    service::restart(service);
                }
                _ => {}
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(Unanswered::Failed(error)) => Err(error),
        Err(Unanswered::Stopped(signal)) => Ok(stopped(signal)),
    }
}

fn stopped(signal: i32) -> ExitCode {
    remark("signbox: stopped; nothing was stored");
    ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX))
}

/// Keeps a key of a service on the disk, encrypted, and has the service started again with it.
fn keep_as_credential(
    plan: &Plan<'_>,
    secrets: impl for<'t> FnOnce(&'t mut [u8]) -> Result<Secrets<'t>, Unanswered>,
) -> Result<ExitCode, Error> {
    let Home::Group { service: Some(service), .. } = &plan.home else {
        return Err(Error::new("only a service's key can be a credential"));
    };
    let mut names = Names::new();
    let sealed = in_locked_memory(|page| {
        let (typed, rest) = page.split_at_mut(TYPED);
        let (record, scratch) = rest.split_at_mut(rest.len() / 2);
        let secrets = secrets(typed)?;
        let length = prepare(plan, &secrets, record, scratch, &mut names)?;
        credential::seal(plan.handle.text, &record[..length]).map_err(Unanswered::from)
    })?;
    let sealed = match sealed {
        Ok(sealed) => sealed,
        Err(Unanswered::Failed(error)) => return Err(error),
        Err(Unanswered::Stopped(signal)) => return Ok(stopped(signal)),
    };
    let path = credential::keep(service, plan.handle.text, &sealed)?;
    // Two of one name would be one too many.
    for entry in plan.handle.entries()? {
        entry.key.unlink(plan.home.keyring())?;
    }
    remark(&format!("stored {}\n  may          {}", plan.handle.text, plan.grants_in_words()));
    tell_limits(plan);
    remark(&format!("  kept         encrypted for this machine, in {}", path.display()));
    remark(&format!("  readable by  only the service {service}"));
    service::restart(service);
    Ok(ExitCode::SUCCESS)
}

/// Checks a key as if it were to be stored, and stores nothing. Says whether the key that is there has the same secret, where
/// there is one.
pub(crate) fn rehearse(
    plan: &Plan<'_>,
    secrets: impl for<'t> FnOnce(&'t mut [u8]) -> Result<Secrets<'t>, Unanswered>,
    there: Option<Key>,
) -> Result<bool, Error> {
    let memory = Memory::map_with_deep_stack(Choice::Auto).map_err(Error::new)?;
    let mut names = Names::new();
    let rehearsed = memory.run(|vault| {
        vault.wiped(|page, deep| {
            deep.run(|| {
                let (typed, rest) = page.split_at_mut(TYPED);
                let (record, scratch) = rest.split_at_mut(rest.len() / 2);
                let secrets = secrets(typed)?;
                prepare(plan, &secrets, record, scratch, &mut names)?;
                there
                    .map_or(Ok(false), |key| is_the_same(key, &secrets, record, &mut names))
                    .map_err(Unanswered::from)
            })
        })
    });
    rehearsed.map_err(|unanswered| match unanswered {
        Unanswered::Failed(error) => error,
        Unanswered::Stopped(_) => Error::new("stopped"),
    })
}

/// Runs `work` on a stack in locked memory, with room there that is wiped afterwards.
pub(crate) fn in_locked_memory<R>(work: impl FnOnce(&mut [u8]) -> R) -> Result<R, Error> {
    let memory = Memory::map_with_deep_stack(Choice::Auto).map_err(Error::new)?;
    Ok(memory.run(|vault| vault.wiped(|page, deep| deep.run(|| work(page)))))
}

/// Whether a key holds this secret.
fn is_the_same(key: Key, secrets: &Secrets<'_>, page: &mut [u8], names: &mut Names) -> Result<bool, Error> {
    let mut held = Secret::empty(page);
    held.read(key)?;
    let Ok(record) = Record::parse(held.expose_mut(), names) else { return Ok(false) };
    let credentials = record.credentials(held.expose());
    Ok(credentials.secret == secrets.secret
        && credentials.passphrase.map(str::as_bytes) == secrets.passphrase)
}

/// Keeps other processes of the user, and core files, from what is typed; before anything else is done.
pub(crate) fn shut_memory() -> Result<(), Error> {
    prctl::set_dumpable(false)
        .map_err(|error| Error::new(format_args!("cannot become non-dumpable: {error}")))?;
    // A limit of 0 lets a core be piped to a program, 1 does not.
    match setrlimit(Resource::RLIMIT_CORE, 1, 1) {
        Err(Errno::EPERM) if matches!(getrlimit(Resource::RLIMIT_CORE), Ok((_, 0))) => Ok(()),
        done => done.map_err(|error| Error::new(format_args!("cannot limit core files: {error}"))),
    }
}

/// Has the secret written, makes the record, checks it as a signer will read it, and gives it to the kernel.
///
/// Runs on the stack in locked memory, and uses `page` for everything that holds the secret.
fn store(
    plan: &Plan<'_>,
    secrets: impl for<'t> FnOnce(&'t mut [u8]) -> Result<Secrets<'t>, Unanswered>,
    page: &mut [u8],
    names: &mut Names,
) -> Result<Key, Unanswered> {
    let (typed, rest) = page.split_at_mut(TYPED);
    let (record, scratch) = rest.split_at_mut(rest.len() / 2);
    let secrets = secrets(typed)?;
    let length = prepare(plan, &secrets, record, scratch, names)?;
    let record = &record[..length];
    let stored = match &plan.home {
        Home::Keyring(ring) => keyring::add(*ring, &plan.handle.description, record, scratch),
        Home::Group { gid, .. } => keyring::add_group(&plan.handle.description, record, *gid, scratch),
    };
    Ok(stored.map_err(Error::from)?)
}

/// Makes the record and checks it as a signer will read it; returns its length.
fn prepare(
    plan: &Plan<'_>,
    secrets: &Secrets<'_>,
    record: &mut [u8],
    scratch: &mut [u8],
    names: &mut Names,
) -> Result<usize, Error> {
    secrets.check(plan.handle.exchange)?;
    let length = payload::write(plan, secrets, record)?;
    let copy = &mut scratch[..length];
    copy.copy_from_slice(&record[..length]);
    payload::check(plan, secrets, copy, names)?;
    Ok(length)
}

/// Sets the timeout that was asked for, or the one that replacing has cleared; without it the key does not stay.
fn set_timeout(plan: &Plan<'_>, key: Key, before: Option<&Entry>) -> Result<Option<u32>, Error> {
    let kept = before.and_then(|entry| entry.expires.as_deref()).map(plan::seconds_left);
    let Some(seconds) = plan.timeout.or(kept) else { return Ok(None) };
    if let Err(error) = key.set_timeout(seconds) {
        let removed = key.unlink(plan.home.keyring()).is_ok();
        let _ = key.unlink(Keyring::Process);
        let end =
            if removed { "so the key was removed again" } else { "and the key could not be removed either" };
        return Err(Error::new(format_args!("{error}; {end}")));
    }
    Ok(Some(seconds))
}

/// Says what was stored, where, for what, until when, and who can read it.
fn tell(plan: &Plan<'_>, key: Key, before: Option<&Entry>, left: Option<u32>) -> Result<(), Error> {
    let handle = plan.handle.text;
    let entries = plan.handle.entries()?;
    let done = match before.map(|entry| (entry.state, entry.key == key)) {
        None => format!("stored {handle}"),
        Some((State::Live, true)) => format!("replaced {handle}, at once for running signers too"),
        Some((State::Live, false)) => format!("replaced {handle}; start running signers again"),
        Some((State::Expired, _)) => format!("replaced {handle}, which had expired"),
        Some((State::Revoked, _)) => {
            format!("replaced {handle}, which was revoked; start running signers again")
        }
    };
    remark(&format!("{done}\n  may          {}", plan.grants_in_words()));
    tell_limits(plan);
    let kept = match (plan.timeout, left) {
        (Some(seconds), _) => format!("for {}, and not beyond {}", keys::time(seconds), plan.home.end()),
        (None, Some(seconds)) => format!("for {}, as before (see 'signbox timeout')", keys::time(seconds)),
        (None, None) => format!("until {}", plan.home.end()),
    };
    remark(&format!("  kept         in the {}, {kept}", plan.home));
    if let Home::Group { users, .. } = &plan.home {
        let names: Vec<_> = users.iter().map(|uid| keys::user_name(*uid)).collect();
        remark(&format!("  usable by    {}", names.join(", ")));
    }
    let own = entries.iter().find(|entry| entry.key == key);
    remark(&format!(
        "  readable by  {}",
        own.map_or_else(|| "not known: /proc/keys is hidden".to_owned(), keys::readers)
    ));
    if let Some(other) = entries.iter().find(|entry| entry.key != key && entry.state == State::Live) {
        let first = own.is_some_and(|own| plan::comes_before(own.place, other.place));
        let order = if first { "this one" } else { "that one" };
        remark(&format!(
            "remark: there is another {handle}, {}; signers take {order}",
            keys::whereabouts(other)
        ));
    }
    Ok(())
}

fn tell_limits(plan: &Plan<'_>) {
    for (limit, text) in plan.limits.texts() {
        remark(&format!("  limit        {limit} = {text}"));
    }
}

/// How much of the key area is for what is typed; record and copy share the rest.
const TYPED: usize = 4096;

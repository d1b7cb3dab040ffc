//! `signbox adopt`: moves the secrets in a bot's file into the kernel, and leaves placeholders and handles in the file.
//!
//! The order is what makes it safe to be stopped at any point and begun again: first all checks, then the copy without
//! secrets, then the keys go into the kernel, and only when all are there the new file takes the place of the old one, in
//! one step. So a secret stands in the file or in the kernel, or for a while in both.

mod hummingbot;
mod original;
mod rewrite;

use crate::add::{self, Plan, Secrets};
use crate::cli::Adopt;
use crate::error::Error;
use crate::files::{Account, Accounts, Field, Format, accounts, is_no_secret};
use crate::output::{print, remark};
use crate::placeholder;
use crate::prompt::Unanswered;
use hummingbot::Password;
pub(crate) use hummingbot::is_encrypted;
use original::Original;
use signbox_exchanges::{Credentials, KeyKind};
use signbox_keyring::State;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

pub(crate) fn run(args: &Adopt) -> Result<ExitCode, Error> {
    add::shut_memory()?;
    let original = Original::open(&args.file)?;
    let text = original.text();
    let format = Format::of(&args.file, text).ok_or_else(|| {
        original.error(
            "is neither JSON nor a .env file nor YAML by its name or its beginning; 'signbox add' takes a secret from \
             anywhere",
        )
    })?;
    let fields = format.fields(text).map_err(|odd| original.error_at(odd.line, odd.why))?;
    let encrypted = fields.iter().any(|field| is_encrypted(&text[field.value.clone()]));
    let password = encrypted.then(|| Password::get(args.password_fd)).transpose()?;
    let file = File { text, fields: &fields, password: password.as_ref() };
    let named = args.exchange.as_deref();
    if let Some(id) = named.filter(|id| signbox_exchanges::exchange(id).is_none()) {
        return Err(Error::new(format_args!(
            "no exchange is called '{id}'; 'signbox exchanges' lists those there are"
        )));
    }
    let accounts = accounts(text, &fields, named);
    let takings = takings(args, &original, &file, &accounts)?;
    if takings.is_empty() {
        remark(&format!("{}: no secret of an exchange, so there is nothing to do", args.file.display()));
        return Ok(ExitCode::SUCCESS);
    }
    let plans: Vec<Plan<'_>> =
        takings.iter().map(|taking| taking.plan(args)).collect::<Result<_, Error>>()?;
    let mut placed = Vec::new();
    for (taking, plan) in takings.iter().zip(&plans) {
        let kind = taking.check(args, &original, &file, plan)?;
        placed.push((taking, placeholder::of(plan.handle.exchange, kind)));
    }
    let new = rewrite::with_placeholders(format, &file, &placed)
        .map_err(|odd| original.error_at(odd.line, odd.why))?;
    let plan_in_words = in_words(args, &original, &fields, &takings, &plans);
    if args.dry_run {
        print(&plan_in_words)?;
        return Ok(ExitCode::SUCCESS);
    }
    remark(plan_in_words.trim_end());
    if !args.yes && !confirmed()? {
        remark("signbox: nothing was done");
        return Ok(ExitCode::FAILURE);
    }
    let backup = original.back_up(&rewrite::without_secrets(text, &fields))?;
    for (taking, plan) in takings.iter().zip(&plans) {
        plan.warn();
        plan.warn_of_the_missing();
        let code = add::keep(plan, |typed| taking.read(&file, typed))?;
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
    original.replace(&new)?;
    remark(&format!(
        "{} has placeholders now; as it was, without secrets: {}",
        args.file.display(),
        backup.display()
    ));
    advise(&original, &takings, &plans);
    Ok(ExitCode::SUCCESS)
}

/// A file that was read.
pub(crate) struct File<'a> {
    text: &'a [u8],
    fields: &'a [Field],
    /// What values are encrypted with.
    password: Option<&'a Password>,
}

impl File<'_> {
    fn raw(&self, at: usize) -> &[u8] {
        &self.text[self.fields[at].value.clone()]
    }

    /// Reads a value into locked memory.
    fn read<'t>(&self, at: usize, room: &'t mut [u8]) -> Result<&'t [u8], Error> {
        let (field, raw) = (&self.fields[at], self.raw(at));
        let length = match self.password.filter(|_| is_encrypted(raw)) {
            Some(password) => password.decrypt(raw, room),
            None => field.read(self.text, room),
        };
        let length = length.map_err(|why| Error::new(format_args!("line {}: {why}", field.line)))?;
        let value = &room[..length];
        // A private key may have been read from a file, with its last line end.
        Ok(if value.starts_with(b"-----BEGIN") { value.trim_ascii_end() } else { value })
    }

    /// A value that is no secret.
    fn text(&self, at: usize) -> Result<String, Error> {
        if !is_encrypted(self.raw(at)) {
            return self.fields[at].text(self.text);
        }
        let read =
            add::in_locked_memory(|room| Ok(String::from_utf8_lossy(self.read(at, room)?).into_owned()));
        read?
    }

    /// Whether a value is nothing, a hint or a placeholder, encrypted or not.
    fn is_no_secret(&self, at: usize) -> Result<bool, Error> {
        if !is_encrypted(self.raw(at)) {
            return Ok(is_no_secret(self.raw(at)));
        }
        add::in_locked_memory(|room| Ok(is_no_secret(self.read(at, room)?)))?
    }
}

/// An account that is to be moved.
pub(crate) struct Taking<'a> {
    account: &'a Account,
    handle: String,
    key: Option<String>,
    uid: Option<String>,
    passphrase: Option<usize>,
}

impl Taking<'_> {
    fn plan<'a>(&'a self, args: &'a Adopt) -> Result<Plan<'a>, Error> {
        let with = (self.key.as_deref(), self.uid.as_deref());
        Plan::with(&self.handle, with, &args.terms, self.passphrase.is_some())
    }

    /// Reads secret and passphrase into `typed`.
    fn read<'t>(&self, file: &File<'_>, typed: &'t mut [u8]) -> Result<Secrets<'t>, Unanswered> {
        let (first, second) = typed.split_at_mut(typed.len() / 2);
        let secret = file.read(self.account.secret, first)?;
        let passphrase = self.passphrase.map(|at| file.read(at, second)).transpose()?;
        Ok(Secrets { secret, passphrase, key: None })
    }

    /// Does all checks that storing will do, and says of which kind the secret is.
    fn check(
        &self,
        args: &Adopt,
        original: &Original,
        file: &File<'_>,
        plan: &Plan<'_>,
    ) -> Result<KeyKind, Error> {
        let exchange = plan.handle.exchange;
        let there = plan.there_already()?.filter(|entry| entry.state == State::Live && !args.replace);
        let mut kind = KeyKind::Hmac;
        let same = add::rehearse(
            plan,
            |typed| {
                let secrets = self.read(file, typed)?;
                let credentials =
                    Credentials { key: None, secret: secrets.secret, passphrase: None, uid: None };
                kind = exchange.kind(&credentials);
                Ok(secrets)
            },
            there.as_ref().map(|entry| entry.key),
        );
        let line = file.fields[self.account.secret].line;
        match same {
            Ok(true) => Ok(kind),
            Ok(false) if there.is_none() => Ok(kind),
            Ok(false) => Err(original.error_at(
                line,
                &format!(
                    "there is a key {} already, with another secret; choose another name with --label, or put this secret \
                     in its place with --replace",
                    self.handle
                ),
            )),
            Err(error) => {
                Err(original.error_at(line, &error.to_string().replace("; nothing was stored", "")))
            }
        }
    }
}

/// The accounts with the handles that they get.
fn takings<'a>(
    args: &Adopt,
    original: &Original,
    file: &File<'_>,
    accounts: &'a Accounts,
) -> Result<Vec<Taking<'a>>, Error> {
    let fields = file.fields;
    if let Some(at) = accounts.unknown.first() {
        return Err(original.error_at(
            fields[*at].line,
            "a secret beside an API key, and nothing says of which exchange; name it with --exchange",
        ));
    }
    let mut takings: Vec<Taking<'_>> = Vec::new();
    for account in &accounts.found {
        if file.is_no_secret(account.secret)? {
            continue; // encrypted before
        }
        let line = fields[account.secret].line;
        let several = accounts.found.iter().filter(|other| other.exchange == account.exchange).count() > 1;
        let before = account.handle.map(|at| file.text(at)).transpose()?;
        let own = before.as_deref().and_then(|handle| handle.split_once('/'));
        let own =
            own.filter(|(exchange, _)| *exchange == account.exchange).map(|(_, label)| label.to_owned());
        let of_names = account.label.join("-");
        let label =
            match args.label.clone() {
                Some(label) if several && !of_names.is_empty() => format!("{label}-{of_names}"),
                Some(label) => label,
                None => own.unwrap_or_else(|| {
                    if several && !of_names.is_empty() { of_names } else { "main".to_owned() }
                }),
            };
        let handle = format!("{}/{label}", account.exchange);
        if takings.iter().any(|other| other.handle == handle) {
            return Err(original.error_at(
                line,
                &format!("a second account of {}, and nothing says what to call it", account.exchange),
            ));
        }
        let exchange = signbox_exchanges::exchange(&account.exchange);
        let wants = exchange.is_some_and(|exchange| exchange.passphrase);
        let set = |at: &usize| !is_no_secret(file.raw(*at));
        let passphrase = account.passphrase.filter(set).filter(|_| wants);
        if wants && passphrase.is_none() {
            return Err(original.error_at(
                line,
                &format!("a key of {} has a passphrase, and there is none beside it", account.exchange),
            ));
        }
        let text_of = |at: Option<usize>| at.filter(set).map(|at| file.text(at)).transpose();
        let (key, uid) = (text_of(account.key)?, text_of(account.uid)?);
        takings.push(Taking { account, handle, key, uid, passphrase });
    }
    Ok(takings)
}

/// What is going to be done.
fn in_words(
    args: &Adopt,
    original: &Original,
    fields: &[Field],
    takings: &[Taking<'_>],
    plans: &[Plan<'_>],
) -> String {
    let mut words = String::new();
    for (taking, plan) in takings.iter().zip(plans) {
        let line = fields[taking.account.secret].line;
        let with = if taking.passphrase.is_some() { "secret and passphrase" } else { "secret" };
        let key =
            taking.key.as_deref().map_or("no API key".to_owned(), |key| format!("API key {}", short(key)));
        words += &format!(
            "{}:{line}: {with} of {} ({key}) to {}, in the {}, until {}\n",
            args.file.display(),
            plan.handle.exchange.name,
            taking.handle,
            plan.home,
            plan.home.end()
        );
    }
    if original.is_in_git() {
        words += "remark: the file lies in a git repository; if it was ever committed, the secret stays in its history\n";
    }
    words
}

fn confirmed() -> Result<bool, Error> {
    if !io::stdin().is_terminal() {
        return Err(Error::new(
            "there is no terminal to ask on; look at it with --dry-run, and then say --yes",
        ));
    }
    let _ = write!(io::stderr(), "The secrets will be nowhere else. Go on? [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// What is left to do at the exchanges.
fn advise(original: &Original, takings: &[Taking<'_>], plans: &[Plan<'_>]) {
    remark(
        "\nThese secrets lay on a disk, so take them for known: copies may be in backups, in snapshots, in what other programs \
         wrote, and in freed blocks. For each:",
    );
    for (taking, plan) in takings.iter().zip(plans) {
        let exchange = plan.handle.exchange;
        let page = exchange.keys_page.map_or("the exchange", |page| page.text());
        remark(&format!(
            "  {}: make a new API key at {page}, give its secret to 'signbox add {} --key NEW' (with the options of now), and delete {} there",
            exchange.name,
            taking.handle,
            taking.key.as_deref().map_or("the old one".to_owned(), |key| format!("API key {}", short(key))),
        ));
    }
    if original.is_in_git() {
        remark("  git: the file lies in a repository; what was committed stays in its history");
    }
    let handles: Vec<&str> = takings.iter().map(|taking| taking.handle.as_str()).collect();
    remark(&format!("next: signbox run {} -- YOUR BOT", handles.join(" ")));
}

/// An API key, cut short: it is no secret, but need not stand in every log.
fn short(key: &str) -> String {
    let start: String = key.chars().take(6).collect();
    let start = start.escape_debug();
    if key.chars().count() > 6 { format!("{start}...") } else { start.to_string() }
}

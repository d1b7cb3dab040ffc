//! `signbox keygen`: draws a private key in locked memory, gives it to the kernel, and prints its public half.

use crate::add::{self, Plan, Secrets};
use crate::cli::{KeyType, Keygen};
use crate::error::Error;
use crate::output::{print, remark};
use signbox_exchanges::{
    Exchange, KeyKind, LONGEST_PRIVATE_TEXT, LONGEST_PUBLIC, PublicForm, private_text, public_of, public_text,
};
use std::process::ExitCode;

pub(crate) fn run(args: &Keygen) -> Result<ExitCode, Error> {
    add::shut_memory()?;
    let plan = Plan::of(&args.handle, &args.keep, false)?;
    let exchange = plan.handle.exchange;
    let kind = kind(exchange, args.kind)?;
    let form = form(exchange)?;
    plan.warn();
    let mut public = String::new();
    let code = add::keep(&plan, |typed| Ok(draw(kind, form, typed, &mut public)?))?;
    print(&format!("{public}\n"))?;
    let name = exchange.name;
    remark(&match (form, plan.key) {
        (PublicForm::Pem, Some(_)) => {
            format!("next: give this public key to {name}, for the API key that was named")
        }
        (PublicForm::Pem, None) => format!(
            "next: give this public key to {name}; the API key that it shows then is what every request must carry"
        ),
        _ => format!("next: give this public key to {name}; it is the API key too, and stored as that"),
    });
    Ok(code)
}

/// Draws the key into `typed`: the number, the private key as text, and where it is the API key, the public one.
fn draw<'t>(
    kind: KeyKind,
    form: PublicForm,
    typed: &'t mut [u8],
    public: &mut String,
) -> Result<Secrets<'t>, Error> {
    let short = || Error::new("there is no room for the key");
    let (number, rest) = typed.split_first_chunk_mut::<32>().ok_or_else(short)?;
    let (text, rest) = rest.split_first_chunk_mut::<LONGEST_PRIVATE_TEXT>().ok_or_else(short)?;
    getrandom::fill(number)
        .map_err(|error| Error::new(format_args!("the kernel gives no random bytes: {error}")))?;
    let length = private_text(kind, number, text).map_err(Error::new)?;
    let secret = &text[..length];
    let mut info = [0; LONGEST_PUBLIC];
    let length = public_of(kind, secret, &mut info).map_err(Error::new)?;
    *public = public_text(&info[..length], form);
    let key = if form == PublicForm::Pem {
        None
    } else {
        let place = rest.get_mut(..public.len()).ok_or_else(short)?;
        place.copy_from_slice(public.as_bytes());
        std::str::from_utf8(place).ok()
    };
    Ok(Secrets { secret, passphrase: None, key })
}

/// The kind that was asked for, if the exchange takes it, or the first one that it takes.
fn kind(exchange: &Exchange, asked: Option<KeyType>) -> Result<KeyKind, Error> {
    let known = [(KeyType::Ed25519, KeyKind::Ed25519, "ed25519"), (KeyType::P256, KeyKind::P256, "p256")];
    let taken = || known.iter().filter(|(_, kind, _)| exchange.kinds.contains(kind));
    let name = exchange.name;
    let Some((_, first, word)) = taken().next() else {
        return Err(Error::new(format_args!(
            "{name} takes no public key of a kind that is made here; 'signbox add' takes the secret that it shows"
        )));
    };
    match asked {
        None => Ok(*first),
        Some(asked) => match taken().find(|(kind, ..)| *kind == asked) {
            Some((_, kind, _)) => Ok(*kind),
            None => Err(Error::new(format_args!("{name} takes no key of that kind; try '--type {word}'"))),
        },
    }
}

/// What the exchange's page wants to have pasted.
fn form(exchange: &Exchange) -> Result<PublicForm, Error> {
    exchange.public.ok_or_else(|| {
        Error::new(format_args!(
            "{} makes its keys itself and takes no public key; 'signbox add' takes the secret that it shows",
            exchange.name
        ))
    })
}

//! Logins over a WebSocket: a signature that gives a connection what its API key may do, as members of a JSON object.
//!
//! A login is signed by a scheme as a request is; what a request has in its body, a login has in the object. What the
//! exchange does with a signature is not what the caller says, but what it signs: so a login's text is made of what stands in
//! the catalogue and of the words that it takes, and a request whose signature would be one is told by [`Exchange::fits_login`].

use crate::asymmetric::KeyKind;
use crate::catalogue::{Exchange, Name, Of};
use crate::mac::Keyed;
use crate::parts::{BodyKind, Parts};
use crate::scheme::{Place, Scheme};
use crate::signed::{Clock, Credentials, Error, Signed};

/// One way to log in.
#[derive(Debug)]
pub struct Login {
    /// What a question calls it.
    pub name: Name,
    /// How it is signed; none where a request buys a token.
    pub scheme: Of<Scheme>,
    /// What the client may say.
    pub takes: Of<Take>,
    /// The request that buys a token, as `METHOD /path`.
    pub rest: Option<Name>,
    /// The path that stands in its text where a request has its own.
    pub path: Option<Name>,
    /// What a request's text has in it if its signature is good for this too.
    pub fits: Of<Name>,
}

/// A member that the client says.
#[derive(Debug)]
pub struct Take {
    /// The member.
    pub name: Name,
    /// The values that it may have; none means any word of letters, digits, `-`, `_` and `.`.
    pub values: Of<Name>,
}

impl Exchange {
    /// The login of this name for a key of this kind, or the first for one.
    ///
    /// Fails with what there is instead.
    pub fn login(&self, name: Option<&str>, kind: KeyKind) -> Result<&'static Login, &'static str> {
        if self.logins.is_empty() {
            return Err("the catalogue knows no login of this exchange");
        }
        let called = |login: &&Login| name.is_none_or(|name| login.name.text() == name);
        let mut called = self.logins.items().iter().filter(called).peekable();
        if called.peek().is_none() {
            return Err("this exchange has no login of that name");
        }
        let fits = |login: &&Login| {
            login.rest.is_some() || login.scheme.first().is_some_and(|scheme| scheme.kind == kind)
        };
        called.find(fits).ok_or("a key of this kind cannot log in so")
    }

    /// Whether the signature of a request would be a login's too.
    pub fn fits_login(&self, parts: &Parts<'_>) -> bool {
        self.logins.iter().any(|login| {
            login.path.is_some_and(|path| path.text() == parts.path)
                || login.fits.iter().any(|text| holds(parts, text.text()))
        })
    }

    /// Signs a login into `out`, whose body is then the object with everything in it. `parts` has the object that the client
    /// has sent as its body.
    pub fn sign_login(
        &self,
        login: &'static Login,
        parts: &Parts<'_>,
        credentials: &Credentials<'_>,
        keyed: &mut Keyed,
        clock: &Clock,
        out: &mut Signed,
    ) -> Result<(), Error> {
        let scheme = login.scheme.items().first().ok_or(Error::Request("this login is a request"))?;
        if parts.kind != BodyKind::Object {
            return Err(Error::Request("the fields of a login are a JSON object"));
        }
        // One that the client chose would be signed as a part of the text.
        if scheme.key.is_some() && credentials.key.is_none() {
            return Err(Error::Request(
                "no API key: a login needs the one of the record; add it with 'signbox add --key'",
            ));
        }
        for param in parts.params {
            let (name, value) = (parts.name(param), parts.value(param));
            if let Some(take) = login.takes.iter().find(|take| take.name.text() == name) {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
                let known = take.values.is_empty() || take.values.iter().any(|known| known.text() == value);
                if value.is_empty() || !value.bytes().all(plain) || !known {
                    return Err(Error::Field(take.name, "is not what this login takes there"));
                }
            } else if !places(scheme).any(|place| place.name().is_some_and(|known| known.text() == name)) {
                return Err(Error::Request("a login with a field that it does not take"));
            }
        }
        // Its time is of another unit than the requests', and rises by itself.
        self.sign_by(scheme, parts, credentials, keyed, &Clock { last: 0, ..*clock }, out)
    }
}

/// Where signing a login writes or looks.
fn places(scheme: &Scheme) -> impl Iterator<Item = Place> {
    let one = [
        scheme.key,
        scheme.uid,
        scheme.passphrase.map(|(place, _)| place),
        scheme.time.map(|time| time.place),
        scheme.nonce.map(|nonce| nonce.place),
    ];
    let fields = scheme.must.items().iter().chain(scheme.defaults.items()).map(|field| field.place);
    one.into_iter().flatten().chain(fields).chain(scheme.signature.items().iter().copied())
}

/// Whether a text stands in the query, in the body, or where the one ends and the other begins.
fn holds(parts: &Parts<'_>, text: &str) -> bool {
    let split = |at: usize| parts.query.ends_with(&text[..at]) && parts.body.starts_with(&text[at..]);
    parts.query.contains(text) || parts.body.contains(text) || (1..text.len()).any(split)
}

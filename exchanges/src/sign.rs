//! The engine: a request that was taken apart becomes the same request, signed.
//!
//! The straight path is [`Exchange::sign`]: copy, add what is missing, build the message, sign it, place the
//! signature. What tokens mean is in `message`, how texts are edited in `edit`, the cryptography in `mac`.

use crate::asymmetric::{self, KeyKind};
use crate::catalogue::{Exchange, Of};
use crate::edit::{self, Edit};
use crate::json;
use crate::mac::{self, Keyed, Signing};
use crate::message::Source;
use crate::parts::{BodyKind, Parts};
use crate::scheme::{Field, Fresh, Place, Scheme, Token, Unit};
use crate::signed::{Clock, Credentials, Error, HeaderValue, Signed};
use crate::template::{Found, find};
use crate::text::{Room, TOO_LONG};
use crate::time::Stamp;

impl Exchange {
    /// The kind of a key.
    pub fn kind(&self, credentials: &Credentials<'_>) -> KeyKind {
        asymmetric::kind_of(credentials.secret, self.kinds.items())
    }

    /// Whether a secret is written as this exchange writes its secrets.
    pub fn check_secret(&self, secret: &[u8]) -> Result<(), &'static str> {
        if asymmetric::check(secret, self.kinds.items())? == KeyKind::Hmac {
            return mac::key(self.secret, secret, &mut [0; mac::LONGEST_KEY]).map(drop);
        }
        Ok(())
    }

    /// Signs a request that was taken apart and permitted, into `out`.
    ///
    /// A signature that the request carries is dropped, its API key replaced by the record's, and
    /// its time checked; what is missing is added. Nothing else is touched, but for parameters that the
    /// exchange wants percent-encoded and that are not. `keyed` must have been made for no other credentials
    /// than these.
    pub fn sign(
        &self,
        parts: &Parts<'_>,
        credentials: &Credentials<'_>,
        keyed: &mut Keyed,
        clock: &Clock,
        out: &mut Signed,
    ) -> Result<(), Error> {
        let scheme = self.scheme(parts, self.kind(credentials))?;
        self.sign_by(scheme, parts, credentials, keyed, clock, out)
    }

    /// The same, by a scheme that was chosen.
    pub(crate) fn sign_by(
        &self,
        scheme: &'static Scheme,
        parts: &Parts<'_>,
        credentials: &Credentials<'_>,
        keyed: &mut Keyed,
        clock: &Clock,
        out: &mut Signed,
    ) -> Result<(), Error> {
        let kind = scheme.kind;
        let mut work = Work { exchange: self, scheme, parts, credentials, out };
        let old = work.copy()?;
        work.place_credentials()?;
        work.place_fields(&scheme.must, true)?;
        work.place_fields(&scheme.defaults, false)?;
        let found = work.read_headers()?;
        work.place_time(clock, &found)?;
        work.place_nonce(clock, &found)?;
        let by = Signing { algorithm: scheme.algorithm, kind, form: self.secret, secret: credentials.secret };
        work.sign_passphrase(&by, keyed)?;
        work.with_text(|source, room| source.write(&scheme.message, room))?;
        work.out.signature.clear();
        keyed.sign(&by, &work.out.text, scheme.encoding, &mut work.out.signature)?;
        work.place_signature(&old)?;
        for Field { place, value } in scheme.headers.iter() {
            work.with_text(|source, room| source.write(value, room))?;
            work.put_text(place, true)?;
        }
        work.check_content_type()?;
        work.carry()
    }

    /// The scheme for a request and a kind of key, if what the request carries can be signed at all.
    fn scheme(&self, parts: &Parts<'_>, kind: KeyKind) -> Result<&'static Scheme, Error> {
        if let Some(why) = self.unsignable {
            return Err(Error::Request(why.text()));
        }
        let mut fitting = self.schemes.items().iter().filter(|scheme| scheme.fits(parts));
        let Some(scheme) = fitting.clone().find(|scheme| scheme.kind == kind) else {
            return Err(match fitting.next() {
                Some(_) => {
                    Error::Secret("the secret is of a kind of key that this exchange does not take here")
                }
                None => Error::Request("this exchange does not sign a body with this method"),
            });
        };
        if !parts.query.is_empty() && !scheme.signs_query {
            return Err(Error::Request(
                "this exchange does not sign the query; put the parameters in the body",
            ));
        }
        if parts.kind != BodyKind::None && !scheme.signs_body {
            return Err(Error::Request(
                "this exchange does not sign a body; put the parameters in the query",
            ));
        }
        Ok(scheme)
    }

    /// Whether a key of this exchange has a public half that requests name it by.
    pub fn has_api_key(&self) -> bool {
        let holds = |tokens: &Of<Token>| holds_key(tokens);
        self.schemes.iter().any(|scheme| {
            scheme.key.is_some()
                || holds(&scheme.message)
                || scheme.headers.iter().any(|field| holds(&field.value))
        })
    }

    /// Where each scheme that may sign a request stands: of each kind of key the first that fits.
    pub(crate) fn schemes_of(&self, parts: &Parts<'_>) -> impl Iterator<Item = (usize, &'static Scheme)> {
        let all = self.schemes.items();
        self.kinds.items().iter().filter_map(move |kind| {
            all.iter().enumerate().find(|(_, scheme)| scheme.kind == *kind && scheme.fits(parts))
        })
    }
}

impl Scheme {
    /// Whether it is for a request.
    pub(crate) fn fits(&self, parts: &Parts<'_>) -> bool {
        self.always || self.holds(parts)
    }

    #[inline(never)]
    fn holds(&self, parts: &Parts<'_>) -> bool {
        (self.methods == 0 || self.methods & 1 << (parts.method as u8) != 0)
            && (self.paths.is_empty() || self.paths.iter().any(|start| parts.path.starts_with(start.text())))
            && self.with_body.is_none_or(|wanted| wanted.is(parts.kind))
            && self.with_query.is_none_or(|wanted| wanted != parts.query.is_empty())
            && (self.hosts.is_empty() || self.hosts.iter().any(|host| parts.is_at_host(host)))
            && self.field.is_none_or(|(name, values)| {
                let value = parts.field(&name);
                value.is_some_and(|value| values.iter().any(|known| known.text() == value))
            })
    }
}

fn holds_key(tokens: &[Token]) -> bool {
    tokens.iter().any(|token| match token {
        Token::Of(_, inner) => holds_key(inner),
        token => *token == Token::Key,
    })
}

/// One request on its way.
struct Work<'w, 'a> {
    exchange: &'a Exchange,
    scheme: &'static Scheme,
    parts: &'a Parts<'a>,
    credentials: &'a Credentials<'a>,
    out: &'w mut Signed,
}

impl<'a> Work<'_, 'a> {
    /// Copies query and body, but for a signature in one of them: where that stood is returned.
    fn copy(&mut self) -> Result<Edit<'a>, Error> {
        let Signed { query, body, headers, .. } = &mut *self.out;
        headers.clear();
        query.clear();
        body.clear();
        let edit = Edit::of(self.exchange, self.scheme, self.parts);
        edit.copy(query, body)
    }

    fn place_credentials(&mut self) -> Result<(), Error> {
        let scheme = self.scheme;
        for (place, value, header, missing) in [
            (scheme.key, self.credentials.key, HeaderValue::Key, KEY_MISSING),
            (scheme.uid, self.credentials.uid, HeaderValue::Uid, UID_MISSING),
        ] {
            match (place, value) {
                (Some(Place::Header(name)), _) => self.out.headers.put(name, header),
                (Some(place), Some(value)) if self.parts.at(&place) == Some(value) => {}
                (Some(place), Some(value)) => self.put(&place, value, true, true)?,
                (Some(place), None) if self.parts.at(&place).is_none() => return Err(missing),
                _ => {}
            }
        }
        match (scheme.passphrase, self.credentials.passphrase) {
            (Some((Place::Header(name), false)), None) if self.parts.header(&name).is_none() => {
                return Err(Error::Field(name, NO_PASSPHRASE));
            }
            (Some((Place::Header(name), false)), _) => self.out.headers.put(name, HeaderValue::Passphrase),
            (Some((place, false)), Some(passphrase)) => self.put(&place, passphrase, true, true)?,
            (Some((place, false)), None) => {
                return Err(place.name().map_or(TOO_LONG, |name| Error::Field(name, NO_PASSPHRASE)));
            }
            _ => {}
        }
        Ok(())
    }

    fn place_fields(&mut self, fields: &[Field], must: bool) -> Result<(), Error> {
        for Field { place, value } in fields {
            let Some(given) = self.parts.at(place) else {
                self.with_text(|source, room| source.write(value, room))?;
                self.put_text(place, true)?;
                continue;
            };
            if must {
                self.with_text(|source, room| source.write(value, room))?;
                let name = place.name().ok_or(TOO_LONG)?;
                if !edit::same(given, &self.out.text) {
                    return Err(Error::Field(name, "is not what this exchange wants for this request"));
                }
            }
        }
        Ok(())
    }

    /// What a header that is made of tokens says of the time and the nonce.
    fn read_headers(&mut self) -> Result<Found, Error> {
        let scheme = self.scheme;
        let inside = |place: Option<Place>| place == Some(Place::Headers);
        let mut found = Found::default();
        if inside(scheme.time.map(|time| time.place)) || inside(scheme.nonce.map(|nonce| nonce.place)) {
            for Field { place, value } in scheme.headers.iter() {
                if let Some(given) = self.parts.at(place) {
                    self.with_text(|source, room| {
                        found = find(source, value, given, room);
                        Ok(())
                    })?;
                }
            }
        }
        Ok(found)
    }

    /// The request's time checked, or a new one made and placed.
    fn place_time(&mut self, clock: &Clock, found: &Found) -> Result<(), Error> {
        let Some(time) = self.scheme.time else {
            self.out.stamp = Stamp::none(clock.last);
            return Ok(());
        };
        let given = match time.place {
            Place::Headers => found.time(),
            place => self.parts.at(&place),
        };
        // One that another part of the request demands was placed just now.
        let demanded = || {
            let must = self.scheme.must.iter().any(|field| field.place == time.place);
            let name = time.place.name().filter(|_| must)?;
            json::find(&self.out.body, &name).map(|span| self.out.body[span].trim_matches('"'))
        };
        let given = given.or_else(demanded);
        match given {
            Some(text) => {
                let stamp = Stamp::check(&time, text, clock.now_ns, clock.last, clock.skew);
                self.out.stamp = stamp.map_err(Error::Stale)?;
            }
            None if time.optional && self.signed_already() => {
                self.out.stamp = Stamp::none(clock.last);
                return Ok(());
            }
            None => self.out.stamp = Stamp::mint(&time, clock.now_ns, clock.last),
        }
        match time.place {
            // Also one that was given: a client may have written the name in another case.
            Place::Header(name) => {
                let Signed { headers, stamp, .. } = &mut *self.out;
                headers.put_text(name, stamp.text())
            }
            place if given.is_none() => {
                let stamp = core::mem::take(&mut self.out.stamp);
                let placed = self.put(&place, stamp.text(), time.text, false);
                self.out.stamp = stamp;
                placed
            }
            _ => Ok(()),
        }
    }

    /// Whether the request carries a signature: a library has made it, and left out what it does not use.
    fn signed_already(&self) -> bool {
        self.scheme.signature.iter().any(|place| self.parts.at(place).is_some())
    }

    /// The request's nonce taken over, or a new one made and placed.
    fn place_nonce(&mut self, clock: &Clock, found: &Found) -> Result<(), Error> {
        self.out.nonce.clear();
        let Some(nonce) = self.scheme.nonce else { return Ok(()) };
        let given = match nonce.place {
            Place::Headers => found.nonce(),
            place => self.parts.at(&place),
        };
        if let Some(text) = given {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
            if text.is_empty() || text.len() > 64 || !text.bytes().all(plain) {
                let name =
                    nonce.place.name().or_else(|| self.scheme.headers.first().and_then(|f| f.place.name()));
                return Err(name.map_or(TOO_LONG, |name| Error::Field(name, "holds an odd nonce")));
            }
            self.out.nonce.push_str(text);
            return Ok(());
        }
        match nonce.fresh {
            Fresh::Time(unit) => {
                let own = self.scheme.time.map_or(Unit::Millis, |time| time.unit);
                let stamp = self.out.stamp.again(own, unit, 0);
                self.out.nonce.push_str(stamp.text());
            }
            fresh => edit::push_unique(&mut self.out.nonce, fresh, clock.unique),
        }
        let text = core::mem::take(&mut self.out.nonce);
        let placed = self.put(&nonce.place, &text, true, false);
        self.out.nonce = text;
        placed
    }

    /// A passphrase that travels only as its own HMAC.
    fn sign_passphrase(&mut self, by: &Signing<'_>, keyed: &mut Keyed) -> Result<(), Error> {
        let Some((Place::Header(name), true)) = self.scheme.passphrase else { return Ok(()) };
        let passphrase = self.credentials.passphrase.ok_or(Error::Field(name, NO_PASSPHRASE))?;
        self.out.signature.clear();
        keyed.sign(by, passphrase.as_bytes(), crate::scheme::Encoding::Base64, &mut self.out.signature)?;
        let Signed { headers, signature, .. } = &mut *self.out;
        headers.put_text(name, signature)
    }

    fn place_signature(&mut self, old: &Edit<'_>) -> Result<(), Error> {
        let signature = core::mem::take(&mut self.out.signature);
        let quoted = self.scheme.encoding != crate::scheme::Encoding::Rsv;
        for place in self.scheme.signature.iter() {
            let Signed { query, body, .. } = &mut *self.out;
            if !old.put_back(place, &signature, query, body)? {
                self.put(place, &signature, quoted, false)?;
            }
        }
        self.out.signature = signature;
        Ok(())
    }

    /// Whether the body is still what `Content-Type` says, where signing has made one of them.
    fn check_content_type(&self) -> Result<(), Error> {
        let kind = match self.parts.kind {
            BodyKind::None if self.out.body.is_empty() => return Ok(()),
            BodyKind::None if self.out.body.starts_with('{') => BodyKind::Object,
            BodyKind::None => BodyKind::Form,
            given => given,
        };
        let made = self.out.headers.get("Content-Type", self.credentials);
        if made.is_none() && kind == self.parts.kind {
            return Ok(());
        }
        let said = made.or_else(|| self.parts.header("Content-Type"));
        self.exchange.check_content_type(said, kind).map_err(Error::Request)
    }

    /// The body goes into the header that carries it; what is sent as the body stays.
    fn carry(&mut self) -> Result<(), Error> {
        let Some(name) = self.exchange.carrier else { return Ok(()) };
        let Signed { body, headers, text, .. } = &mut *self.out;
        if text.capacity() < body.len().div_ceil(3) * 4 {
            return Err(TOO_LONG);
        }
        text.resize(body.len().div_ceil(3) * 4, 0);
        let payload = mac::base64(body.as_bytes(), false, text);
        headers.put_text(name, payload)?;
        body.clear();
        edit::push(body, if self.exchange.carrier_body { payload } else { self.parts.sent.unwrap_or("") })
    }

    /// Runs `work` with everything that tokens speak of, and room that is empty.
    fn with_text<R>(
        &mut self,
        work: impl FnOnce(&Source<'_>, &mut Room<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let Signed { query, body, stamp, headers, nonce, signature, text, lists } = &mut *self.out;
        text.clear();
        let source = Source {
            exchange: self.exchange,
            scheme: self.scheme,
            parts: self.parts,
            credentials: self.credentials,
            query,
            body,
            stamp,
            nonce,
            headers,
            signature,
        };
        work(&source, &mut Room { text, lists })
    }

    /// Puts the text that was made last at `place`.
    fn put_text(&mut self, place: &Place, quoted: bool) -> Result<(), Error> {
        let text = core::mem::take(&mut self.out.text);
        let placed = match core::str::from_utf8(&text) {
            Ok(text) => self.put(place, text, quoted, false),
            Err(_) => Err(Error::Request("a header that would not be UTF-8")),
        };
        self.out.text = text;
        placed
    }

    /// Puts a value where it belongs; `replace` if one may be there already.
    fn put(&mut self, place: &Place, value: &str, quoted: bool, replace: bool) -> Result<(), Error> {
        let Signed { query, body, headers, .. } = &mut *self.out;
        let (name, in_body, front) = match *place {
            Place::Headers => return Ok(()),
            Place::Header(name) => return headers.put_text(name, value),
            Place::Query(name) => (name, false, false),
            // Also one that is empty by now: it was nothing but a signature.
            Place::Params(name) => (name, self.parts.kind != BodyKind::None || !body.is_empty(), false),
            Place::Body(name) => (name, true, true),
        };
        let text = if in_body { body } else { query };
        let there = self.parts.at(place).is_some();
        match self.parts.kind {
            BodyKind::List if in_body => Err(Error::Field(name, "has no place in a JSON list")),
            BodyKind::Object if in_body => edit::put_member(text, &name, value, quoted, there),
            BodyKind::None if in_body && !self.exchange.bodies.form => {
                edit::put_member(text, &name, value, quoted, there)
            }
            _ if replace && edit::replace_param(text, &name, value)? => Ok(()),
            _ => edit::put_param(text, &name, value, front),
        }
    }
}

const NO_PASSPHRASE: &str =
    "cannot be made: the key was stored without its passphrase; add it again with --passphrase";
const KEY_MISSING: Error =
    Error::Request("no API key: store one with 'signbox add --key', or send it in the request");
const UID_MISSING: Error = Error::Request(
    "no uid (account number, client id or memo): store one with 'signbox add --uid', or send it in the request",
);

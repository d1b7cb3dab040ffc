//! The catalogue's types, and the catalogue itself: every exchange as constants, made at build time
//! from `exchanges/catalog/` by `build.rs`.

use core::fmt;

/// One exchange: how its requests are signed and what its endpoints do.
#[derive(Debug)]
pub struct Exchange {
    /// The name in a handle, as ccxt spells it.
    pub id: &'static str,
    /// Other names for the same rules (one engine at the exchange, several ccxt classes).
    pub aliases: &'static [&'static str],
    /// The name a person knows it by.
    pub name: &'static str,
    /// Where its API lives; the first one is meant when a URL begins with the path.
    pub hosts: &'static [&'static str],
    /// Why it can only be signed for as history, if the API is closed.
    pub historical: Option<&'static str>,
    /// Whether a key comes with a passphrase that every request carries.
    pub passphrase: bool,
    /// How the secret is written.
    pub secret: SecretEncoding,
    /// What kinds of bodies its API reads.
    pub bodies: Bodies,
    /// What a signature cannot be moved away from.
    pub binds: Binds,
    /// Tried in order; the first whose condition holds signs the request.
    pub schemes: &'static [Scheme],
    /// Sorted by the hash of the path, path and method, those with a condition first.
    pub endpoints: &'static [Endpoint],
    /// Where in `endpoints` each first byte of a hash begins, and the end.
    pub endpoint_index: &'static [u16; 257],
    /// The endpoints whose path has a placeholder.
    pub templates: &'static [Endpoint],
    /// What a dangerous endpoint needs, where the path is not bound; grouped by [`ShapeName::shapes`].
    pub shapes: &'static [Shape],
    /// Every name that stands in `shapes`: the bits of a [`NameSet`].
    pub shape_names: &'static [ShapeName],
    /// The same names as a tree that is walked from a name's last byte to its first: for each last byte the node to
    /// begin at, or 0 for none. Node 0 is never reached.
    pub shape_ends: &'static [u8; 128],
    /// The nodes of that tree.
    pub shape_tree: &'static [Node],
}

/// A text of the catalogue, as its place in the one text of all.
///
/// A constant with a pointer in it would have to be relocated at every start of a position-independent
/// program, and each page of such constants copied: start-up would grow with the catalogue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Name {
    at: u32,
    len: u16,
}

impl Name {
    /// The text.
    pub fn text(self) -> &'static str {
        &TEXTS[self.at as usize..self.at as usize + usize::from(self.len)]
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.text(), f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

include!("hash.rs");

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// `DELETE`
    Delete,
    /// `GET`
    Get,
    /// `PATCH`
    Patch,
    /// `POST`
    Post,
    /// `PUT`
    Put,
}

impl Method {
    /// The method of this name; names are upper case.
    pub fn of(name: &str) -> Option<Method> {
        let all = [Method::Delete, Method::Get, Method::Patch, Method::Post, Method::Put];
        all.into_iter().find(|method| method.word() == name)
    }

    /// The name.
    pub fn word(self) -> &'static str {
        match self {
            Method::Delete => "DELETE",
            Method::Get => "GET",
            Method::Patch => "PATCH",
            Method::Post => "POST",
            Method::Put => "PUT",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How a secret is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretEncoding {
    /// Its bytes are the key.
    Utf8,
    /// Base64 of the key.
    Base64,
}

/// The kinds of bodies that an API reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bodies {
    /// `name=value&name=value`.
    pub form: bool,
    /// JSON.
    pub json: bool,
}

/// The parts of a request that its signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binds {
    /// The HTTP method.
    pub method: bool,
    /// The path of the URL.
    pub path: bool,
    /// The query string.
    pub query: bool,
    /// The body.
    pub body: bool,
    /// A timestamp or nonce.
    pub time: bool,
}

impl Binds {
    /// The names of the parts that are covered.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let parts = [
            ("method", self.method),
            ("path", self.path),
            ("query", self.query),
            ("body", self.body),
            ("time", self.time),
        ];
        parts.into_iter().filter(|(_, bound)| *bound).map(|(name, _)| name)
    }
}

/// One way to sign.
#[derive(Debug)]
pub struct Scheme {
    /// The methods it is for; none means all.
    pub methods: &'static [Method],
    /// Whether it is for requests with a body, or without one.
    pub with_body: Option<bool>,
    /// The digest of the HMAC.
    pub digest: Digest,
    /// What is signed.
    pub message: &'static [Token],
    /// How the signature is written.
    pub encoding: Encoding,
    /// Where the signature goes.
    pub signature: Place,
    /// Where the API key goes.
    pub key: Place,
    /// The header with the passphrase.
    pub passphrase: Option<&'static str>,
    /// Where the time or nonce stands.
    pub time: Time,
}

/// A piece of the message that is signed.
#[derive(Debug)]
pub enum Token {
    /// Fixed text.
    Literal(&'static str),
    /// The HTTP method.
    Method,
    /// `https://` and the host, as in the URL.
    Origin,
    /// The path.
    Path,
    /// The query, without `?`.
    Query,
    /// The query with its `?`, or nothing.
    MarkedQuery,
    /// The query and `&`, or nothing.
    QueryAnd,
    /// The body.
    Body,
    /// The timestamp or nonce, as it is sent.
    Time,
    /// The digest of other tokens, as bytes.
    Hash(Digest, &'static [Token]),
    /// Other tokens, split at `&`, sorted as bytes and joined again.
    Sorted(&'static [Token]),
}

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// How bytes are written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Lower-case hexadecimal.
    Hex,
    /// Base64 with padding.
    Base64,
}

/// Where a value stands in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A header.
    Header(&'static str),
    /// A parameter of the query.
    Query(&'static str),
    /// A parameter of the body if there is one, else of the query.
    Params(&'static str),
    /// A member of a JSON body, else a parameter of the form.
    Body(&'static str),
}

/// The timestamp or nonce of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// Where it stands.
    pub place: Place,
    /// How it is written.
    pub unit: Unit,
    /// Whether the exchange refuses one that is not higher than the last.
    pub rising: bool,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Millis,
    /// Microseconds since 1970.
    Micros,
    /// `2023-11-14T22:13:20.123Z`.
    IsoMillis,
}

/// What one endpoint does.
#[derive(Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The HTTP method.
    pub method: Method,
    /// The path, with `{name}` for a placeholder.
    pub path: Name,
    /// The hash of the path.
    pub hash: u32,
    /// What must hold for this line to speak.
    pub when: When,
    /// What the endpoint can do.
    pub class: Class,
    /// Whether it is sent with the API key and not signed.
    pub key_only: bool,
    /// The parameter that may stand more than once.
    pub repeats: Option<Name>,
    /// Its own mandatory parameters, of those that stand in [`Exchange::shape_names`].
    pub needs: NameSet,
}

/// A condition on a parameter.
#[derive(Debug, PartialEq, Eq)]
pub enum When {
    /// None.
    Always,
    /// It is there.
    Present(Name),
    /// It is there with this value.
    Equals(Name, Name),
}

/// The parameters that make a request valid at a dangerous endpoint.
#[derive(Debug)]
pub struct Shape {
    /// The endpoint's class.
    pub class: Class,
    /// One endpoint with this shape, as `METHOD /path`.
    pub endpoint: Name,
    /// One bit for each of [`Exchange::shape_names`].
    pub needs: NameSet,
}

/// A name of a mandatory parameter.
#[derive(Debug)]
pub struct ShapeName {
    /// The name.
    pub name: Name,
    /// Which shapes to look at when it is there: those of whose names it is the one in the fewest shapes.
    pub shapes: (u16, u16),
}

/// A node of [`Exchange::shape_tree`].
#[derive(Debug)]
pub struct Node {
    /// The byte that leads here.
    pub byte: u8,
    /// The name that ends here, as its place in [`Exchange::shape_names`].
    pub name: Option<u16>,
    /// The only name that leads on from here; there are no children then.
    pub only: Option<u16>,
    /// Where its children stand in the tree.
    pub children: (u16, u16),
}

/// A set of [`Exchange::shape_names`], one bit each.
pub type NameSet = [u64; 3];

/// What an endpoint can do with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Changes nothing.
    Read,
    /// Removes orders.
    Cancel,
    /// Places or amends orders.
    Trade,
    /// Moves funds between the customer's own accounts.
    Transfer,
    /// Changes keys, sub-accounts, loans, leverage, settings.
    Admin,
    /// Sends funds to an address, a bank or another user.
    Withdraw,
}

impl Class {
    /// Every class.
    pub const ALL: [Class; 6] =
        [Class::Read, Class::Trade, Class::Cancel, Class::Transfer, Class::Withdraw, Class::Admin];

    /// The word in a grant.
    pub fn word(self) -> &'static str {
        match self {
            Class::Read => "read",
            Class::Trade => "trade",
            Class::Cancel => "cancel",
            Class::Transfer => "transfer",
            Class::Withdraw => "withdraw",
            Class::Admin => "admin",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Every exchange, sorted by id.
pub fn catalogue() -> &'static [Exchange] {
    CATALOGUE
}

/// The exchange of this id or alias.
pub fn exchange(id: &str) -> Option<&'static Exchange> {
    CATALOGUE.iter().find(|exchange| exchange.id == id || exchange.aliases.contains(&id))
}

include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

//! The catalogue's types, and the catalogue itself: every exchange as constants, made at build time
//! from `exchanges/catalog/` by `build.rs`.

use crate::asymmetric::KeyKind;
use crate::parts::BodyKind;
use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;

/// One exchange: how its requests are signed and what its endpoints do.
#[derive(Debug)]
pub struct Exchange {
    /// The name in a handle, as ccxt spells it.
    pub id: Name,
    /// Other names for the same rules (one engine at the exchange, several ccxt classes).
    pub aliases: Of<Name>,
    /// The name a person knows it by.
    pub name: Name,
    /// Where its API lives; the first one is meant when a URL begins with the path. One that begins with a dot
    /// stands for every host below it.
    pub hosts: Of<Name>,
    /// Why it can only be signed for as history, if the API is closed.
    pub historical: Option<Name>,
    /// Why nothing can be signed for it; there are no schemes and no endpoints then.
    pub unsignable: Option<Name>,
    /// Whether a key comes with a passphrase that every request carries.
    pub passphrase: bool,
    /// Whether a key comes with an account number or memo that requests carry or that is signed.
    pub uid: bool,
    /// How the secret of an HMAC key is written.
    pub secret: SecretEncoding,
    /// What kinds of bodies its API reads.
    pub bodies: Bodies,
    /// What a signature cannot be moved away from, where a scheme does not say otherwise.
    pub binds: Binds,
    /// Whether parameters are percent-encoded before they are signed.
    pub encode: bool,
    /// The header in which the JSON body travels as base64.
    pub carrier: Option<Name>,
    /// Whether it travels so in the body too.
    pub carrier_body: bool,
    /// The kinds of keys that a scheme is there for.
    pub kinds: Of<KeyKind>,
    /// Tried in order; the first whose condition holds signs the request.
    pub schemes: Of<Scheme>,
    /// Sorted by the hash of the path, path and method, those with a condition first.
    pub endpoints: Of<Endpoint>,
    /// The endpoints whose path has a placeholder.
    pub templates: Of<Endpoint>,
    /// What a dangerous endpoint needs, where the path is not bound; grouped by [`ShapeName::shapes`].
    pub shapes: Of<Shape>,
    /// Every name that stands in `shapes`: the bits of a [`NameSet`].
    pub shape_names: Of<ShapeName>,
    /// The same names as a tree that is walked from a name's last byte to its first; node 0 is never reached.
    pub(crate) nodes: Of<Node>,
    /// Where its part of [`INDEXES`] begins.
    index: u32,
    /// Where its part of [`ENDS`] begins.
    ends: u32,
}

impl Exchange {
    /// The endpoints without a placeholder whose path has this hash in its first byte.
    pub(crate) fn hashed(&self, first: u8) -> &'static [Endpoint] {
        let at = self.index as usize + usize::from(first);
        &self.endpoints.items()[usize::from(INDEXES[at])..usize::from(INDEXES[at + 1])]
    }

    /// The node of the tree that names with this last byte begin at.
    pub(crate) fn node_of_last(&self, byte: u8) -> Option<&'static Node> {
        let at = *ENDS[self.ends as usize..][..128].get(usize::from(byte))?;
        (at > 0).then(|| &self.nodes.items()[usize::from(at)])
    }
}

/// A list of the catalogue, as its place in the table of all such items; read like a slice.
///
/// As with [`Name`]: a slice would hold a pointer.
pub struct Of<T: 'static> {
    at: u32,
    len: u32,
    of: PhantomData<&'static T>,
}

impl<T> Of<T> {
    const fn new(at: u32, len: u32) -> Self {
        Of { at, len, of: PhantomData }
    }
}

impl<T: Tabled> Of<T> {
    /// The items.
    pub fn items(&self) -> &'static [T] {
        &T::table()[self.at as usize..][..self.len as usize]
    }
}

impl<T> Clone for Of<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Of<T> {}

impl Of<Name> {
    /// The texts.
    pub fn texts(&self) -> Vec<&'static str> {
        self.items().iter().map(|name| name.text()).collect()
    }
}

impl<T: Tabled> Deref for Of<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.items()
    }
}

impl<T: Tabled + fmt::Debug> fmt::Debug for Of<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.items(), f)
    }
}

/// What stands in a table.
pub trait Tabled: Sized + 'static {
    /// All items of this kind, of all exchanges.
    fn table() -> &'static [Self];
}

macro_rules! tabled {
    ($($item:ty: $table:ident),*) => {$(
        impl Tabled for $item {
            fn table() -> &'static [Self] {
                &$table
            }
        }
    )*};
}

tabled!(Name: NAMES, Scheme: SCHEMES, Token: TOKENS, Place: PLACES, Field: FIELDS, Endpoint: ENDPOINTS,
    Shape: SHAPES, ShapeName: SHAPE_NAMES, Node: NODES, KeyKind: KINDS);

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

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        self.text()
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.text() == other
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

/// How the secret of an HMAC key is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretEncoding {
    /// Its bytes are the key.
    Utf8,
    /// Base64 of the key.
    Base64,
    /// Its base64 text is the key.
    Base64Text,
    /// Upper-cased, its bytes are the key.
    Upper,
    /// Its MD5 in hexadecimal is the key.
    Md5Hex,
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
    /// What both cover.
    pub(crate) fn and(self, other: Binds) -> Binds {
        Binds {
            method: self.method && other.method,
            path: self.path && other.path,
            query: self.query && other.query,
            body: self.body && other.body,
            time: self.time && other.time,
        }
    }

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
    /// The methods it is for, one bit each; none means all.
    pub(crate) methods: u8,
    /// The beginnings of the paths it is for; none means all.
    pub paths: Of<Name>,
    /// The bodies it is for, if not all.
    pub with_body: Option<WithBody>,
    /// Whether it is for requests with a query, or without one.
    pub with_query: Option<bool>,
    /// The hosts it is for; none means all.
    pub hosts: Of<Name>,
    /// The values that a field must have one of.
    pub field: Option<(Name, Of<Name>)>,
    /// The kind of key it signs with.
    pub kind: KeyKind,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// Beginnings of the path that are not signed.
    pub strip: Of<Name>,
    /// The members of the body that are not part of what is signed in order.
    pub leave: Of<Name>,
    /// Whether the message holds percent-decoded text.
    pub decodes: bool,
    /// Whether the message holds the members of a JSON body as a form.
    pub flattens: bool,
    /// Whether path and query stand in the message side by side, so that nothing says where one ends.
    pub joined: bool,
    /// Whether a query may be sent.
    pub(crate) signs_query: bool,
    /// Whether a body may be sent.
    pub(crate) signs_body: bool,
    /// What is signed.
    pub message: Of<Token>,
    /// How the signature is written.
    pub encoding: Encoding,
    /// Where the signature goes.
    pub signature: Of<Place>,
    /// Where the API key goes.
    pub key: Option<Place>,
    /// Where the account number goes.
    pub uid: Option<Place>,
    /// The header with the passphrase, and whether it is signed.
    pub passphrase: Option<(Name, bool)>,
    /// The time or nonce.
    pub time: Option<Time>,
    /// A second value that is new for each request.
    pub nonce: Option<Nonce>,
    /// Headers made of tokens.
    pub headers: Of<Field>,
    /// What must be there with just this value.
    pub must: Of<Field>,
    /// What is there with this value unless the request says otherwise.
    pub defaults: Of<Field>,
    /// What kinds of bodies the API reads there.
    pub bodies: Bodies,
    /// What a signature cannot be moved away from.
    pub binds: Binds,
}

/// Which bodies a scheme is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithBody {
    /// None.
    None,
    /// Any.
    Any,
    /// A form.
    Form,
    /// JSON.
    Json,
}

impl WithBody {
    /// Whether it is for bodies of this kind.
    pub fn is(self, kind: BodyKind) -> bool {
        match self {
            WithBody::None => kind == BodyKind::None,
            WithBody::Any => kind != BodyKind::None,
            WithBody::Form => kind == BodyKind::Form,
            WithBody::Json => matches!(kind, BodyKind::Object | BodyKind::List),
        }
    }
}

/// What a signature is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC.
    Hmac(Digest),
    /// The digest of the message and the secret behind it.
    Suffix(Digest),
    /// A private key, of the scheme's kind.
    PrivateKey,
}

/// A named value of a request.
#[derive(Debug)]
pub struct Field {
    /// Where it stands.
    pub place: Place,
    /// What it is made of.
    pub value: Of<Token>,
}

/// A piece of the message that is signed, or of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// Fixed text.
    Literal(Name),
    /// The HTTP method.
    Method,
    /// The host, as in the URL.
    Host,
    /// `https://` and the host, as in the URL.
    Origin,
    /// The path, without what the scheme strips.
    Path,
    /// What follows the last slash of the path.
    LastSegment,
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
    /// The time, this many units later.
    TimeLater(u32),
    /// The second value that is new for each request.
    Nonce,
    /// The API key.
    Key,
    /// The account number.
    Uid,
    /// What the catalogue calls the endpoint.
    EndpointName,
    /// The signature.
    Signature,
    /// The value of a header, as it is sent.
    Header(Name),
    /// The same of one that may only hold digits: nothing says where it ends.
    Digits(Name),
    /// The value of a parameter or of a member of the body.
    Field(Name),
    /// The same, or nothing if it is missing or null.
    OptionalField(Name),
    /// The same of one that may only hold digits.
    Number(Name),
    /// A function of other tokens.
    Of(Function, Of<Token>),
}

impl PartialEq for Of<Token> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at && self.len == other.len
    }
}

impl Eq for Of<Token> {}

/// What becomes of the text of other tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// MD5, as bytes.
    Md5,
    /// SHA-256, as bytes.
    Sha256,
    /// SHA-384, as bytes.
    Sha384,
    /// SHA-512, as bytes.
    Sha512,
    /// Keccak-256, as bytes.
    Keccak256,
    /// Hexadecimal.
    Hex,
    /// Base64 with padding.
    Base64,
    /// Base64 for URLs, without padding.
    Base64Url,
    /// Upper case.
    Upper,
    /// Percent-decoded.
    Decoded,
    /// Split at `&`, sorted by name, and joined again.
    Sorted,
    /// Escaped as inside a JSON string.
    Json,
    /// This byte and the text; nothing if it is empty.
    After(u8),
    /// The text and a `&`; nothing if it is empty.
    AndThen,
    /// A zero byte if the text is empty, else a one and the text.
    Tagged,
    /// The bytes that hexadecimal digits stand for.
    Unhex,
    /// A whole number as eight bytes, the highest first; nothing if the text is empty.
    Be64,
    /// A number, a truth value or an address as 32 bytes, the highest first.
    Word,
    /// A JSON value as MessagePack.
    Msgpack,
    /// The members of a JSON object as a percent-encoded form.
    Form,
    /// The members of a JSON object as a form that is not encoded.
    RawForm,
    /// The members of a JSON object as `,name=value`, but for those of the authentication.
    Commas,
    /// A JSON value without spaces, its members sorted at every depth, but for those of [`Scheme::leave`].
    Ordered,
    /// The names and values of a JSON value one behind the other, sorted at every depth.
    Flat,
}

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// MD5.
    Md5,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Lower-case hexadecimal.
    Hex,
    /// Upper-case hexadecimal.
    UpperHex,
    /// Base64 with padding.
    Base64,
    /// Base64 for URLs, without padding.
    Base64Url,
    /// Base64 of the lower-case hexadecimal text.
    Base64Hex,
    /// Base58, as Bitcoin writes it.
    Base58,
    /// A JSON object of `r`, `s` and `v`.
    Rsv,
}

/// Where a value stands in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A header.
    Header(Name),
    /// A parameter of the query.
    Query(Name),
    /// A parameter of the body if there is one, else of the query.
    Params(Name),
    /// A member of a JSON body, else a parameter of the form.
    Body(Name),
    /// In one of the scheme's headers that are made of tokens.
    Headers,
}

impl Place {
    /// The name of the header, parameter or member.
    pub fn name(self) -> Option<Name> {
        match self {
            Place::Header(name) | Place::Query(name) | Place::Params(name) | Place::Body(name) => Some(name),
            Place::Headers => None,
        }
    }
}

/// The timestamp or nonce of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// Where it stands.
    pub place: Place,
    /// How it is written.
    pub unit: Unit,
    /// How many seconds it lies ahead: when the signature expires.
    pub after: u32,
    /// Whether the exchange refuses one that is not higher than the last.
    pub rising: bool,
    /// Whether it is a string in JSON.
    pub text: bool,
    /// Whether a request that carries a signature may be without one.
    pub optional: bool,
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
    /// Nanoseconds since 1970.
    Nanos,
    /// `2023-11-14T22:13:20.123Z`.
    IsoMillis,
    /// `2023-11-14T22:13:20Z`.
    IsoSeconds,
    /// `2023-11-14T22:13:20`.
    IsoPlain,
    /// Seconds since 1970 with eight decimals.
    Decimals,
}

/// A second value that is new for each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonce {
    /// Where it stands.
    pub place: Place,
    /// How it is made.
    pub fresh: Fresh,
}

/// How a value that is new for each request is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fresh {
    /// A random UUID.
    Uuid,
    /// 32 hexadecimal digits.
    Hex,
    /// 36 hexadecimal digits.
    Letters,
    /// The time.
    Time(Unit),
}

/// What one endpoint does.
#[derive(Debug)]
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
    /// The parameters that may stand more than once.
    pub repeats: Of<Name>,
    /// What the signature calls it, where the path is not what is signed.
    pub sign: Option<Name>,
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
    /// The schemes that may sign it, one bit each.
    pub schemes: u16,
}

/// A name of a mandatory parameter, in lower case.
#[derive(Debug)]
pub struct ShapeName {
    /// The name.
    pub name: Name,
    /// Which shapes to look at when it is there: those of whose names it is the one in the fewest shapes.
    pub shapes: (u16, u16),
}

/// A node of the tree of names.
#[derive(Debug)]
pub(crate) struct Node {
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
    &EXCHANGES
}

/// The exchange of this id or alias.
pub fn exchange(id: &str) -> Option<&'static Exchange> {
    let found = EXCHANGES.binary_search_by(|exchange| exchange.id.text().cmp(id)).ok();
    let aliased =
        || EXCHANGES.iter().position(|exchange| exchange.aliases.iter().any(|alias| alias.text() == id));
    found.or_else(aliased).map(|at| &EXCHANGES[at])
}

include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

//! What a scheme is made of: the words of the catalogue's language as types.

use crate::asymmetric::KeyKind;
use crate::catalogue::{Name, Of};
use crate::parts::BodyKind;

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

/// How an exchange asks for a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicForm {
    /// PEM of a SubjectPublicKeyInfo.
    Pem,
    /// Base64 of the 32 bytes of an Ed25519 key.
    Base64,
    /// `ed25519:` and base58 of the 32 bytes of an Ed25519 key.
    Near,
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
    /// Whether it is for every request.
    pub(crate) always: bool,
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
    /// Whether the path is signed here, and another scheme signs with the same key a text that begins with parameters and
    /// does not say for which path: then this scheme's text could be taken for such a one.
    pub twin: bool,
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
    /// Where the passphrase goes, and whether it is signed: then into a header.
    pub passphrase: Option<(Place, bool)>,
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

//! The catalogue's types, and the catalogue itself: every exchange as constants, made at build time
//! from `exchanges/catalog/` by `build.rs`.

use crate::asymmetric::KeyKind;
use crate::login::{Login, Take};
use crate::order::*;
use crate::scheme::*;
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
    /// Where its customers delete API keys; without a path it is only where they log in.
    pub keys_page: Option<Name>,
    /// Whom to write to: a page, or a mail address.
    pub support: Option<Name>,
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
    /// What libraries take for an HMAC secret, where they do not take every text.
    pub placeholder: Option<Name>,
    /// How it takes a public key that the customer made, if it takes one.
    pub public: Option<PublicForm>,
    /// What kinds of bodies its API reads.
    pub bodies: Bodies,
    /// Whether its clients send any `Content-Type`, and it does not mind.
    pub(crate) any_type: bool,
    /// Whether any signature is also good for a login, with every right that the key has at the exchange.
    pub logs_in: bool,
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
    /// The ways to log in over a WebSocket.
    pub logins: Of<Login>,
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
    /// The names that are mostly sent, sorted by their hash.
    pub(crate) words: Of<Word>,
    /// Where its part of [`INDEXES`] begins.
    index: u32,
    /// The same for `words`.
    word_index: u32,
    /// Where its part of [`ENDS`] begins.
    ends: u32,
}

impl Exchange {
    /// Whether `keys_page` leads to the API keys themselves, and not only to the page to log in at.
    pub fn has_keys_page(&self) -> bool {
        let path = |page: Name| page.text().splitn(4, '/').nth(3).is_some_and(|path| !path.is_empty());
        self.keys_page.is_some_and(path)
    }

    /// The endpoints without a placeholder whose path has this hash in its first byte.
    pub(crate) fn hashed(&self, first: u8) -> &'static [Endpoint] {
        let at = self.index as usize + usize::from(first);
        &self.endpoints.items()[usize::from(INDEXES[at])..usize::from(INDEXES[at + 1])]
    }

    /// Which of [`Exchange::shape_names`] a parameter's name ends with, if it is one of those that are mostly sent. `hash` is
    /// that of the name.
    pub(crate) fn ends_of(&self, hash: u32, name: &str) -> Option<&'static NameSet> {
        let at = self.word_index as usize + (hash >> 24) as usize;
        let words = &self.words.items()[usize::from(INDEXES[at])..usize::from(INDEXES[at + 1])];
        let word = words.iter().find(|word| word.hash == hash && word.name.text() == name)?;
        Some(&NAME_SETS[usize::from(word.ends.0)])
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

impl<T> PartialEq for Of<T> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at && self.len == other.len
    }
}

impl<T> Eq for Of<T> {}

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
    Shape: SHAPES, ShapeName: SHAPE_NAMES, Node: NODES, KeyKind: KINDS, OrderEntry: ORDERS, OrderField: ORDER_FIELDS,
    Condition: CONDITIONS, Fixed: FIXED, Word: WORDS, Login: LOGINS, Take: TAKES);

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

/// What one endpoint does.
#[derive(Debug)]
pub struct Endpoint {
    /// The HTTP method.
    pub method: Method,
    /// The path, with `{name}` for a placeholder.
    pub path: Name,
    /// The hash of the path.
    pub hash: u32,
    /// What the endpoint can do.
    pub class: Class,
    /// Where the rest stands: most endpoints have it in common with others.
    details: u16,
}

impl Deref for Endpoint {
    type Target = Details;

    fn deref(&self) -> &Details {
        &DETAILS[usize::from(self.details)]
    }
}

/// What is to be known of an endpoint besides its path and class.
#[derive(Debug)]
pub struct Details {
    /// What must hold for this line to speak.
    pub when: When,
    /// Whether it is sent with the API key and not signed.
    pub key_only: bool,
    /// The parameters that may stand more than once.
    pub repeats: Of<Name>,
    /// What the signature calls it, where the path is not what is signed.
    pub sign: Option<Name>,
    /// Its own mandatory parameters, of those that stand in [`Exchange::shape_names`].
    pub needs: Set,
    /// These, and those that reading its orders looks at, or that such a one ends with; none if there are no orders to read.
    pub(crate) shown: Set,
    /// Where its orders, withdrawals or transfers say what; empty if the catalogue does not know.
    pub orders: Of<OrderEntry>,
    /// The names that a request to it may hold, with dots where they lead into objects; empty if there may be others.
    pub closed: Of<Name>,
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
    /// The classes of these, one bit for each.
    pub(crate) classes: u8,
}

/// A node of the tree of names.
#[derive(Debug)]
pub(crate) struct Node {
    /// The byte that leads here.
    pub byte: u8,
    /// How many children it has.
    pub count: u8,
    /// Where they stand in the tree.
    pub children: u16,
    /// The name that ends here, as its place in [`Exchange::shape_names`], or [`Node::NO_NAME`].
    pub name: u16,
    /// The only name that leads on from here, or [`Node::NO_NAME`]; there are no children if there is one.
    pub only: u16,
}

impl Node {
    /// In the place of a name that is not there.
    pub(crate) const NO_NAME: u16 = u16::MAX;
}

/// A parameter's name that is mostly sent.
#[derive(Debug)]
pub(crate) struct Word {
    pub hash: u32,
    pub name: Name,
    /// Which of [`Exchange::shape_names`] it ends with, with and without the brackets of a list.
    pub ends: Set,
}

/// A [`NameSet`] of the catalogue, as its place in the table of all of them.
#[derive(Clone, Copy, Debug)]
pub struct Set(u16);

impl Deref for Set {
    type Target = NameSet;

    fn deref(&self) -> &NameSet {
        &NAME_SETS[usize::from(self.0)]
    }
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

//! What each exchange signs, and what each of its endpoints does.
//!
//! A request comes in as an HTTP client would send it, without authentication or signed with a
//! placeholder, and is taken apart ([`Parts`]), recognised ([`Exchange::endpoint`]) and signed
//! ([`Exchange::sign`]). This crate is pure: it knows neither keyrings nor walls, reads no clock, and
//! decides nothing; who may do what is the caller's business.
//!
//! The catalogue is data, one folder an exchange under `catalog/`, turned into constants at build
//! time; an exchange's name appears nowhere in the engine. Two choices someone will want to undo:
//!
//! - *Nothing is normalised.* Returned is what must be sent, byte for byte; what could be read in two
//!   ways is refused. An engine that sorts or re-encodes signs something else than it was shown.
//! - *Our own JSON reader* ([`json`]) instead of a library's: it refuses duplicate and escaped names,
//!   allocates nothing, and is short enough to be read by whoever reviews the process that holds secrets.

#![forbid(unsafe_code)]

mod alike;
mod asymmetric;
mod binary;
mod catalogue;
mod decimal;
mod edit;
mod endpoints;
pub mod json;
mod login;
mod mac;
mod message;
mod order;
mod parts;
pub mod scan;
mod scheme;
mod sign;
mod signed;
mod template;
mod text;
mod time;

pub use asymmetric::{
    KeyKind, LONGEST_PRIVATE_TEXT, LONGEST_PUBLIC, ed25519_holds, private_text, public_of, public_text,
    sign_text,
};
pub use catalogue::{
    Class, Details, Endpoint, Exchange, Method, Name, NameSet, Of, Shape, ShapeName, Tabled, When, catalogue,
    exchange,
};
pub use decimal::Decimal;
pub use endpoints::{Elsewhere, Fit};
pub use login::{Login, Take};
pub use mac::Keyed;
pub use order::{
    Condition, Does, Fixed, Order, OrderEntry, OrderField, OrderKind, OrderPlace, OrderScratch, Says, Side,
    What, Within,
};
pub use parts::{BodyKind, Param, Parts, Request, Scratch, Source};
pub use scheme::{
    Algorithm, Binds, Bodies, Digest, Encoding, Field, Fresh, Function, Nonce, Place, PublicForm, Scheme,
    SecretEncoding, Time, Token, Unit, WithBody,
};
pub use signed::{Clock, Credentials, Error, Signed};
pub use time::{Skew, Stamp, civil};

//! Closed lists: the names that a request to a dangerous endpoint may hold, and no other.
//!
//! What the catalogue does not know could send funds somewhere else than what it reads says. Names are compared exactly,
//! byte by byte as they are written, so another case, brackets, an escape or a letter that only looks the same make another name.

use crate::catalogue::{Endpoint, Name};
use crate::json::{members, spaces};
use crate::parts::{BodyKind, Parts, Source};

impl Parts<'_> {
    /// The first name that is not on the closed list of `endpoint`, if it has one: of the query, of the form, or of a JSON
    /// object at each depth that is read. A body that is a list has no name that could be on it, and is handed back whole.
    pub fn unknown(&self, endpoint: &Endpoint) -> Option<&str> {
        let closed = endpoint.closed.items();
        if closed.is_empty() {
            return None;
        }
        if self.kind == BodyKind::List {
            return Some(self.body);
        }
        self.params.iter().find_map(|param| {
            let name = self.name(param);
            let is_member = param.source == Source::Body && self.kind == BodyKind::Object;
            let value = is_member.then(|| {
                let rest = &self.body[param.places().0.end + 1..];
                let rest = &rest[spaces(rest.as_bytes()) + 1..];
                &rest[spaces(rest.as_bytes())..]
            });
            unknown(closed, "", name, value)
        })
    }
}

/// The name itself, or one in the object that its JSON value is, unless the list has it; `before` is the way to it, with a dot
/// at its end.
fn unknown<'t>(closed: &[Name], before: &str, name: &'t str, value: Option<&'t str>) -> Option<&'t str> {
    let mut deeper = None;
    for known in closed {
        match known.text().strip_prefix(before).and_then(|rest| rest.strip_prefix(name)) {
            Some("") => return None,
            Some(rest) if rest.starts_with('.') => deeper = Some(known.text()),
            _ => {}
        }
    }
    let Some(deeper) = deeper else { return Some(name) };
    let before = &deeper[..before.len() + name.len() + 1];
    match value {
        Some(object) if object.starts_with('{') => members(object.as_bytes())
            .find_map(|(name, value)| unknown(closed, before, &object[name], Some(&object[value]))),
        Some(nothing) if nothing.starts_with("null") => None,
        // An object that is a text is for whoever opens it.
        _ => Some(name),
    }
}

//! Where a parameter says what a request does, nothing else in it may look like that parameter.
//!
//! Readers differ: some ignore case, some take `a[]` or `a[b]` for `a`, some write `_` for a dot or a space, some split at
//! `;`. One that sees another value than the one the decision was made on would do something else.

use crate::catalogue::{Exchange, When, hash};
use crate::json::{self, members};
use crate::parts::{BodyKind, Parts, Source};

impl Exchange {
    /// Fails for a request that another reader could take for one that a parameter makes something else.
    pub fn check_conditions(&self, parts: &Parts<'_>) -> Result<(), &'static str> {
        let hash = hash(parts.path.as_bytes());
        let lines = self.hashed((hash >> 24) as u8).iter().filter(|line| line.hash == hash);
        let mut named =
            lines.filter(|line| line.path.text() == parts.path).filter_map(|line| match line.when {
                When::Always => None,
                When::Present(name) | When::Equals(name, _) => Some(name.text()),
            });
        let Some(mut name) = named.next() else { return Ok(()) };
        if parts.params.iter().any(|param| param.cuttable) {
            return Err("a parameter value with '=' or ';', which must be percent-encoded here");
        }
        check(parts, name)?;
        // The lines of one path mostly ask for one name.
        for other in named {
            if other != name {
                name = other;
                check(parts, name)?;
            }
        }
        Ok(())
    }
}

fn check(parts: &Parts<'_>, wanted: &str) -> Result<(), &'static str> {
    let (outer, inner) = wanted.split_once('.').map_or((wanted, None), |(outer, inner)| (outer, Some(inner)));
    for param in parts.params {
        let name = parts.name(param);
        let is_member = param.source == Source::Body && parts.kind == BodyKind::Object;
        let is_it = name == if is_member { outer } else { wanted };
        // In a form, a name with another escape than a bracket's was refused before.
        if !is_it && (is_like(name, outer) || is_like(name, wanted) || is_member && name.contains('%')) {
            return Err(ALIKE);
        }
    }
    let Some(inner) = inner.filter(|_| parts.kind == BodyKind::Object) else { return Ok(()) };
    let object = json::find(parts.body, outer).map_or("", |found| &parts.body[found]);
    if !object.starts_with('{') {
        return Ok(());
    }
    let wrong = |name: &str| name != inner && (is_like(name, inner) || name.contains('%'));
    if members(object.as_bytes()).any(|(name, _)| wrong(&object[name])) { Err(ALIKE) } else { Ok(()) }
}

/// Whether a name is another in another case, with brackets behind it, with spaces around it, or with another sign in the place
/// of one that is neither letter nor digit.
fn is_like(name: &str, wanted: &str) -> bool {
    let plain = |byte: u8| if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'_' };
    let mut rest = name.trim_start_matches([' ', '+']).as_bytes();
    for byte in wanted.bytes() {
        let (found, len) = match rest {
            [b'%', b'5', b'B' | b'b' | b'D' | b'd', ..] => (b'[', 3),
            [found, ..] => (*found, 1),
            [] => return false,
        };
        if plain(found) != plain(byte) {
            return false;
        }
        rest = &rest[len..];
    }
    matches!(rest.first(), None | Some(b'[' | b'%' | b' ' | b'+'))
}

const ALIKE: &str = "a parameter whose name looks like the one that says what the request does";

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn a_name_is_like_another_that_some_reader_takes_it_for() {
        for (name, wanted, like) in [
            ("method", "method", true),
            ("Method", "method", true),
            ("method[]", "method", true),
            ("method%5B0%5D", "method", true),
            (" method ", "method", true),
            ("tapi.method", "tapi_method", true),
            ("tapi[method", "tapi_method", true),
            ("tapi%5bmethod", "tapi_method", true),
            ("methods", "method", false),
            ("ethod", "method", false),
            ("", "method", false),
        ] {
            assert_eq!(is_like(name, wanted), like, "{name} {wanted}");
        }
    }
}

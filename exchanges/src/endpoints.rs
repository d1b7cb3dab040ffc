//! What a request does: its endpoint's class, and the dangerous endpoints that its parameters would
//! also fit where the signature does not cover the path.

use crate::catalogue::{Class, Endpoint, Exchange, Method, Name, NameSet, Node, Shape, When, hash};
use crate::parts::{BodyKind, Parts, Source};
use crate::scan::until;
use crate::scheme::{Binds, Scheme};
use core::fmt;

/// A dangerous endpoint that a signature would be good for as well.
#[derive(Clone, Copy, Debug)]
pub struct Fit {
    /// The endpoint's class.
    pub class: Class,
    /// The method, if `endpoint` is only a path.
    method: Option<Method>,
    endpoint: Name,
}

/// What [`Exchange::fits_elsewhere`] has found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Elsewhere {
    /// An endpoint of a class that is not to be reached.
    pub dangerous: Option<Fit>,
    /// An endpoint whose parameters nobody has looked at.
    pub limited: Option<Fit>,
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.method {
            Some(method) => write!(f, "{method} {}", self.endpoint),
            None => f.write_str(&self.endpoint),
        }
    }
}

impl Exchange {
    /// The line of the catalogue that speaks about this request.
    pub fn endpoint(&self, parts: &Parts<'_>) -> Option<&'static Endpoint> {
        let hash = hash(parts.path.as_bytes());
        let hashed = self.hashed((hash >> 24) as u8).iter().filter(|line| line.hash == hash);
        let fits = |line: &&Endpoint| line.method == parts.method && line.path.text() == parts.path;
        let plain = hashed.filter(fits).find(|line| line.speaks(parts));
        plain.or_else(|| {
            let fits =
                |line: &&Endpoint| line.method == parts.method && template_fits(line.path.text(), parts.path);
            self.templates.items().iter().find(|line| fits(line) && line.speaks(parts))
        })
    }

    /// Whether the exchange can read the body of a request in only one way: ours.
    ///
    /// Its `Content-Type` is not signed. A JSON text with a `&` in it is also a form, in which other parameters
    /// stand; so it is refused where the exchange reads forms.
    pub fn check_body(&self, parts: &Parts<'_>) -> Result<(), &'static str> {
        let found = self.schemes_of(parts).next();
        let (bodies, path_bound) =
            found.map_or((self.bodies, true), |(_, scheme)| (scheme.bodies, scheme.binds.path));
        self.check_content_type(parts.header("Content-Type"), parts.kind)?;
        match parts.kind {
            BodyKind::None => Ok(()),
            BodyKind::Form if bodies.form => Ok(()),
            _ if !bodies.form && !bodies.json => {
                Err("this exchange reads no body; put the parameters in the query")
            }
            BodyKind::Form => Err("the body is a form, and this exchange reads JSON"),
            BodyKind::Object | BodyKind::List if !bodies.json => {
                Err("the body is JSON, and this exchange reads forms")
            }
            // Where the path says all, nothing is gained by reading it otherwise.
            BodyKind::Object | BodyKind::List
                if bodies.form && parts.body.contains('&') && !(path_bound && self.path_says_all(parts)) =>
            {
                Err("the body is JSON with a '&', which this exchange could read as a form")
            }
            BodyKind::Object | BodyKind::List => Ok(()),
        }
    }

    /// Whether a body of this kind is what `Content-Type` says, if that says form or JSON.
    pub(crate) fn check_content_type(&self, said: Option<&str>, kind: BodyKind) -> Result<(), &'static str> {
        let Some(said) = said.filter(|_| !self.any_type && self.carrier.is_none()) else { return Ok(()) };
        let says = |word: &str| {
            said.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
        };
        match kind {
            BodyKind::Form if says("json") => Err("'Content-Type' says JSON, and the body is a form"),
            BodyKind::Object | BodyKind::List if says("urlencoded") => {
                Err("'Content-Type' says form, and the body is JSON")
            }
            _ => Ok(()),
        }
    }

    /// Whether no parameter has a say in what a request to this path does.
    fn path_says_all(&self, parts: &Parts<'_>) -> bool {
        let hash = hash(parts.path.as_bytes());
        let lines = self.hashed((hash >> 24) as u8).iter().filter(|line| line.hash == hash);
        lines
            .chain(self.templates.items())
            .all(|line| line.when == When::Always || line.path.text() != parts.path)
    }

    /// What a signature over this request covers, whatever kind of key it is made with.
    pub fn binds_of(&self, parts: &Parts<'_>) -> Binds {
        let mut all: Option<Binds> = None;
        for (_, scheme) in self.schemes_of(parts) {
            all = Some(all.map_or(scheme.binds, |known| known.and(scheme.binds)));
        }
        all.unwrap_or(self.binds)
    }

    /// Other endpoints that a signature over this request would be good for: one of a `dangerous` class, whatever is shown,
    /// and one of a `limited` class for which the request does not show all that it would say there.
    ///
    /// Not dangerous is one whose parameters `endpoint` itself demands: whoever may use it can always have a signature over
    /// them. A limited one is only passed over where `endpoint` is of its class and says of each of its parameters that it
    /// demands it, or that reading its orders looks at it.
    ///
    /// Fails for a value that the exchange, whose signature does not cover the path, might cut in two.
    pub fn fits_elsewhere(
        &self,
        parts: &Parts<'_>,
        endpoint: Option<&Endpoint>,
        dangerous: impl Fn(Class) -> bool,
        limited: impl Fn(Class) -> bool,
    ) -> Result<Elsewhere, &'static str> {
        let mut found = Elsewhere::default();
        let (dangerous, limited) = (classes(dangerous), classes(limited));
        let has = |classes: u8, class: Class| classes >> class as u8 & 1 == 1;
        let mut before: Option<&Scheme> = None;
        for (at, scheme) in self.schemes_of(parts) {
            // Most exchanges sign the same text with every kind of key.
            let same = |before: &Scheme| {
                let text = |scheme: &Scheme| (scheme.message, scheme.binds, scheme.twin);
                text(before) == text(scheme) && (scheme.binds.path || scheme.binds.query || scheme.binds.body)
            };
            if before.is_some_and(same) {
                continue;
            }
            before = Some(scheme);
            let fit = |shape: &Shape| Fit { class: shape.class, method: None, endpoint: shape.endpoint };
            if scheme.joined {
                found.dangerous =
                    found.dangerous.or_else(|| self.cut_elsewhere(parts, |class| has(dangerous, class)));
                found.limited =
                    found.limited.or_else(|| self.cut_elsewhere(parts, |class| has(limited, class)));
            }
            let present = match scheme.binds {
                Binds { path: true, .. } if scheme.twin => self.shape_of_text(parts),
                Binds { path: true, .. } => continue,
                Binds { query: false, body: false, .. } => {
                    // Nothing of the request is signed: it is good for whatever the same scheme signs.
                    let reached =
                        |shape: &&Shape| shape.schemes & 1 << at != 0 && has(dangerous, shape.class);
                    found.dangerous =
                        found.dangerous.or_else(|| self.shapes.items().iter().find(reached).map(fit));
                    continue;
                }
                _ => self.shape_of(parts, scheme)?,
            };
            self.each_present(&present, dangerous | limited, |shape| {
                if has(dangerous, shape.class) && !demanded(endpoint, shape) {
                    found.dangerous.get_or_insert(fit(shape));
                } else if found.limited.is_none() && has(limited, shape.class) && !shown(endpoint, shape) {
                    found.limited = Some(fit(shape));
                }
                found.dangerous.is_some()
            });
        }
        Ok(found)
    }

    /// The parameters that the signed text of a request holds where another scheme, which does not cover the path, takes
    /// it for a query or a form.
    fn shape_of_text(&self, parts: &Parts<'_>) -> NameSet {
        let mut present = NameSet::default();
        let texts = [parts.query, parts.body];
        for piece in texts.into_iter().flat_map(|text| text.split(['&', '=', ';'])) {
            self.mark_name(piece, &mut present);
        }
        self.mark_joined(parts, &mut present);
        present
    }

    /// Marks the name of one field of a form.
    fn mark_field(&self, field: &str, present: &mut NameSet) {
        self.mark_name(field.split('=').next().unwrap_or(field), present);
    }

    /// Marks a name, however much of its front is cut off, with and without the brackets of a list.
    fn mark_name(&self, name: &str, present: &mut NameSet) {
        self.mark(name, false, present);
        let list = without_brackets(name);
        if list.len() < name.len() {
            self.mark(list, false, present);
        }
    }

    /// The parameters of a request as far as they can make it valid at a dangerous endpoint.
    ///
    /// The signed text is the query followed by the body, and whoever holds the signature may cut that text anew: the
    /// end of a name is enough, since what stands before it can be left behind in the query.
    fn shape_of(&self, parts: &Parts<'_>, scheme: &Scheme) -> Result<NameSet, &'static str> {
        let mut present = NameSet::default();
        let is_json = matches!(parts.kind, BodyKind::Object | BodyKind::List);
        for param in parts.params {
            let name = parts.name(param);
            let (signed, json) = match param.source {
                Source::Query => (scheme.binds.query, false),
                Source::Body => (scheme.binds.body, is_json),
            };
            // What is not signed is whoever sends it free to choose; the shapes speak of what is.
            if !signed {
                continue;
            }
            if param.cuttable {
                return Err("a parameter value with '=' or ';', which must be percent-encoded here");
            }
            if scheme.decodes && hides_a_cut(parts.value(param)) {
                return Err(
                    "a parameter value with an encoded '&', '=' or ';', which is signed decoded here; leave it out",
                );
            }
            if json && scheme.flattens && (cuts(name) || cuts(parts.value(param))) {
                return Err(
                    "a JSON value with '&', '=', ';' or an escape, which is signed here as part of a form",
                );
            }
            // In a JSON body that is signed as it is, a name cannot be cut.
            if json && !scheme.flattens {
                continue;
            }
            match self.ends_of(param.hash, name) {
                Some(ends) => add(&mut present, ends),
                None => self.mark_name(name, &mut present),
            }
        }
        if is_json && scheme.binds.body {
            names_within(parts.body, |name| self.mark(name, true, &mut present));
            // Where another endpoint reads a query or a form, the same text is one, cut at each `&`.
            for field in parts.body.split('&').skip(1) {
                self.mark_field(field, &mut present);
            }
        }
        if scheme.binds.query && scheme.binds.body {
            self.mark_joined(parts, &mut present);
        }
        Ok(present)
    }

    /// Hands every shape that these parameters satisfy to `enough`, until it says so; but for some of other `classes`, one bit
    /// for each.
    fn each_present(&self, present: &NameSet, classes: u8, mut enough: impl FnMut(&Shape) -> bool) {
        for (word, mut left) in present.iter().copied().enumerate() {
            while left != 0 {
                let known = &self.shape_names.items()[word * 64 + left.trailing_zeros() as usize];
                left &= left - 1;
                if known.classes & classes == 0 {
                    continue;
                }
                let shapes = &self.shapes.items()[usize::from(known.shapes.0)..usize::from(known.shapes.1)];
                if shapes.iter().any(|shape| within(&shape.needs, present) && enough(shape)) {
                    return;
                }
            }
        }
    }

    /// An endpoint of a `dangerous` class whose path this path and query become when they are cut elsewhere: where the
    /// one follows the other in the signed text, nothing says where the path ends.
    fn cut_elsewhere(&self, parts: &Parts<'_>, dangerous: impl Fn(Class) -> bool) -> Option<Fit> {
        let lines = self.endpoints.items().iter().chain(self.templates.items());
        let fits = |line: &&Endpoint| {
            dangerous(line.class)
                && line.path.text() != parts.path
                && begins_with(&line.path, parts.path, parts.query)
        };
        let line = lines.into_iter().find(fits)?;
        Some(Fit { class: line.class, method: Some(line.method), endpoint: line.path })
    }

    /// What every signature covers, whatever is signed with whatever kind of key.
    pub fn always_binds(&self) -> Binds {
        let all = self.schemes.iter().map(|scheme| scheme.binds).reduce(Binds::and);
        all.unwrap_or(self.binds)
    }

    /// Whether a signature covers nothing of a request, and so is good for every other.
    pub fn signs_nothing(&self) -> bool {
        self.schemes.iter().all(|scheme| {
            let Binds { method, path, query, body, .. } = scheme.binds;
            !(method || path || query || body)
        })
    }

    /// The classes of the dangerous endpoints whose path is not signed.
    pub fn dangers(&self) -> impl Iterator<Item = Class> {
        let shapes = self.shapes.items();
        Class::ALL.into_iter().filter(move |class| shapes.iter().any(|shape| shape.class == *class))
    }

    /// The dangerous endpoints that need no parameter at all, so that no rule can tell them apart.
    pub fn shapeless(&self) -> impl Iterator<Item = &'static Shape> {
        self.shapes.items().iter().filter(|shape| shape.needs == NameSet::default())
    }

    /// Marks the name that is the `whole` text, or every name that it ends with; names are compared without case, as some
    /// exchanges do.
    fn mark(&self, text: &str, whole: bool, present: &mut NameSet) {
        let nodes = self.nodes.items();
        let Some((last, mut before)) = text.as_bytes().split_last() else { return };
        let mut next = self.node_of_last(last.to_ascii_lowercase());
        while let Some(node) = next {
            if node.name != Node::NO_NAME && (!whole || before.is_empty()) {
                set(present, usize::from(node.name));
            }
            if node.only != Node::NO_NAME {
                let name = self.shape_names[usize::from(node.only)].name.text();
                if ends_with(text, name) && !(whole && name.len() < text.len()) {
                    set(present, usize::from(node.only));
                }
                return;
            }
            let Some((byte, rest)) = before.split_last() else { return };
            (before, next) = (rest, node.child(nodes, byte.to_ascii_lowercase()));
        }
    }

    /// Marks the names that only joining the query and the body makes.
    fn mark_joined(&self, parts: &Parts<'_>, present: &mut NameSet) {
        if parts.query.is_empty() || parts.body.is_empty() {
            return;
        }
        let first = parts.body.split(['&', '=']).next().unwrap_or("");
        for (bit, shape_name) in self.shape_names.iter().enumerate() {
            let name = shape_name.name.text();
            if ends_with(name, first) && ends_with(parts.query, &name[..name.len() - first.len()]) {
                set(present, bit);
            }
        }
    }
}

/// Whether a text would be cut in a form that it is put into as it is.
pub(crate) fn cuts(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b'&' | b'=' | b';' | b'\\'))
}

/// Whether a value holds, percent-encoded, what would cut it in two once it is decoded.
pub(crate) fn hides_a_cut(value: &str) -> bool {
    let mut escapes = value.split('%').skip(1).filter_map(|rest| rest.get(..2));
    escapes.any(|code| ["26", "3D", "3d", "3B", "3b"].contains(&code))
}

/// Hands every name of a JSON text, at any depth, to `name`. The text was read before and found well-formed.
fn names_within(text: &str, mut name: impl FnMut(&str)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(start) = bytes[at..].iter().position(|b| *b == b'"').map(|found| at + found + 1) {
        let mut end = start;
        while end < bytes.len() && bytes[end] != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        at = (end + 1).min(bytes.len());
        if bytes[at..].iter().find(|b| !b.is_ascii_whitespace()) == Some(&b':') {
            name(&text[start..end]);
        }
    }
}

/// Whether `path` followed by `query` begins with `pattern`, in which `{name}` stands for anything without a slash.
fn begins_with(pattern: &str, path: &str, query: &str) -> bool {
    let Some((before, rest)) = pattern.split_once('{') else {
        let common = pattern.len().min(path.len());
        // Where it ends inside the path, the first parameter is garbled; a second one is not.
        let more = pattern.len() > path.len() || query.contains('&');
        return pattern.as_bytes()[..common] == path.as_bytes()[..common]
            && query.as_bytes().starts_with(&pattern.as_bytes()[common..])
            && more;
    };
    // Only the path can hold what comes first; then anything may follow, and the worst is assumed.
    let after = rest.split_once('}').map_or("", |(_, after)| after);
    let segments = |text: &str| text.matches('/').count();
    path.starts_with(before)
        && segments(path) + segments(query) >= segments(before) + segments(after)
        && after.split('{').next().is_none_or(|fixed| path.contains(fixed) || query.contains(fixed))
}

/// The name of a list parameter, `ids[]` or `ids%5B%5D`, without its brackets.
fn without_brackets(name: &str) -> &str {
    let bytes = name.as_bytes();
    let at = until(bytes, [b'%', b'[']);
    let more = bytes[at..].iter().position(|byte| matches!(byte, b'%' | b'['));
    more.map_or(name, |more| &name[..at + more])
}

fn ends_with(text: &str, end: &str) -> bool {
    let at = text.len().checked_sub(end.len());
    at.is_some_and(|at| text.as_bytes()[at..].eq_ignore_ascii_case(end.as_bytes()))
}

fn set(names: &mut NameSet, bit: usize) {
    names[bit / 64] |= 1 << (bit % 64);
}

fn add(names: &mut NameSet, others: &NameSet) {
    names.iter_mut().zip(others).for_each(|(names, others)| *names |= others);
}

/// A set of classes, one bit for each.
fn classes(is_in: impl Fn(Class) -> bool) -> u8 {
    Class::ALL.into_iter().filter(|class| is_in(*class)).fold(0, |set, class| set | 1 << class as u8)
}

/// Whether an endpoint itself demands all parameters of a shape. A withdrawal must be granted all the same.
fn demanded(endpoint: Option<&Endpoint>, shape: &Shape) -> bool {
    shape.class != Class::Withdraw
        && within(&shape.needs, endpoint.map_or(&NameSet::default(), |endpoint| &endpoint.needs))
}

/// Whether what a request would say at an endpoint with this shape is looked at here.
fn shown(endpoint: Option<&Endpoint>, shape: &Shape) -> bool {
    let own = endpoint.filter(|own| own.class == shape.class);
    within(&shape.needs, own.map_or(&NameSet::default(), |own| &own.shown))
}

fn within(needs: &NameSet, set: &NameSet) -> bool {
    needs[0] & !set[0] | needs[1] & !set[1] | needs[2] & !set[2] == 0
}

impl Node {
    fn child<'n>(&self, nodes: &'n [Node], byte: u8) -> Option<&'n Node> {
        let from = usize::from(self.children);
        nodes[from..from + usize::from(self.count)].iter().find(|child| child.byte == byte)
    }
}

impl Endpoint {
    fn speaks(&self, parts: &Parts<'_>) -> bool {
        match self.when {
            When::Always => true,
            // Whoever reads it may ignore case, or take a list of one.
            When::Present(name) => {
                let is_it = |given: &str| without_brackets(given).eq_ignore_ascii_case(&name);
                parts.field(&name).is_some() || parts.params.iter().any(|param| is_it(parts.name(param)))
            }
            When::Equals(name, value) => parts.field(&name) == Some(value.text()),
        }
    }
}

/// Whether `path` is `template` with something in the place of each `{name}`.
fn template_fits(template: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let fits = template.split('/').all(|pattern| {
        let Some(segment) = segments.next() else { return false };
        match pattern.split_once('{') {
            None => pattern == segment,
            Some((before, rest)) => {
                let after = rest.split_once('}').map_or("", |(_, after)| after);
                segment.len() > before.len() + after.len()
                    && segment.starts_with(before)
                    && segment.ends_with(after)
            }
        }
    });
    fits && segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::{OrderPlace, Within};

    /// All the names of all exchanges are marked in every name that a request could have for one of them, and no other.
    #[test]
    fn the_tree_finds_every_name_that_a_text_ends_with() {
        let mut found = 0;
        for exchange in crate::catalogue() {
            let names: Vec<&str> = exchange.shape_names.iter().map(|known| known.name.text()).collect();
            for (at, name) in names.iter().enumerate() {
                let other = names[(at * 7 + 3) % names.len()];
                for text in [
                    (*name).to_owned(),
                    name.to_uppercase(),
                    format!("x{name}"),
                    format!("{name}x"),
                    format!("{other}{name}"),
                    format!("{other}_{name}"),
                    name[1..].to_owned(),
                    format!("X{}", &name[1..]),
                    format!("\u{e9}{name}"),
                    format!("{name}\u{e9}"),
                ] {
                    for whole in [false, true] {
                        let (mut marked, mut wanted) = (NameSet::default(), NameSet::default());
                        exchange.mark(&text, whole, &mut marked);
                        let lower = text.to_ascii_lowercase();
                        for (bit, known) in names.iter().enumerate() {
                            if if whole { lower == *known } else { lower.ends_with(known) } {
                                set(&mut wanted, bit);
                            }
                        }
                        assert_eq!(marked, wanted, "{} {text}", exchange.id);
                        found += wanted.iter().map(|word| word.count_ones()).sum::<u32>();
                    }
                }
            }
        }
        assert!(found > 5_000, "{found}");
    }

    /// Held against the texts of the catalogue: a name is looked at where it is read, and where a list ends with it.
    #[test]
    fn what_is_looked_at_is_what_orders_are_read_from() {
        let (mut more, mut all) = (0, 0);
        for exchange in crate::catalogue() {
            let json = exchange.bodies.json || exchange.schemes.iter().any(|scheme| scheme.bodies.json);
            for endpoint in exchange.endpoints.iter().chain(exchange.templates.iter()) {
                let reads = |name: &str| {
                    endpoint.orders.iter().any(|entry| {
                        let in_list =
                            entry.each.is_some_and(|lists| lists.iter().any(|list| ends_with(list, name)));
                        // What stands in a list or an object is a parameter of a JSON body alone.
                        let is_it = |place: &OrderPlace| {
                            let parts = place.name.split('.').take(if json { usize::MAX } else { 1 });
                            let within = place.within == Within::Order && entry.each.is_some() && !json;
                            !within && parts.into_iter().any(|part| part.eq_ignore_ascii_case(name))
                        };
                        in_list
                            || entry.fields.iter().any(|field| is_it(&field.place))
                            || entry.when.iter().any(|condition| is_it(&condition.place))
                    })
                };
                for (bit, known) in exchange.shape_names.iter().enumerate() {
                    let has = |set: &NameSet| set[bit / 64] >> (bit % 64) & 1 == 1;
                    let wanted = !endpoint.orders.is_empty() && (has(&endpoint.needs) || reads(&known.name));
                    assert_eq!(
                        has(&endpoint.shown),
                        wanted,
                        "{} {} {}",
                        exchange.id,
                        endpoint.path,
                        known.name
                    );
                    more += usize::from(has(&endpoint.shown) && !has(&endpoint.needs));
                    all += usize::from(has(&endpoint.shown));
                }
            }
        }
        assert!(more > 100 && all > more, "{more} {all}");
    }

    #[test]
    fn the_classes_of_a_name_are_those_of_its_shapes() {
        for exchange in crate::catalogue() {
            for known in exchange.shape_names.iter() {
                let own = &exchange.shapes[usize::from(known.shapes.0)..usize::from(known.shapes.1)];
                let is_in = |class: Class| own.iter().any(|shape| shape.class == class);
                assert_eq!(known.classes, classes(is_in), "{} {}", exchange.id, known.name);
            }
        }
    }

    #[test]
    fn what_a_known_name_ends_with_is_what_the_tree_finds() {
        let mut found = 0;
        for exchange in crate::catalogue() {
            for word in exchange.words.iter() {
                let name = word.name.text();
                let mut marked = NameSet::default();
                exchange.mark_name(name, &mut marked);
                assert_eq!(
                    exchange.ends_of(hash(name.as_bytes()), name),
                    Some(&marked),
                    "{} {name}",
                    exchange.id
                );
                let other = format!("{name}x");
                assert!(exchange.ends_of(hash(other.as_bytes()), name).is_none());
                assert!(exchange.ends_of(hash(name.as_bytes()), &other).is_none());
                found += 1;
            }
        }
        assert!(found > 500, "{found}");
    }

    #[test]
    fn a_placeholder_stands_for_one_segment_that_is_not_empty() {
        for (template, path, fits) in [
            ("/orders/{id}", "/orders/7", true),
            ("/orders/{id}", "/orders/", false),
            ("/orders/{id}", "/orders/7/fills", false),
            ("/orders/{id}", "/orders", false),
            ("/orders/client:{id}", "/orders/client:7", true),
            ("/orders/client:{id}", "/orders/7", false),
            ("/a/{b}/c", "/a/x/c", true),
            ("/a/{b}/c", "/a/x/d", false),
        ] {
            assert_eq!(template_fits(template, path), fits, "{template} {path}");
        }
    }
}

//! What a request does: its endpoint's class, and the dangerous endpoints that its parameters would
//! also fit where the signature does not cover the path.

use crate::catalogue::{Class, Endpoint, Exchange, NameSet, Shape, When, hash};
use crate::parts::{BodyKind, Parts};

impl Exchange {
    /// The line of the catalogue that speaks about this request.
    pub fn endpoint(&self, parts: &Parts<'_>) -> Option<&'static Endpoint> {
        let hash = hash(parts.path.as_bytes());
        let first = (hash >> 24) as usize;
        let (from, to) = (self.endpoint_index[first], self.endpoint_index[first + 1]);
        let hashed = self.endpoints[from.into()..to.into()].iter().filter(|line| line.hash == hash);
        let fits = |line: &&Endpoint| line.method == parts.method && line.path.text() == parts.path;
        let plain = hashed.filter(fits).find(|line| line.speaks(parts));
        plain.or_else(|| {
            let fits =
                |line: &&Endpoint| line.method == parts.method && template_fits(line.path.text(), parts.path);
            self.templates.iter().find(|line| fits(line) && line.speaks(parts))
        })
    }

    /// Whether the exchange can read the body of a request in only one way: ours.
    ///
    /// Its `Content-Type` is not signed. A JSON text with a `&` in it is also a form, in which other parameters
    /// stand; so it is refused where the exchange reads forms.
    pub fn check_body(&self, parts: &Parts<'_>) -> Result<(), &'static str> {
        match parts.kind {
            BodyKind::None => Ok(()),
            BodyKind::Form if self.bodies.form => Ok(()),
            _ if !self.bodies.form && !self.bodies.json => {
                Err("this exchange reads no body; put the parameters in the query")
            }
            BodyKind::Form => Err("the body is a form, and this exchange reads JSON"),
            BodyKind::Object | BodyKind::List if !self.bodies.json => {
                Err("the body is JSON, and this exchange reads forms")
            }
            BodyKind::Object | BodyKind::List if self.bodies.form && parts.body.contains('&') => {
                Err("the body is JSON with a '&', which this exchange could read as a form")
            }
            BodyKind::Object | BodyKind::List => Ok(()),
        }
    }

    /// The parameters of a request as far as they can make it valid at a dangerous endpoint.
    ///
    /// Empty where the path is bound. Otherwise the signed text is the query followed by the body,
    /// and whoever holds the signature may cut that text anew: the end of a name is enough, since
    /// what stands before it can be left behind in the query.
    pub fn shape_of(&self, parts: &Parts<'_>) -> Result<NameSet, &'static str> {
        let mut present = NameSet::default();
        if self.binds.path {
            return Ok(present);
        }
        for param in parts.params {
            let name = parts.name(param);
            if param.cuttable {
                return Err("a parameter value with '=' or ';', which must be percent-encoded here");
            }
            self.mark(name, &mut present);
            // A list parameter, `ids[]` or `ids%5B%5D`: the exchange may drop the brackets.
            if let Some(list) = name.find(['%', '[']) {
                self.mark(&name[..list], &mut present);
            }
        }
        self.mark_joined(parts, &mut present);
        Ok(present)
    }

    /// Another endpoint of a `dangerous` class that a request with these parameters would be valid at.
    ///
    /// Not one whose parameters `endpoint` itself demands: whoever may use it can always have a
    /// signature over them.
    pub fn shape_within(
        &self,
        present: &NameSet,
        endpoint: Option<&Endpoint>,
        dangerous: impl Fn(Class) -> bool,
    ) -> Option<&'static Shape> {
        let own = endpoint.map_or(NameSet::default(), |endpoint| endpoint.needs);
        for (word, mut left) in present.iter().copied().enumerate() {
            while left != 0 {
                let (from, to) = self.shape_names[word * 64 + left.trailing_zeros() as usize].shapes;
                left &= left - 1;
                let fits = |shape: &&Shape| {
                    within(&shape.needs, present) && !within(&shape.needs, &own) && dangerous(shape.class)
                };
                if let Some(shape) = self.shapes[usize::from(from)..usize::from(to)].iter().find(fits) {
                    return Some(shape);
                }
            }
        }
        None
    }

    /// The dangerous endpoints that need no parameter at all, so that no rule can tell them apart.
    pub fn shapeless(&self) -> impl Iterator<Item = &'static Shape> {
        self.shapes.iter().filter(|shape| shape.needs == NameSet::default())
    }

    /// Marks every name that `text` ends with.
    fn mark(&self, text: &str, present: &mut NameSet) {
        let mut bytes = text.bytes().rev();
        let end = bytes.next().and_then(|byte| self.shape_ends.get(usize::from(byte)));
        let mut next = end.filter(|end| **end > 0).map(|end| &self.shape_tree[usize::from(*end)]);
        while let Some(node) = next {
            if let Some(bit) = node.name {
                set(present, usize::from(bit));
            }
            if let Some(bit) = node.only {
                if text.ends_with(self.shape_names[usize::from(bit)].name.text()) {
                    set(present, usize::from(bit));
                }
                return;
            }
            let Some(byte) = bytes.next() else { return };
            let (from, to) = node.children;
            let children = &self.shape_tree[usize::from(from)..usize::from(to)];
            next = children.iter().find(|child| child.byte == byte);
        }
    }

    /// Marks the names that only joining the query and the body makes.
    fn mark_joined(&self, parts: &Parts<'_>, present: &mut NameSet) {
        if parts.query.is_empty() || parts.body.is_empty() {
            return;
        }
        let first = parts.body.split(['&', '=']).next().unwrap_or("");
        for (bit, shape_name) in self.shape_names.iter().enumerate() {
            let begun = shape_name.name.text().strip_suffix(first);
            if begun.is_some_and(|begun| parts.query.ends_with(begun)) {
                set(present, bit);
            }
        }
    }
}

fn set(names: &mut NameSet, bit: usize) {
    names[bit / 64] |= 1 << (bit % 64);
}

fn within(needs: &NameSet, set: &NameSet) -> bool {
    needs.iter().zip(set).all(|(needs, set)| needs & !set == 0)
}

impl Endpoint {
    fn speaks(&self, parts: &Parts<'_>) -> bool {
        match self.when {
            When::Always => true,
            When::Present(name) => parts.param(name.text()).is_some(),
            When::Equals(name, value) => {
                parts.param(name.text()).is_some_and(|param| parts.value(param) == value.text())
            }
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

// An endpoints.txt as Rust constants: the lines, and the shapes of what is dangerous where the path is not signed.

use super::hash;
use super::orders::Orders;
use super::scheme::{Reach, method};
use super::tables::Tables;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The lines of an `endpoints.txt`: `METHOD PATH CLASS [needs=..] [auth=key] [repeats=..] [sign=..]`.
pub(crate) struct Endpoints<'a> {
    reaches: &'a [Reach],
    lines: Vec<Line>,
    shapes: Vec<Shape>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    path: String,
    method: &'static str,
    unconditional: bool,
    when: Option<(String, Option<String>)>,
    class: &'static str,
    key_only: bool,
    repeats: Vec<String>,
    sign: Option<String>,
    needs: BTreeSet<String>,
    /// The same as they are written, each alternative by itself.
    demanded: Vec<Vec<String>>,
}

struct Shape {
    class: &'static str,
    needs: BTreeSet<String>,
    endpoint: String,
    schemes: u16,
}

impl<'a> Endpoints<'a> {
    /// Of an exchange that nothing can be signed for.
    pub(crate) fn none() -> Self {
        Endpoints { reaches: &[], lines: Vec::new(), shapes: Vec::new() }
    }

    pub(crate) fn read(place: &Path, reaches: &'a [Reach]) -> Self {
        let text = fs::read_to_string(place).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
        let mut read = Endpoints { reaches, lines: Vec::new(), shapes: Vec::new() };
        for (number, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if let Err(why) = read.line(line) {
                panic!("{}:{}: {why}", place.display(), number + 1);
            }
        }
        read.lines.sort();
        for pair in read.lines.windows(2) {
            if (&pair[0].path, &pair[0].when) != (&pair[1].path, &pair[1].when) {
                continue;
            }
            if pair[0].method == pair[1].method {
                panic!("{}: {} {} stands twice", place.display(), pair[0].method, pair[0].path);
            }
            let unsigned =
                |line: &Line| line.schemes(reaches).any(|(_, reach)| reach.path_bound && !reach.method_bound);
            if pair[0].class != pair[1].class && unsigned(&pair[0]) && unsigned(&pair[1]) {
                panic!("{}: {} has two classes and the method is not signed", place.display(), pair[0].path);
            }
        }
        read.check_interchangeable(place);
        read.check_conditions(place);
        if read.lines.is_empty() {
            panic!("{}: no endpoint", place.display());
        }
        read
    }

    /// A value can be written in more than one way, so a line that speaks for one may only be milder than the line that
    /// speaks otherwise.
    fn check_conditions(&self, place: &Path) {
        let order = ["Read", "Cancel", "Trade", "Transfer", "Admin", "Withdraw"];
        let danger = |line: &Line| order.iter().position(|class| line.class.ends_with(class));
        for line in self.lines.iter().filter(|line| matches!(line.when, Some((_, Some(_))))) {
            let same = |other: &&Line| other.method == line.method && other.path == line.path;
            let otherwise = self.lines.iter().filter(same).find(|other| other.unconditional);
            if otherwise.is_some_and(|otherwise| danger(otherwise) < danger(line)) {
                panic!(
                    "{}: {}: a condition with a value is more dangerous than the line without",
                    place.display(),
                    line.path
                );
            }
        }
    }

    /// Two endpoints that stand in the message as the same text must be of one class.
    fn check_interchangeable(&self, place: &Path) {
        let mut seen: BTreeMap<(usize, &str, &str), &Line> = BTreeMap::new();
        for line in self.lines.iter().filter(|line| !line.key_only && line.unconditional) {
            for (at, reach) in line.schemes(self.reaches).filter(|(_, reach)| reach.path_bound) {
                let method = if reach.method_bound { line.method } else { "" };
                let signed = reach.signed(&line.path, line.sign.as_deref());
                let other = seen.entry((at, method, signed)).or_insert(line);
                if other.class != line.class {
                    panic!(
                        "{}: {} and {} are signed as the same text and have two classes",
                        place.display(),
                        other.path,
                        line.path
                    );
                }
            }
        }
    }

    /// Where the path is not signed, what a closed list permits must not withdraw something else at another endpoint.
    fn check_rivals(&self, orders: &Orders) {
        let is_one = |line: &&Line| line.class == "Class::Withdraw" && line.needs_shape(self.reaches);
        let unbound = || self.lines.iter().filter(is_one);
        for line in unbound() {
            let closed = orders.closed(&line.called(), line.names());
            let holds = |name: &String| closed.iter().any(|known| known.eq_ignore_ascii_case(name));
            // One that needs nothing fits everything, and stands in the man page for that.
            let fits = |needs: &Vec<String>| !needs.is_empty() && needs.iter().all(holds);
            let own = orders.moves(&line.called());
            for rival in unbound().filter(|rival| rival.demanded.iter().any(fits)) {
                if !closed.is_empty()
                    && orders
                        .moves(&rival.called())
                        .is_none_or(|other| !other.is_empty() && Some(other) != own)
                {
                    let (one, other) = (line.called(), rival.called());
                    orders.fail(&format!("what may be sent to {one} would say something else at {other}"));
                }
            }
        }
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let mut words = line.split_whitespace();
        let mut next = |what: &str| words.next().ok_or(format!("{what} is missing"));
        let (name, path, class) = (next("the method")?, next("the path")?, next("the class")?);
        let class = match class {
            "read" => "Class::Read",
            "trade" => "Class::Trade",
            "cancel" => "Class::Cancel",
            "transfer" => "Class::Transfer",
            "withdraw" => "Class::Withdraw",
            "admin" => "Class::Admin",
            other => return Err(format!("'{other}' is not a class")),
        };
        let (path, when) = match path.split_once('?') {
            None => (path, None),
            Some((path, condition)) => match condition.split_once('=') {
                None => (path, Some((condition.to_owned(), None))),
                Some((name, value)) => (path, Some((name.to_owned(), Some(value.to_owned())))),
            },
        };
        if !path.starts_with('/') {
            return Err(format!("'{path}' does not begin with a slash"));
        }
        let mut entry = Line {
            path: path.into(),
            method: method(name)?.0,
            unconditional: when.is_none(),
            when,
            class,
            key_only: false,
            repeats: Vec::new(),
            sign: None,
            needs: BTreeSet::new(),
            demanded: Vec::new(),
        };
        let mut needs = None;
        for word in words {
            match word.split_once('=') {
                Some(("auth", "key")) => entry.key_only = true,
                Some(("repeats", names)) => entry.repeats = names.split(',').map(str::to_owned).collect(),
                Some(("sign", name)) => entry.sign = Some(name.into()),
                Some(("needs", names)) => needs = Some(names),
                _ => return Err(format!("'{word}' is not needs=, auth=key, repeats= or sign=")),
            }
        }
        let alternatives = needs.iter().flat_map(|needs: &&str| needs.split('|'));
        let names = |text: &str| text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        entry.demanded = alternatives.map(names).collect();
        if entry.needs_shape(self.reaches) {
            let needs = needs.ok_or("the path is not signed, so it needs 'needs='")?;
            for alternative in needs.split('|') {
                let names = alternative.split(',').filter(|name| !name.is_empty()).map(str::to_lowercase);
                let needs: BTreeSet<String> = names.collect();
                entry.needs.extend(needs.iter().cloned());
                let schemes = entry.schemes(self.reaches).fold(0, |set, (at, _)| set | 1 << at);
                self.shapes.push(Shape { class, needs, endpoint: format!("{name} {path}"), schemes });
            }
        }
        self.lines.push(entry);
        Ok(())
    }

    /// The names that the catalogue knows parameters by, as they are written there and sorted by their hash.
    fn words(&self, orders: &Orders, often: &BTreeSet<String>) -> Vec<(u32, String)> {
        let mut words: BTreeSet<String> = orders.names();
        words.extend(often.iter().cloned());
        words.extend(self.lines.iter().flat_map(|line| line.demanded.iter().flatten().cloned()));
        let mut words: Vec<_> = words.into_iter().map(|word| (hash(word.as_bytes()), word)).collect();
        words.sort();
        words
    }

    /// The fields of an `Exchange` that come from this file; `json` is whether its API reads JSON bodies.
    pub(crate) fn code(
        &self,
        tables: &mut Tables,
        orders: &mut Orders,
        often: &BTreeSet<String>,
        json: bool,
    ) -> String {
        self.check_rivals(orders);
        let words = self.words(orders, often);
        let mut shapes = minimal(&self.shapes);
        let names: BTreeSet<&str> =
            shapes.iter().flat_map(|shape| shape.needs.iter().map(String::as_str)).collect();
        let names: Vec<&str> = names.into_iter().collect();
        assert!(names.len() <= 192, "NameSet is too small for {} names", names.len());
        // A shape is looked at when the name is there that stands in the fewest shapes.
        let count = |name: &str| shapes.iter().filter(|shape| shape.needs.contains(name)).count();
        let counts: Vec<usize> = names.iter().map(|name| count(name)).collect();
        let place = |name: &str| names.iter().position(|known| *known == name);
        let rarest =
            |shape: &Shape| shape.needs.iter().filter_map(|need| place(need)).min_by_key(|at| counts[*at]);
        shapes.sort_by_key(|shape| rarest(shape));
        let group = |at: usize| {
            let from = shapes.partition_point(|shape| rarest(shape) < Some(at));
            (from, shapes.partition_point(|shape| rarest(shape) <= Some(at)))
        };
        let set = |needs: &BTreeSet<String>| {
            let mut bits = [0_u64; 3];
            for bit in needs.iter().filter_map(|need| place(need)) {
                bits[bit / 64] |= 1 << (bit % 64);
            }
            bits
        };
        let mut named = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let (from, to) = group(at);
            let classes: BTreeSet<String> =
                shapes[from..to].iter().map(|shape| format!("1 << {} as u8", shape.class)).collect();
            let classes: Vec<String> = classes.into_iter().collect();
            named.push(format!(
                "ShapeName {{ name: {}, shapes: {:?}, classes: {} }}",
                tables.name(name),
                (from, to),
                if classes.is_empty() { "0".to_owned() } else { classes.join(" | ") }
            ));
        }
        let mut shaped = Vec::new();
        for Shape { class, needs, endpoint, schemes } in &shapes {
            shaped.push(format!(
                "Shape {{ class: {class}, endpoint: {}, needs: {:?}, schemes: {schemes} }}",
                tables.name(endpoint),
                set(needs)
            ));
        }
        let (templates, mut plain): (Vec<&Line>, Vec<&Line>) =
            self.lines.iter().partition(|line| line.path.contains('{'));
        plain.sort_by_key(|line| hash(line.path.as_bytes()));
        let mut list = |tables: &mut Tables, lines: &[&Line]| {
            let code = |line: &&Line| {
                let mut shown = BTreeSet::new();
                if let Some(read) = orders.reads(&line.called(), &names, json) {
                    shown.extend(read);
                    shown.extend(line.needs.iter().cloned());
                }
                line.code(tables, orders, set(&line.needs), set(&shown))
            };
            let codes = lines.iter().map(code).collect();
            tables.list("ENDPOINTS", codes)
        };
        let (plain_list, templates) = (list(tables, &plain), list(tables, &templates));
        let firsts = index(plain.iter().map(|line| (hash(line.path.as_bytes()) >> 24) as usize));
        let words = if names.is_empty() { Vec::new() } else { words };
        let word_index = index(words.iter().map(|(hash, _)| (hash >> 24) as usize));
        let mut worded = Vec::new();
        for (hash, word) in &words {
            let plain = word.split(['[', '%']).next().unwrap_or(word);
            let both = [word.to_ascii_lowercase(), plain.to_ascii_lowercase()];
            let ends = names.iter().filter(|name| both.iter().any(|word| word.ends_with(**name)));
            let ends = tables.set(set(&ends.map(|name| (*name).to_owned()).collect()));
            worded.push(format!("Word {{ hash: {hash}, name: {}, ends: {ends} }}", tables.name(word)));
        }
        let (ends, nodes) = tree(&names);
        format!(
            "endpoints: {plain_list}, templates: {templates}, shape_names: {}, shapes: {}, index: {}, ends: {}, nodes: {}, words: {}, word_index: {}",
            tables.list("SHAPE_NAMES", named),
            tables.list("SHAPES", shaped),
            tables.at("INDEXES", firsts.iter().map(usize::to_string).collect()),
            tables.at("ENDS", ends.iter().map(usize::to_string).collect()),
            tables.list("NODES", nodes),
            tables.list("WORDS", worded),
            tables.at("INDEXES", word_index.iter().map(usize::to_string).collect()),
        )
    }
}

impl Line {
    /// The schemes that may sign it: of each kind of key, up to the first that asks for nothing more.
    fn schemes<'a>(&self, reaches: &'a [Reach]) -> impl Iterator<Item = (usize, &'a Reach)> {
        let fits = |reach: &Reach| {
            let name = self.method.trim_start_matches("Method::").to_uppercase();
            (reach.methods.is_empty() || reach.methods.contains(&name))
                && (reach.paths.is_empty() || reach.paths.iter().any(|start| self.path.starts_with(start)))
        };
        let mut closed = BTreeSet::new();
        let mut found = Vec::new();
        for (at, reach) in reaches.iter().enumerate() {
            if fits(reach) && !closed.contains(&reach.key) {
                found.push((at, reach));
                if !reach.conditional {
                    closed.insert(reach.key.clone());
                }
            }
        }
        found.into_iter()
    }

    /// Whether it is dangerous and signed by a scheme that does not cover the path.
    fn needs_shape(&self, reaches: &[Reach]) -> bool {
        let dangerous = !matches!(self.class, "Class::Read" | "Class::Cancel");
        dangerous && !self.key_only && self.schemes(reaches).any(|(_, reach)| !reach.path_bound)
    }

    /// As it is written: method, path and condition.
    fn called(&self) -> String {
        let method = self.method.trim_start_matches("Method::").to_uppercase();
        let condition = match &self.when {
            None => String::new(),
            Some((name, None)) => format!("?{name}"),
            Some((name, Some(value))) => format!("?{name}={value}"),
        };
        format!("{method} {}{condition}", self.path)
    }

    /// The names of its parameters that it speaks of.
    fn names(&self) -> impl Iterator<Item = &String> {
        self.demanded.iter().flatten().chain(self.when.iter().map(|(name, _)| name))
    }

    fn code(&self, tables: &mut Tables, orders: &mut Orders, needs: [u64; 3], shown: [u64; 3]) -> String {
        let closed = orders.closed(&self.called(), self.names());
        let closed = tables.names(closed.iter().map(String::as_str));
        let orders = orders.take(&self.called(), self.class, tables);
        let when = match &self.when {
            None => "When::Always".to_owned(),
            Some((name, None)) => format!("When::Present({})", tables.name(name)),
            Some((name, Some(value))) => {
                format!("When::Equals({}, {})", tables.name(name), tables.name(value))
            }
        };
        let details = format!(
            "Details {{ when: {when}, key_only: {}, repeats: {}, sign: {}, needs: {}, shown: {}, orders: {orders}, closed: {closed} }}",
            self.key_only,
            tables.names(self.repeats.iter().map(String::as_str)),
            tables.option(self.sign.as_deref()),
            tables.set(needs),
            tables.set(shown),
        );
        format!(
            "Endpoint {{ method: {}, path: {}, hash: {}, class: {}, details: {} }}",
            self.method,
            tables.name(&self.path),
            hash(self.path.as_bytes()),
            self.class,
            tables.at("DETAILS", vec![details]),
        )
    }
}

/// The shapes that no smaller shape of the same class and schemes implies.
fn minimal(shapes: &[Shape]) -> Vec<&Shape> {
    let implied = |at: usize| {
        let shape = &shapes[at];
        shapes.iter().enumerate().any(|(place, other)| {
            let fewer = (other.needs.len(), place) < (shape.needs.len(), at);
            fewer
                && other.class == shape.class
                && other.schemes == shape.schemes
                && !other.needs.is_empty()
                && other.needs.is_subset(&shape.needs)
        })
    };
    (0..shapes.len()).filter(|at| !implied(*at)).map(|at| &shapes[at]).collect()
}

/// Where each first byte begins in a sorted list of them, and the end.
fn index(firsts: impl Iterator<Item = usize>) -> Vec<usize> {
    let firsts: Vec<usize> = firsts.collect();
    (0..=256).map(|byte| firsts.partition_point(|first| *first < byte)).collect()
}

/// The names as a tree by their bytes from the last to the first, children side by side: where each last byte
/// begins, and the nodes.
fn tree(names: &[&str]) -> (Vec<usize>, Vec<String>) {
    let mut nodes = vec![(0_u8, None, None, (0, 0))];
    let mut endings = vec![String::new()];
    let mut at = 0;
    while at < nodes.len() {
        let ending = endings[at].clone();
        let longer = |name: &str| name.ends_with(&ending) && name.len() > ending.len();
        let mut bytes: BTreeSet<u8> = names
            .iter()
            .filter(|name| longer(name))
            .map(|name| name.as_bytes()[name.len() - ending.len() - 1])
            .collect();
        nodes[at].1 = names.iter().position(|name| *name == ending);
        if at > 0 && names.iter().filter(|name| longer(name)).count() == 1 {
            nodes[at].2 = names.iter().position(|name| longer(name));
            bytes.clear();
        }
        nodes[at].3 = (nodes.len(), nodes.len() + bytes.len());
        for byte in bytes {
            nodes.push((byte, None, None, (0, 0)));
            endings.push(format!("{}{ending}", char::from(byte)));
        }
        at += 1;
    }
    let (from, to) = nodes[0].3;
    let mut ends = vec![0; 128];
    for (at, node) in nodes.iter().enumerate().take(to).skip(from) {
        ends[usize::from(node.0)] = at;
    }
    let code = |(byte, name, only, (from, to)): &(u8, Option<usize>, Option<usize>, (usize, usize))| {
        let place = |name: &Option<usize>| name.map_or("Node::NO_NAME".into(), |name| name.to_string());
        let (name, only) = (place(name), place(only));
        format!("Node {{ byte: {byte}, count: {}, children: {from}, name: {name}, only: {only} }}", to - from)
    };
    (ends, nodes.iter().map(code).collect())
}

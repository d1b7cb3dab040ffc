// The tables that the catalogue becomes: every list of every exchange in one array of its kind, without a pointer.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The arrays as Rust text, item by item.
#[derive(Default)]
pub(crate) struct Tables {
    texts: String,
    known: BTreeMap<String, usize>,
    tables: BTreeMap<&'static str, Table>,
}

#[derive(Default)]
struct Table {
    items: Vec<String>,
    known: BTreeMap<Vec<String>, usize>,
}

/// The array of each kind, and what stands in it. The order is the order of the generated file.
const TABLES: [(&str, &str); 22] = [
    ("EXCHANGES", "Exchange"),
    ("NAMES", "Name"),
    ("SCHEMES", "Scheme"),
    ("TOKENS", "Token"),
    ("PLACES", "Place"),
    ("FIELDS", "Field"),
    ("ENDPOINTS", "Endpoint"),
    ("DETAILS", "Details"),
    ("SHAPES", "Shape"),
    ("SHAPE_NAMES", "ShapeName"),
    ("NODES", "Node"),
    ("WORDS", "Word"),
    ("NAME_SETS", "NameSet"),
    ("KINDS", "KeyKind"),
    ("ORDERS", "OrderEntry"),
    ("ORDER_FIELDS", "OrderField"),
    ("CONDITIONS", "Condition"),
    ("FIXED", "Fixed"),
    ("LOGINS", "Login"),
    ("TAKES", "Take"),
    ("INDEXES", "u16"),
    ("ENDS", "u8"),
];

impl Tables {
    /// A text of the catalogue, each one once in the one text of all.
    pub(crate) fn name(&mut self, text: &str) -> String {
        let texts = &mut self.texts;
        let at = *self.known.entry(text.to_owned()).or_insert_with(|| {
            texts.push_str(text);
            texts.len() - text.len()
        });
        format!("Name {{ at: {at}, len: {} }}", text.len())
    }

    /// `Some` of a text, or `None`.
    pub(crate) fn option(&mut self, text: Option<&str>) -> String {
        text.map_or("None".into(), |text| format!("Some({})", self.name(text)))
    }

    /// A list of texts.
    pub(crate) fn names<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) -> String {
        let names = texts.into_iter().map(|text| self.name(text)).collect();
        self.list("NAMES", names)
    }

    /// A list of items of one kind: where it stands in its array.
    pub(crate) fn list(&mut self, kind: &'static str, items: Vec<String>) -> String {
        let len = items.len();
        let at = self.at(kind, items);
        format!("Of::new({at}, {len})")
    }

    /// A set of names, each one once.
    pub(crate) fn set(&mut self, set: [u64; 3]) -> String {
        format!("Set({})", self.at("NAME_SETS", vec![format!("{set:?}")]))
    }

    /// Where a list begins in its array; the same list stands there once.
    pub(crate) fn at(&mut self, kind: &'static str, items: Vec<String>) -> usize {
        let table = self.tables.entry(kind).or_default();
        let Table { items: all, known } = table;
        *known.entry(items).or_insert_with_key(|items| {
            all.extend(items.iter().cloned());
            all.len() - items.len()
        })
    }

    /// The generated file.
    pub(crate) fn code(mut self) -> String {
        let mut code = format!("static TEXTS: &str = {:?};\n", self.texts);
        for (kind, item) in TABLES {
            let items = self.tables.remove(kind).unwrap_or_default().items;
            writeln!(code, "static {kind}: [{item}; {}] = [{}];", items.len(), items.join(", "))
                .expect("a String takes it");
        }
        assert!(self.tables.is_empty(), "a table that nobody writes: {:?}", self.tables.keys());
        code
    }
}

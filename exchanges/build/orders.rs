// An orders.toml as Rust constants: where each order of a call says what. The language is described in catalog/README.md.

use super::tables::Tables;
use super::{beginning, beginning_bit};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What the endpoints' part of the build asks: the orders of each endpoint.
#[derive(Default)]
pub(crate) struct Orders {
    place: String,
    /// The names that signing reads or writes.
    signing: BTreeSet<String>,
    entries: Vec<Entry>,
    of: BTreeMap<String, Vec<Use>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    order: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    at: Vec<String>,
    does: String,
    other: Option<Vec<String>>,
    #[serde(default)]
    known: Vec<String>,
    #[serde(default)]
    leg: String,
    #[serde(default)]
    when: BTreeMap<String, Names>,
    symbol: Option<Names>,
    side: Option<Names>,
    #[serde(rename = "type")]
    kind: Option<Names>,
    quantity: Option<Names>,
    price: Option<Names>,
    quote: Option<Names>,
    stop: Option<Names>,
    reduce: Option<Names>,
    currency: Option<Names>,
    amount: Option<Names>,
    address: Option<Names>,
    network: Option<Names>,
    tag: Option<Names>,
    #[serde(default)]
    fixed: BTreeMap<String, String>,
    #[serde(default)]
    decimals: BTreeMap<String, u8>,
    buy: Option<Names>,
    sell: Option<Names>,
    limit: Option<Names>,
    market: Option<Names>,
    reducing: Option<Names>,
    #[serde(default)]
    signed_quantity: bool,
    #[serde(default)]
    contracts: bool,
}

#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum Names {
    One(String),
    More(Vec<String>),
}

/// That an entry speaks about an endpoint: about each order of a list, or about the request.
struct Use {
    entry: usize,
    each: Option<String>,
}

impl Orders {
    /// Of an exchange whose folder holds an `orders.toml`, or none.
    pub(crate) fn read(place: &Path, signing: BTreeSet<String>) -> Orders {
        if !place.exists() {
            return Orders::default();
        }
        let text = fs::read_to_string(place).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
        let place = place.display().to_string();
        let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{place}: {error}"));
        let mut orders = Orders { place, signing, entries: file.order, of: BTreeMap::new() };
        if orders.entries.is_empty() {
            orders.fail("no order");
        }
        for (at, entry) in orders.entries.iter().enumerate() {
            if let Err(why) = entry.check() {
                orders.fail(&format!("order {} ({}): {why}", at + 1, entry.at.join(", ")));
            }
            for line in &entry.at {
                let mut words = line.split_whitespace();
                let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
                let each = words.next().map(|word| {
                    word.strip_prefix("each=")
                        .unwrap_or_else(|| orders.fail(&format!("'{line}': '{word}' is not each=")))
                });
                if path.is_empty() || words.next().is_some() {
                    orders.fail(&format!("'{line}' is not METHOD PATH [each=PLACE]"));
                }
                let each = each.map(str::to_owned);
                if each
                    .iter()
                    .flat_map(|each| each.split('|'))
                    .any(|place| !place.is_empty() && !is_path(place))
                {
                    orders.fail(&format!("'{line}': an empty name"));
                }
                orders.of.entry(format!("{method} {path}")).or_default().push(Use { entry: at, each });
            }
        }
        orders
    }

    /// The orders of an endpoint, `METHOD PATH[?condition]`, which is taken out.
    pub(crate) fn take(&mut self, endpoint: &str, class: &str, tables: &mut Tables) -> String {
        let uses = self.of.remove(endpoint).unwrap_or_default();
        // Those of one list stand together, and of these those of one leg, each as they were written.
        let mut lists: Vec<&Option<String>> = Vec::new();
        let mut legs: Vec<(usize, &str)> = Vec::new();
        let mut placed = Vec::new();
        for Use { entry, each } in &uses {
            let list = lists.iter().position(|known| *known == each).unwrap_or_else(|| {
                lists.push(each);
                lists.len() - 1
            });
            let own = &self.entries[*entry];
            let leg = legs.iter().position(|known| *known == (list, &*own.leg)).unwrap_or_else(|| {
                legs.push((list, &own.leg));
                legs.len() - 1
            });
            let fits = match own.does.as_str() {
                "place" | "amend" => class == "Class::Trade",
                "withdraw" => class == "Class::Withdraw",
                "transfer" => class == "Class::Transfer",
                _ => true,
            };
            if !fits {
                self.fail(&format!("{endpoint} does not {}: it is {class} in endpoints.txt", own.does));
            }
            placed.push((list, leg, *entry, each));
        }
        placed.sort_by_key(|(list, leg, entry, _)| (*list, *leg, *entry));
        for pair in placed.windows(2) {
            if pair[0].1 == pair[1].1 && self.entries[pair[0].2].when.is_empty() {
                self.fail(&format!(
                    "{endpoint}: order {} is never reached: order {} has no 'when'",
                    pair[1].2 + 1,
                    pair[0].2 + 1
                ));
            }
        }
        let mut codes = Vec::new();
        for (list, leg, entry, each) in &placed {
            let code = self.entries[*entry].code(endpoint, each.as_deref(), tables);
            let code = code.unwrap_or_else(|why| self.fail(&format!("{endpoint}: {why}")));
            codes.push(format!("OrderEntry {{ list: {list}, leg: {leg}, {code} }}"));
        }
        tables.list("ORDERS", codes)
    }

    /// The closed list of an endpoint: what its entries read, what stands beside that, and what signing and `endpoints.txt`
    /// name. Empty if no entry closes it.
    pub(crate) fn closed<'a>(
        &self,
        endpoint: &str,
        named: impl Iterator<Item = &'a String>,
    ) -> BTreeSet<String> {
        let uses = self.of.get(endpoint).map_or(&[][..], Vec::as_slice);
        let entries = || uses.iter().map(|used| &self.entries[used.entry]);
        if entries().all(|entry| entry.other.is_none()) {
            return BTreeSet::new();
        }
        if uses.iter().any(|used| used.each.is_some()) {
            self.fail(&format!("{endpoint}: 'other' where the orders are a list"));
        }
        let mut closed = self.signing.clone();
        for entry in entries() {
            let fields = entry.fields();
            let read = fields.iter().flat_map(|(.., names)| names.iter().flat_map(Names::all));
            let read =
                read.chain(entry.when.keys().map(String::as_str)).filter(|name| !name.starts_with('{'));
            let read = read.map(|name| name.trim_start_matches('/').to_owned());
            closed.extend(read.chain(entry.other.iter().flatten().cloned()));
        }
        // What endpoints.txt has may be in another case than the exchange's.
        for name in named {
            if !closed.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                closed.insert(name.clone());
            }
        }
        closed
    }

    /// Where the entries of an endpoint find what is moved, and to whom; nothing at one that is not described.
    pub(crate) fn moves(&self, endpoint: &str) -> Option<BTreeSet<Vec<String>>> {
        let of = |used: &Use| {
            let entry = &self.entries[used.entry];
            let names = [&entry.currency, &entry.amount, &entry.address];
            let names = names.map(|names| names.as_ref().map_or(Vec::new(), Names::all).join("|"));
            let fixed =
                ["currency", "address"].map(|name| entry.fixed.get(name).cloned().unwrap_or_default());
            (entry.does != "nothing").then(|| [names.to_vec(), fixed.to_vec()].concat())
        };
        Some(self.of.get(endpoint)?.iter().filter_map(of).collect())
    }

    /// The names of the parameters in which orders say what.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let fields = self.entries.iter().flat_map(Entry::fields);
        let names = fields.flat_map(|(.., names)| names.iter().flat_map(Names::all));
        let names = names.chain(self.entries.iter().flat_map(|entry| entry.when.keys().map(String::as_str)));
        let first = |name: &str| name.trim_start_matches('/').split('.').next().unwrap_or(name).to_owned();
        names.filter(|name| !name.starts_with('{')).map(first).collect()
    }

    /// Those of the `known` names, in lower case, that reading the orders of an endpoint looks at; nothing if it has no orders.
    /// Where bodies are JSON, also the names `within` objects and lists: in a form, those are no parameters, and one of that
    /// name is another thing. A list is the same under the end of its name. To be asked for before they are taken out.
    pub(crate) fn reads(&self, endpoint: &str, known: &[&str], within: bool) -> Option<BTreeSet<String>> {
        let mut all = BTreeSet::new();
        for Use { entry, each } in self.of.get(endpoint)? {
            let entry = &self.entries[*entry];
            let fields = entry.fields();
            let names = fields.iter().flat_map(|(.., names)| names.iter().flat_map(Names::all));
            let names = names.chain(entry.when.keys().map(String::as_str));
            let names = names.filter(|name| within || each.is_none() || name.starts_with('/'));
            let names = names.map(|name| name.trim_matches(['{', '}']).trim_start_matches('/'));
            let deep = if within { usize::MAX } else { 1 };
            let parts = names.flat_map(|name| name.split('.').take(deep)).map(str::to_ascii_lowercase);
            let lists = each.iter().flat_map(|each| each.split('|')).map(str::to_ascii_lowercase);
            let lists = lists.flat_map(|list| {
                let ends = known.iter().filter(move |name| list.ends_with(**name));
                ends.map(|name| (*name).to_owned())
            });
            all.extend(parts.chain(lists).filter(|name| known.contains(&name.as_str())));
        }
        Some(all)
    }

    /// Ends the build if an endpoint was named that is not in `endpoints.txt`.
    pub(crate) fn done(&self) {
        if let Some(endpoint) = self.of.keys().next() {
            self.fail(&format!("'{endpoint}' is not in endpoints.txt"));
        }
    }

    pub(crate) fn fail(&self, why: &str) -> ! {
        panic!("{}: {why}", self.place)
    }
}

impl Entry {
    fn fields(&self) -> [(&'static str, &'static str, &Option<Names>); 13] {
        [
            ("symbol", "What::Symbol", &self.symbol),
            ("side", "What::Side", &self.side),
            ("type", "What::Type", &self.kind),
            ("quantity", "What::Quantity", &self.quantity),
            ("price", "What::Price", &self.price),
            ("quote", "What::Quote", &self.quote),
            ("stop", "What::Stop", &self.stop),
            ("reduce", "What::Reduce", &self.reduce),
            ("currency", "What::Currency", &self.currency),
            ("amount", "What::Amount", &self.amount),
            ("address", "What::Address", &self.address),
            ("network", "What::Network", &self.network),
            ("tag", "What::Tag", &self.tag),
        ]
    }

    fn words(&self) -> [(&'static str, &'static str, Vec<&str>); 5] {
        [
            ("buy", "side", Names::or(&self.buy, "buy")),
            ("sell", "side", Names::or(&self.sell, "sell")),
            ("limit", "type", Names::or(&self.limit, "limit")),
            ("market", "type", Names::or(&self.market, "market")),
            ("reducing", "reduce", Names::or(&self.reducing, "true")),
        ]
    }

    fn check(&self) -> Result<(), String> {
        if self.at.is_empty() {
            return Err("no endpoint in 'at'".into());
        }
        let orders = ["symbol", "side", "type", "quantity", "price", "quote", "stop", "reduce"];
        let moves = ["currency", "amount", "address", "network", "tag"];
        let permitted: &[&str] = match self.does.as_str() {
            "place" | "amend" => &orders,
            "withdraw" | "transfer" => &moves,
            "nothing" | "refuse" => &[],
            other => {
                return Err(format!("'{other}' is not place, amend, withdraw, transfer, refuse or nothing"));
            }
        };
        let moves_funds = ["withdraw", "transfer"].contains(&&*self.does);
        if moves_funds != self.other.is_some() {
            return Err(format!(
                "what does '{}' {}",
                self.does,
                if moves_funds { "needs 'other'" } else { "has no 'other'" }
            ));
        }
        if self.other.iter().flatten().chain(&self.known).any(|name| !is_path(name)) {
            return Err("other or known: an empty name".into());
        }
        let given =
            |name: &str| self.fields().iter().any(|(known, _, names)| *known == name && names.is_some());
        for (name, _, names) in self.fields() {
            let Some(names) = names else { continue };
            if !permitted.contains(&name) {
                return Err(format!("'{name}' says nothing about what does '{}'", self.does));
            }
            if names.all().is_empty() || !names.all().iter().all(|name| is_place(name)) {
                return Err(format!("{name}: an empty name"));
            }
        }
        for (name, values) in &self.when {
            if !is_place(name) || values.all().is_empty() {
                return Err(format!("when: '{name}' is no name, or has no values"));
            }
        }
        // A name in another case than the one that is looked for is refused.
        let fields = self.fields();
        let names = fields.iter().flat_map(|(_, _, names)| names.iter().flat_map(Names::all));
        let names: BTreeSet<&str> = names.chain(self.when.keys().map(String::as_str)).collect();
        for name in &names {
            if names.iter().any(|other| other != name && other.eq_ignore_ascii_case(name)) {
                return Err(format!("'{name}' stands there in two cases"));
            }
        }
        for (word, field, values) in self.words() {
            let own = [
                ("buy", &self.buy),
                ("sell", &self.sell),
                ("limit", &self.limit),
                ("market", &self.market),
                ("reducing", &self.reducing),
            ];
            let written = own.iter().any(|(known, names)| *known == word && names.is_some());
            if written && !given(field) {
                return Err(format!("'{word}' without '{field}'"));
            }
            if values.iter().any(|value| value.is_empty()) {
                return Err(format!("{word}: an empty value"));
            }
        }
        for (one, other) in [("buy", "sell"), ("limit", "market")] {
            let values = |word: &str| -> Vec<String> {
                let words = self.words();
                let found = words.iter().find(|(known, ..)| *known == word);
                found.map_or(Vec::new(), |(.., values)| {
                    values.iter().map(|value| value.to_lowercase()).collect()
                })
            };
            if values(one).iter().any(|value| values(other).contains(value)) {
                return Err(format!("a value is both {one} and {other}"));
            }
        }
        for (name, value) in &self.fixed {
            let values: &[&str] = match name.as_str() {
                "side" => &["buy", "sell"],
                "type" => &["limit", "market", "other"],
                "reduce" => &["true"],
                "symbol" | "currency" | "address" | "network" => &[],
                _ => return Err(format!("fixed: '{name}' cannot be fixed")),
            };
            if !permitted.contains(&&**name)
                || value.is_empty()
                || !(values.is_empty() || values.contains(&&**value))
            {
                return Err(format!("fixed: {name} = '{value}'"));
            }
        }
        for (name, decimals) in &self.decimals {
            if !["quantity", "price", "quote", "stop", "amount"].contains(&&**name)
                || !given(name)
                || *decimals > 18
            {
                return Err(format!("decimals: '{name}' is no amount of this order, or has more than 18"));
            }
        }
        if (self.signed_quantity || self.contracts) && !given("quantity") {
            return Err("'signed_quantity' or 'contracts' without 'quantity'".into());
        }
        Ok(())
    }

    /// The fields of an `OrderEntry`, but for `list` and `leg`.
    fn code(&self, endpoint: &str, each: Option<&str>, tables: &mut Tables) -> Result<String, String> {
        let path = endpoint.split([' ', '?']).nth(1).unwrap_or("");
        let (mut fields, mut flat, mut begins) = (Vec::new(), true, 0);
        for (name, what, names) in self.fields() {
            let decimals = self.decimals.get(name).copied().unwrap_or(0);
            for name in names.iter().flat_map(|names| names.all()) {
                let beginning = beginning(name.trim_start_matches('/').as_bytes());
                flat &= beginning != 0 && !name.contains(['.', '{']);
                begins |= beginning_bit(beginning);
                let place = place(name, path, tables)?;
                fields.push(format!("OrderField {{ what: {what}, decimals: {decimals}, place: {place} }}"));
            }
        }
        let mut when = Vec::new();
        for (name, values) in &self.when {
            let place = place(name, path, tables)?;
            when.push(format!("Condition {{ place: {place}, values: {} }}", tables.names(values.all())));
        }
        let mut fixed = Vec::new();
        for (name, value) in &self.fixed {
            let fields = self.fields();
            let what = fields.iter().find(|(known, ..)| known == name).map_or("", |(_, what, _)| what);
            fixed.push(format!("Fixed {{ what: {what}, value: {} }}", tables.name(value)));
        }
        let does = match self.does.as_str() {
            "place" => "Order(Does::Place)",
            "amend" => "Order(Does::Amend)",
            "withdraw" => "Order(Does::Withdraw)",
            "transfer" => "Order(Does::Transfer)",
            "refuse" => "Refused",
            _ => "Nothing",
        };
        let words: Vec<String> = self
            .words()
            .into_iter()
            .map(|(word, _, values)| format!("{word}: {}", tables.names(values)))
            .collect();
        let each = match each {
            None => "None".into(),
            Some(each) => format!("Some({})", tables.names(each.split('|'))),
        };
        Ok(format!(
            "each: {each}, says: Says::{does}, known: {}, when: {}, fields: {}, flat: {flat}, begins: {begins}, fixed: {}, {}, \
             signed_quantity: {}, contracts: {}",
            tables.names(self.known.iter().map(String::as_str)),
            tables.list("CONDITIONS", when),
            tables.list("ORDER_FIELDS", fields),
            tables.list("FIXED", fixed),
            words.join(", "),
            self.signed_quantity,
            self.contracts,
        ))
    }
}

impl Names {
    fn all(&self) -> Vec<&str> {
        match self {
            Names::One(name) => vec![name],
            Names::More(names) => names.iter().map(String::as_str).collect(),
        }
    }

    fn or<'a>(names: &'a Option<Names>, otherwise: &'static str) -> Vec<&'a str> {
        names.as_ref().map_or(vec![otherwise], Names::all)
    }
}

/// A name as an `OrderPlace`: `{name}` of the path, `/name` of the request, or a name of the order.
fn place(name: &str, path: &str, tables: &mut Tables) -> Result<String, String> {
    let (within, name) = match (name.strip_prefix('{'), name.strip_prefix('/')) {
        (Some(inner), _) => {
            if !path.contains(name) {
                return Err(format!("the path has no {name}"));
            }
            ("Path", inner.trim_end_matches('}'))
        }
        (_, Some(inner)) => ("Request", inner),
        _ => ("Order", name),
    };
    let first = name.split('.').next().unwrap_or(name);
    if first.len() > 255 {
        return Err(format!("'{name}' is too long"));
    }
    Ok(format!(
        "OrderPlace {{ within: Within::{within}, first: {}, begins: {}, name: {} }}",
        first.len(),
        beginning(first.as_bytes()),
        tables.name(name)
    ))
}

fn is_place(name: &str) -> bool {
    match name.strip_prefix('{') {
        Some(rest) => rest.len() > 1 && rest.find('}') == Some(rest.len() - 1),
        None => is_path(name.strip_prefix('/').unwrap_or(name)),
    }
}

fn is_path(name: &str) -> bool {
    name.split('.').all(|step| !step.is_empty() && !step.contains(['{', '}', '/', ' ', '|']))
}

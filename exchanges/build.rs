//! Turns `catalog/` into Rust constants. A mistake in a file ends the build with its place.

#[path = "build/endpoints.rs"]
mod endpoints;
#[path = "build/orders.rs"]
mod orders;
#[path = "build/scheme.rs"]
mod scheme;
#[path = "build/tables.rs"]
mod tables;
#[path = "build/tokens.rs"]
mod tokens;

use endpoints::Endpoints;
use orders::Orders;
use scheme::SchemeFile;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};
use tables::Tables;

include!("src/hash.rs");

fn main() {
    for place in ["catalog", "src/hash.rs", "build.rs", "build"] {
        println!("cargo::rerun-if-changed={place}");
    }
    println!("cargo::rerun-if-env-changed=SIGNBOX_CATALOGUE");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("catalog");
    let mut folders: Vec<PathBuf> = fs::read_dir(&root)
        .expect("exchanges/catalog is there")
        .map(|entry| entry.expect("exchanges/catalog can be read").path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    // A bench compares a program with few exchanges to one with all.
    if let Ok(only) = env::var("SIGNBOX_CATALOGUE") {
        folders.retain(|folder| only.split(',').any(|id| folder.ends_with(id)));
    }
    let mut ids = BTreeSet::new();
    let mut tables = Tables::default();
    // Side by side, since a start looks through them: fewer pages are touched.
    for id in folders.iter().filter_map(|folder| folder.file_name()?.to_str()) {
        tables.name(id);
    }
    let exchanges = folders.iter().map(|folder| exchange(folder, &mut ids, &mut tables)).collect();
    tables.at("EXCHANGES", exchanges);
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("catalogue.rs");
    fs::write(out, tables.code()).expect("OUT_DIR can be written");
}

fn exchange(folder: &Path, ids: &mut BTreeSet<String>, tables: &mut Tables) -> String {
    let id = folder.file_name().and_then(|name| name.to_str()).expect("folder names are text");
    let place = folder.join("scheme.toml");
    let fail = |why: &str| -> ! { panic!("{}: {why}", place.display()) };
    let text = fs::read_to_string(&place).unwrap_or_else(|error| fail(&error.to_string()));
    let file: SchemeFile = toml::from_str(&text).unwrap_or_else(|error| fail(&error.to_string()));
    for name in std::iter::once(id).chain(file.aliases.iter().map(String::as_str)) {
        let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if name.is_empty() || !plain {
            fail(&format!("'{name}' is not lower-case letters and digits"));
        }
        if !ids.insert(name.to_owned()) {
            fail(&format!("'{name}' is taken"));
        }
    }
    if file.unsignable.is_none() && (file.schemes.is_empty() || file.hosts.is_empty()) {
        fail("needs a host and a scheme");
    }
    if file.schemes.len() > 16 {
        fail("has more than 16 schemes");
    }
    let reaches = file.reaches();
    let endpoints = match file.unsignable {
        Some(_) => Endpoints::none(),
        None => Endpoints::read(&folder.join("endpoints.txt"), &reaches),
    };
    let code = file.code(tables).unwrap_or_else(|why| fail(&why));
    let mut orders = Orders::read(&folder.join("orders.toml"), file.parameters());
    let endpoints = endpoints.code(tables, &mut orders, &file.often, file.reads_json());
    orders.done();
    format!("Exchange {{ id: {}, {code}, {endpoints} }}", tables.name(id))
}

//! The crates that the signer links are those of the checked-in list, and the signer is linked static.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

#[test]
fn the_signer_links_the_crates_of_the_checked_in_list_and_no_other() {
    let list =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/signer-crates.txt"))
            .unwrap();
    let mut always = BTreeSet::new();
    let mut with_private_keys = BTreeSet::new();
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let marked = line.split_whitespace().nth(2) == Some("+");
        let words = line.split_whitespace().count() - usize::from(marked);
        assert!(words > 2, "'{line}' does not say what the crate is there for");
        if !marked {
            always.insert(name_and_version(line));
        }
        with_private_keys.insert(name_and_version(line));
    }
    assert!(always.len() < with_private_keys.len(), "no line is marked");
    for (features, listed) in [("", &always), ("asymmetric", &with_private_keys)] {
        let linked = linked(features);
        let news: Vec<_> = linked.symmetric_difference(listed).collect();
        assert!(
            news.is_empty(),
            "features '{features}': review these, then change packaging/signer-crates.txt: {news:?}"
        );
    }
}

/// The crates of the signer: without the feature `operator` only the library and the signer are built.
fn linked(features: &str) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--locked", "--offline", "--package", "signbox", "--no-default-features"])
        .args([
            "--features",
            features,
            "--edges",
            "normal,no-proc-macro",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    String::from_utf8(tree.stdout).unwrap().lines().map(name_and_version).collect()
}

fn name_and_version(line: &str) -> String {
    let mut words = line.split_whitespace();
    let (name, version) = (words.next().unwrap(), words.next().unwrap());
    format!("{name} {}", version.trim_start_matches('v'))
}

#[test]
fn the_signer_has_no_loader_before_main() {
    let signer = Path::new(env!("CARGO_BIN_EXE_signbox")).with_file_name("signbox-signer");
    assert!(!asks_for_a_loader(&std::fs::read(signer).unwrap()), "signbox-signer is not linked static");
    // The other program does have one, so the question is the right one.
    assert!(asks_for_a_loader(&std::fs::read(env!("CARGO_BIN_EXE_signbox")).unwrap()));
}

/// Whether a 64-bit little-endian ELF file has a PT_INTERP program header.
fn asks_for_a_loader(elf: &[u8]) -> bool {
    assert_eq!(&elf[..6], b"\x7fELF\x02\x01");
    let number = |at: usize, len: usize| {
        elf[at..at + len].iter().rev().fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
    };
    let (headers, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    (0..count).any(|at| number(headers + at * size, 4) == 3)
}

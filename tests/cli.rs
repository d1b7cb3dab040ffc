//! The command ring: every case of `tests/cli/*.toml` is run as it is written, and the prompt on a terminal of its own.
//!
//! Each case has a fresh session keyring and, where the tests run as root, a user of its own, whose user keyring
//! nobody else uses. In what is expected, `[..]` stands for anything within a line, and a line `...` for any lines.

#![allow(clippy::unwrap_used)]

#[path = "cli/folder.rs"]
mod folder;
#[path = "cli/logs.rs"]
mod logs;
#[path = "cli/prompt.rs"]
mod prompt;
#[path = "cli/stage.rs"]
mod stage;
#[path = "common/audit.rs"]
mod written;

use folder::Folder;
use serde::Deserialize;
use stage::{Stage, skip};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

#[test]
fn every_case_ends_as_it_is_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    assert!(files.len() > 5, "the cases are missing");
    let mut failures = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        let cases: Cases =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(!cases.case.is_empty(), "{} is empty", file.display());
        for case in cases.case {
            let name = format!("{}: {}", file.file_name().unwrap().display(), case.name);
            // A session keyring belongs to a thread, and children inherit it.
            let told = thread::spawn(move || play(&case)).join().unwrap();
            failures.extend(told.err().map(|why| format!("{name}\n{why}")));
        }
    }
    assert!(failures.is_empty(), "{} cases failed\n\n{}", failures.len(), failures.join("\n"));
}

/// A file of cases.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

/// A command, what goes before it, and what it must do.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// Run as root, with root's user keyring; what it leaves there, `after` takes away.
    #[serde(default)]
    root: bool,
    /// Stand in a session keyring that belongs to another user.
    #[serde(default)]
    shared: bool,
    /// What stands in a folder of its own, `DIR` in arguments and in what is expected.
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// What must stand there afterwards: all files and no other, where any is named.
    #[serde(default)]
    left: BTreeMap<String, String>,
    #[serde(default)]
    before: Vec<Step>,
    #[serde(default)]
    after: Vec<Step>,
    #[serde(flatten)]
    step: Step,
    #[serde(default)]
    code: i32,
    #[serde(default)]
    stdout: String,
    #[serde(default)]
    stderr: String,
}

/// One run of `signbox`.
#[derive(Deserialize)]
struct Step {
    /// The arguments, apart by white space; `LOGS` is a state directory with the audit logs of `cli/logs.rs`, `DIR` a folder
    /// with the case's files.
    args: String,
    /// What stands in a file that is open as descriptor 3.
    secret: Option<String>,
    /// What comes through a pipe on standard input.
    stdin: Option<String>,
    /// How many seconds to wait afterwards.
    #[serde(default)]
    wait: f64,
}

fn play(case: &Case) -> Result<(), String> {
    let Some(stage) = Stage::enter(case.root, case.shared) else {
        skip(&format!("'{}' needs root", case.name));
        return Ok(());
    };
    let folder = Folder::of(&case.files, stage.user());
    for step in &case.before {
        succeed(&stage, &folder, step)?;
    }
    let output = run(&stage, &folder, &case.step);
    let mut wrong = String::new();
    if output.code != Some(case.code) {
        wrong += &format!("  exit code {:?}, expected {}\n", output.code, case.code);
    }
    for (what, said, expected) in
        [("stdout", &output.out, &case.stdout), ("stderr", &output.err, &case.stderr)]
    {
        if !fits(&expected.lines().collect::<Vec<_>>(), &said.lines().collect::<Vec<_>>()) {
            wrong += &format!("  {what}:\n{}\n  expected:\n{}\n", indented(said), indented(expected));
        }
    }
    if !case.left.is_empty() {
        let there = folder.files();
        let names: Vec<_> = there.keys().chain(case.left.keys()).collect();
        for name in names {
            let [said, expected] = [&there, &case.left].map(|all| all.get(name).map_or("", String::as_str));
            if !fits(&expected.lines().collect::<Vec<_>>(), &said.lines().collect::<Vec<_>>()) {
                wrong += &format!("  {name}:\n{}\n  expected:\n{}\n", indented(said), indented(expected));
            }
        }
    }
    for step in &case.after {
        succeed(&stage, &folder, step)?;
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn succeed(stage: &Stage, folder: &Folder, step: &Step) -> Result<(), String> {
    let output = run(stage, folder, step);
    thread::sleep(Duration::from_secs_f64(step.wait));
    if output.code == Some(0) { Ok(()) } else { Err(format!("  '{}' failed: {}\n", step.args, output.err)) }
}

fn run(stage: &Stage, folder: &Folder, step: &Step) -> stage::Output {
    let logs = if step.args.contains("LOGS") { logs::folder() } else { String::new() };
    let args: Vec<String> = step
        .args
        .split_whitespace()
        .map(|word| word.replace("LOGS", &logs).replace("DIR", folder.path()))
        .collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let said = stage.run(&args, step.secret.as_deref(), step.stdin.as_deref());
    let hide =
        |text: String| if folder.path().is_empty() { text } else { text.replace(folder.path(), "DIR") };
    stage::Output { code: said.code, out: hide(said.out), err: hide(said.err) }
}

/// Whether lines are as expected, with `...` for any number of them.
fn fits(expected: &[&str], said: &[&str]) -> bool {
    match (expected, said) {
        ([], []) => true,
        (["...", rest @ ..], _) => (0..=said.len()).any(|skipped| fits(rest, &said[skipped..])),
        ([one, rest @ ..], [line, lines @ ..]) => line_fits(one, line) && fits(rest, lines),
        _ => false,
    }
}

/// Whether a line is as expected, with `[..]` for anything.
fn line_fits(expected: &str, line: &str) -> bool {
    match expected.split_once("[..]") {
        None => expected == line,
        Some((start, rest)) => line.strip_prefix(start).is_some_and(|left| {
            left.char_indices().map(|(at, _)| at).chain([left.len()]).any(|at| line_fits(rest, &left[at..]))
        }),
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_expected_may_leave_gaps() {
    assert!(fits(&["a[..]c", "...", "z"], &["abc", "x", "y", "z"]));
    assert!(fits(&["...", "z[..]"], &["z"]));
    assert!(!fits(&["a[..]c"], &["ab"]) && !fits(&["a"], &["a", "b"]) && !fits(&[], &["a"]));
}

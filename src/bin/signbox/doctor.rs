//! `signbox doctor`: what this kernel, this session and this installation give, and what to do about the rest.

mod kernel;
mod session;
mod signer;

use crate::cli::Doctor;
use crate::error::Error;
use crate::output::print;
use serde_json::json;
use std::fmt::Write as _;
use std::fs;
use std::process::ExitCode;

pub(crate) fn run(args: &Doctor) -> Result<ExitCode, Error> {
    let mut points = kernel::points();
    points.extend(session::points());
    points.extend(signer::points());
    if !args.handles.is_empty() {
        points.extend(signer::started(&args.handles));
    }
    let text = if args.json { as_json(&points) } else { as_text(&points) };
    print(&text)?;
    Ok(ExitCode::from(u8::from(points.iter().any(|point| point.verdict == Verdict::Problem))))
}

/// One thing that was looked at.
#[derive(Debug)]
struct Point {
    name: &'static str,
    verdict: Verdict,
    text: String,
    fix: Option<String>,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// As it should be.
    Ok,
    /// Worth knowing; signbox works.
    Note,
    /// signbox does not work, or protects less than it says.
    Problem,
}

impl Point {
    fn ok(name: &'static str, text: impl Into<String>) -> Point {
        Point { name, verdict: Verdict::Ok, text: text.into(), fix: None }
    }

    fn note(name: &'static str, text: impl Into<String>) -> Point {
        Point { verdict: Verdict::Note, ..Point::ok(name, text) }
    }

    fn problem(name: &'static str, text: impl Into<String>) -> Point {
        Point { verdict: Verdict::Problem, ..Point::ok(name, text) }
    }

    fn fix(self, fix: impl Into<String>) -> Point {
        Point { fix: Some(fix.into()), ..self }
    }
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Note => "note",
            Verdict::Problem => "problem",
        }
    }
}

fn as_text(points: &[Point]) -> String {
    let mut text = String::new();
    for point in points {
        let _ = writeln!(text, "{:<8} {:<16} {}", point.verdict.word(), point.name, point.text);
        if let Some(fix) = &point.fix {
            let _ = writeln!(text, "{:25} -> {fix}", "");
        }
    }
    let count = |verdict| points.iter().filter(|point| point.verdict == verdict).count();
    let several =
        |count: usize, word| if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") };
    let (problems, notes) =
        (several(count(Verdict::Problem), "problem"), several(count(Verdict::Note), "note"));
    let _ = writeln!(text, "\n{problems}, {notes}");
    text
}

fn as_json(points: &[Point]) -> String {
    let point = |point: &Point| json!({"point": point.name, "verdict": point.verdict.word(), "text": point.text, "fix": point.fix});
    format!("{:#}\n", serde_json::Value::from(points.iter().map(point).collect::<Vec<_>>()))
}

/// A file of /proc or /sys, without the white space around; `None` if it cannot be read.
fn file(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

//! `signbox audit verify`: whether a log is whole, which line is not as it was written, and what nobody can know.

use super::chain::{Chain, Signed};
use super::files::{Log, Opened, logs};
use super::{clean, count, to_base64, to_hex};
use crate::cli::AuditVerify;
use crate::error::Error;
use crate::output::{print, remark};
use std::fmt::Write as _;
use std::process::ExitCode;

pub(super) fn run(args: &AuditVerify) -> Result<ExitCode, Error> {
    let logs = logs(&args.logs.handles, &args.logs.state.state)?;
    if logs.len() > 1 && (args.head.is_some() || !args.public.is_empty()) {
        return Err(Error::new("--head and --public are about one log; name its key"));
    }
    let mut code = ExitCode::SUCCESS;
    for log in &logs {
        match verify(log, args) {
            Ok(verdict) => {
                print(&verdict.text)?;
                code = if verdict.whole { code } else { ExitCode::FAILURE };
            }
            Err(error) => {
                remark(&format!("signbox: {error}"));
                code = ExitCode::FAILURE;
            }
        }
    }
    let folder = clean(&args.logs.state.state.to_string_lossy());
    print(&format!(
        "\nWhoever can write to {folder} can replace a log and its ledger by others that fit, and this cannot tell.\n\
         Note heads and keys elsewhere: --head and --public find that out, for all lines up to the one noted.\n"
    ))?;
    Ok(code)
}

/// What was found out about a log.
pub(super) struct Verdict {
    pub(super) whole: bool,
    pub(super) text: String,
}

/// Looks at all of a log.
pub(super) fn verify(log: &Log, args: &AuditVerify) -> Result<Verdict, Error> {
    let opened = log.open(None)?;
    let mut chain = Chain::new(&log.handle, args.head);
    chain.headless = opened.missing.is_some();
    let (mut problems, mut tail) = (Vec::new(), None);
    problems.extend(opened.missing.clone());
    let counted = match &opened.head {
        Ok(head) => *head,
        Err(why) => {
            problems.push(why.clone());
            None
        }
    };
    for (at, piece) in opened.pieces.iter().enumerate() {
        let last = at + 1 == opened.pieces.len();
        chain.begin(&piece.name, counted.filter(|_| last).map(|head| head.len));
        let taken = piece.lines().and_then(|lines| chain.take_all(lines));
        let Some(lines) = taken.map_err(|error| log.cannot("read", &piece.name, &error))? else {
            problems.push("so much is wrong that the rest was not read".to_owned());
            break;
        };
        if let Some(head) = counted.filter(|_| last) {
            chain.end(piece.len, lines, &head);
            tail = piece.len.checked_sub(head.len).filter(|bytes| *bytes > 0);
        }
    }
    if opened.pieces.is_empty() && counted.is_some_and(|head| head.n > 0) {
        problems.push(format!(
            "the log is gone; the ledger counts {}",
            count(counted.map_or(0, |head| head.n), "line")
        ));
    }
    problems.extend(unpinned(&chain, args));
    problems.splice(
        0..0,
        chain
            .problems
            .iter()
            .map(|problem| format!("line {} of {}: {}", problem.line, problem.file, problem.why)),
    );
    let open_end = matches!(opened.head, Ok(None)) && args.head.is_none();
    let text = told(&chain, &opened, &problems, tail);
    let verdict = match (problems.is_empty(), open_end) {
        (true, false) => "whole",
        (true, true) => OPEN_END,
        (false, _) => "NOT WHOLE",
    };
    let text = format!("{}: {verdict}\n{text}", log.handle);
    Ok(Verdict { whole: problems.is_empty() && !open_end, text })
}

/// What was noted elsewhere and is not here.
fn unpinned(chain: &Chain, args: &AuditVerify) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some((hash, None)) = &chain.wanted {
        problems.push(format!(
            "there is no line with the hash {}: lines up to it were replaced or taken away",
            to_hex(hash)
        ));
    }
    for public in &args.public {
        let text = to_base64(public);
        if chain.signers.get(public).is_none_or(|signed| signed.heads == 0) {
            let why = if chain.unchecked { ", as this build cannot check any" } else { "" };
            problems.push(format!("there is no signature that holds with the key {text}{why}"));
        }
    }
    problems
}

/// What was found, in words.
fn told(chain: &Chain, opened: &Opened, problems: &[String], tail: Option<u64>) -> String {
    let mut text = String::new();
    for problem in problems.iter().take(MOST_TOLD) {
        let _ = writeln!(text, "  {problem}");
    }
    if problems.len() > MOST_TOLD {
        let _ = writeln!(text, "  and {} more", problems.len() - MOST_TOLD);
    }
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<9}{value}");
    };
    let files: Vec<_> = opened.pieces.iter().map(|piece| piece.name.as_str()).collect();
    line("files", &if files.is_empty() { "none".to_owned() } else { files.join(" ") });
    if let Some((first, last)) = &chain.times {
        line("lines", &format!("up to number {}, {first} to {last} UTC", chain.last.n));
    }
    let unsigned = chain.last.n.saturating_sub(chain.signed);
    line(
        "signed",
        &match (chain.unchecked, chain.signed, unsigned) {
            (true, ..) => "not known: this build has no private keys and cannot check signatures".to_owned(),
            (_, 0, 0) => "nothing to sign yet".to_owned(),
            (_, 0, _) => {
                "nothing: their signer runs, was stopped before it could sign, or has no key to sign with"
                    .to_owned()
            }
            // The last line is the signature itself.
            (_, last, 1) => format!("up to number {last}"),
            (_, last, _) => format!(
                "up to number {last}; what follows is not signed: its signer runs, or was stopped before it could sign"
            ),
        },
    );
    let mut signers: Vec<(&[u8; 32], &Signed)> =
        chain.signers.iter().filter(|(_, signed)| signed.heads > 0).collect();
    signers.sort_by_key(|(_, signed)| std::cmp::Reverse(signed.last));
    for (public, signed) in signers.iter().take(MOST_KEYS) {
        let key = to_base64(public);
        line(
            "key",
            &format!("{key} signed {}, the last up to number {}", count(signed.heads, "time"), signed.last),
        );
    }
    if signers.len() > MOST_KEYS {
        line("", &format!("and {} of signers before", count((signers.len() - MOST_KEYS) as u64, "key")));
    }
    if problems.is_empty() {
        line("head", &format!("{} number {}", to_hex(&chain.last.hash), chain.last.n));
    }
    if let Some((_, Some(n))) = chain.wanted {
        line("noted", &format!("the hash that was noted is that of number {n}"));
    }
    if let Some(bytes) = tail {
        line(
            "note",
            &format!(
                "{} at the end, {}, do not count: a signer was stopped before it had answered, or somebody else wrote them",
                count(bytes, "byte"),
                count(chain.uncounted, "line")
            ),
        );
    }
    for note in chain.notes.iter().take(MOST_TOLD) {
        line("note", note);
    }
    if chain.notes.len() > MOST_TOLD {
        line("", &format!("and {} more", chain.notes.len() - MOST_TOLD));
    }
    text
}

const OPEN_END: &str = "NOT KNOWN TO BE WHOLE: there is no ledger, so nothing says where it has to end; --head does, with a \
                        hash that was noted";
const MOST_TOLD: usize = 20;
const MOST_KEYS: usize = 3;

//! `signbox check`: whether a request would be signed, and by which rule.

use crate::cli::Check;
use crate::client::error_in;
use crate::error::Error;
use crate::output::print;
use crate::request;
use serde_json::Value;
use std::process::ExitCode;

pub(crate) fn run(args: &Check) -> Result<ExitCode, Error> {
    let answer = request::ask("check", &args.request)?;
    let allowed = answer["check"]["allowed"] == true;
    print(&if args.json { format!("{answer}\n") } else { format!("{}\n", sentence(&answer)) })?;
    Ok(if allowed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn sentence(answer: &Value) -> String {
    if let Some(why) = error_in(answer) {
        return format!("refused: {why}");
    }
    let check = &answer["check"];
    let word = |name: &str| check[name].as_str();
    format!(
        "{} ({}, {}): {}",
        if check["allowed"] == true { "allowed" } else { "refused" },
        word("class").unwrap_or("unknown"),
        word("endpoint").unwrap_or("not in the catalogue"),
        word("text").unwrap_or("?"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_becomes_one_line() {
        let check = json!({"allowed": true, "class": "read", "endpoint": "GET /a", "rule": "granted", "text": "it may"});
        assert_eq!(sentence(&json!({"check": check})), "allowed (read, GET /a): it may");
        let check = json!({"allowed": false, "class": "unknown", "endpoint": null, "text": "no"});
        assert_eq!(sentence(&json!({"check": check})), "refused (unknown, not in the catalogue): no");
        assert_eq!(
            sentence(&json!({"error": {"code": "revoked", "text": "it was"}})),
            "refused: it was (revoked)"
        );
    }
}

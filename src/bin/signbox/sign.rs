//! `signbox sign`: one request in, the signed request out, as JSON or as a configuration for curl.

use crate::cli::Sign;
use crate::client::error_in;
use crate::error::Error;
use crate::output::print;
use crate::{curl, request};
use serde_json::Value;
use std::process::ExitCode;

pub(crate) fn run(args: &Sign) -> Result<ExitCode, Error> {
    let answer = request::ask("sign", &args.request)?;
    if let Some(why) = error_in(&answer) {
        return Err(Error::new(why));
    }
    let signed = &answer["request"];
    let text = if args.curl { curl::config(signed, &args.request.handle)? } else { json_line(signed) };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The request in one line, its members in the order in which a request is read.
fn json_line(request: &Value) -> String {
    let members = ["method", "url", "headers", "body"].map(|name| format!("\"{name}\":{}", request[name]));
    format!("{{{}}}\n", members.join(","))
}

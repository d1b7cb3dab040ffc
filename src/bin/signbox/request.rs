//! A request from the command line or from standard input, and the signer's answer to it.

use crate::cli::{Request, SignerOptions};
use crate::client::Client;
use crate::error::Error;
use crate::output::remark;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};
use std::io::{IsTerminal as _, stdin};

/// Asks a signer of its own for `op`, and returns the whole answer.
pub(crate) fn ask(op: &str, args: &Request) -> Result<Value, Error> {
    let request = match (&args.method, &args.url) {
        (Some(method), Some(url)) => from_arguments(method, url, args)?,
        _ => from_standard_input()?,
    };
    let mut client = match args.of.name()? {
        Some(_) if args.signer != SignerOptions::default() => {
            return Err(Error::new(
                "a service was started with options of its own; leave --max-skew, --memory and --state out",
            ));
        }
        Some(service) => Client::connect(service)?,
        None => Client::start(std::slice::from_ref(&args.handle), &args.signer)?,
    };
    client.ask_as_written(op, Some(&args.handle), Some(&request), args.reference.as_deref())
}

fn from_arguments(method: &str, url: &str, args: &Request) -> Result<String, Error> {
    let mut headers = Map::new();
    for header in &args.header {
        let (name, value) = split_header(header)?;
        if headers.insert(name.to_owned(), json!(value)).is_some() {
            return Err(Error::new(format_args!("header '{name}' is given twice")));
        }
    }
    Ok(json!({"method": method, "url": url, "headers": headers, "body": args.body}).to_string())
}

fn split_header(header: &str) -> Result<(&str, &str), Error> {
    let (name, value) = header.split_once(':').ok_or_else(|| {
        Error::new(format_args!("header '{header}' has no colon; write it as 'Name: value'"))
    })?;
    Ok((name.trim(), value.trim()))
}

/// The object as it is written: a name that stands twice is for the signer to refuse, not for us to drop.
fn from_standard_input() -> Result<String, Error> {
    if stdin().is_terminal() {
        remark(
            "reading the request as a JSON object {\"method\", \"url\", \"headers\", \"body\"}; end it with Ctrl-D",
        );
    }
    let text = std::io::read_to_string(stdin())
        .map_err(|error| Error::new(format_args!("cannot read the request from standard input: {error}")))?;
    one_line(&text)
}

fn one_line(text: &str) -> Result<String, Error> {
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| {
        Error::new(format_args!("the request on standard input is not one JSON object: {error}"))
    })?;
    // Between the parts of valid JSON a newline is white space, and inside a string it cannot stand.
    Ok(text.trim().replace(['\n', '\r'], " "))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_split_at_its_first_colon() {
        assert_eq!(split_header("X-Time: 10:30 ").unwrap(), ("X-Time", "10:30"));
        assert_eq!(split_header("X-Empty:").unwrap(), ("X-Empty", ""));
        assert!(split_header("X-Time").is_err());
    }

    #[test]
    fn a_request_on_several_lines_becomes_one_line_and_keeps_its_strings() {
        assert_eq!(one_line("{\n \"a\":\r\n \"x\\ny\"\n}\n").unwrap(), "{  \"a\":   \"x\\ny\" }");
        for wrong in ["", "{", "{} {}", "{\"a\":\"x\ny\"}", "{}},\"key\":\"other\""] {
            assert!(one_line(wrong).is_err(), "{wrong}");
        }
    }
}

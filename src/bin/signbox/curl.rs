//! A signed request as a configuration for curl, which sends exactly the bytes that were signed.

use crate::error::Error;
use serde_json::Value;
use signbox::signer::parse_handle;
use signbox_exchanges::Exchange;

/// The lines for `curl --config -`. A URL that begins with the path goes to the first host of the key's exchange.
pub(crate) fn config(request: &Value, handle: &str) -> Result<String, Error> {
    let text = |name: &str| request[name].as_str();
    let (method, url) = (text("method").unwrap_or("GET"), text("url").unwrap_or("/"));
    let (exchange, _) = parse_handle(handle).map_err(Error::new)?;
    let url = match url.strip_prefix('/') {
        Some(_) => format!("https://{}{url}", first_host(exchange)?),
        None => url.to_owned(),
    };
    // The signer signs for http:// only to this machine. A redirect is never followed: that is curl's default.
    let protocol = if url.starts_with("http://") { "=http" } else { "=https" };
    let mut lines =
        vec![format!("proto = {}", quoted(protocol)?), "globoff".to_owned(), "path-as-is".to_owned()];
    lines.push(format!("url = {}", quoted(&url)?));
    lines.push(format!("request = {}", quoted(method)?));
    for (name, value) in request["headers"].as_object().into_iter().flatten() {
        lines.push(format!("header = {}", quoted(&header(name, value.as_str().unwrap_or("")))?));
    }
    lines.extend(body_lines(request, method, exchange)?);
    Ok(lines.join("\n") + "\n")
}

fn first_host(exchange: &Exchange) -> Result<&'static str, Error> {
    let none =
        || Error::new(format_args!("the catalogue has no host for {}; give the whole URL", exchange.name));
    exchange.hosts.first().map(|host| host.text()).ok_or_else(none)
}

/// curl takes `Name:` for the wish to leave the header out, and `Name;` for an empty one.
fn header(name: &str, value: &str) -> String {
    if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") }
}

fn body_lines(request: &Value, method: &str, exchange: &Exchange) -> Result<Vec<String>, Error> {
    let is_type = |name: &String| name.eq_ignore_ascii_case("content-type");
    let typed = request["headers"].as_object().is_some_and(|headers| headers.keys().any(is_type));
    // What curl would call every body.
    const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
    let (body, kind) = match request["body"].as_str() {
        // Base64 of JSON is sent as what it holds.
        Some(body) if body.starts_with(['{', '[']) || exchange.carrier_body => {
            (body, "Content-Type: application/json")
        }
        Some(body) => (body, FORM),
        // Without its length, some servers do not take a request that could have a body.
        None if ["POST", "PUT", "PATCH"].contains(&method) => ("", "Content-Type:"),
        None => return Ok(Vec::new()),
    };
    let mut lines = vec![format!("data-raw = {}", quoted(body)?)];
    if !typed && kind != FORM {
        lines.push(format!("header = {}", quoted(kind)?));
    }
    Ok(lines)
}

/// A value in double quotes, with the escapes of curl(1), `--config`.
fn quoted(text: &str) -> Result<String, Error> {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            '\t' => quoted.push_str("\\t"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\x0b' => quoted.push_str("\\v"),
            '\0' => return Err(Error::new("the request holds a NUL byte, which curl cannot be given")),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    Ok(quoted)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lines(request: &Value) -> Vec<String> {
        config(request, "kraken/main").unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_path_goes_to_the_first_host_of_the_exchange() {
        let config =
            lines(&json!({"method": "GET", "url": "/0/private/Balance", "headers": {}, "body": null}));
        assert!(config.contains(&"url = \"https://api.kraken.com/0/private/Balance\"".to_owned()));
        assert!(config.contains(&"proto = \"=https\"".to_owned()));
        assert!(!config.iter().any(|line| line.starts_with("data") || line.starts_with("location")));
    }

    #[test]
    fn only_a_body_that_curl_would_call_a_form_and_is_none_gets_a_type() {
        let with = |headers: Value, body: &str| {
            lines(&json!({"method": "POST", "url": "https://x.y/z", "headers": headers, "body": body}))
        };
        let json_type = "header = \"Content-Type: application/json\"".to_owned();
        assert!(with(json!({}), "{}").contains(&json_type));
        assert!(with(json!({}), "[]").contains(&json_type));
        assert!(!with(json!({}), "a=b").iter().any(|line| line.contains("Type")));
        let own = with(json!({"content-type": "text/plain"}), "{}");
        assert_eq!(own.iter().filter(|line| line.to_lowercase().contains("content-type")).count(), 1);
    }

    #[test]
    fn a_post_without_a_body_says_so() {
        let config = lines(&json!({"method": "POST", "url": "/x", "headers": {}, "body": null}));
        assert!(
            config.contains(&"data-raw = \"\"".to_owned())
                && config.contains(&"header = \"Content-Type:\"".to_owned())
        );
    }

    #[test]
    fn quotes_and_control_characters_are_escaped() {
        assert_eq!(quoted("a\\b\"c\td\ne\rf\x0bg").unwrap(), r#""a\\b\"c\td\ne\rf\vg""#);
        assert!(quoted("a\0b").is_err());
        assert_eq!(header("X-Empty", ""), "X-Empty;");
    }
}

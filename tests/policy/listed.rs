//! The lines of an `endpoints.txt`, read without the help of the build script that makes the catalogue of them.

use super::*;
use signbox_exchanges::{Class, Method};

#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// The parameter that must be there for the line to speak, and its value.
    pub(crate) when: Option<(String, Option<String>)>,
    pub(crate) class: Class,
    pub(crate) key_only: bool,
    /// What the signature calls it.
    pub(crate) sign: Option<String>,
    /// The alternatives of `needs=`; none for no `needs=`.
    pub(crate) needs: Vec<Vec<String>>,
}

pub(crate) fn lines(exchange: &Exchange) -> Vec<Line> {
    let text = std::fs::read_to_string(folder(exchange).join("endpoints.txt")).unwrap();
    text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).map(line).collect()
}

fn line(text: &str) -> Line {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (path, condition) =
        words[1].split_once('?').map_or((words[1], None), |(path, when)| (path, Some(when)));
    let when = condition.map(|when| match when.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (when.to_owned(), None),
    });
    let names = |text: &str| text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let needs = words.iter().find_map(|word| word.strip_prefix("needs="));
    Line {
        method: Method::of(words[0]).unwrap(),
        path: path.to_owned(),
        when,
        class: Class::ALL.into_iter().find(|class| class.word() == words[2]).unwrap(),
        key_only: words.contains(&"auth=key"),
        sign: words.iter().find_map(|word| word.strip_prefix("sign=")).map(str::to_owned),
        needs: needs.map_or_else(Vec::new, |needs| needs.split('|').map(names).collect()),
    }
}

impl Line {
    /// The path with something in the place of each placeholder.
    pub(crate) fn filled(&self) -> String {
        let mut path = String::new();
        let mut rest = &*self.path;
        while let Some((before, after)) = rest.split_once('{') {
            path = path + before + "1";
            rest = after.split_once('}').unwrap().1;
        }
        path + rest
    }

    /// What the condition and the first alternative ask for.
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        let condition =
            self.when.iter().map(|(name, value)| (name.clone(), value.clone().unwrap_or("1".into())));
        let mut parameters: Vec<_> = condition.collect();
        for need in self.needs.first().into_iter().flatten() {
            if !parameters.iter().any(|(name, _)| name.eq_ignore_ascii_case(need)) {
                parameters.push((need.clone(), "1".into()));
            }
        }
        parameters
    }

    /// The smallest request to it in each way that parameters can be sent; the exchange reads one of them at least.
    pub(crate) fn honest(&self) -> Vec<Http> {
        let parameters = self.parameters();
        let form: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let (form, path, method) = (form.join("&"), self.filled(), self.method.word());
        if form.is_empty() {
            return vec![Http::new(method, &path, None)];
        }
        let members = parameters.iter().map(|(name, value)| member(name, value));
        let json = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
        vec![
            Http::new(method, &format!("{path}?{form}"), None),
            Http::new(method, &path, Some(&form)),
            Http::new(method, &path, Some(&json)),
        ]
    }
}

/// A member of a JSON object; a dot in the name leads into one inside.
fn member(name: &str, value: &str) -> String {
    match name.split_once('.') {
        Some((name, inside)) => format!("\"{name}\":{{{}}}", member(inside, value)),
        None => format!("\"{name}\":\"{value}\""),
    }
}

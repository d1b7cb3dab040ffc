//! A line never panics the reader; what it accepts, `serde_json` accepts too, with the same strings.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use signbox::protocol::{MOST_HEADERS, Op, Question, Scratch};
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Line {
    key: Option<String>,
    request: Option<Http>,
    login: Option<String>,
    fields: Option<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Deserialize)]
struct Http {
    method: String,
    url: String,
    headers: Option<BTreeMap<String, String>>,
    body: Option<String>,
}

fuzz_target!(|data: &[u8]| {
    let mut line = data.to_vec();
    let mut scratch = Scratch::default();
    let Ok(ours) = Question::parse(&mut line, &mut scratch) else { return };
    let theirs: Line = match serde_json::from_slice(data) {
        Ok(theirs) => theirs,
        // JSON has no largest number.
        Err(error) if ours.op == Op::Login && error.to_string().starts_with("number out of range") => return,
        Err(error) => panic!("what we accept is JSON: {error}"),
    };
    if matches!(ours.op, Op::Hello | Op::Pipes) {
        return;
    }
    let line = signbox::protocol::text(&line);
    if ours.op == Op::Login {
        assert_eq!((Some(ours.key(line)), ours.login(line)), (theirs.key.as_deref(), theirs.login.as_deref()));
        let fields = serde_json::from_str::<serde_json::Value>(ours.fields(line)).expect("an object");
        assert_eq!(fields.as_object(), Some(&theirs.fields.unwrap_or_default()));
        return;
    }
    let mut room = [("", ""); MOST_HEADERS];
    let request = ours.request(line, &scratch, &mut room);
    let http = theirs.request.expect("a request");
    assert_eq!(Some(ours.key(line)), theirs.key.as_deref());
    assert_eq!(
        (request.method, request.url, request.body),
        (&*http.method, &*http.url, http.body.as_deref())
    );
    let headers: BTreeMap<String, String> =
        request.headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
    assert_eq!(headers, http.headers.unwrap_or_default());
});

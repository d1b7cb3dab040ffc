//! The record that the kernel keeps, written and checked in locked memory: nothing here goes to the heap.

use super::plan::{Home, Plan};
use super::source::Secrets;
use crate::error::Error;
use signbox::policy::{Limit, Limits};
use signbox::record::Record;
use signbox_exchanges::Skew;
use signbox_exchanges::json::Names;

/// Writes the record into `page`, and returns its length.
pub(super) fn write(plan: &Plan<'_>, secrets: &Secrets<'_>, page: &mut [u8]) -> Result<usize, Error> {
    let mut out = Out { page, length: 0, full: false };
    out.put(b"{\"secret\":");
    out.string(secrets.secret);
    if let Some(key) = plan.key.or(secrets.key) {
        out.put(b",\"key\":");
        out.string(key.as_bytes());
    }
    if let Some(passphrase) = secrets.passphrase {
        out.put(b",\"passphrase\":");
        out.string(passphrase);
    }
    if let Some(uid) = plan.uid {
        out.put(b",\"uid\":");
        out.string(uid.as_bytes());
    }
    out.put(b",\"allow\":[");
    for (at, word) in plan.grants.words().enumerate() {
        out.put(if at > 0 { b"," } else { b"" });
        out.string(word.as_bytes());
    }
    out.put(b"]");
    if let Home::Group { users, .. } = &plan.home {
        let users: Vec<_> = users.iter().map(u32::to_string).collect();
        out.put(format!(",\"users\":[{}]", users.join(",")).as_bytes());
    }
    match plan.skew {
        Some(Skew::Seconds(seconds)) => out.put(format!(",\"skew\":{seconds}").as_bytes()),
        Some(Skew::Off) => out.put(b",\"skew\":\"off\""),
        None => {}
    }
    put_limits(plan, &mut out);
    out.put(b"}");
    if out.full {
        Err(Error::new("secret, passphrase, API key and limits are too long together"))
    } else {
        Ok(out.length)
    }
}

fn put_limits(plan: &Plan<'_>, out: &mut Out<'_>) {
    let texts: Vec<_> = plan.limits.texts().collect();
    let mut put = false;
    for limit in Limit::ALL.into_iter().filter(|limit| plan.limits.has(*limit)) {
        out.put(if put { b"," } else { b",\"limits\":{" });
        put = true;
        out.string(limit.name().as_bytes());
        out.put(b":[");
        for (at, (_, text)) in texts.iter().filter(|(known, _)| *known == limit).enumerate() {
            out.put(if at > 0 { b"," } else { b"" });
            out.string(text.as_bytes());
        }
        out.put(b"]");
    }
    if put {
        out.put(b"}");
    }
}

/// Reads a copy of the record as a signer will, and compares.
pub(super) fn check(
    plan: &Plan<'_>,
    secrets: &Secrets<'_>,
    copy: &mut [u8],
    names: &mut Names,
) -> Result<(), Error> {
    let record = Record::parse(copy, names).map_err(Error::new)?;
    let read = record.credentials(copy);
    let mut limits = Limits::default();
    limits.set_all(record.limits(copy), names).map_err(Error::new)?;
    let sorted = |limits: &Limits| {
        let mut texts: Vec<_> = limits.texts().map(|(limit, text)| (limit, text.to_owned())).collect();
        texts.sort();
        texts
    };
    let same = sorted(&limits) == sorted(&plan.limits)
        && read.secret == secrets.secret
        && read.passphrase.map(str::as_bytes) == secrets.passphrase
        && read.key == plan.key.or(secrets.key)
        && read.uid == plan.uid
        && record.grants == plan.grants
        && record.skew == plan.skew;
    if same {
        Ok(())
    } else {
        Err(Error::new("the record would not be read as it was meant; nothing was stored"))
    }
}

/// A slice that is filled from the front.
struct Out<'p> {
    page: &'p mut [u8],
    length: usize,
    full: bool,
}

impl Out<'_> {
    fn put(&mut self, bytes: &[u8]) {
        match self.page.get_mut(self.length..self.length + bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.length += bytes.len();
            }
            None => self.full = true,
        }
    }

    /// A JSON string. Control characters were refused before, but for the line ends of PEM.
    fn string(&mut self, text: &[u8]) {
        self.put(b"\"");
        for piece in text.split_inclusive(|byte| matches!(byte, b'"' | b'\\' | b'\n')) {
            match piece.split_last() {
                Some((b'\n', plain)) => {
                    self.put(plain);
                    self.put(b"\\n");
                }
                Some((odd @ (b'"' | b'\\'), plain)) => {
                    self.put(plain);
                    self.put(&[b'\\', *odd]);
                }
                _ => self.put(piece),
            }
        }
        self.put(b"\"");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::keys::Handle;
    use signbox::policy::Grants;

    fn limits() -> Limits {
        let mut limits = Limits::default();
        for (name, text) in [("symbols", "BTC-USDT"), ("band", "2%"), ("symbols", "ETH*")] {
            limits.set(name, text).unwrap();
        }
        limits
    }

    fn plan(home: Home) -> Plan<'static> {
        Plan {
            handle: Handle::parse("okx/main").unwrap(),
            key: Some("k\"ey\\"),
            uid: Some("77001"),
            passphrase: true,
            grants: Grants::DEFAULT,
            limits: limits(),
            skew: Some(Skew::Seconds(5)),
            timeout: None,
            home,
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_meant() {
        let mut page = [0; 512];
        let secrets = Secrets { secret: br#"a\b"c\"#, passphrase: Some("\"pass é".as_bytes()), key: None };
        for home in [
            Home::Keyring(signbox_keyring::Keyring::Session),
            Home::Group { gid: 7, users: vec![1000, 1001], service: None },
        ] {
            let plan = plan(home);
            let length = write(&plan, &secrets, &mut page).unwrap();
            let mut copy = page;
            check(&plan, &secrets, &mut copy[..length], &mut Names::new()).unwrap();
        }
    }

    #[test]
    fn a_record_that_does_not_fit_is_refused() {
        let secrets = Secrets { secret: &[b's'; 400], passphrase: None, key: None };
        let plan = plan(Home::Keyring(signbox_keyring::Keyring::Session));
        assert!(write(&plan, &secrets, &mut [0; 490]).is_err());
    }
}

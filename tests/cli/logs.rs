//! A state directory with audit logs of three keys, for the cases that read them. They have no ledgers: those are the signer's.

use crate::stage::temporary;
use crate::written::Writer;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::OnceLock;

/// The directory, which every user can read.
pub(crate) fn folder() -> String {
    static FOLDER: OnceLock<String> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = temporary("logs");
        let _ = fs::remove_dir_all(&folder); // of an earlier run
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        write(&folder);
        folder.to_str().unwrap().to_owned()
    });
    folder.clone()
}

fn write(folder: &Path) {
    let put = |name: &str, text: &[u8]| {
        fs::write(folder.join(name), text).unwrap();
        fs::set_permissions(folder.join(name), Permissions::from_mode(0o644)).unwrap();
    };
    let mut day = Writer::new("binance/main");
    day.day();
    put("binance:main.audit", &day.text);

    // Privacy mode, in two files, and a gap.
    let mut hashed = Writer::new("kraken/tax");
    let request = |hashed: &mut Writer, decision: &str, rule: &str| {
        hashed.line(&format!(
            r#""event":"sign","request":"{}","decision":"{decision}","rule":"{rule}""#,
            "0123456789abcdef".repeat(4)
        ));
    };
    request(&mut hashed, "signed", "granted");
    put("kraken:tax.audit.1", &hashed.text);
    hashed.text.clear();
    hashed.line(r#""event":"rotated","before":"kraken:tax.audit.1""#);
    request(&mut hashed, "refused", "class-not-granted");
    let len = hashed.text.len();
    hashed.text.extend(b"half a li");
    hashed.line(&format!(r#""event":"gap","expected":{len},"found":{}"#, len + 9));
    put("kraken:tax.audit", &hashed.text);

    // Line 3 is edited, and line 4 would clear the screen.
    let mut odd = Writer::new("bybit/odd");
    for n in 2..5 {
        odd.sign("read", &format!("GET /v5/{n}"), "", "signed", "granted");
    }
    let text = String::from_utf8(odd.text).unwrap();
    put("bybit:odd.audit", text.replace("/v5/3", "/v5/7").replace("/v5/4", "/v5/\\u001b[2J").as_bytes());
    put("no log.audit", b"");
}

//! `signbox list`: the keys that this user can see, a line each.

use crate::cli::List;
use crate::error::Error;
use crate::keys;
use crate::output::{print, remark};
use signbox_keyring::{Entry, service_of};
use std::process::ExitCode;

pub(crate) fn run(args: &List) -> Result<ExitCode, Error> {
    let mut entries = keys::all()?;
    if let Some(service) = args.of.name()? {
        entries.retain(|entry| service_of(&entry.description) == Some(service));
    }
    entries.sort_by_cached_key(|entry| (keys::handle(entry), entry.place as u8));
    if args.json {
        let rows: Vec<_> = entries.iter().map(keys::to_json).collect();
        print(&format!("{:#}\n", serde_json::Value::from(rows)))?;
    } else if entries.is_empty() {
        remark("no keys here; 'signbox add EXCHANGE/LABEL' puts one into the kernel");
    } else {
        let rows: Vec<_> = entries.iter().map(row).collect();
        print(&keys::table(["KEY", "KEYRING", "STATE", "LEFT", "OWNER", "MASK", "WHO CAN READ IT"], &rows))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn row(entry: &Entry) -> [String; 7] {
    [
        keys::handle(entry),
        keys::place(entry).to_owned(),
        keys::state(entry.state).to_owned(),
        entry.expires.clone().unwrap_or_else(|| "-".to_owned()),
        keys::user_name(entry.uid),
        format!("{:08x}", entry.permissions),
        keys::readers(entry),
    ]
}

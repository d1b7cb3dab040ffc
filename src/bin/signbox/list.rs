//! `signbox list`: the keys that this user can see, a line each.

use crate::cli::List;
use crate::credential;
use crate::error::Error;
use crate::keys;
use crate::output::{print, remark};
use serde_json::json;
use signbox_keyring::{Entry, service_of};
use std::process::ExitCode;

pub(crate) fn run(args: &List) -> Result<ExitCode, Error> {
    let mut entries = keys::all()?;
    if let Some(service) = args.of.name()? {
        entries.retain(|entry| service_of(&entry.description) == Some(service));
    }
    entries.sort_by_cached_key(|entry| (keys::handle(entry), entry.place as u8));
    let credentials = credentials(args.of.name()?);
    if args.json {
        let kept = credentials.iter().map(|(service, handle)| {
            json!({"key": handle, "service": service, "place": "credential", "state": "live"})
        });
        let rows: Vec<_> = entries.iter().map(keys::to_json).chain(kept).collect();
        print(&format!("{:#}\n", serde_json::Value::from(rows)))?;
    } else if entries.is_empty() && credentials.is_empty() {
        remark("no keys here; 'signbox add EXCHANGE/LABEL' puts one into the kernel");
    } else {
        let kept = credentials.iter().map(|(service, handle)| {
            let words =
                [handle, "credential", "live", "-", "root", "-", &format!("only the service {service}")];
            words.map(str::to_owned)
        });
        let rows: Vec<_> = entries.iter().map(row).chain(kept).collect();
        print(&keys::table(["KEY", "KEYRING", "STATE", "LEFT", "OWNER", "MASK", "WHO CAN READ IT"], &rows))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The keys that are kept for services on the disk, encrypted: service and handle. Only root sees them.
fn credentials(of: Option<&str>) -> Vec<(String, String)> {
    let services = credential::services().unwrap_or_default();
    let wanted = services.into_iter().filter(|service| of.is_none_or(|of| of == service));
    wanted
        .flat_map(|service| {
            credential::handles(&service).into_iter().map(move |handle| (service.clone(), handle))
        })
        .collect()
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

//! As root, between the keys and the signers: the credentials of services are removed, and their units stopped. Else systemd would start
//! them again, with the keys that it has kept for them.

use super::report::Report;
use crate::{credential, service};
use std::fs;

/// Ends all services. Their keys in the kernel are root's, and were revoked.
pub(super) fn end(report: &mut Report) {
    let names = match credential::services() {
        Ok(names) => names,
        Err(error) => {
            return report.left(format!("credentials of services could not be looked for: {error}"));
        }
    };
    for name in &names {
        for handle in credential::handles(name) {
            report.about(&handle);
            report.done(format!("removing {handle}, a credential of the service {name}"));
        }
        if let Err(error) = credential::remove_all(name) {
            report.left(format!("the credentials of the service {name} could not be removed: {error}"));
        }
    }
    let units = fs::read_dir("/run/signbox").into_iter().flatten().count();
    if service::has_systemd() && (units > 0 || !names.is_empty()) {
        // The keys of those that are started later are gone.
        match service::systemctl(&["stop", "signbox@*.socket", "signbox@*.service"]) {
            Ok(()) => report.done(
                "stopped all services; 'systemctl start signbox@BOT.socket' lets one in again".to_owned(),
            ),
            Err(error) => report.left(format!("services could not be stopped: {error}")),
        }
    }
}

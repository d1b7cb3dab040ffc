//! The second step: every signer is killed, and nothing else.

use super::Whose;
use super::report::Report;
use crate::keys::user_name;
use crate::process::{self, Handle, Process};
use std::time::{Duration, Instant};

/// Kills the signers; looks again until there is none, as somebody may start them anew.
pub(super) fn kill(whose: Whose, report: &mut Report) {
    let mut failed = Vec::new();
    for _ in 0..ROUNDS {
        let processes = match process::all() {
            Ok(processes) => processes,
            Err(error) => return report.left(format!("signers could not be looked for: {error}")),
        };
        let signers: Vec<Process> = processes.iter().filter(|process| process.is_signer()).cloned().collect();
        if report.processes.is_empty() {
            report.processes = processes;
            tell_of_others(whose, &signers, report);
        }
        let ours = |signer: &&Process| is_of(whose, signer) && !failed.contains(&signer.pid);
        let ours: Vec<Process> = signers.iter().filter(ours).cloned().collect();
        if ours.is_empty() {
            return;
        }
        failed.extend(kill_these(&ours, report));
    }
    report.left(
        "signers are started again and again: end what starts them, then run 'signbox panic' again"
            .to_owned(),
    );
}

/// Kills these; returns the numbers of those that did not end.
pub(super) fn kill_these(signers: &[Process], report: &mut Report) -> Vec<u32> {
    let mut failed = Vec::new();
    let mut dying = Vec::new();
    for signer in signers {
        // What it was started for can be seen as long as it is there.
        let handles = signer.handles();
        let killed = Handle::of(signer).and_then(|handle| {
            handle.as_ref().map_or(Ok(()), Handle::kill)?;
            Ok(handle)
        });
        match killed {
            Ok(Some(handle)) => dying.push((signer, handles, handle, Instant::now())),
            Ok(None) => {}
            Err(error) => {
                failed.push(signer.pid);
                report.left(format!("signer {} could not be killed: {error}", signer.pid));
            }
        }
    }
    for (signer, handles, handle, since) in dying {
        match handle.ends_within(PATIENCE) {
            Ok(true) => report.done(format!(
                "killed signer {} of {} ({}), {} ms",
                signer.pid,
                user_name(signer.uid),
                handles.join(" "),
                since.elapsed().as_millis()
            )),
            _ => {
                failed.push(signer.pid);
                report.left(format!("signer {} was killed and has not ended yet", signer.pid));
            }
        }
        tell_of_its_keys(signer, &handles, report);
    }
    failed
}

/// A signer may have had keys that nobody here can see.
fn tell_of_its_keys(signer: &Process, handles: &[String], report: &mut Report) {
    for handle in handles {
        let seen = report.is_about(handle);
        report.about(handle);
        if seen {
            continue;
        }
        // Whether it was claimed is nobody's to see, and a signer that may read group keys may have had another.
        if signer.grouped {
            report.left(format!(
                "{handle} was not to be seen: a claimed key ended with signer {}, but a group key is root's and lives \
                 on: 'sudo signbox panic' revokes it",
                signer.pid
            ));
        } else {
            report
                .done(format!("{handle} was not to be seen: a claimed key ended with signer {}", signer.pid));
        }
    }
}

fn tell_of_others(whose: Whose, signers: &[Process], report: &mut Report) {
    let others = signers.iter().filter(|signer| !is_of(whose, signer)).count();
    if others > 0 {
        report.done(format!(
            "signers of other users go on: {others}; 'sudo signbox panic --all-users' ends them too"
        ));
    }
}

/// How many signers there are to be killed, in words.
pub(super) fn count(whose: Whose) -> String {
    let running = process::all().unwrap_or_default();
    match running.iter().filter(|process| is_of(whose, process) && process.is_signer()).count() {
        1 => "of which 1 runs".to_owned(),
        count => format!("of which {count} run"),
    }
}

fn is_of(whose: Whose, process: &Process) -> bool {
    match whose {
        Whose::Users(uid) => process.uid == uid,
        Whose::Everyones => true,
    }
}

const ROUNDS: u32 = 5;
const PATIENCE: Duration = Duration::from_secs(5);

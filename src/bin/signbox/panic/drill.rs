//! `signbox panic --drill`: the same steps, timed, on made-up keys in a session of their own, with signers of their own.

use super::report::Report;
use super::{evidence, keys, signers};
use crate::cli::SignerOptions;
use crate::client::{Client, error_in};
use crate::error::Error;
use crate::hooks::{self, Event};
use crate::output::{print, remark};
use crate::process::Process;
use nix::unistd::Uid;
use serde_json::{Value, json};
use signbox_keyring::{self as keyring, Key, Keyring, sweep};
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub(super) fn run() -> Result<ExitCode, Error> {
    remark("A drill, on made-up keys in a session of their own: no key and no signer of yours is touched.\n");
    // Before there is another thread: the session is a thread's own.
    keyring::join_fresh_session()?;
    let props: Vec<Prop> = BOGUS.iter().map(Prop::set_up).collect::<Result<_, _>>()?;
    for prop in &props {
        prop.wait_for(|heard| matches!(heard, Heard::Signed), "sign")?;
    }

    let user = Uid::effective().as_raw();
    let start = Instant::now();
    let mut report = Report::titled("signbox panic --drill");
    let wanted = |key: Key| props.iter().any(|prop| prop.key == key);
    keys::tell(sweep(user, wanted), user, &[], &mut report);
    let refused =
        props.iter().map(|prop| prop.wait_for(|heard| matches!(heard, Heard::Refused(_)), "refuse"));
    let refused: Vec<Instant> = refused.collect::<Result<_, _>>()?;
    let processes: Vec<Process> = props.iter().filter_map(|prop| Process::look(prop.pid)).collect();
    let stuck = signers::kill_these(&processes, &mut report);
    let ended = Instant::now();

    report.processes = processes;
    gather(&mut report)?;
    let (worked, failed) =
        hooks::run(Event::Drill, &format!("This is a drill, nothing was lost.\n{}", report.log()));
    report.hooks(worked, failed);
    for prop in props {
        prop.clear_away();
    }

    let ms = |at: Instant| at.duration_since(start).as_secs_f64() * 1000.0;
    let first = refused.into_iter().min().map_or(0.0, ms);
    print(&format!(
        "\nfirst refusal         {first:.1} ms after the start\nlast signer's end     {:.1} ms after the start\n",
        ms(ended)
    ))?;
    Ok(if stuck.is_empty() && report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Writes the evidence, and takes it away again.
fn gather(report: &mut Report) -> Result<(), Error> {
    let place = Temporary::make()?;
    let (_, failed) = evidence::gather(Some(&place.0), Some(&place.0), report)?;
    report.done("wrote the evidence, and removed it".to_owned());
    failed.into_iter().for_each(|why| report.left(why));
    Ok(())
}

/// A made-up key, and a signer that is asked for signatures without a pause.
struct Prop {
    key: Key,
    pid: u32,
    heard: Receiver<(Heard, Instant)>,
    asking: JoinHandle<()>,
}

/// What the signer does, told when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    Signed,
    Refused(String),
    Ended,
}

impl Prop {
    fn set_up((id, method, url): &'static (&str, &str, &str)) -> Result<Prop, Error> {
        let mut random = [0; 24];
        getrandom::fill(&mut random)
            .map_err(|error| Error::new(format_args!("the kernel gives no random bytes: {error}")))?;
        // Every digit of hexadecimal is one of base64 too, which some secrets are.
        let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let (label, secret) = digits.split_at(16);
        let label = format!("drill-{label}");
        let payload = json!({"key": "drill", "secret": secret, "allow": ["read"]}).to_string();
        let description = keyring::description(id, &label);
        let key =
            keyring::add(Keyring::Session, &description, payload.as_bytes(), &mut vec![0; payload.len()])?;
        // Held by the session alone, as after `signbox add` has ended.
        key.unlink(Keyring::Process)?;
        let handle = format!("{id}/{label}");
        let options = SignerOptions::default();
        let mut signer = Client::start(std::slice::from_ref(&handle), &options)?;
        let pid = signer.pid();
        let (tell, heard) = channel();
        let asking =
            thread::spawn(move || ask(&mut signer, &handle, &json!({"method": method, "url": url}), &tell));
        Ok(Prop { key, pid, heard, asking })
    }

    /// When it was first heard doing so.
    fn wait_for(&self, wanted: impl Fn(&Heard) -> bool, what: &str) -> Result<Instant, Error> {
        let failed = |why: &str| Error::new(format_args!("the signer of the drill did not {what}: {why}"));
        loop {
            match self.heard.recv_timeout(PATIENCE) {
                Ok((heard, at)) if wanted(&heard) => return Ok(at),
                Ok((Heard::Signed, _)) => {}
                Ok((Heard::Refused(why), _)) => return Err(failed(&why)),
                Ok((Heard::Ended, _)) => return Err(failed("it ended")),
                Err(_) => return Err(failed("nothing was heard of it")),
            }
        }
    }

    fn clear_away(self) {
        // What asks ends with the signer; the key goes with the session.
        let _ = self.asking.join();
    }
}

/// Asks until the signer ends, and tells of every change.
fn ask(signer: &mut Client, handle: &str, request: &Value, tell: &Sender<(Heard, Instant)>) {
    let mut last = None;
    while last != Some(Heard::Ended) {
        let heard = match signer.ask("sign", Some(handle), Some(request)) {
            Err(_) => Heard::Ended,
            Ok(answer) => error_in(&answer).map_or(Heard::Signed, Heard::Refused),
        };
        let at = Instant::now();
        if last.as_ref() != Some(&heard) {
            let _ = tell.send((heard.clone(), at));
        }
        last = Some(heard);
    }
}

/// A folder of our own, gone in the end with all that is in it.
struct Temporary(PathBuf);

impl Temporary {
    fn make() -> Result<Temporary, Error> {
        let path = std::env::temp_dir().join(format!("signbox-drill-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Temporary(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What is asked for, of two exchanges: it changes nothing, and nothing is sent.
const BOGUS: [(&str, &str, &str); 2] =
    [("binance", "GET", "/api/v3/account"), ("kraken", "POST", "/0/private/Balance")];
const PATIENCE: Duration = Duration::from_secs(10);

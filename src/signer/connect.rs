//! A bridge to a service for a bot that spawns its signer: what comes in goes to the service's socket, what the service answers
//! goes out. No secret is here, and nothing is looked at.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::{io::stdin, io::stdout, thread};

/// Where the socket of a service is; a name with a `/` is a path already.
fn socket_of(service: &str) -> String {
    if service.contains('/') { service.to_owned() } else { format!("/run/signbox/{service}.sock") }
}

/// Goes between until the input ends or the service does.
pub fn connect(service: &str) -> Result<(), String> {
    super::keys::give_up_the_group()?;
    super::blocking()?;
    let path = socket_of(service);
    let socket = UnixStream::connect(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            format!("there is no service at {path}; 'sudo signbox setup BOT --user USER' makes one, systemctl starts it")
        }
        ErrorKind::PermissionDenied => format!("the service at {path} answers another user"),
        ErrorKind::ConnectionRefused => format!("nothing listens at {path}; 'systemctl status' says why"),
        _ => format!("cannot connect to {path}: {error}"),
    })?;
    let lost = |error: io::Error| format!("lost the service at {path}: {error}");
    let mut there = socket.try_clone().map_err(lost)?;
    let mut input = File::from(stdin().as_fd().try_clone_to_owned().map_err(lost)?);
    let mut output = File::from(stdout().as_fd().try_clone_to_owned().map_err(lost)?);
    static ENDED: AtomicBool = AtomicBool::new(false);
    thread::spawn(move || {
        // A service that has gone is seen where its answers are read.
        if pass(&mut input, &mut there).is_ok() {
            ENDED.store(true, Relaxed);
        }
        let _ = there.shutdown(Shutdown::Write);
    });
    pass(&mut &socket, &mut output).map_err(|failed| match failed {
        Failed::Read(error) => lost(error),
        Failed::Write(error) => format!("cannot write answers: {error}"),
    })?;
    if ENDED.load(Relaxed) { Ok(()) } else { Err(format!("the service at {path} has closed the connection")) }
}

/// Hands on what comes, as it comes, to the end. What the standard library has for this splices, and a splice from a pipe to a socket may
/// wait for more before it sends what there is.
fn pass(from: &mut impl Read, to: &mut impl Write) -> Result<(), Failed> {
    let mut room = vec![0; 64 * 1024];
    loop {
        match from.read(&mut room) {
            Ok(0) => return Ok(()),
            Ok(count) => to.write_all(&room[..count]).map_err(Failed::Write)?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Failed::Read(error)),
        }
    }
}

/// On which side it ended.
enum Failed {
    Read(io::Error),
    Write(io::Error),
}

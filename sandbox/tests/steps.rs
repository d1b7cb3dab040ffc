//! Capabilities and landlock by themselves, before seccomp hides what they do.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used)]

mod attacks;
mod common;

use std::process::ExitCode;

use attacks::Place;
use common::{answer, call, said, skip, without};
use signbox_sandbox::{Capabilities, Doors, Error, drop_capabilities, enter, restrict_filesystem_network};

fn main() -> ExitCode {
    common::main(
        named![
            all_capabilities_are_dropped,
            an_ordinary_user_has_none_to_drop,
            a_bounding_set_that_may_not_be_emptied_is_told,
            landlock_alone_denies_files_network_and_signals,
            landlock_is_as_new_as_the_kernel,
            a_kernel_without_landlock_is_refused,
            a_kernel_with_landlock_switched_off_is_refused,
        ],
        named![capabilities, landlock, newest, unlocked, switched_off],
    )
}

fn all_capabilities_are_dropped() {
    if nix::unistd::geteuid().as_raw() != 0 {
        return skip("needs root");
    }
    assert_eq!(said("capabilities:root"), "Dropped");
}

fn an_ordinary_user_has_none_to_drop() {
    if nix::unistd::geteuid().as_raw() != 0 {
        return skip("needs root");
    }
    assert_eq!(said("capabilities:nobody"), "NoneHeld");
}

fn a_bounding_set_that_may_not_be_emptied_is_told() {
    if nix::unistd::geteuid().as_raw() != 0 {
        return skip("needs root");
    }
    assert_eq!(said("capabilities:weak"), "DroppedButBounding");
}

fn capabilities() {
    use caps::{CapSet, Capability};
    let sets = [CapSet::Permitted, CapSet::Effective, CapSet::Inheritable, CapSet::Ambient];
    match common::detail().as_str() {
        "nobody" => common::become_nobody(),
        "weak" => {
            caps::drop(None, CapSet::Effective, Capability::CAP_SETPCAP).unwrap();
            caps::drop(None, CapSet::Permitted, Capability::CAP_SETPCAP).unwrap();
        }
        _ => assert!(caps::has_cap(None, CapSet::Effective, Capability::CAP_CHOWN).unwrap()), // control
    }
    let dropped = drop_capabilities().unwrap();
    assert!(sets.iter().all(|set| caps::read(None, *set).unwrap().is_empty()));
    if dropped == Capabilities::Dropped {
        assert!(caps::read(None, CapSet::Bounding).unwrap().is_empty());
    }
    print!("{dropped:?}");
    common::wait();
}

fn landlock_alone_denies_files_network_and_signals() {
    let open = said("landlock:open");
    assert_eq!(open, "read 0, directory 0, write 0, connect 0, signal 0"); // control
    let denied = |abi: u32| {
        if said("newest").parse::<u32>().unwrap() >= abi { "-13" } else { "0" }
    };
    let signal = if denied(6) == "0" { "0" } else { "-1" };
    assert_eq!(
        said("landlock:restricted"),
        format!("read -13, directory -13, write -13, connect {}, signal {signal}", denied(4))
    );
}

fn landlock() {
    let place = Place::make();
    prepare_without_closing();
    if common::detail() == "restricted" {
        restrict_filesystem_network().unwrap();
    }
    let open = |path: &std::ffi::CStr, flags: i32| {
        let here = libc::AT_FDCWD as usize;
        call(libc::SYS_openat, [here, path.as_ptr() as usize, flags as usize, 0o600, 0, 0]).min(0)
    };
    let connected = attacks::connect(&place);
    let parent = call(libc::SYS_getppid, [0; 6]) as usize;
    print!(
        "read {}, directory {}, write {}, connect {connected}, signal {}",
        open(c"/etc/passwd", libc::O_RDONLY),
        open(c"/", libc::O_RDONLY | libc::O_DIRECTORY),
        open(c"/dev/null", libc::O_WRONLY),
        call(libc::SYS_kill, [parent, 0, 0, 0, 0, 0])
    );
    common::wait();
}

/// Landlock asks for no new privileges; the rest of `prepare` would close the place's sockets.
fn prepare_without_closing() {
    nix::sys::prctl::set_no_new_privs().unwrap();
}

fn landlock_is_as_new_as_the_kernel() {
    const VERSION: usize = 1;
    let kernel = call(libc::SYS_landlock_create_ruleset, [0, 0, VERSION, 0, 0, 0]);
    let crate_knows = 9;
    assert_eq!(said("newest").parse::<i64>().unwrap(), kernel.min(crate_knows));
}

fn newest() {
    print!("{}", restrict_filesystem_network().unwrap().abi);
    common::wait();
}

fn a_kernel_without_landlock_is_refused() {
    assert!(said("unlocked").starts_with("this kernel has no landlock; refusing to start"));
}

fn unlocked() {
    without(&[libc::SYS_landlock_create_ruleset]);
    print!("{}", refused());
    common::wait();
}

fn a_kernel_with_landlock_switched_off_is_refused() {
    assert!(said("switched_off").starts_with("this kernel has no landlock; refusing to start"));
}

fn switched_off() {
    answer(&[libc::SYS_landlock_create_ruleset], libc::EOPNOTSUPP);
    print!("{}", refused());
    common::wait();
}

/// After the refusal nothing is filtered: seccomp comes last.
fn refused() -> Error {
    let error = enter(&[5], &(0..0), Doors::Ends).unwrap_err();
    assert!(call(libc::SYS_getpid, [0; 6]) > 0);
    error
}

//! What the kernel and the machine give: walls, memory, and what could carry memory elsewhere.

use super::{Point, file};
use nix::sys::prctl;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::unistd::Uid;
use signbox_sandbox::{Choice, Error, KEY_AREA, Memory, STACK, restrict_filesystem_network};
use std::time::{Duration, SystemTime};
use std::{env, fs, thread};

pub(super) fn points() -> Vec<Point> {
    let points = [
        version(),
        landlock(),
        seccomp(),
        secret_memory(),
        lock_limit(),
        tracing(),
        cores(),
        swap(),
        privileges(),
        clock(),
    ];
    points.into_iter().collect()
}

fn version() -> Point {
    let release = file("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let number = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    match number {
        _ if number >= (6, 1) => Point::ok("kernel", format!("Linux {release}")),
        _ => Point::problem("kernel", format!("Linux {release} is older than 6.1; signers refuse to start"))
            .fix("upgrade to Debian 12 or later"),
    }
}

/// Tried on a thread of its own, which ends behind the wall.
fn landlock() -> Point {
    let tried = thread::spawn(|| {
        // The thread's own, and gone with it; the kernel asks for it.
        let _ = prctl::set_no_new_privs();
        restrict_filesystem_network()
    });
    match tried.join() {
        Ok(Ok(landlock)) if landlock.abi < 4 => Point::ok(
            "landlock",
            format!("ABI {}: files; the network is closed by seccomp alone", landlock.abi),
        ),
        Ok(Ok(landlock)) => Point::ok("landlock", format!("ABI {}", landlock.abi)),
        Ok(Err(error)) => Point::problem("landlock", error.to_string())
            .fix("boot with landlock in the list 'lsm=' (see /sys/kernel/security/lsm)"),
        Err(_) => Point::problem("landlock", "trying it ended in a panic"),
    }
}

fn seccomp() -> Point {
    match file("/proc/sys/kernel/seccomp/actions_avail") {
        Some(actions) if actions.split(' ').any(|action| action == "kill_process") => {
            Point::ok("seccomp", "there, with kill_process")
        }
        _ => Point::problem("seccomp", "the kernel does not offer it; signers refuse to start"),
    }
}

fn secret_memory() -> Point {
    match Memory::map(Choice::Secretmem) {
        Ok(_) => Point::ok("secret memory", "memfd_secret: not even root's tools for reading memory see it"),
        Err(Error::LockLimit(_)) => {
            Point::note("secret memory", "memfd_secret is there, but the limit on locked memory is too low")
                .fix("raise RLIMIT_MEMLOCK: 'ulimit -l', or LimitMEMLOCK=8M in the unit")
        }
        Err(_) => Point::note("secret memory", "no memfd_secret: locked memory instead, which root can read")
            .fix("Linux 6.5 has it; on Debian 12 boot with secretmem.enable=1"),
    }
}

fn lock_limit() -> Point {
    let needed = (KEY_AREA + STACK) as u64;
    match getrlimit(Resource::RLIMIT_MEMLOCK) {
        _ if Uid::effective().is_root() => Point::ok("locked memory", "no limit for root"),
        Ok((limit, _)) if limit == RLIM_INFINITY => Point::ok("locked memory", "no limit"),
        Ok((limit, _)) if limit < needed => Point::problem(
            "locked memory",
            format!("the limit is {} KiB, a signer needs {}", limit / 1024, needed / 1024),
        )
        .fix("raise RLIMIT_MEMLOCK: 'ulimit -l', /etc/security/limits.conf, or LimitMEMLOCK=8M in the unit"),
        Ok((limit, _)) => {
            let signers = limit / needed;
            Point::ok(
                "locked memory",
                format!("{} KiB, enough for {signers} signers of this user", limit / 1024),
            )
        }
        Err(error) => Point::problem("locked memory", format!("its limit cannot be read: {error}")),
    }
}

fn tracing() -> Point {
    match file("/proc/sys/kernel/yama/ptrace_scope").as_deref() {
        None | Some("0") => {
            Point::note("tracing", "any process of this user may trace the bot; signers cannot be traced")
                .fix("'sysctl kernel.yama.ptrace_scope=1', and in /etc/sysctl.d to keep it")
        }
        Some(scope) => Point::ok("tracing", format!("restricted (ptrace_scope {scope})")),
    }
}

fn cores() -> Point {
    let pattern = file("/proc/sys/kernel/core_pattern").unwrap_or_default();
    let how = if pattern.starts_with('|') { "piped to a program" } else { "written to files" };
    Point::ok("core files", format!("{how}; a signer leaves none (limit 1, not dumpable)"))
}

fn swap() -> Point {
    let swaps = file("/proc/swaps").is_some_and(|text| text.lines().count() > 1);
    let hibernates =
        file("/sys/power/state").is_some_and(|states| states.split(' ').any(|state| state == "disk"));
    match (swaps, hibernates) {
        (true, true) => Point::note(
            "swap",
            "on, and the machine can hibernate, which writes all of memory, the keyring too, to the disk",
        )
        .fix("encrypt the swap; a signer with memfd_secret blocks hibernation while it runs"),
        (true, false) => {
            Point::ok("swap", "on; the keyring and a signer's memory are never swapped, the bot's is")
        }
        (false, _) => Point::ok("swap", "none"),
    }
}

fn privileges() -> Point {
    let status = file("/proc/self/status").unwrap_or_default();
    let set = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)).is_some_and(|value| value.trim() != "0")
    };
    if set("NoNewPrivs:") {
        return Point::note(
            "no_new_privs",
            "set here, so an installed signer loses its group and group keys cannot be read",
        )
        .fix("start bots that use group keys without NoNewPrivileges= and outside of sandboxes");
    }
    Point::ok("no_new_privs", "not set: group keys can be used from here")
}

/// A clock before the day that this program was installed is wrong.
fn clock() -> Point {
    let installed = env::current_exe().and_then(fs::metadata).and_then(|file| file.modified());
    let early = installed.is_ok_and(|installed| SystemTime::now() + Duration::from_secs(60) < installed);
    if early {
        return Point::problem(
            "clock",
            "earlier than the date of this program, so exchanges will refuse what is signed",
        )
        .fix("set it: 'timedatectl set-ntp true'");
    }
    match fs::exists("/run/systemd/timesync/synchronized") {
        Ok(true) => Point::ok("clock", "synchronised"),
        _ => Point::ok("clock", "plausible; whether it is synchronised is not known"),
    }
}

//! What a process has given up after `prepare`, and in which company it refuses to start.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used)]

mod common;

use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use common::{before_exec, call, child, end, outcome, said, say, skip, without};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use signbox_sandbox::{Choice, Doors, Memory, prepare};

fn main() -> ExitCode {
    common::main(
        named![
            a_prepared_process_cannot_be_dumped_or_gain_anything,
            a_hard_core_limit_of_zero_is_kept_and_told,
            a_tracer_is_refused,
            a_personality_is_refused,
            a_second_thread_is_refused,
            inherited_descriptors_are_closed,
            inherited_descriptors_are_closed_without_close_range_too,
            a_closed_standard_descriptor_is_refused,
            every_signal_means_what_it_did_at_first,
            memory_cannot_become_executable,
            kernels_without_the_newer_doors_are_told_apart,
            a_crash_leaves_no_core_file,
        ],
        named![report, limited, threads, descriptors, closed, signals, executable, older, crash],
    )
}

fn a_prepared_process_cannot_be_dumped_or_gain_anything() {
    let said = said("report");
    assert!(said.contains("before: dumpable true\n"), "{said}"); // control
    assert!(said.contains("after: dumpable false, new privileges false, core (1, 1)\n"), "{said}");
}

fn report() {
    use nix::sys::prctl::{get_dumpable, get_no_new_privs};
    println!("before: dumpable {}", get_dumpable().unwrap());
    let prepared = prepare().unwrap();
    assert_eq!(prepared.core_limit, 1);
    println!(
        "after: dumpable {}, new privileges {}, core {:?}",
        get_dumpable().unwrap(),
        !get_no_new_privs().unwrap(),
        getrlimit(Resource::RLIMIT_CORE).unwrap()
    );
}

fn a_hard_core_limit_of_zero_is_kept_and_told() {
    assert_eq!(said("limited"), "0");
}

fn limited() {
    setrlimit(Resource::RLIMIT_CORE, 0, 0).unwrap();
    common::become_nobody();
    print!("{}", prepare().unwrap().core_limit);
    common::wait();
}

fn a_tracer_is_refused() {
    let mut command = child("report");
    before_exec(&mut command, || assert!(call(libc::SYS_ptrace, [0; 6]) == 0)); // PTRACE_TRACEME
    let mut traced = command.spawn().unwrap();
    let pid = i32::try_from(traced.id()).unwrap();
    let status = loop {
        let mut status = 0;
        // SAFETY: the kernel writes one number to `status`.
        assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
        if !libc::WIFSTOPPED(status) {
            break status;
        }
        let signal = match libc::WSTOPSIG(status) {
            libc::SIGTRAP => 0,
            other => other as usize,
        };
        call(libc::SYS_ptrace, [libc::PTRACE_CONT as usize, pid as usize, 0, signal, 0, 0]);
    };
    assert!(!libc::WIFEXITED(status) || libc::WEXITSTATUS(status) != 0);
    let _ = traced.wait(); // clippy wants it; it is waited for above
    let mut told = String::new();
    traced.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(told.contains(&format!("Traced({})", std::process::id())), "{told}");
}

fn a_personality_is_refused() {
    let mut command = child("report");
    const ADDR_NO_RANDOMIZE: usize = 0x0004_0000;
    before_exec(&mut command, || {
        assert!(call(libc::SYS_personality, [ADDR_NO_RANDOMIZE, 0, 0, 0, 0, 0]) == 0);
    });
    let ended = end(command);
    assert!(ended.err.contains("Personality(262144)"), "{ended:?}");
}

fn a_second_thread_is_refused() {
    assert_eq!(said("threads"), "2 threads are running; the walls have to go up before the second");
}

fn threads() {
    let _other = std::thread::spawn(std::thread::park);
    print!("{}", prepare().unwrap_err());
    common::wait();
}

fn inherited_descriptors_are_closed() {
    let mut command = child("descriptors:");
    before_exec(&mut command, || assert!(call(libc::SYS_dup2, [2, 7, 0, 0, 0, 0]) == 7));
    assert_eq!(end(command).out, "before 7: true\nafter 7: false\n");
}

fn inherited_descriptors_are_closed_without_close_range_too() {
    let mut command = child("descriptors:old");
    before_exec(&mut command, || assert!(call(libc::SYS_dup2, [2, 7, 0, 0, 0, 0]) == 7));
    assert_eq!(end(command).out, "before 7: true\nafter 7: false\n");
}

fn descriptors() {
    if common::detail() == "old" {
        without(&[libc::SYS_close_range]);
    }
    let open = |fd: usize| call(libc::SYS_fcntl, [fd, libc::F_GETFD as usize, 0, 0, 0, 0]) >= 0;
    println!("before 7: {}", open(7));
    prepare().unwrap();
    println!("after 7: {}", open(7));
    assert!((0..=2).all(open) && !(3..1024).any(open));
}

fn a_closed_standard_descriptor_is_refused() {
    for fd in 0..=2 {
        let ended = outcome(&format!("closed:{fd}"));
        assert_eq!(ended.code, Some(100 + fd), "{ended:?}");
    }
}

fn closed() {
    let fd: i32 = common::detail().parse().unwrap();
    nix::unistd::close(fd).unwrap();
    match prepare() {
        Err(signbox_sandbox::Error::Closed(bad)) => signbox_sandbox::exit(100 + bad),
        other => panic!("{other:?}"),
    }
}

fn every_signal_means_what_it_did_at_first() {
    assert_eq!(said("signals"), "SigBlk 0\nSigIgn 1000\nSigCgt 0\nno signal stack\n");
}

fn signals() {
    use nix::sys::signal::{SigHandler, SigSet, Signal, signal};
    extern "C" fn handler(_: i32) {}
    // SAFETY: the handler does nothing.
    unsafe {
        signal(Signal::SIGTERM, SigHandler::SigIgn).unwrap();
        signal(Signal::SIGUSR1, SigHandler::Handler(handler)).unwrap();
        signal(Signal::SIGPIPE, SigHandler::SigDfl).unwrap();
    }
    SigSet::all().thread_block().unwrap();
    // Rust's own handlers are there to be taken away.
    let caught = |text: &str| text.lines().any(|line| line == "SigCgt:\t0000000000000640");
    assert!(caught(&fs::read_to_string("/proc/self/status").unwrap()));
    prepare().unwrap();
    for line in fs::read_to_string("/proc/self/status").unwrap().lines() {
        if let Some((name @ ("SigBlk" | "SigIgn" | "SigCgt"), mask)) = line.split_once(":\t") {
            // 32 and 33 are the C library's, which changes them for nobody.
            let mask = u64::from_str_radix(mask, 16).unwrap() & !(0b11 << 31);
            println!("{name} {mask:x}");
        }
    }
    let mut stack = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: 0, ss_size: 0 };
    // SAFETY: the kernel writes what it has to `stack`.
    let asked = unsafe { libc::sigaltstack(std::ptr::null(), &mut stack) };
    assert_eq!(asked, 0);
    print!("{}", if stack.ss_flags & libc::SS_DISABLE != 0 { "no signal stack\n" } else { "a stack" });
    common::wait();
}

fn memory_cannot_become_executable() {
    match said("executable").as_str() {
        "true false" => {}
        "true true" => skip("this kernel has no PR_SET_MDWE (Linux 6.3)"),
        other => panic!("before and after: {other}"),
    }
}

fn executable() {
    let gains = || {
        let mode = (libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC) as usize;
        let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as usize;
        call(libc::SYS_mmap, [0, 4096, mode, flags, usize::MAX, 0]) > 0
    };
    let before = gains();
    let prepared = prepare().unwrap();
    assert_eq!(prepared.no_new_executable_memory, !gains());
    print!("{before} {}", gains());
    common::wait();
}

fn kernels_without_the_newer_doors_are_told_apart() {
    assert_eq!(said("older"), "mlock, and: this kernel refuses memfd_secret");
}

fn older() {
    without(&[libc::SYS_memfd_secret, SYS_MSEAL]);
    let refused = Memory::map(Choice::Secretmem).unwrap_err().to_string();
    let level = Memory::map(Choice::Auto).unwrap().run(|vault| {
        vault.wiped(|page, _| page.fill(7));
        Memory::map(Choice::Auto).unwrap().level()
    });
    print!("{level}, and: {}", refused.split_once(" (").unwrap().0);
    common::wait();
}

fn a_crash_leaves_no_core_file() {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    if pattern.starts_with('|') || pattern.contains('/') || !raise_core_limit() {
        return skip("cores go elsewhere, or are not allowed: core_pattern, ulimit -Hc");
    }
    for how in ["segv", "abort", "sigsys"] {
        assert!(cores(&format!("crash:{how}:naive")) > 0, "control: {how} must dump");
        assert_eq!(cores(&format!("crash:{how}:prepared")), 0, "{how}");
    }
}

fn raise_core_limit() -> bool {
    let (_, hard) = getrlimit(Resource::RLIMIT_CORE).unwrap();
    hard > 1 << 30 && setrlimit(Resource::RLIMIT_CORE, hard, hard).is_ok()
}

/// How many core files a child leaves in a directory of its own.
fn cores(name: &str) -> usize {
    let place: PathBuf = std::env::temp_dir().join(format!("signbox-core-{}", std::process::id()));
    fs::create_dir(&place).unwrap();
    let mut command = child(name);
    command.current_dir(&place);
    let ended = end(command);
    assert!(ended.signal.is_some(), "{ended:?}");
    let count = fs::read_dir(&place).unwrap().count();
    fs::remove_dir_all(&place).unwrap();
    count
}

fn crash() {
    let detail = common::detail();
    if detail.ends_with("prepared") {
        prepare().unwrap();
    }
    match detail.split(':').next().unwrap() {
        "segv" => {
            // SAFETY: there is no memory at 8, and that is what is wanted.
            let byte = unsafe { std::ptr::without_provenance::<u8>(8).read_volatile() };
            say(if byte == 0 { "0" } else { "1" });
        }
        "abort" => std::process::abort(),
        _ => {
            signbox_sandbox::filter_system_calls(&[], &(0..0), Doors::Ends).unwrap();
            call(libc::SYS_getpid, [0; 6]);
        }
    }
}

const SYS_MSEAL: libc::c_long = 462;

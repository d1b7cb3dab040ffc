//! Who can see the memory for secrets, and what lies around it.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used)]

mod common;

use std::fs::{self, File};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::process::ExitCode;

use common::{area, call, outcome, said, say, skip, waiting};
use nix::sys::resource::{Resource, setrlimit};
use signbox_sandbox::{Choice, DEEP_STACK, KEY_AREA, Level, Memory, STACK};

fn main() -> ExitCode {
    common::main(
        named![
            root_reads_an_ordinary_page_and_a_locked_one_but_no_secret_one,
            auto_is_secret_memory_where_the_kernel_has_it,
            the_work_runs_on_the_stack_inside_the_mapping,
            what_lies_around_the_key_area_and_the_stack_cannot_be_touched,
            endless_recursion_ends_at_the_guard,
            the_deep_stack_is_there_when_asked_for_and_costs_nothing_until_it_is_used,
            a_forked_child_does_not_have_the_mapping,
            the_mapping_is_sealed,
            locked_memory_is_locked_not_dumped_and_not_inherited,
            too_low_a_limit_on_locked_memory_is_said_so,
        ],
        named![seen, level, stacks, touch, recurse, fork, sealed, locked, limited, deep],
    )
}

const MARKER: u64 = 0x5157_4542_4f58_0f1e;

/// For cases that only memfd_secret can pass.
fn secretmem() -> bool {
    let there = said("level") == "secretmem";
    if !there {
        skip("this kernel has no memfd_secret (Linux 6.5, or secretmem.enable=1)");
    }
    there
}

fn root_reads_an_ordinary_page_and_a_locked_one_but_no_secret_one() {
    if nix::unistd::geteuid().as_raw() != 0 {
        return skip("needs root");
    }
    let secret = secretmem();
    // Ordinary memory and the fallback are the controls.
    for kind in ["heap", "mlock", "auto"] {
        let (mut process, line) = waiting(&format!("seen:{kind}"));
        let addresses: Vec<usize> = line.split(' ').map(|word| word.parse().unwrap()).collect();
        for address in addresses {
            let hidden = kind == "auto" && secret;
            assert_eq!(read_by_process_vm_readv(process.id(), address), !hidden, "{kind}");
            assert_eq!(read_by_proc_mem(process.id(), address), !hidden, "{kind}");
        }
        drop(process.stdin.take());
        assert!(process.wait().unwrap().success());
    }
}

/// Says where a marker is: in the key area and on the stack, or on the heap.
fn seen() {
    let detail = common::detail();
    if detail == "heap" {
        let marker = black_box(Box::new(MARKER));
        say(&format!("{}\n", &raw const *marker as usize));
        return common::wait();
    }
    Memory::map(detail.parse().unwrap()).unwrap().run(|vault| {
        let page = vault.page();
        page[..8].copy_from_slice(&MARKER.to_ne_bytes());
        let on_stack = black_box(MARKER);
        say(&format!("{} {}\n", page.as_ptr() as usize, &raw const on_stack as usize));
        common::wait();
        black_box(&on_stack);
    });
}

fn read_by_process_vm_readv(pid: u32, address: usize) -> bool {
    let mut word = 0_u64;
    let local = libc::iovec { iov_base: (&raw mut word).cast(), iov_len: 8 };
    let remote = libc::iovec { iov_base: std::ptr::without_provenance_mut(address), iov_len: 8 };
    // SAFETY: the kernel writes at most 8 bytes to `word`.
    let read = unsafe { libc::process_vm_readv(pid as i32, &local, 1, &remote, 1, 0) };
    read == 8 && word == MARKER
}

fn read_by_proc_mem(pid: u32, address: usize) -> bool {
    let mut word = [0; 8];
    let file = File::open(format!("/proc/{pid}/mem")).unwrap();
    file.read_exact_at(&mut word, address as u64).is_ok() && u64::from_ne_bytes(word) == MARKER
}

fn auto_is_secret_memory_where_the_kernel_has_it() {
    if secretmem() {
        assert_eq!(said("level"), "secretmem");
    }
}

fn level() {
    print!("{}", Memory::map(Choice::Auto).unwrap().level());
    common::wait();
}

fn the_work_runs_on_the_stack_inside_the_mapping() {
    assert_eq!(said("stacks"), "inside");
}

fn stacks() {
    let result = Memory::map(Choice::Auto).unwrap().run(|vault| {
        let key = vault.page().as_ptr() as usize;
        let local = black_box(0_u8);
        let here = &raw const local as usize;
        let inside = area(here);
        assert_eq!(inside.1 - inside.0, STACK.next_multiple_of(4096));
        assert_eq!(area(key), (key, key + KEY_AREA));
        assert!(vault.page().len() == KEY_AREA && vault.page().iter().all(|byte| *byte == 0));
        inside.0 < here && here < inside.1
    });
    say(if result { "inside" } else { "outside" });
}

fn what_lies_around_the_key_area_and_the_stack_cannot_be_touched() {
    for kind in ["auto", "mlock"] {
        for inside in ["first", "last"] {
            let ended = outcome(&format!("touch:{kind} key {inside} 0"));
            assert_eq!(ended.code, Some(0), "control: {ended:?}");
        }
        for part in ["key", "stack"] {
            for place in ["first -1", "first -4096", "last 1", "last 4096"] {
                let ended = outcome(&format!("touch:{kind} {part} {place}"));
                assert_eq!(ended.signal, Some(libc::SIGSEGV), "{kind} {part} {place}: {ended:?}");
            }
        }
    }
}

fn touch() {
    let detail = common::detail();
    let words: Vec<&str> = detail.split(' ').collect();
    Memory::map(words[0].parse().unwrap()).unwrap().run(|vault| {
        let local = black_box(0_u8);
        let part = match words[1] {
            "key" => area(vault.page().as_ptr() as usize),
            _ => area(&raw const local as usize),
        };
        let base = if words[2] == "first" { part.0 } else { part.1 - 1 };
        let at = base.wrapping_add_signed(words[3].parse().unwrap());
        // SAFETY: not inside any object; the point is to fault.
        unsafe { std::ptr::with_exposed_provenance_mut::<u8>(at).write_volatile(1) };
    });
}

fn endless_recursion_ends_at_the_guard() {
    for kind in ["auto stack", "auto deep", "mlock deep"] {
        assert_eq!(outcome(&format!("recurse:{kind}")).signal, Some(libc::SIGSEGV), "{kind}");
    }
}

fn recurse() {
    fn deeper(depth: u64) -> u64 {
        let frame = black_box([depth; 32]);
        if depth == u64::MAX { 0 } else { deeper(black_box(depth + 1)) + frame[3] }
    }
    signbox_sandbox::prepare().unwrap(); // takes Rust's handler away, which would abort instead
    let detail = common::detail();
    let (choice, kind) = detail.split_once(' ').unwrap();
    let memory = Memory::map_with_deep_stack(choice.parse().unwrap()).unwrap();
    let endless = || say(if deeper(0) == 0 { "0" } else { "1" });
    memory.run(|vault| match kind {
        "deep" => vault.wiped(|_, deep| deep.run(endless)),
        _ => endless(),
    });
}

fn the_deep_stack_is_there_when_asked_for_and_costs_nothing_until_it_is_used() {
    for kind in ["auto", "mlock"] {
        let pages = DEEP_STACK / 1024;
        assert_eq!(said(&format!("deep:{kind}")), format!("0 kB of {pages}, locked, then {pages}"));
    }
    let ended = outcome("deep:none");
    assert_eq!(ended.code, Some(signbox_sandbox::PANIC_CODE), "{ended:?}");
}

fn deep() {
    signbox_sandbox::install_panic_hook();
    let detail = common::detail();
    if detail == "none" {
        return Memory::map(Choice::Auto).unwrap().run(|vault| vault.wiped(|_, deep| deep.run(|| ())));
    }
    let memory = Memory::map_with_deep_stack(detail.parse().unwrap()).unwrap();
    memory.run(|vault| {
        let key = area(vault.page().as_ptr() as usize);
        let value = |start: usize, name: &str| {
            let smaps = fs::read_to_string("/proc/self/smaps").unwrap();
            let start = format!("{start:x}-");
            let mut lines = smaps.lines().skip_while(|line| !line.starts_with(&start));
            let value = lines.find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
            value.trim_end_matches(" kB").to_owned()
        };
        // Key area, stack and deep stack lie one behind the other, each between two guards.
        let guard = 64 * 1024;
        let start = key.1 + guard + STACK.next_multiple_of(4096) + guard;
        let (before, size) = (value(start, "Rss:"), value(start, "Size:"));
        let locked = value(start, "VmFlags:").split(' ').any(|flag| flag == "lo");
        let inside = vault.wiped(|_, deep| {
            deep.run(|| {
                let local = black_box(0_u8);
                area(&raw const local as usize).0 == start
            })
        });
        assert!(inside, "the deep stack is elsewhere");
        let locked = if locked { "locked" } else { "not locked" };
        print!("{before} kB of {size}, {locked}, then {}", value(start, "Rss:"));
        common::wait();
    });
}

fn a_forked_child_does_not_have_the_mapping() {
    assert_eq!(said("fork:control"), "exit 0");
    for kind in ["auto", "mlock"] {
        assert_eq!(said(&format!("fork:{kind}")), "signal 11");
    }
}

fn fork() {
    let detail = common::detail();
    if detail == "control" {
        return forked(&raw const *Box::new(7));
    }
    let memory = Memory::map(detail.parse().unwrap()).unwrap();
    let mut place = std::ptr::null();
    // The child runs on the ordinary stack, so that only its own access can fail.
    memory.run(|vault| {
        vault.page()[0] = 7;
        place = vault.page().as_ptr();
    });
    forked(place);
}

fn forked(place: *const u8) {
    // SAFETY: the child reads one byte and ends; there is no other thread.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: readable in the parent; whether here is the question.
        black_box(unsafe { place.read_volatile() });
        signbox_sandbox::exit(0);
    }
    let mut status = 0;
    // SAFETY: the kernel writes one number to `status`.
    unsafe { libc::waitpid(pid, &mut status, 0) };
    if libc::WIFSIGNALED(status) {
        print!("signal {}", libc::WTERMSIG(status));
    } else {
        print!("exit {}", libc::WEXITSTATUS(status));
    }
    common::wait();
}

fn the_mapping_is_sealed() {
    match said("sealed").as_str() {
        "true true" => {}
        "false false" => skip("this kernel has no mseal (Linux 6.10)"),
        other => panic!("{other}"),
    }
}

fn sealed() {
    const SYS_MSEAL: libc::c_long = 462;
    let known = call(SYS_MSEAL, [0, 0, 0, 0, 0, 0]) != -i64::from(libc::ENOSYS);
    Memory::map(Choice::Auto).unwrap().run(|vault| {
        let page = vault.page().as_ptr() as usize;
        let changed = call(libc::SYS_mprotect, [page, 4096, libc::PROT_READ as usize, 0, 0, 0]);
        let gone = call(libc::SYS_munmap, [page, 4096, 0, 0, 0, 0]);
        let refused = -i64::from(libc::EPERM);
        print!("{known} {}", changed == refused && gone == refused);
        common::wait();
    });
}

fn locked_memory_is_locked_not_dumped_and_not_inherited() {
    assert_eq!(said("locked"), "key lo dc wf dd, stack lo dc wf dd, 0 kB not locked");
}

fn locked() {
    let memory = Memory::map(Choice::Mlock).unwrap();
    assert_eq!(memory.level(), Level::Mlock);
    memory.run(|vault| {
        let local = black_box(0_u8);
        let key = vault.page().as_ptr() as usize;
        let smaps = fs::read_to_string("/proc/self/smaps").unwrap();
        let value = |address: usize, name: &str| {
            let start = format!("{:x}-", area(address).0);
            let mut lines = smaps.lines().skip_while(|line| !line.starts_with(&start));
            lines.find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned()
        };
        let flags = |address: usize| {
            let all = value(address, "VmFlags:");
            let four = all.split(' ').filter(|flag| ["lo", "dc", "dd", "wf"].contains(flag));
            four.collect::<Vec<_>>().join(" ")
        };
        let stack = &raw const local as usize;
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let kilobytes: usize = status
            .lines()
            .find_map(|line| line.strip_prefix("VmLck:")?.trim().strip_suffix(" kB")?.parse().ok())
            .unwrap();
        let rest = (KEY_AREA + STACK) / 1024 - kilobytes;
        print!("key {}, stack {}, {rest} kB not locked", flags(key), flags(stack));
        common::wait();
    });
}

fn too_low_a_limit_on_locked_memory_is_said_so() {
    for kind in ["auto", "secretmem", "mlock"] {
        assert_eq!(
            said(&format!("limited:{kind}")),
            "cannot lock memory: raise RLIMIT_MEMLOCK (LimitMEMLOCK= in systemd)"
        );
    }
}

fn limited() {
    setrlimit(Resource::RLIMIT_MEMLOCK, 0, 0).unwrap();
    common::become_nobody();
    print!("{}", Memory::map(common::detail().parse().unwrap()).unwrap_err());
    common::wait();
}

//! What is left in memory and in registers after a step, and how the work can end.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used)]

mod common;

use std::hint::black_box;
use std::process::ExitCode;

use common::{area, child, end, outcome, said, say, skip};
use signbox_sandbox::{Choice, DEEP_STACK, KEY_AREA, KEY_PAGE, Memory};

fn main() -> ExitCode {
    common::main(
        named![
            nothing_of_a_step_is_left_on_the_stack,
            nothing_of_a_deep_run_is_left,
            nothing_of_a_step_is_left_in_the_key_area,
            nothing_of_a_step_is_left_in_vector_registers,
            what_a_step_returns_is_kept,
            only_the_first_page_is_lent_when_asked_for,
            a_vault_is_not_wiped_from_another_stack,
            a_panic_in_the_work_ends_the_process,
        ],
        named![remains, deep, key_area, registers, returned, lent, foreign, panics],
    )
}

const MARKER: u64 = 0x5157_4542_4f58_0f1e;

/// Leaves a marker all over a frame, as a hash function does with its key.
#[inline(never)]
fn spread(seed: u64) -> u64 {
    let frame = black_box([MARKER ^ black_box(0); 400]);
    let deeper = if seed == 0 { 0 } else { spread(seed - 1) };
    frame.iter().fold(deeper, |sum, word| sum.rotate_left(1) ^ word)
}

/// How often the marker is on a stack, its living frames included.
#[inline(never)]
fn remains_in((bottom, top): (usize, usize)) -> usize {
    let marked = |at: &usize| {
        // SAFETY: mapped, aligned, and initialised by the kernel or by frames that are or were here.
        unsafe { std::ptr::with_exposed_provenance::<u64>(*at).read_volatile() == MARKER }
    };
    (bottom..top).step_by(8).filter(marked).count()
}

fn nothing_of_a_step_is_left_on_the_stack() {
    assert_eq!(said("remains"), "control true, after a call 0, after a step 0, after both 0");
}

/// How many calls of 3 KiB each and more the stack has room for.
const DEEP: u64 = if cfg!(debug_assertions) { 3 } else { 1 };

fn remains() {
    let text = Memory::map(Choice::Auto).unwrap().run(|vault| {
        let local = black_box(0_u8);
        let stack = area(&raw const local as usize);
        black_box(spread(DEEP));
        let control = remains_in(stack) > 200;
        vault.wipe();
        let called = remains_in(stack);
        // The step's own frame counts as well: it must not be a part of the caller's.
        vault.wiped(|_, _| {
            let frame = black_box([MARKER ^ black_box(0); 32]);
            black_box(spread(DEEP)) ^ black_box(&frame)[7]
        });
        let wiped = remains_in(stack);
        black_box(spread(DEEP));
        vault.wiped(|_, _| black_box(spread(1)));
        let both = remains_in(stack);
        format!("control {control}, after a call {called}, after a step {wiped}, after both {both}")
    });
    print!("{text}");
    common::wait();
}

fn nothing_of_a_deep_run_is_left() {
    assert_eq!(said("deep"), "control true, after a run 0 and 0, after a step 0 and 0, gave 45");
}

/// The deep stack, and then the one that its closure was run from.
fn deep() {
    let text = Memory::map_with_deep_stack(Choice::Auto).unwrap().run(|vault| {
        let local = black_box(0_u8);
        let stack = area(&raw const local as usize);
        let (deep, control, sum, run) = vault.wiped(|_, deep| {
            let (place, control, sum) = deep.run(|| {
                let frame = black_box([MARKER ^ black_box(0); 32]);
                let deep = area(&raw const frame as usize);
                black_box(spread(6));
                assert_eq!(deep.1 - deep.0, DEEP_STACK.next_multiple_of(4096));
                // What was handed to the closure, and what it hands back, passes from stack to stack.
                (deep, remains_in(deep) > 1000, (0..10).sum::<u64>())
            });
            (place, control, sum, (remains_in(place), remains_in(stack)))
        });
        let (after, below) = (remains_in(deep), remains_in(stack));
        let (run, there) = run;
        format!(
            "control {control}, after a run {run} and {there}, after a step {after} and {below}, gave {sum}"
        )
    });
    print!("{text}");
    common::wait();
}

fn nothing_of_a_step_is_left_in_the_key_area() {
    assert_eq!(said("key_area"), "16384 bytes held it, then 0");
}

fn key_area() {
    Memory::map(Choice::Auto).unwrap().run(|vault| {
        let before = vault.wiped(|page, _| {
            page.fill(0x51);
            page.iter().filter(|byte| **byte == 0x51).count()
        });
        let after = vault.page().iter().filter(|byte| **byte != 0).count();
        print!("{before} bytes held it, then {after}");
        common::wait();
    });
}

fn nothing_of_a_step_is_left_in_vector_registers() {
    match said("registers").as_str() {
        "32 registers, of which 16 or more held it, then 0" => {}
        "none" => skip("the test of vector registers is written for x86-64"),
        "16 registers, of which 0 or more held it, then 0" => {
            skip("this processor has no AVX-512: only ymm0 to 15 were looked at");
        }
        other => panic!("{other}"),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn registers() {
    say("none");
}

#[cfg(target_arch = "x86_64")]
fn registers() {
    let wide = std::is_x86_feature_detected!("avx512f");
    let marks = [MARKER; 8];
    let text = Memory::map(Choice::Auto).unwrap().run(|vault| {
        let mut found = [0; 32 * 8];
        load(wide, &marks);
        store(wide, &mut found);
        let control = holding(&found); // ordinary code uses the lower ones in between
        found.fill(0);
        load(wide, &marks);
        vault.wipe();
        store(wide, &mut found);
        let mut wiped = holding(&found);
        vault.wiped(|_, _| load(wide, &marks));
        store(wide, &mut found);
        wiped += holding(&found);
        let (count, least) = if wide { (32, 16) } else { (16, 0) };
        assert!(control >= least, "{control}");
        format!("{count} registers, of which {least} or more held it, then {wiped}")
    });
    say(&text);
}

#[cfg(target_arch = "x86_64")]
fn holding(found: &[u64; 256]) -> usize {
    found.chunks(8).filter(|register| register.contains(&MARKER)).count()
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn load(wide: bool, marks: &[u64; 8]) {
    // SAFETY: reads `marks` into registers of which it says that it changes them; the caller knows whether the
    // processor has AVX-512. Every one that has memfd_secret's kernel and runs this test has AVX.
    unsafe {
        if wide {
            std::arch::asm!(
                ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
                "vmovdqu64 zmm\\n, [{0}]",
                ".endr",
                in(reg) marks, clobber_abi("C"), options(nostack)
            );
        } else {
            std::arch::asm!(
                ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
                "vmovdqu ymm\\n, [{0}]",
                ".endr",
                in(reg) marks, clobber_abi("C"), options(nostack)
            );
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn store(wide: bool, found: &mut [u64; 256]) {
    // SAFETY: writes 32 registers of 64 bytes to an array of as many; for the processor see `load`.
    unsafe {
        if wide {
            std::arch::asm!(
                ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
                "vmovdqu64 [{0} + 64*\\n], zmm\\n",
                ".endr",
                in(reg) found, options(nostack)
            );
        } else {
            std::arch::asm!(
                ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
                "vmovdqu [{0} + 64*\\n], ymm\\n",
                ".endr",
                in(reg) found, options(nostack)
            );
        }
    }
}

fn what_a_step_returns_is_kept() {
    assert_eq!(said("returned"), "5 of 16384, and all of it");
}

fn returned() {
    let text = Memory::map(Choice::Auto).unwrap().run(|vault| {
        let (sum, long) = vault.wiped(|page, _| {
            page[3] = 5;
            let long: [u64; 64] = std::array::from_fn(|at| at as u64 * 3);
            (page.iter().map(|byte| u64::from(*byte)).sum::<u64>(), long)
        });
        let whole = (0..64).all(|at| long[at] == at as u64 * 3);
        format!("{sum} of {}, and {} of it", vault.page().len(), if whole { "all" } else { "a part" })
    });
    print!("{text}");
    common::wait();
}

fn only_the_first_page_is_lent_when_asked_for() {
    assert_eq!(said("lent"), "16384 4096 4096 6000 16384, 0 left");
}

fn lent() {
    Memory::map(Choice::Auto).unwrap().run(|vault| {
        vault.page().fill(1);
        let mut lengths = vec![vault.page().len()];
        for bytes in [KEY_PAGE, 1, 6000, usize::MAX] {
            vault.lend(bytes);
            lengths.push(vault.page().len());
        }
        let left = vault.page().iter().filter(|byte| **byte != 0).count();
        // What was lent is wiped even if less is lent by then.
        vault.page().fill(2);
        vault.lend(KEY_PAGE);
        vault.lend(KEY_AREA);
        assert!(vault.page().iter().all(|byte| *byte == 0));
        let lengths: Vec<String> = lengths.iter().map(usize::to_string).collect();
        print!("{}, {left} left", lengths.join(" "));
        common::wait();
    });
}

fn a_vault_is_not_wiped_from_another_stack() {
    let ended = outcome("foreign");
    assert_eq!(ended.code, Some(signbox_sandbox::PANIC_CODE), "{ended:?}");
}

fn foreign() {
    signbox_sandbox::install_panic_hook();
    let (one, other) = (Memory::map(Choice::Auto).unwrap(), Memory::map(Choice::Auto).unwrap());
    one.run(|vault| other.run(|_| vault.wipe()));
}

fn a_panic_in_the_work_ends_the_process() {
    // With Rust's own hook, which walks the stack across the switch; it must find its way.
    let mut command = child("panics");
    command.env("RUST_BACKTRACE", "full");
    let ended = end(command);
    assert!(ended.err.contains("walked"), "{ended:?}");
    if cfg!(debug_assertions) {
        assert_eq!(ended.signal, Some(libc::SIGABRT), "{ended:?}");
        assert!(ended.err.contains("main"), "{ended:?}");
    } else {
        // The small stack of a release build has no room for the walk, which ends at the guard page instead.
        assert!(matches!(ended.signal, Some(libc::SIGABRT | libc::SIGSEGV)), "{ended:?}");
    }
}

fn panics() {
    Memory::map(Choice::Auto).unwrap().run(|_| panic!("walked"));
}

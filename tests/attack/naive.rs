//! What the attacks are measured against: a program that keeps a secret the way bots do.
//!
//! On the heap, dumpable, behind no walls. It keeps what the words of its first line say in hexadecimal,
//! answers `ready`, and waits on its input with a piece of the first word in a vector register.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use std::io::{Write, stdin, stdout};

fn main() {
    let mut line = String::new();
    stdin().read_line(&mut line).unwrap();
    let kept: Vec<Vec<u8>> = line.split_whitespace().map(unhex).collect();
    stdout().write_all(b"ready\n").unwrap();
    // Until the end of input; a signal that was survived is not the end.
    while wait(black_box(&kept)) != 0 {}
}

fn unhex(word: &str) -> Vec<u8> {
    (0..word.len()).step_by(2).map(|at| u8::from_str_radix(&word[at..at + 2], 16).unwrap()).collect()
}

/// Reads some input, as code does that was compiled to keep a value in `xmm9` and `r13`.
#[cfg(target_arch = "x86_64")]
fn wait(kept: &[Vec<u8>]) -> i64 {
    let mut first = [0_u8; 16];
    if let Some(word) = kept.first().filter(|word| word.len() >= 16) {
        first.copy_from_slice(&word[..16]);
    }
    let mut buffer = [0_u8; 256];
    let count: i64;
    // SAFETY: reads 16 bytes of `first`; the system call is read(0, buffer, 256), and `buffer` is that long.
    unsafe {
        std::arch::asm!(
            "movdqu xmm9, [r13]", "mov r13, [r13]", "syscall",
            inout("rax") 0_i64 => count, in("rdi") 0, in("rsi") buffer.as_mut_ptr(), in("rdx") buffer.len(),
            inout("r13") first.as_ptr() => _, out("xmm9") _, out("rcx") _, out("r11") _,
        );
    }
    count
}

#[cfg(not(target_arch = "x86_64"))]
fn wait(kept: &[Vec<u8>]) -> i64 {
    let count = std::io::Read::read(&mut stdin(), &mut [0; 256]).unwrap_or(0);
    black_box(kept);
    count as i64
}

//! The switch to another stack: a dozen instructions, so that neither a crate nor a C compiler has to bring them.

use std::arch::global_asm;
use std::ffi::c_void;

/// Runs `body` on the stack that ends at `top`, and comes back. A panic in it ends the process.
///
/// # Safety
///
/// `top` is the upper end of a stack that is mapped for writing, large enough, and used by nobody else.
pub(super) unsafe fn on<F: FnOnce()>(top: *mut u8, body: F) {
    let mut body = Some(body);
    // SAFETY: `call` gets the pointer it expects, to a value that outlives the call; `top` is the caller's promise,
    // and a multiple of 16, as pages are.
    unsafe { signbox_sandbox_on_stack((&raw mut body).cast(), call::<F>, top) };
}

/// `extern "C"`, so that a panic stops here: there is no way to unwind through the switch.
extern "C" fn call<F: FnOnce()>(body: *mut c_void) {
    // SAFETY: `on` passes a pointer to this very type, and waits.
    let body = unsafe { &mut *body.cast::<Option<F>>() };
    if let Some(body) = body.take() {
        body();
    }
}

unsafe extern "C" {
    /// Calls `work(data)` with the stack pointer at `top`.
    fn signbox_sandbox_on_stack(data: *mut c_void, work: extern "C" fn(*mut c_void), top: *mut u8);
}

// The frame pointer is saved and kept in a register that calls preserve, so that debuggers find the way back.
#[cfg(target_arch = "x86_64")]
global_asm!(
    ".pushsection .text.signbox_sandbox_on_stack,\"ax\",@progbits",
    ".globl signbox_sandbox_on_stack",
    ".hidden signbox_sandbox_on_stack",
    ".type signbox_sandbox_on_stack,@function",
    "signbox_sandbox_on_stack:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa rsp, 16",
    ".cfi_offset rbp, -16",
    "mov rbp, rsp",
    ".cfi_def_cfa rbp, 16",
    "mov rsp, rdx",
    "call rsi",
    "mov rsp, rbp",
    "pop rbp",
    ".cfi_def_cfa rsp, 8",
    "ret",
    ".cfi_endproc",
    ".size signbox_sandbox_on_stack, . - signbox_sandbox_on_stack",
    ".popsection",
);

#[cfg(target_arch = "aarch64")]
global_asm!(
    ".pushsection .text.signbox_sandbox_on_stack,\"ax\",%progbits",
    ".globl signbox_sandbox_on_stack",
    ".hidden signbox_sandbox_on_stack",
    ".type signbox_sandbox_on_stack,%function",
    "signbox_sandbox_on_stack:",
    ".cfi_startproc",
    "stp x29, x30, [sp, #-16]!",
    ".cfi_def_cfa sp, 16",
    ".cfi_offset x29, -16",
    ".cfi_offset x30, -8",
    "mov x29, sp",
    ".cfi_def_cfa x29, 16",
    "mov sp, x2",
    "blr x1",
    "mov sp, x29",
    ".cfi_def_cfa sp, 16",
    "ldp x29, x30, [sp], #16",
    ".cfi_def_cfa sp, 0",
    ".cfi_restore x29",
    ".cfi_restore x30",
    "ret",
    ".cfi_endproc",
    ".size signbox_sandbox_on_stack, . - signbox_sandbox_on_stack",
    ".popsection",
);

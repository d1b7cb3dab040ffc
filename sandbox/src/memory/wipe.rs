//! Zeroes for memory, for the dead part of a stack, and for every register a callee may leave its values in.

use std::arch::asm;

/// Which vector registers there are to wipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vectors {
    /// `xmm0` to `xmm15`; on AArch64 `v0` to `v31`, and nothing more.
    Base,
    /// `ymm0` to `ymm15` as well.
    #[cfg(target_arch = "x86_64")]
    Avx,
    /// `zmm0` to `zmm31` and the masks as well.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// Asks which vector registers the kernel has switched on.
///
/// Not by `is_x86_feature_detected`: that runs CPUID a dozen times, and each costs over a microsecond in a virtual
/// machine. One CPUID says whether XGETBV works, and XGETBV is what counts: registers that the kernel does not save
/// cannot be used.
#[cfg(target_arch = "x86_64")]
pub(super) fn vectors() -> Vectors {
    let features: u32;
    // SAFETY: every x86-64 processor has CPUID and leaf 1; rbx, which LLVM keeps for itself, is put back.
    unsafe {
        asm!("mov {0:r}, rbx", "cpuid", "mov rbx, {0:r}", out(reg) _, inout("eax") 1 => _, lateout("ecx") features,
            lateout("edx") _, options(nomem, nostack, preserves_flags));
    }
    const OSXSAVE: u32 = 1 << 27;
    if features & OSXSAVE == 0 {
        return Vectors::Base;
    }
    let saved: u32;
    // SAFETY: OSXSAVE says that the kernel has made XGETBV available.
    unsafe {
        asm!("xgetbv", in("ecx") 0, out("eax") saved, out("edx") _, options(nomem, nostack, preserves_flags));
    }
    // Bit 1 SSE, 2 AVX, 5 masks, 6 upper halves of zmm0 to 15, 7 zmm16 to 31.
    const AVX: u32 = 0b110;
    const AVX512: u32 = 0b1110_0110;
    match saved {
        all if all & AVX512 == AVX512 => Vectors::Avx512,
        some if some & AVX == AVX => Vectors::Avx,
        _ => Vectors::Base,
    }
}

/// Every AArch64 processor has the same ones; SVE's longer ones are cleared with them.
#[cfg(target_arch = "aarch64")]
pub(super) fn vectors() -> Vectors {
    Vectors::Base
}

/// Zeroes memory, also if nobody reads it again.
///
/// # Safety
///
/// As for [`std::ptr::write_bytes`].
pub(super) unsafe fn bytes(start: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { start.write_bytes(0, len) };
    // SAFETY: does nothing, but the compiler must think that it reads the memory.
    unsafe { asm!("/* {0} */", in(reg) start, options(nostack, preserves_flags, readonly)) };
}

/// Zeroes the vector registers.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
pub(super) fn registers(vectors: Vectors) {
    match vectors {
        // SAFETY: changes registers that a call may change, and says so.
        Vectors::Base => unsafe {
            asm!(
                ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
                "pxor xmm\\n, xmm\\n",
                ".endr",
                clobber_abi("C"),
                options(nostack, preserves_flags),
            );
        },
        // SAFETY: as above; the kernel has AVX switched on, says `vectors`.
        Vectors::Avx => unsafe {
            asm!("vzeroall", clobber_abi("C"), options(nostack, preserves_flags));
        },
        // SAFETY: as above; the kernel has AVX-512 switched on, says `vectors`.
        Vectors::Avx512 => unsafe {
            asm!(
                "vzeroall",
                ".irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31",
                "vpxord zmm\\n, zmm\\n, zmm\\n",
                ".endr",
                ".irp n, 0, 1, 2, 3, 4, 5, 6, 7",
                "kxorw k\\n, k\\n, k\\n",
                ".endr",
                clobber_abi("C"),
                options(nostack, preserves_flags),
            );
        },
    }
}

/// Zeroes the vector registers.
#[inline(always)]
#[cfg(target_arch = "aarch64")]
pub(super) fn registers(_: Vectors) {
    // SAFETY: changes registers, and says which; calls preserve the low halves of v8 to v15, so the
    // compiler saves those.
    unsafe {
        asm!(
            ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
            "movi v\\n\\().2d, #0",
            ".endr",
            ".irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31",
            "movi v\\n\\().2d, #0",
            ".endr",
            out("v8") _, out("v9") _, out("v10") _, out("v11") _,
            out("v12") _, out("v13") _, out("v14") _, out("v15") _,
            clobber_abi("C"),
            options(nostack, preserves_flags),
        );
    }
}

/// Zeroes the stack from `bottom` up to the frame this is inlined into, then the general registers.
///
/// # Safety
///
/// The stack pointer is above `bottom`, and everything between is stack.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
pub(super) unsafe fn stack_below(bottom: *mut u8) {
    // SAFETY: what is below the stack pointer is dead: without the option `nostack` the compiler keeps nothing there.
    // The calling convention has the direction flag clear. Only registers that a call may change are changed.
    unsafe {
        asm!(
            "mov rcx, rsp", "sub rcx, rdi", "xor eax, eax", "rep stosb",
            "xor edx, edx", "xor esi, esi", "xor edi, edi", "xor r8d, r8d",
            "xor r9d, r9d", "xor r10d, r10d", "xor r11d, r11d",
            inout("rdi") bottom => _, clobber_abi("C"),
        );
    }
}

/// Zeroes the stack from `bottom` up to the frame this is inlined into, then the general registers.
///
/// # Safety
///
/// The stack pointer is above `bottom`, and everything between is stack.
#[inline(always)]
#[cfg(target_arch = "aarch64")]
pub(super) unsafe fn stack_below(bottom: *mut u8) {
    // SAFETY: what is below the stack pointer is dead: without the option `nostack` the compiler keeps nothing there.
    // `bottom` and the stack pointer are multiples of 16. Only registers that a call may change are changed.
    unsafe {
        asm!(
            "mov x1, sp",
            "2:", "cmp x0, x1", "b.hs 3f", "stp xzr, xzr, [x0], #16", "b 2b", "3:",
            ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17",
            "mov x\\n, xzr",
            ".endr",
            inout("x0") bottom => _, clobber_abi("C"),
        );
    }
}

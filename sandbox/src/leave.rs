//! The two ways out behind the walls: by will, and by panic.

use std::io::{self, Write};
use std::panic;

use crate::sys;

/// The exit code after a panic: 70, "internal software error" in sysexits.h.
pub const PANIC_CODE: i32 = 70;

/// Ends the process at once: no destructors, no `atexit`, no flushing.
///
/// `std::process::exit` and a return from `main` make system calls that the filter kills.
pub fn exit(code: i32) -> ! {
    sys::exit(code)
}

/// Makes a panic write where it happened to descriptor 2, and end the process with [`PANIC_CODE`].
///
/// Never what was panicked about: the message of an index or a conversion can hold what was being
/// worked on. Neither allocates nor needs more system calls than the walls leave.
pub fn install_panic_hook() {
    panic::set_hook(Box::new(|info| {
        let mut text = [0; 256];
        let len = describe(info.location().map(|place| (place.file(), place.line())), &mut text);
        let _ = nix::unistd::write(io::stderr(), &text[..len]);
        sys::exit(PANIC_CODE)
    }));
}

fn describe(place: Option<(&str, u32)>, text: &mut [u8; 256]) -> usize {
    let mut rest = &mut text[..];
    let written = match place {
        // The end of the path is the telling one.
        Some((file, line)) => {
            let excess = file.len().saturating_sub(LONGEST_PATH);
            let tail = (excess..=file.len()).find_map(|at| file.get(at..)).unwrap_or_default();
            writeln!(rest, "signbox-signer: panicked at {tail}:{line}")
        }
        None => writeln!(rest, "signbox-signer: panicked"),
    };
    let left = rest.len();
    if written.is_ok() { text.len() - left } else { 0 }
}

const LONGEST_PATH: usize = 180;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_any_length_gives_one_line() {
        for (file, expected) in [
            ("src/main.rs", "signbox-signer: panicked at src/main.rs:7\n".to_owned()),
            (&"x".repeat(999), format!("signbox-signer: panicked at {}:7\n", "x".repeat(180))),
            (&"\u{20ac}".repeat(99), format!("signbox-signer: panicked at {}:7\n", "\u{20ac}".repeat(60))),
            (
                &format!("{}x", "\u{20ac}".repeat(99)),
                format!("signbox-signer: panicked at {}x:7\n", "\u{20ac}".repeat(59)),
            ),
        ] {
            let mut text = [0; 256];
            let len = describe(Some((file, 7)), &mut text);
            assert_eq!(std::str::from_utf8(&text[..len]), Ok(expected.as_str()));
        }
    }
}

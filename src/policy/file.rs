//! The owner's file: limits that hold whatever a record says, and can only narrow it.
//!
//! Read once, before the walls. A file that somebody else could have written, or with a mistake in it, is no file to go by:
//! the signer does not start.

use super::{Bound, Limits};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, stat};
use std::fs;
use std::io::Read as _;

/// Where it stands.
pub const PLACE: &str = "/etc/signbox/policy";

/// What the owner's file says.
#[derive(Debug, Default)]
pub struct File {
    headings: Vec<Heading>,
}

/// One heading and what stands under it, checked.
#[derive(Debug)]
struct Heading {
    /// `*`, `exchange/*` or `exchange/label`.
    of: String,
    lines: Vec<(String, String)>,
}

impl File {
    /// Reads the file at [`PLACE`]. One that is not there limits nothing.
    pub fn open() -> Result<File, String> {
        let folder = PLACE.rsplit_once('/').map_or("/", |(folder, _)| folder);
        match stat(folder) {
            Ok(status) => of_root_alone(&status).map_err(|why| format!("{folder} {why}"))?,
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(File::default()),
            Err(error) => return Err(format!("cannot look at {folder}: {}", error.desc())),
        }
        // What is no plain file must not keep us waiting.
        let file = match open(PLACE, OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::ENOENT) => return Ok(File::default()),
            Err(error) => {
                let why = error.desc();
                return Err(format!("cannot read {PLACE}, which may hold limits: {why}"));
            }
        };
        let status = fstat(&file).map_err(|error| format!("cannot look at {PLACE}: {}", error.desc()))?;
        of_root_alone(&status).map_err(|why| format!("{PLACE} {why}"))?;
        if SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
            return Err(format!("{PLACE} is no plain file"));
        }
        let mut text = String::new();
        let read = fs::File::from(file).take(LONGEST + 1).read_to_string(&mut text);
        read.map_err(|error| format!("cannot read {PLACE}: {error}"))?;
        if text.len() as u64 > LONGEST {
            return Err(format!("{PLACE} is longer than {LONGEST} bytes"));
        }
        File::parse(&text)
    }

    /// Reads the text of such a file.
    pub fn parse(text: &str) -> Result<File, String> {
        let mut headings: Vec<Heading> = Vec::new();
        let mut limits = Limits::default();
        for (at, line) in text.lines().enumerate() {
            let wrong = |why: &str| format!("{PLACE}:{}: {why}", at + 1);
            let line = without_comment(line).trim();
            if line.is_empty() {
                continue;
            }
            if let Some(of) = line.strip_prefix('[') {
                let of = of.strip_suffix(']').ok_or_else(|| wrong("a heading without its ']'"))?.trim();
                check_heading(of).map_err(|why| wrong(&why))?;
                if headings.iter().any(|heading| heading.of == of) {
                    return Err(wrong(&format!("the heading [{of}] stands twice")));
                }
                headings.push(Heading { of: of.to_owned(), lines: Vec::new() });
                limits = Limits::default();
                continue;
            }
            let (name, text) =
                line.split_once('=').ok_or_else(|| wrong("neither 'name = text' nor a [heading]"))?;
            let heading = headings.last_mut().ok_or_else(|| {
                wrong(
                    "a limit before the first heading; write [exchange/label], [exchange/*] or [*] above it",
                )
            })?;
            let (name, text) = (name.trim(), text.trim());
            limits.set(name, text).map_err(|mistake| wrong(&format!("'{name} = {text}': {mistake}")))?;
            heading.lines.push((name.to_owned(), text.to_owned()));
        }
        match headings.iter().find(|heading| heading.lines.is_empty()) {
            Some(heading) => Err(format!("{PLACE}: there is nothing under [{}]", heading.of)),
            None => Ok(File { headings }),
        }
    }

    /// What holds for a key: one source for each heading that fits.
    pub fn bounds(&self, handle: &str) -> Vec<Bound> {
        let fitting = self.headings.iter().filter(|heading| fits(&heading.of, handle));
        let bounds = fitting.map(|heading| {
            let mut bound = Bound::of(format!("{PLACE} [{}]", heading.of));
            for (name, text) in &heading.lines {
                bound.limits.set(name, text).expect("they were read before");
            }
            bound
        });
        bounds.collect()
    }
}

/// Whether a heading is about a key. Two names of one exchange are one exchange.
fn fits(of: &str, handle: &str) -> bool {
    let same = |one: &str, other: &str| {
        let id = |name| signbox_exchanges::exchange(name).map(|exchange| exchange.id.text());
        one == other || id(one).is_some_and(|one| id(other) == Some(one))
    };
    match (of.split_once('/'), handle.split_once('/')) {
        (None, _) => of == "*",
        (Some((exchange, label)), Some((own, name))) => {
            same(exchange, own) && (label == "*" || label == name)
        }
        _ => false,
    }
}

fn check_heading(of: &str) -> Result<(), String> {
    match of.split_once('/') {
        None if of == "*" => Ok(()),
        // The owner of a machine cannot mean an exchange that is not there: it is a slip, and would limit nothing.
        Some((exchange, _)) if signbox_exchanges::exchange(exchange).is_none() => {
            Err(format!("no exchange is called '{exchange}'; 'signbox exchanges' lists those there are"))
        }
        Some((_, label)) if !label.is_empty() && (label == "*" || !label.contains('*')) => Ok(()),
        _ => Err(format!("[{of}] is not [exchange/label], [exchange/*] or [*]")),
    }
}

/// A line up to a `#` that begins it or follows white space: elsewhere it belongs to a tag.
fn without_comment(line: &str) -> &str {
    let starts = line.match_indices('#').map(|(at, _)| at);
    let mut starts = starts.filter(|at| line[..*at].chars().next_back().is_none_or(char::is_whitespace));
    starts.next().map_or(line, |at| &line[..at])
}

fn of_root_alone(status: &FileStat) -> Result<(), &'static str> {
    if status.st_uid != 0 {
        return Err("does not belong to root");
    }
    if status.st_mode & 0o022 != 0 {
        return Err("can be written by others than root; take that away with 'chmod go-w'");
    }
    Ok(())
}

const LONGEST: u64 = 256 * 1024;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::Limit;
    use super::*;

    const EXAMPLE: &str = "\
# what the owner says
[*]
until = 2027-06-30    # and no longer

[binance/*]
symbols = BTCUSDT ETH*
symbols = LTCUSDT
[kraken/main]
withdraw-to = XRP/*:rEb8#777
";

    #[test]
    fn what_fits_a_key_holds_for_it() {
        let file = File::parse(EXAMPLE).unwrap();
        let places = |handle: &str| {
            file.bounds(handle).into_iter().map(|bound| bound.place.unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(places("binance/main"), ["/etc/signbox/policy [*]", "/etc/signbox/policy [binance/*]"]);
        assert_eq!(places("kraken/main"), ["/etc/signbox/policy [*]", "/etc/signbox/policy [kraken/main]"]);
        assert_eq!(places("kraken/other"), ["/etc/signbox/policy [*]"]);
        let bounds = file.bounds("binance/x");
        let texts: Vec<_> = bounds[1].limits.texts().collect();
        assert_eq!(texts, [(Limit::Symbols, "BTCUSDT ETH*"), (Limit::Symbols, "LTCUSDT")]);
        // A '#' inside a word is a tag.
        assert_eq!(file.bounds("kraken/main")[1].limits.texts().next().unwrap().1, "XRP/*:rEb8#777");
        assert!(File::parse("").unwrap().bounds("kraken/main").is_empty());
    }

    #[test]
    fn another_name_of_an_exchange_does_not_get_around_its_heading() {
        let file = File::parse("[binance/main]\nsymbols = BTCUSDT\n").unwrap();
        assert_eq!(file.bounds("binanceusdm/main").len(), 1);
        assert_eq!(file.bounds("binanceusdm/other").len(), 0);
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        for (text, why) in [
            ("symbols = A", ":1: a limit before the first heading"),
            ("[*]\nsymbols", ":2: neither 'name = text' nor a [heading]"),
            (
                "[*]\n\n# x\nsimbols = A",
                ":4: 'simbols = A': the name of a limit is not known; there are allow, hosts",
            ),
            (
                "[*]\nquantity = 1,5",
                ":2: 'quantity = 1,5': limit 'quantity': a number that is no decimal; write '0.5'",
            ),
            ("[*]\nquantity =", "there is nothing in it"),
            ("[nosuch/main]\n", ":1: no exchange is called 'nosuch'"),
            ("[binance]\n", ":1: [binance] is not [exchange/label]"),
            ("[binance/]\n", ":1: [binance/] is not"),
            ("[binance/ma*]\n", ":1: [binance/ma*] is not"),
            ("[*\n", ":1: a heading without its ']'"),
            ("[*]\n", "there is nothing under [*]"),
            ("[*]\nuntil = 2027-01-01\n[*]\n", ":3: the heading [*] stands twice"),
            ("[*]\nallow = read everything", "a word that is no grant"),
        ] {
            let told = File::parse(text).unwrap_err();
            assert!(told.starts_with(PLACE) && told.contains(why), "{text}: {told}");
        }
    }

    #[test]
    fn only_what_root_alone_can_write_counts() {
        let mut status = stat("/proc/self/status").unwrap();
        for (uid, mode, fine) in [
            (0, 0o100_644, true),
            (0, 0o100_600, true),
            (1, 0o100_644, false),
            (0, 0o100_664, false),
            (0, 0o100_646, false),
        ] {
            (status.st_uid, status.st_mode) = (uid, mode);
            assert_eq!(of_root_alone(&status).is_ok(), fine, "{uid} {mode:o}");
        }
    }
}

//! Measures the start-up: each step's microseconds to descriptor 2, then ends behind the walls.
#![allow(clippy::print_stderr)]

use std::time::Instant;

use signbox_sandbox::{Choice, Doors, Error, Memory, enter, exit, prepare};

fn main() -> Result<(), Error> {
    let choice = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(Choice::Auto);
    let mut marks = [Instant::now(); 6];
    let prepared = prepare()?;
    marks[1] = Instant::now();
    marks[2] = marks[1];
    let memory = Memory::map(choice)?;
    let level = memory.level();
    marks[3] = Instant::now();
    memory.run(|vault| {
        let Ok(walls) = enter(&[1], &(0..0), Doors::Ends) else { exit(1) };
        marks[4] = Instant::now();
        vault.lend(4096);
        for _ in 0..100 {
            vault.wiped(|_, _| ());
        }
        marks[5] = Instant::now();
        let us = |at: usize| (marks[at] - marks[at - 1]).as_nanos() as f64 / 1000.0;
        eprintln!(
            "prepare {:.1}, memory {:.1} ({level}), enter {:.1}, all {:.1}; wiped {:.2}; {prepared:?} {walls:?}",
            us(1), us(3), us(4), (marks[4] - marks[0]).as_nanos() as f64 / 1000.0, us(5) / 100.0
        );
        exit(0)
    })
}

//! The checked-in shell completions are those of this command line.

use crate::cli::Cli;
use clap::CommandFactory as _;
use clap_complete::Shell;
use std::path::Path;

#[test]
fn the_checked_in_completions_are_fresh() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/completions");
    let write = std::env::var_os("SIGNBOX_WRITE_COMPLETIONS").is_some();
    for (shell, name) in
        [(Shell::Bash, "signbox.bash"), (Shell::Zsh, "_signbox"), (Shell::Fish, "signbox.fish")]
    {
        let mut fresh = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "signbox", &mut fresh);
        let file = folder.join(name);
        if write {
            std::fs::write(&file, &fresh).expect("the folder is writable");
        }
        let same = std::fs::read(&file).is_ok_and(|there| there == fresh);
        assert!(same, "{name} is stale; 'SIGNBOX_WRITE_COMPLETIONS=1 cargo test completions' writes it anew");
    }
}

//! A target without a fuzzer.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Plays the files named by the arguments; without any, the whole corpus of the target.
///
/// # Panics
///
/// If `play` does, or if there is nothing to play.
pub fn replay(target: &str, play: impl Fn(&[u8])) {
    let mut files: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    if files.is_empty() {
        files = corpus(target);
    }
    assert!(!files.is_empty(), "the corpus of `{target}` is empty");
    for file in &files {
        let input = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let unwound = Name(file);
        play(&input);
        std::mem::forget(unwound);
    }
    println!("{target}: {} inputs played", files.len());
}

fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry of the corpus").path())
        .collect();
    files.sort();
    files
}

/// Says which input it was that panicked.
struct Name<'a>(&'a Path);

impl Drop for Name<'_> {
    fn drop(&mut self) {
        eprintln!("this was played: {}", self.0.display());
    }
}

//! Holds the shape of the source: imports point down, unsafe code stays in its room, and functions stay short.
//!
//! ```text
//! lib
//! observe                  observers and dumps
//! time   future            what users await           remote   other threads
//! event_loop               the loop, with one slot for `remote`
//! task   timer   sync      independent of each other and of the loop
//! error  waiting  lock     independent of everything  guide    no code
//! ```
//!
//! A room imports from lower rows only and may skip rows. `future` also imports `time`, because a wait may have a
//! limit. The files of `task` have layers of their own: the groups in its list of modules.
//!
//! The lengths in `docs/architecture.md`, "Reading the core", are those of the files.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms with their rows, the lowest first.
const ROOMS: [(&str, u32); 13] = [
    ("error", 0),
    ("guide", 0),
    ("lock", 0),
    ("waiting", 0),
    ("task", 1),
    ("timer", 1),
    ("sync", 1),
    ("event_loop", 2),
    ("time", 3),
    ("future", 3),
    ("remote", 3),
    ("observe", 4),
    ("lib", 5),
];
const EXCEPTIONS: [(&str, &str); 1] = [("future", "time")];
const UNSAFE_ROOM: &str = "task";
/// The most lines of a function, from its name to its closing bracket.
const MOST_LINES: usize = 50;

fn row(room: &str) -> Option<u32> {
    ROOMS
        .iter()
        .find(|(name, _)| *name == room)
        .map(|(_, row)| *row)
}

/// The code of a file: without comments and the contents of literals.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if first == '"' {
            code.push_str("\"\"");
            end_of_string(rest)
        } else if rest.starts_with("'\"'") {
            3
        } else {
            code.push(first);
            first.len_utf8()
        };
        rest = &rest[skipped..];
    }
    code
}

/// Where a string literal ends that begins here.
fn end_of_string(text: &str) -> usize {
    let mut is_escaped = false;
    for (place, letter) in text.char_indices().skip(1) {
        match letter {
            '"' if !is_escaped => return place + 1,
            _ => is_escaped = letter == '\\' && !is_escaped,
        }
    }
    text.len()
}

/// The words of some code, and every other letter by itself.
fn tokens(code: &str) -> Vec<&str> {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if is_word(first) {
            rest.find(|letter| !is_word(letter)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}

/// What some code names by `crate::` or another root, also in a list of imports.
fn named<'a>(root: &str, tokens: &[&'a str]) -> Vec<&'a str> {
    let mut rooms = Vec::new();
    for (place, _) in tokens
        .windows(3)
        .enumerate()
        .filter(|(_, t)| *t == [root, ":", ":"])
    {
        let rest = &tokens[place + 3..];
        if rest.first() != Some(&"{") {
            rooms.extend(rest.first());
            continue;
        }
        let mut depth = 0;
        let mut is_head = true;
        for &token in rest {
            match token {
                "{" => depth += 1,
                "}" => depth -= 1,
                "," => is_head = depth == 1,
                _ if is_head && depth == 1 => {
                    rooms.push(token);
                    is_head = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    rooms
}

/// What is wrong with a file of a room.
fn faults(room: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let Some(own) = row(room) else {
        return vec![format!("`{room}` is no room: give it a row")];
    };
    let code = code(text);
    let tokens = tokens(&code);
    for other in named("crate", &tokens) {
        let is_below = row(other).is_some_and(|row| row < own);
        // A name that is no room is one of the crate's root, which is above all rooms.
        if other != room && !is_below && !EXCEPTIONS.contains(&(room, other)) {
            faults.push(format!("`{room}` must not import `crate::{other}`"));
        }
    }
    if room != UNSAFE_ROOM && tokens.contains(&"unsafe") {
        faults.push(format!("unsafe code outside of `{UNSAFE_ROOM}`"));
    }
    if room != UNSAFE_ROOM && tokens.contains(&"unsafe_code") {
        faults.push("a lint about unsafe code is changed".to_owned());
    }
    faults.extend(long_functions(text));
    faults
}

/// The layers of a room, the lowest first: the groups of modules that stand together in its list.
fn layers(modules: &str) -> Vec<Vec<&str>> {
    fn module(line: &str) -> Option<&str> {
        line.strip_prefix("mod ")?.strip_suffix(';')
    }
    let of_code = modules
        .split("\n\n")
        .filter(|group| !group.starts_with("#[cfg("));
    let groups = of_code.map(|group| group.lines().filter_map(module).collect::<Vec<_>>());
    groups.filter(|group| !group.is_empty()).collect()
}

/// Which imports of a file of a layered room are not from a lower layer. Its tests may name everything.
fn climbing_imports(layers: &[Vec<&str>], file: &str, text: &str) -> Vec<String> {
    let layer = |name: &str| layers.iter().position(|layer| layer.contains(&name));
    let Some(own) = layer(file) else {
        return vec![format!("`{file}` is in no layer")];
    };
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code = code(text);
    let named = named("super", &tokens(&code)).into_iter();
    let climbing = named.filter(|other| layer(other).is_none_or(|other| other >= own));
    climbing
        .map(|other| format!("`{file}` must not import `{other}`"))
        .collect()
}

/// The functions of a formatted file that are too long.
fn long_functions(text: &str) -> Vec<String> {
    let lines: Vec<_> = text.lines().collect();
    let mut long = Vec::new();
    for (first, line) in lines.iter().enumerate() {
        let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
        let name = rest.split_once("fn ").filter(|(before, _)| {
            let mut words = before.split_whitespace();
            words
                .all(|word| word.starts_with("pub") || ["const", "async", "unsafe"].contains(&word))
        });
        let Some((_, name)) = name.filter(|_| !rest.ends_with('}')) else {
            continue;
        };
        let end = format!("{indent}}}");
        let length = lines[first..].iter().position(|line| *line == end);
        let is_declaration = lines[first..]
            .iter()
            .take_while(|line| !line.ends_with('{'));
        if is_declaration.clone().any(|line| line.ends_with(';')) {
            continue;
        }
        if length.is_some_and(|length| length >= MOST_LINES) {
            long.push(format!("a function is too long: {name}"));
        }
    }
    long
}

/// The lines of code of a file: no comments, no blank lines, no unit tests at its end.
fn lines_of_code(text: &str) -> usize {
    let code = text.split("\n#[cfg(test)]\n").next().unwrap_or_default();
    let lines = code.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .count()
}

/// A number as the pages write it: 1,234.
fn with_comma(number: usize) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", number / 1000, number % 1000),
    }
}

/// What is wrong in the table of the page, which has a row for each file, and rows with the lines of all files above.
fn reading_faults(page: &str, core: &[(String, usize)]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut listed = Vec::new();
    let mut so_far = 0;
    let table = page.lines().filter(|line| line.starts_with("| "));
    for row in table {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let (name, lines) = (cells[2].trim_matches('`'), cells[3]);
        let expected = match core.iter().find(|(file, _)| file == name) {
            Some((_, lines)) => {
                listed.push(name);
                so_far += lines;
                with_comma(*lines)
            }
            None if name == "so far" => with_comma(so_far),
            None if name.ends_with(".rs") => "no row: there is no such file".to_owned(),
            None => continue,
        };
        if lines != expected {
            faults.push(format!("{name}: {lines} should be {expected}"));
        }
    }
    for (file, lines) in core {
        if listed.iter().filter(|name| *name == file).count() != 1 {
            faults.push(format!("{file} should have one row, with {lines} lines"));
        }
    }
    faults
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let deeper = folders.iter().flat_map(|folder| self::files(folder));
    let files = files
        .into_iter()
        .filter(|file| file.extension().is_some_and(|end| end == "rs"));
    files.chain(deeper).collect()
}

/// The room that a file belongs to: its folder below `src`, or its own name.
fn room_of(file: &Path) -> String {
    let inside = file.strip_prefix(source()).unwrap();
    let first = inside
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_str()
        .unwrap();
    first.trim_end_matches(".rs").to_owned()
}

#[test]
fn every_file_keeps_to_its_place() {
    let files = files(&source());
    assert!(files.len() > 30, "the source is not where it was");
    let faults: Vec<_> = files
        .iter()
        .flat_map(|file| {
            let text = fs::read_to_string(file).unwrap();
            let found = faults(&room_of(file), &text).into_iter();
            found
                .map(|fault| format!("{}: {fault}", file.display()))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_file_of_the_unsafe_room_imports_from_lower_layers_only() {
    let room = source().join(UNSAFE_ROOM);
    let modules = fs::read_to_string(room.join("mod.rs")).unwrap();
    let layers = layers(&modules);
    assert!(layers.len() > 10, "the layers are not where they were");
    let mut faults = Vec::new();
    for file in files(&room) {
        let name = file.file_stem().unwrap().to_str().unwrap();
        if name != "mod" && !file.parent().unwrap().ends_with("models") {
            let text = fs::read_to_string(&file).unwrap();
            faults.extend(climbing_imports(&layers, name, &text));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_reading_path_lists_each_file_of_the_core_with_its_length() {
    let page = source().join("../docs/architecture.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, page) = page.split_once("## Reading the core\n").unwrap();
    let mut core = Vec::new();
    for file in ["event_loop", "task", "timer"]
        .iter()
        .flat_map(|room| files(&source().join(room)))
    {
        let name = file.strip_prefix(source()).unwrap().to_str().unwrap();
        if !name.contains("models") && !name.ends_with("tests.rs") {
            let text = fs::read_to_string(&file).unwrap();
            core.push((name.replace('\\', "/"), lines_of_code(&text)));
        }
    }
    let faults = reading_faults(page, &core);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

// The checks can fail.

#[test]
fn a_length_that_is_not_that_of_the_file_is_found() {
    let text = "//! Words.\n\nfn f() {\n    g(); // ..\n}\n\n#[cfg(test)]\nmod tests {}\n";
    assert_eq!(lines_of_code(text), 3);
    let core = [("a.rs".to_owned(), 3), ("b.rs".to_owned(), 1200)];
    let faults = |rows: &str| reading_faults(rows, &core);
    let right = "| A | `a.rs` | 3 | a |\n|  | `b.rs` | 1,200 | b |\n|  | so far | 1,203 | |\n";
    assert_eq!(faults(right), [""; 0]);
    assert_eq!(faults(&right.replace("| 3", "| 4")).len(), 1);
    assert_eq!(faults(&right.replace("1,203", "1,200")).len(), 1);
    assert_eq!(faults(&right.replace("b.rs", "c.rs")).len(), 3);
    assert_eq!(faults("").len(), 2);
}

#[test]
fn an_import_from_the_same_layer_or_a_higher_one_is_found() {
    let modules = "mod a;\n\n// Words.\nmod b;\nmod c;\n\n#[cfg(test)]\nmod d;\n";
    let layers = layers(modules);
    assert_eq!(layers, [vec!["a"], vec!["b", "c"]]);
    let faults = |file, text| climbing_imports(&layers, file, text);
    assert_eq!(faults("b", "use super::a::A;"), [""; 0]);
    assert_eq!(faults("b", "use super::c::A;").len(), 1);
    assert_eq!(faults("a", "fn f() { super::b::f() }").len(), 1);
    assert_eq!(faults("c", "use super::{Task, a};").len(), 1);
    assert_eq!(
        faults("c", "#[cfg(test)]\nmod tests { use super::*; }"),
        [""; 0]
    );
    assert_eq!(faults("d", "").len(), 1);
}

#[test]
fn an_import_that_climbs_is_found() {
    assert_eq!(faults("sync", "use crate::event_loop::Core;").len(), 1);
    assert_eq!(faults("task", "use crate::sync::Queue;").len(), 1);
    assert_eq!(faults("time", "use crate::future::gather;").len(), 1);
    assert_eq!(faults("error", "fn f() { crate :: task :: g() }").len(), 1);
    assert_eq!(
        faults("timer", "use crate::{error::A, task::{B, time}, future};").len(),
        2
    );
    assert_eq!(faults("task", "use crate::spawn;").len(), 1);
    assert_eq!(faults("attic", "").len(), 1);
}

#[test]
fn an_import_that_points_down_or_inside_is_none() {
    for import in [
        "crate::task::{self, time}",
        "crate::error::E",
        "std::future::Future",
        "super::timer",
    ] {
        assert_eq!(
            faults("event_loop", &format!("use {import};")),
            [""; 0],
            "{import}"
        );
    }
    assert_eq!(faults("future", "use crate::time::sleep;"), [""; 0]);
    assert_eq!(
        faults(
            "sync",
            "/// See [`run`](crate::run).\nconst A: &str = \"crate::task\";"
        ),
        [""; 0]
    );
}

#[test]
fn unsafe_code_is_found_outside_of_its_room_only() {
    assert_eq!(faults("sync", "fn f() { unsafe { g() } }").len(), 1);
    assert_eq!(faults("timer", "#![allow(unsafe_code)]").len(), 1);
    assert_eq!(
        faults("time", "let quote = '\"'; unsafe { g() } // \"").len(),
        1
    );
    assert_eq!(
        faults("time", "let text = \"a \\\" b\"; unsafe impl A for B {}").len(),
        1
    );
    assert_eq!(faults("task", "unsafe { g() }"), [""; 0]);
    assert_eq!(
        faults(
            "time",
            "// unsafe\nfn f() { \"unsafe \\\" unsafe\" } /* unsafe */"
        ),
        [""; 0]
    );
}

#[test]
fn a_function_that_is_too_long_is_found() {
    let function = |lines| {
        format!(
            "    pub(super) fn f() {{\n{}    }}\n",
            "        g();\n".repeat(lines)
        )
    };
    assert_eq!(faults("sync", &function(MOST_LINES - 2)), [""; 0]);
    assert_eq!(faults("sync", &function(MOST_LINES - 1)).len(), 1);
    let declared = format!(
        "fn f();\n\nimpl A {{\n{}}}\n",
        "    // ..\n".repeat(MOST_LINES)
    );
    assert_eq!(faults("sync", &declared), [""; 0]);
}

//! The command line of the tour: what it plays, what it lists, what it refuses.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ffi::OsString;
use std::io::{self, ErrorKind, Write};
use std::rc::Rc;

use super::programs::PROGRAMS;
use super::programs::tour::{TourError, tour};

/// Runs the tour with these words on its command line.
fn output_of(words: &[&str]) -> Result<String, TourError> {
    let out = Paper::default();
    tour(words.iter().map(OsString::from), out.clone())?;
    Ok(String::from_utf8(out.0.take()).expect("the tour writes text"))
}

#[derive(Clone, Default)]
struct Paper(Rc<RefCell<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[track_caller]
fn assert_refused(words: &[&str], sentence: &str) {
    let error = output_of(words).expect_err("this command line is refused");
    assert_eq!(
        (error.exit_code(), error.to_string().as_str()),
        (2, sentence)
    );
}

#[test]
fn programs_are_in_order_and_have_distinct_names() {
    assert!(PROGRAMS.is_sorted_by(|a, b| a.id < b.id));
    let names: HashSet<&str> = PROGRAMS.iter().map(|program| program.name).collect();
    assert_eq!(names.len(), PROGRAMS.len());
}

#[test]
fn without_words_every_program_is_played_in_order_with_its_total() {
    let story = output_of(&[]).unwrap();
    let mut rest = story.as_str();
    for program in PROGRAMS {
        let title = format!("{} {}: {}\n", program.id, program.name, program.title);
        let (_, after) = rest.split_once(&title).expect(program.id);
        rest = after;
    }
    assert_eq!(story.matches("\n  total ").count(), PROGRAMS.len());
    assert_eq!(
        story.lines().last(),
        Some("30 programs, 105.50 s of virtual time")
    );
}

#[test]
fn one_program_is_played_by_its_name_or_its_number() {
    let story = "\
S-008 potato_stew: boil water and cut potatoes at the same time, then cook
  [ 3.00] cut done
  [ 5.00] water boils
  [ 7.00] stew done
  total 7.00 s

";
    for words in [
        ["--only", "potato_stew"].as_slice(),
        &["--only", "S-008"],
        &["--only=s-008"],
    ] {
        assert_eq!(output_of(words).unwrap(), story, "{words:?}");
    }
}

#[test]
fn a_program_that_prints_nothing_says_so() {
    let story = output_of(&["--only", "lazy_future"]).unwrap();
    assert!(
        story.ends_with("\n  (prints nothing)\n  total 0.00 s\n\n"),
        "{story}"
    );
}

#[test]
fn real_time_takes_as_long_as_it_says() {
    let start = std::time::Instant::now();
    let story = output_of(&["--real", "--only", "hello"]).unwrap();
    assert!(start.elapsed().as_secs() >= 1);
    let lines: Vec<&str> = story.lines().collect();
    assert!(
        lines[1].ends_with("] hello") && lines[2].ends_with("] world"),
        "{story}"
    );
    let (stamp, _) = lines[2]
        .trim_start_matches([' ', '['])
        .split_once(']')
        .unwrap();
    assert!(stamp.parse::<f64>().unwrap() >= 1.0, "{story}");
}

#[test]
fn the_list_has_one_line_for_each_program() {
    let list = output_of(&["--list"]).unwrap();
    assert_eq!(list.lines().count(), PROGRAMS.len());
    for (line, program) in list.lines().zip(PROGRAMS) {
        let words: Vec<&str> = line.splitn(3, "  ").map(str::trim).collect();
        assert_eq!(words[..2], [program.id, program.name]);
        assert!(line.ends_with(program.title), "{line}");
    }
}

#[test]
fn help_names_every_option() {
    let help = output_of(&["--help"]).unwrap();
    for option in ["--real", "--only NAME", "--list", "--help"] {
        assert!(help.contains(option), "{help}");
    }
}

#[test]
fn what_does_not_exist_is_refused_with_a_sentence() {
    assert_refused(
        &["--only", "nope"],
        r#"there is no program "nope"; --list shows all"#,
    );
    assert_refused(
        &["--only", ""],
        r#"there is no program ""; --list shows all"#,
    );
    assert_refused(&["--only"], "missing argument for option '--only'");
    assert_refused(&["--fast"], "invalid option '--fast'");
    assert_refused(&["hello"], r#"unexpected argument "hello""#);
    assert_refused(
        &["--real=yes"],
        r#"unexpected argument for option '--real': "yes""#,
    );
}

/// Paper that ends after so many bytes.
struct ShortPaper(usize);

impl Write for ShortPaper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = bytes.len().min(self.0);
        self.0 -= written;
        if written == 0 {
            Err(ErrorKind::StorageFull.into())
        } else {
            Ok(written)
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn output_that_cannot_be_written_ends_the_tour_with_an_error() {
    for room in [0, 30, 60, 70, 100, 130, 160] {
        let error = tour([], ShortPaper(room)).expect_err("the paper is too short");
        assert_eq!(error.exit_code(), 1, "room for {room} bytes");
    }
}

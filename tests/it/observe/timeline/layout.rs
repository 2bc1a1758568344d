//! Where things stand in a picture: nothing lies over something else, or outside, and what has no room is left out.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use looplet::timeline::Timeline;
use looplet::{Event, call_soon, sleep, spawn, yield_now};

use crate::support::film::{filmed, filmed_by, wake_at};

/// The assumed width of a character, and that of the picture.
const LETTER: f64 = 6.4;
const WIDTH: f64 = 830.0;

/// The first attribute of this name.
fn number(line: &str, name: &str) -> f64 {
    let value = line.split(&format!(" {name}=\"")).nth(1).unwrap();
    value.split('"').next().unwrap().parse().unwrap()
}

/// The lines of a picture that begin so.
fn lines<'a>(svg: &'a str, begin: &str) -> Vec<&'a str> {
    svg.lines().filter(|line| line.starts_with(begin)).collect()
}

/// Half the width of a text.
fn half(text: &str) -> f64 {
    text.chars().count() as f64 * LETTER / 2.0
}

fn is_close(a: f64, b: f64) -> bool {
    (a - b).abs() < 0.02
}

#[test]
fn labels_of_the_axis_keep_apart_and_are_left_out_only_if_they_have_no_room() {
    let moments = [101, 102, 103, 110, 120, 150, 152, 190, 220, 260, 261, 345];
    let svg = filmed(wake_at(moments)).svg("moments");
    let moments = [0].into_iter().chain(moments);
    let labels = lines(&svg, "<line class=\"grid\"");
    let mut labels = labels.into_iter().peekable();
    let mut free = 0.0;
    // Each moment is one at which the only task begins to run.
    for (run, moment) in lines(&svg, "<rect class=\"run\"").into_iter().zip(moments) {
        let (x, text) = (number(run, "x"), format!("{} s", moment as f64 / 1000.0));
        let Some(label) = labels.next_if(|label| label.contains(&format!(">{text}<"))) else {
            assert!(x - half(&text) < free, "{text} has room");
            continue;
        };
        let centre = number(label.split("<text").nth(1).unwrap(), "x");
        assert_eq!(number(label, "x1"), x);
        assert!(is_close(centre, x), "{text}");
        assert!(centre - half(&text) >= free, "{text} has no room");
        free = centre + half(&text) + 8.0;
    }
    assert!(labels.next().is_none());
}

#[test]
fn the_last_label_of_the_axis_stays_in_the_picture() {
    let svg = filmed(wake_at([12_345_678])).svg("long labels");
    let label = lines(&svg, "<line class=\"grid\"")[1];
    assert!(label.contains(">12345.678 s<"));
    let centre = number(label.split("<text").nth(1).unwrap(), "x");
    assert!(
        is_close(centre + half("12345.678 s"), WIDTH - 4.0),
        "{centre}"
    );
}

/// A picture in which an arrow crosses, after so long, the line of a task that sleeps ten seconds.
fn crossed_after(moment: u64) -> String {
    let timeline = filmed(async move {
        let sleeps = spawn(sleep(Duration::from_secs(10)));
        wake_at([moment]).await;
        spawn(async {}).detach();
        sleeps.await.unwrap();
    });
    timeline.svg("an arrow and a label")
}

#[test]
fn the_label_of_a_wait_goes_beside_an_arrow_on_its_nearer_side() {
    let label = "sleep until 10 s";
    for (moment, side) in [(3_000, 0.0), (4_500, 1.0), (5_500, -1.0), (7_000, 0.0)] {
        let svg = crossed_after(moment);
        let begin = format!("middle\">{label}</text>");
        let text = svg.lines().find(|line| line.ends_with(&begin)).unwrap();
        let wait = format!("<title>{label}</title></line>");
        let wait = svg.lines().find(|line| line.ends_with(&wait)).unwrap();
        let middle = (number(wait, "x1") + number(wait, "x2")) / 2.0;
        // The last task is spawned at that moment.
        let arrow = number(lines(&svg, "<g class=\"spawn\"").last().unwrap(), "x1");
        let beside = arrow + side * (half(label) + 6.0);
        let expected = if side == 0.0 { middle } else { beside };
        assert!(is_close(number(text, "x"), expected), "{moment}: {text}");
    }
}

#[test]
fn a_wait_of_no_length_is_not_drawn() {
    let timeline = filmed(async {
        let event = Rc::new(Event::new());
        let set = event.clone();
        call_soon(move || set.set());
        event.wait().await;
    });
    assert!(timeline.trace().contains("waits: event"));
    assert!(lines(&timeline.svg("no time"), "<line class=\"wait\"").is_empty());
}

#[test]
fn time_keeps_four_tenths_of_the_axis_however_much_happens() {
    let timeline = filmed(async {
        for _ in 0..1_000 {
            yield_now().await;
        }
        sleep(Duration::from_secs(1)).await;
    });
    let svg = timeline.svg("a crowd");
    let begin = number(lines(&svg, "<line class=\"grid\"")[0], "x1");
    let wait = lines(&svg, "<line class=\"wait\"")[0];
    let share = (number(wait, "x2") - number(wait, "x1")) / (WIDTH - 24.0 - begin);
    assert!((share - 0.4).abs() < 1e-4, "{share}");
}

/// A task that another one wakes so often, which makes an arrow each time, and one for its spawn.
async fn wakes(times: usize) {
    let waker = Rc::new(Cell::new(None::<Waker>));
    let kept = waker.clone();
    let woken = poll_fn(move |cx| {
        kept.set(Some(cx.waker().clone()));
        Poll::<()>::Pending
    });
    spawn(woken).detach();
    for _ in 0..times {
        yield_now().await;
        waker.take().unwrap().wake();
    }
}

fn arrows(svg: &str) -> usize {
    ["spawn", "wake", "join"]
        .map(|class| lines(svg, &format!("<g class=\"{class}\"")).len())
        .iter()
        .sum()
}

#[test]
fn three_hundred_arrows_are_drawn_and_the_others_are_counted() {
    for (times, note) in [(299, None), (300, Some(">1 more arrows are not shown<"))] {
        let svg = filmed(wakes(times)).svg("arrows");
        assert_eq!(arrows(&svg), 300);
        assert_eq!(svg.contains("more arrows"), note.is_some());
        assert!(note.is_none_or(|note| svg.contains(note)));
    }
}

#[test]
fn arrows_to_tasks_that_are_not_shown_are_not_drawn() {
    for tasks in [40, 41, 60] {
        let timeline = filmed(async move {
            for _ in 1..tasks {
                spawn(async {}).detach();
            }
        });
        assert_eq!(arrows(&timeline.svg("forty rows")), 39);
    }
}

#[test]
fn notes_stand_one_under_the_other_below_the_legend() {
    let timeline = filmed_by(Timeline::with_limit(3_000), async {
        wakes(310).await;
        for _ in 0..60 {
            spawn(async {}).detach();
        }
        wakes(310).await;
    });
    let svg = timeline.svg("three notes");
    let notes = lines(&svg, "<text x=\"16\"");
    let legend = lines(&svg, "<g transform")[0];
    let legend: f64 = legend.split([' ', ')']).nth(2).unwrap().parse().unwrap();
    let places: Vec<_> = notes.iter().map(|note| number(note, "y")).collect();
    assert_eq!(places, [22.0, 38.0, 54.0].map(|below| legend + below));
    assert_eq!(number(&svg, "height"), places[2] + 14.0);
}

//! The pictures of a run: they say what happened, fit where they go, and those in the documentation are up to date.

use std::fs;
use std::future::pending;
use std::time::Duration;

use looplet::timeline::Timeline;
use looplet::{EventLoop, gather, sleep, spawn, spawn_named, yield_now};

use crate::examples::programs::PROGRAMS;
use crate::examples::programs::pictures::{PICTURES, film};
use crate::examples::programs::stage::Plot;
use crate::support::film::{filmed, filmed_by};

#[test]
fn the_pictures_in_the_documentation_are_up_to_date() {
    for picture in PICTURES {
        let path = picture.path();
        let stored = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            stored == picture.draw(),
            "{path} is out of date: cargo run --features timeline --example timeline -- --docs"
        );
    }
}

#[test]
fn a_chart_shows_why_two_awaits_take_four_seconds_and_two_tasks_two() {
    let (_, in_turn) = film("sequential_awaits").unwrap();
    let text = in_turn.text(80);
    let waits =
        ["sleep until 2 s", "sleep until 4 s"].map(|wait| text.lines().next().unwrap().find(wait));
    assert!(waits[0].is_some() && waits[0] < waits[1], "{text}");
    let (_, together) = film("concurrent_tasks").unwrap();
    let text = together.text(80);
    assert_eq!(text.matches("sleep until 2 s").count(), 2, "{text}");
    assert!(text.contains("result of Task-2"), "{text}");
}

#[test]
fn every_program_of_the_tour_fits_into_every_width() {
    for program in PROGRAMS {
        if let Plot::WithoutLoop(_) = program.plot {
            continue;
        }
        let (_, timeline) = film(program.name).unwrap();
        for width in [20, 33, 40, 80, 133] {
            assert_fits(&timeline, width, width);
        }
        serde_json::from_str::<serde_json::Value>(&timeline.trace()).unwrap();
    }
}

#[track_caller]
fn assert_fits(timeline: &Timeline, asked: usize, width: usize) {
    let text = timeline.text(asked);
    for line in text.lines() {
        assert!(line.chars().count() <= width, "{asked}: {line}\n{text}");
    }
}

#[test]
fn every_line_of_a_chart_fits_into_every_width() {
    let timeline = filmed_by(Timeline::with_limit(2_000), async {
        let tasks: Vec<_> = (0..50)
            .map(|n| spawn_named(format!("a task with a name\n{n}\tof many words"), naps(n)))
            .collect();
        gather(tasks).await;
    });
    for width in 20..150 {
        assert_fits(&timeline, width, width);
        assert_fits(&Timeline::new(), width, width);
    }
    // Less than this is as much as this.
    for width in 0..20 {
        assert_eq!(timeline.text(width), timeline.text(20));
    }
    assert_fits(&timeline, usize::MAX, 10_000);
}

async fn naps(n: u64) {
    for _ in 0..20 {
        sleep(Duration::from_nanos(n * 123_456_789)).await;
    }
}

#[test]
fn names_are_escaped_in_pictures_and_traces() {
    let hostile = "<b>&\"quote\"\\ \u{1}\n";
    let timeline = filmed(async {
        spawn_named(hostile, async {}).await.unwrap();
    });
    let svg = timeline.svg(hostile);
    assert!(
        svg.contains("&lt;b&gt;&amp;&quot;quote&quot;\\ \u{fffd}\u{fffd}"),
        "{svg}"
    );
    let trace: serde_json::Value = serde_json::from_str(&timeline.trace()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    assert!(events.iter().any(|event| event["args"]["name"] == hostile));
}

#[test]
fn many_tasks_are_cut_with_a_note() {
    let timeline = filmed(async {
        let tasks: Vec<_> = (0..1000).map(|_| spawn(yield_now())).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert!(
        timeline
            .text(80)
            .ends_with("961 more tasks are not shown\n")
    );
    let svg = timeline.svg("a thousand tasks");
    assert!(svg.contains(">961 more tasks are not shown<"));
    assert!(svg.len() < 100_000, "{}", svg.len());
}

#[test]
fn a_long_run_is_cut_with_a_note_and_stays_small() {
    let timeline = filmed_by(Timeline::with_limit(3_000), async {
        for _ in 0..10_000 {
            sleep(Duration::from_secs(1)).await;
        }
    });
    let note = "later events, up to 10000 s, were not kept";
    assert!(timeline.text(80).contains(note), "{}", timeline.text(80));
    let svg = timeline.svg("a long run");
    assert!(svg.contains(note) && svg.len() < 1_000_000, "{}", svg.len());
    assert!(timeline.trace().contains("later events were not kept"));
}

#[test]
fn ends_and_arrows_are_drawn() {
    let timeline = filmed(async {
        let stopped = spawn_named("stopped", pending::<()>());
        let broken = spawn_named("broken", async { panic!("no salt") });
        yield_now().await;
        stopped.cancel();
        assert!(stopped.await.is_err() && broken.await.is_err());
    });
    let text = timeline.text(80);
    let line = |name: &str| {
        text.lines()
            .find(|line| line.starts_with(name))
            .unwrap()
            .to_string()
    };
    assert!(line("stopped").ends_with('×'), "{text}");
    assert!(line("broken").ends_with('!'), "{text}");
    assert!(line("Task-1").ends_with('✓'), "{text}");
    let svg = timeline.svg("ends");
    for class in ["\"spawn\"", "\"wake\"", "\"join\"", "mark ok", "mark bad"] {
        assert!(svg.contains(class), "{class}");
    }
    let trace = timeline.trace();
    for name in [
        "spawns",
        "wakes",
        "result for",
        "cancelled",
        "panicked",
        "finished",
        "runs",
    ] {
        assert!(trace.contains(&format!("\"{name}\"")), "{name}");
    }
}

#[test]
fn an_empty_timeline_can_be_drawn() {
    let timeline = Timeline::new();
    assert!(timeline.text(0).contains("runs"));
    assert!(timeline.svg("nothing").ends_with("</svg>\n"));
    serde_json::from_str::<serde_json::Value>(&timeline.trace()).unwrap();
}

#[test]
fn real_time_is_filmed_too() {
    let timeline = Timeline::new();
    let builder = EventLoop::builder().observer(timeline.clone());
    builder
        .build()
        .block_on(async { sleep(Duration::from_millis(3)).await });
    let trace: serde_json::Value = serde_json::from_str(&timeline.trace()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap().iter();
    let last = events
        .filter_map(|event| event["ts"].as_f64())
        .fold(0.0, f64::max);
    assert!(last >= 3000.0, "{last} us");
}

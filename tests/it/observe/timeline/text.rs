//! What the chart and the trace file of small runs say exactly.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use futures::FutureExt;
use futures::future::select;
use looplet::timeline::Timeline;
use looplet::{advance, as_completed, oneshot, sleep, spawn, spawn_named, yield_now};
use serde_json::Value;

use crate::support::film::{filmed, filmed_by, wake_at};

const SECOND: Duration = Duration::from_secs(1);

/// One task gives way to a busy one, then sleeps; main waits for both.
fn a_yield_and_a_nap() -> Timeline {
    filmed(async {
        let yields = spawn_named("yields and then takes a nap", async {
            yield_now().await;
            sleep(3 * SECOND).await;
        });
        spawn_named("busy", async { advance(SECOND) })
            .await
            .unwrap();
        yields.await.unwrap();
    })
}

// The chart.

#[test]
fn a_chart_shows_who_runs_who_is_ready_and_who_waits() {
    let timeline = a_yield_and_a_nap();
    assert_eq!(
        timeline.text(60).lines().take(4).collect::<Vec<_>>(),
        [
            "Task-1             █─────────░░█─────────────────────────░█✓",
            "yields and then t… ░█░░░░░░░░░█──── sleep until 4 s ─────█✓",
            "busy               ░░█████████✓",
            "                   |0 s      |1 s                       |4 s",
        ]
    );
    assert_eq!(
        timeline.text(40).lines().take(4).collect::<Vec<_>>(),
        [
            "Task-1             █────░░█──────────░█✓",
            "yields and then t… ░█░░░░█───────────█✓",
            "busy               ░░████✓",
            "                   |0 s |1 s        |4 s",
        ]
    );
}

#[test]
fn what_stands_below_a_chart_is_broken_between_words() {
    let timeline = filmed_by(Timeline::with_limit(6), async {
        sleep(SECOND).await;
        sleep(SECOND).await;
    });
    let below = |width| {
        let text = timeline.text(width);
        text.lines().skip(2).map(String::from).collect::<Vec<_>>()
    };
    let whole = [
        "█ runs  ░ ready  ─ waits  ✓ finished  × cancelled  ! panicked",
        "cut here: 7 later events, up to 2 s, were not kept",
    ];
    assert_eq!(below(61), whole);
    assert_eq!(
        below(60),
        [
            "█ runs  ░ ready  ─ waits  ✓ finished  × cancelled",
            "! panicked",
            whole[1],
        ]
    );
    assert_eq!(
        below(20),
        [
            "█ runs  ░ ready",
            "─ waits  ✓ finished",
            "× cancelled",
            "! panicked",
            "cut here: 7 later",
            "events, up to 2 s,",
            "were not kept",
        ]
    );
}

#[test]
fn a_narrow_chart_has_short_names() {
    assert_eq!(
        a_yield_and_a_nap()
            .text(20)
            .lines()
            .take(4)
            .collect::<Vec<_>>(),
        [
            "Task-1    █─░█───░█✓",
            "yields a… █░░█───█✓",
            "busy      ░██✓",
            "          |0 s  |4 s",
        ]
    );
}

#[test]
fn a_line_break_in_a_name_is_none_in_the_chart() {
    let timeline = filmed(async {
        spawn_named("two\nlines", sleep(20 * SECOND)).await.unwrap();
    });
    let text = timeline.text(80);
    assert!(text.contains(" result of two\u{fffd}lines ─"), "{text}");
    assert!(text.contains("\ntwo\u{fffd}lines ░█─"), "{text}");
}

#[test]
fn polls_that_are_too_many_for_the_chart_share_columns_and_are_seen() {
    let timeline = filmed(async {
        for _ in 0..60 {
            yield_now().await;
        }
        wake_at([1000, 1250]).await;
    });
    assert_eq!(
        timeline.text(40).lines().take(2).collect::<Vec<_>>(),
        [
            "Task-1 ███████████████████─────────█──█✓",
            "       |0 s                        |1 s",
        ]
    );
}

#[test]
fn moments_that_are_too_near_to_each_other_leave_each_other_out_of_the_axis() {
    let timeline = filmed(wake_at([1, 2, 3, 4, 5, 10, 15, 25, 26, 27, 28, 29, 30]));
    assert_eq!(
        timeline.text(60).lines().take(2).collect::<Vec<_>>(),
        [
            "Task-1 █─█─█─█──█─█──────█──────█─────────────█─█──█─█─█─█✓",
            "       |0 s  |3 ms       |10 ms |15 ms        |25 ms |28 ms",
        ]
    );
}

#[test]
fn a_poll_in_which_the_recording_ends_is_the_last_column_of_the_chart() {
    let timeline = filmed_by(Timeline::with_limit(6), async { sleep(SECOND).await });
    let text = timeline.text(40);
    assert_eq!(
        text.lines().next(),
        Some("Task-1 █──────────────────────────────█")
    );
}

#[test]
fn a_wait_is_labelled_in_its_middle_if_its_line_shows_on_both_sides() {
    let timeline = filmed(wake_at([1000, 4000]));
    let label = " sleep until 1 s ";
    for width in 40..=120 {
        let text = timeline.text(width);
        let wait = text.split('█').nth(1).unwrap();
        let room = wait.chars().count();
        let Some(lines) = wait.split_once(label) else {
            assert!(room < label.len() + 2, "{width}: {text}");
            continue;
        };
        let [before, after] = [lines.0, lines.1].map(|line| line.chars().count());
        assert!(
            before > 0 && (before..=before + 1).contains(&after),
            "{text}"
        );
        assert_eq!(wait.replace(label, ""), "─".repeat(before + after));
    }
}

#[test]
fn as_many_tasks_as_are_shown_need_no_note() {
    for (tasks, note) in [(40, None), (41, Some("1 more tasks are not shown"))] {
        let timeline = filmed(async move {
            for _ in 1..tasks {
                spawn(async {}).detach();
            }
            yield_now().await;
        });
        let text = timeline.text(80);
        let last = text.lines().last().filter(|line| line.contains("more"));
        assert_eq!(last, note, "{text}");
    }
}

#[test]
fn times_have_the_unit_that_suits_them() {
    let timeline = filmed(async {
        let start = looplet::now();
        for nanos in [7, 1_500, 20_000_000, 100_000_000, 1_234_567_890] {
            looplet::sleep_until(start + Duration::from_nanos(nanos)).await;
        }
    });
    let trace = timeline.trace();
    for time in ["7 ns", "1.5 µs", "20 ms", "0.1 s", "1.235 s"] {
        assert!(
            trace.contains(&format!("\"waits: sleep until {time}\"")),
            "{time}"
        );
    }
    assert!(timeline.text(80).contains("|0 s "));
}

#[test]
fn a_timeline_prints_how_many_tasks_it_has_seen() {
    let text = format!("{:?}", a_yield_and_a_nap());
    assert_eq!(text, "Timeline { tasks: 3, .. }");
}

// The trace file.

/// What Perfetto shows of a trace: spans, marks and arrows, with the numbers of tasks; times in microseconds.
fn shown(timeline: &Timeline) -> Vec<String> {
    let trace: Value = serde_json::from_str(&timeline.trace()).unwrap();
    let (mut from, mut arrows) = (Value::Null, 0);
    let mut line = |event: &Value| {
        let [name, phase] = ["name", "ph"].map(|key| event[key].as_str().unwrap());
        let [row, at] = ["tid", "ts"].map(|key| event[key].clone());
        match phase {
            "X" => return Some(format!("{row} {name} from {at} for {}", event["dur"])),
            "i" => return Some(format!("{row} {name} at {at}")),
            "s" => (from, arrows) = (row, arrows + 1),
            "f" => return Some(format!("{from} {name} {row} at {at}")),
            _ => return None,
        }
        assert_eq!(event["id"], arrows, "an arrow has a number of its own");
        None
    };
    let events = trace["traceEvents"].as_array().unwrap();
    events.iter().filter_map(&mut line).collect()
}

#[test]
fn a_trace_has_all_spans_marks_and_arrows() {
    let timeline = filmed(async {
        let child = async {
            yield_now().await;
            sleep(Duration::from_nanos(1_500)).await;
        };
        spawn(child).await.unwrap();
    });
    assert_eq!(
        shown(&timeline),
        [
            "1 ready from 0.0 for 0.0",
            "1 spawns 2 at 0.0",
            "1 runs from 0.0 for 0.0",
            "2 ready from 0.0 for 0.0",
            "2 wakes 2 at 0.0",
            "2 runs from 0.0 for 0.0",
            "2 ready from 0.0 for 0.0",
            "2 runs from 0.0 for 0.0",
            "2 waits: sleep until 1.5 µs from 0.0 for 1.5",
            "2 ready from 1.5 for 0.0",
            "2 finished at 1.5",
            "1 waits: result of Task-2 from 0.0 for 1.5",
            "2 result for 1 at 1.5",
            "2 runs from 1.5 for 0.0",
            "1 ready from 1.5 for 0.0",
            "1 finished at 1.5",
            "1 runs from 1.5 for 0.0",
        ]
    );
}

#[test]
fn a_task_that_is_cancelled_while_it_waits_is_ready_until_then_in_a_trace() {
    let timeline = filmed(async {
        let stopped = spawn_named("stopped", pending::<()>());
        yield_now().await;
        stopped.cancel();
        assert!(stopped.await.is_err());
        sleep(SECOND).await;
    });
    let stopped = shown(&timeline).into_iter();
    let stopped: Vec<_> = stopped.filter(|line| line.starts_with("2 ")).collect();
    assert_eq!(
        stopped[stopped.len() - 3..],
        [
            "2 ready from 0.0 for 0.0",
            "2 cancelled at 0.0",
            "2 result for 1 at 0.0"
        ]
    );
}

#[test]
fn only_an_awaited_task_that_has_ended_wakes_by_its_result() {
    let timeline = filmed(async {
        let (sender, receiver) = oneshot();
        let mut unfinished = spawn(async {
            sender.send(()).unwrap();
            sleep(SECOND).await;
        });
        select(&mut unfinished, pin!(receiver)).await;
        // It awaits the handle with a waker of its own.
        spawn(async {}).map(drop).shared().await;
        let mut completed = as_completed([spawn(async {})]);
        completed.next().await.unwrap().unwrap();
        unfinished.await.unwrap();
    });
    let arrows = shown(&timeline).into_iter();
    let to_main: Vec<_> = arrows.filter(|line| line.contains(" 1 at ")).collect();
    assert_eq!(
        to_main,
        [
            "2 wakes 1 at 0.0",
            "3 wakes 1 at 0.0",
            "1 wakes 1 at 0.0",
            "4 result for 1 at 0.0",
            "2 result for 1 at 1000000.0"
        ]
    );
}

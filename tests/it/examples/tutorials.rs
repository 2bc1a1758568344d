//! Every program of five asyncio tutorials, line for line and second for second, in virtual time.
//!
//! A trace begins with the program and its total; then come the lines, each after its exact time in seconds since the
//! program's start. The programs are those that the examples run.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use looplet::{EventLoop, gather, sleep, spawn};

use super::programs::stage::{self, Plot, Time};
use super::programs::{self, PROGRAMS};

/// Plays what the first line of `text` names, and compares all lines.
#[track_caller]
fn assert_plays(text: &str) {
    let expected: Vec<&str> = text.trim().lines().map(str::trim).collect();
    let (id, _) = expected[0].split_once(' ').unwrap();
    let program = PROGRAMS.iter().find(|program| program.id == id);
    let (lines, total) = play(program.expect("there is a program of this id").plot);

    let mut played = vec![format!("{id} takes {total} s")];
    played.extend(lines);
    assert_eq!(played, expected);
}

/// The stamped lines of a program, and how long it took in seconds.
fn play(plot: Plot) -> (Vec<String>, f64) {
    let lines = Rc::new(RefCell::new(Vec::new()));
    let audience = {
        let lines = Rc::clone(&lines);
        move |since: Duration, line: &str| {
            let since = since.as_secs_f64();
            lines.borrow_mut().push(format!("[{since}] {line}"));
        }
    };
    let total = stage::play(plot, Time::Virtual, audience);
    (lines.take(), total.as_secs_f64())
}

macro_rules! traces {
    ($($name:ident: $text:literal)*) => {
        $(#[test]
        fn $name() {
            assert_plays($text);
        })*
    };
}

traces! {
    s_001_two_awaits_in_a_row_take_turns: "
        S-001 takes 4 s
        [0] T+0: start
        [4] a: 2 b: 20
        [4] T+4: end
    "

    s_002_two_tasks_wait_at_the_same_time: "
        S-002 takes 2 s
        [0] T+0: start
        [2] a: 2 b: 20
        [2] T+2: end
    "

    s_003_a_waiting_task_lets_the_other_go_on: "
        S-003 takes 4.5 s
        [0] T+0: start
        [0] task1: start
        [0] task2: start
        [2] task2: mid
        [2.5] task1: mid
        [4] task2 end
        [4.5] task1 end
        [4.5] T+4.5: end
    "

    s_004_a_blocking_producer_fills_the_queue_before_any_consumer_runs: "
        S-004 takes 12 s
        [0] producer put a val: 0
        [0.1] producer put a val: 1
        [0.2] producer put a val: 2
        [0.3] producer put a val: 3
        [0.4] producer put a val: 4
        [0.5] producer put a val: 5
        [0.6] producer put a val: 6
        [0.7] producer put a val: 7
        [0.8] producer put a val: 8
        [0.9] producer put a val: 9
        [1] producer put a val: 10
        [1.1] producer put a val: 11
        [1.2] producer put a val: 12
        [1.3] producer put a val: 13
        [1.4] producer put a val: 14
        [1.5] producer put a val: 15
        [1.6] producer put a val: 16
        [1.7] producer put a val: 17
        [1.8] producer put a val: 18
        [1.9] producer put a val: 19
        [2] consumer_0 get a val: 0 at T+2
        [2] consumer_1 get a val: 1 at T+2
        [2] consumer_2 get a val: 2 at T+2
        [2] consumer_3 get a val: 3 at T+2
        [2] consumer_4 get a val: 4 at T+2
        [3] consumer_0 get a val: 5 at T+3
        [3] consumer_1 get a val: 6 at T+3
        [3] consumer_2 get a val: 7 at T+3
        [3] consumer_3 get a val: 8 at T+3
        [3] consumer_4 get a val: 9 at T+3
        [4] consumer_0 get a val: 10 at T+4
        [4] consumer_1 get a val: 11 at T+4
        [4] consumer_2 get a val: 12 at T+4
        [4] consumer_3 get a val: 13 at T+4
        [4] consumer_4 get a val: 14 at T+4
        [5] consumer_0 get a val: 15 at T+5
        [5] consumer_1 get a val: 16 at T+5
        [5] consumer_2 get a val: 17 at T+5
        [5] consumer_3 get a val: 18 at T+5
        [5] consumer_4 get a val: 19 at T+5
        [12] -- still running, cut here --
    "

    s_005_join_returns_with_the_last_task_done: "
        S-005 takes 6 s
        [1] producer_1 put a val: 1
        [1] producer_2 put a val: 2
        [1] consumer_1 get a val: 1
        [1] consumer_2 get a val: 2
        [2] producer_1 put a val: 3
        [2] producer_2 put a val: 4
        [2] consumer_1 get a val: 3
        [2] consumer_2 get a val: 4
        [3] producer_1 put a val: 5
        [3] producer_2 put a val: 6
        [3] consumer_1 get a val: 5
        [3] consumer_2 get a val: 6
        [4] producer_1 put a val: 7
        [4] producer_2 put a val: 8
        [4] consumer_1 get a val: 7
        [4] consumer_2 get a val: 8
        [5] producer_1 put a val: 9
        [5] producer_2 put a val: 10
        [5] consumer_1 get a val: 9
        [5] consumer_2 get a val: 10
    "

    s_006_a_task_that_nobody_awaits_gets_one_turn: "
        S-006 takes 0 s
        [0] main start...
        [0] main end.
        [0] foo start...
    "

    s_007_an_awaited_task_runs_to_its_end: "
        S-007 takes 1 s
        [0] main start...
        [0] foo start...
        [1] foo end.
        [1] main end.
    "

    s_008_the_stew_takes_as_long_as_the_water_and_the_cooking: "
        S-008 takes 7 s
        [3] cut done
        [5] water boils
        [7] stew done
    "

    s_009_hello_world: "
        S-009 takes 1 s
        [0] hello
        [1] world
    "

    s_010_awaiting_in_place_is_sequential: "
        S-010 takes 3 s
        [0] started at T+0
        [1] hello
        [3] world
        [3] finished at T+3
    "

    s_011_two_spawned_tasks_run_together: "
        S-011 takes 2 s
        [0] started at T+0
        [1] hello
        [2] world
        [2] finished at T+2
    "

    s_012_a_handle_keeps_the_value_of_its_task: "
        S-012 takes 2 s
        [0] started at T+0
        [2] hello - 1
        [2] world - 2
        [2] finished at T+2
    "

    s_013_gather_of_tasks: "
        S-013 takes 2 s
        [0] started at T+0
        [2] ['hello - 1', 'world - 2']
        [2] finished at T+2
    "

    s_014_gather_of_futures: "
        S-014 takes 2 s
        [0] started at T+0
        [2] ['hello - 1', 'world - 2']
        [2] finished at T+2
    "

    s_015_tasks_spawned_before_the_loop_runs_start_in_order: "
        S-015 takes 5 s
        [0] 1
        [0] 2
        [5] 3
        [5] 4
    "

    s_017_a_future_that_nobody_awaits_does_nothing: "
        S-017 takes 0 s
    "

    s_018_run_runs_a_future: "
        S-018 takes 0 s
        [0] jugeng
    "

    s_019_awaiting_a_sleep: "
        S-019 takes 2 s
        [0] come
        [2] over
    "

    s_020_an_awaited_function_returns_its_value: "
        S-020 takes 5 s
        [0] 执行协程内部代码
        [0] start
        [5] end
        [5] IO请求结束，结果为 返回值
    "

    s_021_an_awaited_function_can_be_called_again: "
        S-021 takes 10 s
        [0] 执行协程内部代码
        [0] start
        [5] end
        [5] IO请求结束，结果为 返回值
        [5] start
        [10] end
        [10] IO请求结束，结果为 返回值
    "

    s_022_tasks_without_values: "
        S-022 takes 5 s
        [0] main开始
        [0] main结束
        [0] 1
        [0] 1
        [5] 3
        [5] 3
        [5] () ()
    "

    s_023_named_tasks_say_how_they_ended: r#"
        S-023 takes 5 s
        [0] main开始
        [0] main结束
        [0] 1
        [0] 1
        [5] 3
        [5] 3
        [5] [<Task finished name='yan1' result="返回值">, <Task finished name='yan2' result="返回值">]
    "#

    s_024_hello_twice: "
        S-024 takes 1 s
        [0] hello
        [1] hello
    "

    s_025_sequential_again: "
        S-025 takes 3 s
        [0] started at T+0
        [1] hello
        [3] world
        [3] finished at T+3
    "

    s_026_two_tasks_again: "
        S-026 takes 2 s
        [0] started at T+0
        [1] hello
        [2] world
        [2] finished at T+2
    "

    s_027_return_values_again: "
        S-027 takes 2 s
        [0] started at T+0
        [2] hello - 1
        [2] world - 2
        [2] finished at T+2
    "

    s_028_gather_again: "
        S-028 takes 2 s
        [0] started at T+0
        [2] ['hello - 1', 'world - 2']
        [2] finished at T+2
    "

    s_029_without_a_loop_counts_follow_each_other: "
        S-029 takes 3 s
        [0] One
        [1] Two
        [1] One
        [2] Two
        [2] One
        [3] Two
        [3] FILE executed in 3.00seconds.
    "

    s_030_gathered_counts_run_together: "
        S-030 takes 1 s
        [0] One
        [0] One
        [0] One
        [1] Two
        [1] Two
        [1] Two
        [1] FILE executed in 1.00 seconds.
    "

    s_032_chains_run_side_by_side: "
        S-032 takes 11 s
        [0] part1(9) sleeping for 4 seconds.
        [0] part1(6) sleeping for 4 seconds.
        [0] part1(3) sleeping for 0 seconds.
        [0] Returning part1(3) == result3-1.
        [0] part2(3, 'result3-1') sleeping for 4 seconds.
        [4] Returning part1(9) == result9-1.
        [4] part2(9, 'result9-1') sleeping for 7 seconds.
        [4] Returning part1(6) == result6-1.
        [4] part2(6, 'result6-1') sleeping for 4 seconds.
        [4] Returning part2(3, 'result3-1') == result3-2 derived from result3-1.
        [4] -->Chained result3 => result3-2 derived from result3-1 (took 4.00 seconds).
        [8] Returning part2(6, 'result6-1') == result6-2 derived from result6-1.
        [8] -->Chained result6 => result6-2 derived from result6-1 (took 8.00 seconds).
        [11] Returning part2(9, 'result9-1') == result9-2 derived from result9-1.
        [11] -->Chained result9 => result9-2 derived from result9-1 (took 11.00 seconds).
        [11] Program finished in 11.00 seconds.
    "
}

#[test]
fn s_004_cancelling_the_endless_program_ends_it() {
    let (lines, _) = play(Plot::OnLoop(|event_loop| {
        event_loop.block_on(async {
            let program = programs::producer_consumer::producer_consumer(stage::block_thread);
            let program = spawn(program);
            sleep(Duration::from_secs(10)).await;
            assert!(program.cancel());
            assert!(program.await.unwrap_err().is_cancelled());
            stage::say("cancelled");
        });
    }));
    assert_eq!(lines.len(), 41);
    assert_eq!(lines[39], "[5] consumer_4 get a val: 19 at T+5");
    assert_eq!(lines[40], "[10] cancelled");
}

/// A fragment of a tutorial: `g` is suspended until `f` has its value.
async fn g<T>(f: impl Future<Output = T>) -> T {
    f.await
}

#[test]
fn s_031_other_tasks_run_while_a_function_awaits() {
    let mut event_loop = EventLoop::builder().virtual_time().build();
    let others = Rc::new(Cell::new(0));
    let ticks = Rc::clone(&others);
    let value = event_loop.block_on(async move {
        let f = async {
            sleep(Duration::from_secs(1)).await;
            "value"
        };
        let other = async move {
            sleep(Duration::from_millis(500)).await;
            ticks.set(ticks.get() + 1);
        };
        gather((g(f), other)).await.0
    });
    assert_eq!((value, others.get()), ("value", 1));
}

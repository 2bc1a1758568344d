//! What a dump says of each task: state, waits as a tree, and tasks that wait for each other.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use looplet::{
    EventLoop, JoinHandle, NoDump, Queue, Task, TaskEvent, TaskState, WaitsOn, call_soon, dump,
    gather, sleep, spawn_named, yield_now,
};

fn virtual_loop() -> EventLoop {
    EventLoop::builder().virtual_time().build()
}

/// The lines of a dump without the places of spawn.
fn lines(dump: &looplet::Dump) -> Vec<String> {
    let text = dump.to_string();
    text.lines()
        .map(|line| line.split("; spawned at").next().unwrap().into())
        .collect()
}

#[test]
fn a_dump_is_a_tree_along_the_waits() {
    virtual_loop().block_on(async {
        let water = spawn_named("water", sleep(Duration::from_millis(1500)));
        let potatoes = spawn_named("potatoes", sleep(Duration::from_secs(60)));
        let stew = spawn_named("stew", async { gather((water, potatoes)).await.0 });
        let guest = spawn_named("guest", stew);
        let idler = spawn_named("idler", Queue::<()>::unbounded().stream_forever());
        for _ in 0..3 {
            yield_now().await;
        }
        assert_eq!(
            lines(&dump()),
            [
                "8 unfinished tasks",
                "'Task-1' is running",
                "'guest' waits for the result of 'stew'",
                "└─ 'stew' waits for the results of 2 tasks",
                "   ├─ 'Task-2' waits for the result of 'water'",
                "   │  └─ 'water' sleeps for another 1.500s",
                "   └─ 'Task-3' waits for the result of 'potatoes'",
                "      └─ 'potatoes' sleeps for another 60 s",
                "'idler' waits for an item of a queue",
            ]
        );
        drop((guest, idler));
    });
}

trait StreamForever {
    async fn stream_forever(self);
}

impl StreamForever for Queue<()> {
    async fn stream_forever(self) {
        while self.get().await.is_ok() {}
    }
}

#[test]
fn tasks_that_wait_for_each_other_are_named() {
    virtual_loop().block_on(async {
        let late = Rc::new(RefCell::new(None::<JoinHandle<()>>));
        let other = late.clone();
        let hen = spawn_named("hen", async move {
            yield_now().await;
            let egg = other.borrow_mut().take().unwrap();
            egg.await.unwrap();
        });
        let egg = spawn_named("egg", async move { hen.await.unwrap() });
        *late.borrow_mut() = Some(egg);
        for _ in 0..4 {
            yield_now().await;
        }
        let dump = looplet::dump();
        let cycles = dump.cycles();
        assert_eq!(cycles.len(), 1);
        assert_eq!(cycles[0].len(), 2);
        let text = dump.to_string();
        assert!(
            text.ends_with("these wait for each other: 'hen' -> 'egg' -> 'hen'"),
            "{text}"
        );
        assert!(text.contains("'hen' (see above)"), "{text}");
        let main = looplet::current_task();
        let others = looplet::all_tasks().into_iter().filter(|it| *it != main);
        others.for_each(|task| assert!(task.cancel()));
        yield_now().await;
    })
}

#[test]
fn a_deadlock_in_virtual_time_says_what_each_task_is_stuck_on() {
    let panic = panic::catch_unwind(AssertUnwindSafe(|| {
        virtual_loop().block_on(async {
            let lock = Rc::new(looplet::Mutex::new(()));
            let _guard = lock.lock().await;
            let again = lock.clone();
            spawn_named("second", async move { drop(again.lock().await) })
                .await
                .unwrap();
        });
    }));
    let text = *panic.unwrap_err().downcast::<String>().unwrap();
    assert!(text.starts_with("deadlock:"), "{text}");
    assert!(
        text.contains("'Task-1' waits for the result of 'second'"),
        "{text}"
    );
    assert!(
        text.contains(
            "└─ 'second' waits for a lock or a permit; spawned at tests/it/observe/dump.rs:"
        ),
        "{text}"
    );
}

#[test]
fn states_waits_and_places_can_be_read_by_a_program() {
    let mut event_loop = virtual_loop();
    let ready = event_loop.spawn(async {});
    let dump = event_loop.dump();
    let task = &dump.tasks()[0];
    assert_eq!((task.state, task.id), (TaskState::Ready, ready.id()));
    assert_eq!((task.polls, task.age), (None, None));
    assert!(task.spawned_at.file().ends_with("dump.rs"));

    event_loop.block_on(async {
        let idle = spawn_named("idle", sleep(Duration::from_secs(1)));
        let doomed = spawn_named("doomed", pending::<()>());
        yield_now().await;
        doomed.cancel();
        let dump = looplet::dump();
        let find = |name| dump.tasks().iter().find(|task| task.name == name).unwrap();
        let until = WaitsOn::Until(looplet::now() + Duration::from_secs(1));
        assert_eq!(find("idle").waits, [until]);
        assert_eq!(find("doomed").state, TaskState::Cancelling);
        drop(idle);
    });
}

#[test]
fn without_notes_a_dump_knows_sleeps_and_joins_and_calls_the_rest_something_else() {
    looplet::run(async {
        let queue = Queue::<()>::unbounded();
        let getter = spawn_named("getter", async move { queue.get().await.is_ok() });
        let joiner = spawn_named("joiner", getter);
        let sleeper = spawn_named("sleeper", sleep(Duration::from_secs(60)));
        yield_now().await;
        yield_now().await;
        let lines = lines(&dump());
        assert_eq!(lines[2], "'joiner' waits for the result of 'getter'");
        assert_eq!(lines[3], "└─ 'getter' waits for something else");
        assert!(
            lines[4].starts_with("'sleeper' sleeps for another "),
            "{lines:?}"
        );
        drop((joiner, sleeper));
    });
}

#[test]
fn who_waits_for_two_of_a_kind_waits_for_that_kind() {
    virtual_loop().block_on(async {
        let queues = [Queue::<()>::unbounded(), Queue::unbounded()];
        let getter = spawn_named("getter", async move {
            let [one, other] = &queues;
            futures::join!(one.get(), other.get())
        });
        yield_now().await;
        let lines = lines(&dump());
        assert_eq!(lines[2], "'getter' waits for an item of a queue");
        drop(getter);
    });
}

#[test]
fn a_call_at_a_time_is_no_sleep_of_the_task_that_was_spawned_last() {
    virtual_loop().block_on(async {
        let idle = looplet::spawn(pending::<()>());
        let call = looplet::call_later(Duration::from_secs(1), || ());
        yield_now().await;
        let lines = lines(&dump());
        assert_eq!(lines[2], "'Task-2' waits for something else");
        call.cancel();
        drop(idle);
    });
}

#[test]
fn an_observed_loop_knows_age_polls_and_running_time() {
    let observer = |_: Instant, _: &Task, _: TaskEvent<'_>| ();
    let mut event_loop = EventLoop::builder()
        .virtual_time()
        .observer(observer)
        .build();
    event_loop.block_on(async {
        let busy = spawn_named("busy", async {
            sleep(Duration::from_secs(2)).await;
            looplet::advance(Duration::from_secs(3));
            pending::<()>().await;
        });
        sleep(Duration::from_secs(7)).await;
        let dump = looplet::dump();
        let task = &dump.tasks()[1];
        assert_eq!(task.polls, Some(2));
        assert_eq!(task.running, Some(Duration::from_secs(3)));
        assert_eq!(task.age, Some(Duration::from_secs(7)));
        assert!(
            dump.to_string().contains("polled 2 times for 3s in 7s"),
            "{dump}"
        );
        drop(busy);
    });
}

#[test]
fn a_dump_may_go_to_another_thread() {
    fn is_send<T: Send + 'static>(_: &T) {}
    is_send(&EventLoop::new().dump());
}

#[test]
fn another_thread_can_ask_a_sleeping_loop_for_a_dump() {
    let mut event_loop = EventLoop::new();
    let remote = event_loop.remote();
    let (begin, begins) = mpsc::channel();
    let asker = thread::spawn(move || {
        begins.recv().unwrap();
        loop {
            match remote.dump() {
                // It was not asleep, but waited for a processor.
                Err(NoDump::NoAnswer) => {}
                answer => return answer,
            }
        }
    });
    event_loop.block_on(async {
        let sleeper = spawn_named("sleeper", sleep(Duration::from_secs(60)));
        yield_now().await;
        begin.send(()).unwrap();
        while !asker.is_finished() {
            sleep(Duration::from_millis(1)).await;
        }
        sleeper.detach();
    });
    let text = asker.join().unwrap().unwrap().to_string();
    assert!(text.contains("'sleeper' sleeps for another"), "{text}");
}

/// What a thread receives that requests a dump in the middle of a poll, which lasts until the thread has its answer.
fn asked_in_a_poll(event_loop: &mut EventLoop) -> NoDump {
    let remote = event_loop.remote();
    let ((begin, begins), (answer, answers)) = (mpsc::channel(), mpsc::channel());
    let asker = thread::spawn(move || {
        begins.recv().unwrap();
        answer.send(remote.dump().unwrap_err()).unwrap();
    });
    let error = event_loop.block_on(async move {
        let stuck = async move {
            begin.send(()).unwrap();
            answers.recv().unwrap()
        };
        spawn_named("stuck", stuck).await.unwrap()
    });
    asker.join().unwrap();
    error
}

#[test]
fn a_loop_that_is_stuck_inside_a_poll_is_reported_with_the_task() {
    let observer = |_: Instant, _: &Task, _: TaskEvent<'_>| ();
    let mut observed = EventLoop::builder().observer(observer).build();
    let error = asked_in_a_poll(&mut observed);
    let NoDump::InPoll {
        task,
        since,
        spawned_at,
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(task, "stuck");
    assert!(*since >= Duration::from_secs(1) && spawned_at.file().ends_with("dump.rs"));
    assert!(
        error
            .to_string()
            .contains("inside of a poll of task 'stuck' for "),
        "{error}"
    );

    assert_eq!(asked_in_a_poll(&mut EventLoop::new()), NoDump::NoAnswer);
}

#[test]
fn a_loop_that_is_stuck_outside_of_a_poll_is_not_reported_with_a_task_that_was_polled_before() {
    let observer = |_: Instant, _: &Task, _: TaskEvent<'_>| ();
    let mut observed = EventLoop::builder().observer(observer).build();
    let remote = observed.remote();
    let ((begin, begins), (answer, answers)) = (mpsc::channel(), mpsc::channel());
    let asker = thread::spawn(move || {
        begins.recv().unwrap();
        answer.send(remote.dump().unwrap_err()).unwrap();
    });
    let error = observed.block_on(async move {
        let found = Rc::new(Cell::new(None));
        let stuck = Rc::clone(&found);
        let _ = call_soon(move || {
            begin.send(()).unwrap();
            stuck.set(answers.recv().ok());
        });
        yield_now().await;
        found.take()
    });
    assert_eq!(error, Some(NoDump::NoAnswer));
    asker.join().unwrap();
}

#[test]
fn a_loop_that_is_gone_gives_no_dump_and_its_own_thread_must_not_ask() {
    let event_loop = EventLoop::new();
    let remote = event_loop.remote();
    let here = panic::catch_unwind(AssertUnwindSafe(|| remote.dump().is_ok()));
    assert!(here.is_err());
    drop(event_loop);
    assert_eq!(remote.dump().unwrap_err(), NoDump::LoopGone);
}

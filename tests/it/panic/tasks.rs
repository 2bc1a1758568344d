//! Panics stay where they belong: no panic of user code, wherever it runs, unwinds through the loop, harms another
//! task or keeps something from being dropped.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Write};
use std::future::{Future, pending, poll_fn};
use std::panic::{self, AssertUnwindSafe};
use std::pin::pin;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use looplet::{EventLoop, gather, spawn, spawn_named, wait, yield_now};

use crate::support::Droppy;
use crate::support::probes::{Grenade, Ledger, OnDrop, fragile_waker, listening, virtual_loop};
use crate::support::process::name_of;

#[test]
fn a_payload_that_panics_when_it_is_dropped_does_no_harm() {
    let (mut event_loop, reports) = virtual_loop();
    let sum = event_loop.block_on(async {
        spawn(async { panic::panic_any(Grenade) }).detach();
        let other = spawn(async {
            yield_now().await;
            1
        });
        other.await.unwrap() + 1
    });
    assert_eq!(sum, 2);
    assert_eq!(reports.borrow().len(), 1);
}

#[test]
fn a_payload_of_an_unread_panic_goes_quietly_with_the_handle() {
    let (mut event_loop, reports) = virtual_loop();
    event_loop.block_on(async {
        let handle = spawn(async { panic::panic_any(Grenade) });
        yield_now().await;
        assert!(handle.is_finished());
        drop(handle);
    });
    assert_eq!(reports.borrow().len(), 1);
}

#[test]
fn a_payload_that_panics_when_the_hook_has_thrown_it_does_no_harm() {
    let mut event_loop = EventLoop::builder()
        .on_unhandled_panic(|_, _| panic::panic_any(Grenade))
        .build();
    event_loop.block_on(async {
        spawn(async { panic!("unseen") }).detach();
        yield_now().await;
        yield_now().await;
    });
}

#[test]
fn a_lazy_waiters_waker_that_panics_when_it_is_dropped_is_reported() {
    let (mut event_loop, reports) = virtual_loop();
    let ends = event_loop.block_on(async {
        let first = spawn(async {});
        let second = spawn(async {
            yield_now().await;
            yield_now().await;
        });
        let third = spawn(async {
            for _ in 0..4 {
                yield_now().await;
            }
            "third"
        });
        let mut both = wait([first, second]).first_exception();
        {
            let waker = fragile_waker();
            let mut cx = Context::from_waker(&waker);
            assert!(pin!(&mut both).poll(&mut cx).is_pending());
        }
        let end = third.await.unwrap();
        drop(both);
        end
    });
    assert_eq!(ends, "third");
    assert_eq!(reports.borrow().len(), 1, "{reports:?}");
    assert!(reports.borrow()[0].contains("the last clone of a waker"));
}

#[test]
fn a_plain_call_that_panics_is_not_taken_for_a_task() {
    let (mut event_loop, reports) = virtual_loop();
    event_loop.block_on(async {
        spawn(std::future::pending::<()>()).detach();
        looplet::call_soon(|| panic!("boom"));
        let task = spawn(async {});
        task.on_done(|_| panic!("boom"));
        yield_now().await;
        yield_now().await;
        yield_now().await;
    });
    assert_eq!(reports.borrow().len(), 2, "{reports:?}");
    for report in &*reports.borrow() {
        assert!(report.contains("task 'call' panicked: boom"), "{report}");
    }
}

#[test]
fn a_waker_that_panics_when_it_is_woken_is_reported() {
    let (mut event_loop, reports) = virtual_loop();
    event_loop.block_on(async {
        let mut child = spawn(yield_now());
        let sleeper = &mut looplet::sleep(Duration::from_secs(1));
        let waker = crate::support::calling(|| panic!("woken"));
        assert!(
            pin!(&mut child)
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        assert!(
            pin!(&mut *sleeper)
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        drop(waker);
        looplet::sleep(Duration::from_secs(2)).await;
        assert!(child.is_finished());
    });
    assert_eq!(reports.borrow().len(), 2, "{reports:?}");
}

#[test]
fn a_panic_in_a_wakers_destructor_does_not_lose_the_cancellation() {
    let (mut event_loop, reports) = virtual_loop();
    event_loop.block_on(async {
        let ledger = Ledger::default();
        let entry = ledger.entry();
        let mut child = spawn(async move {
            let _entry = entry;
            pending::<()>().await;
        });
        let task = child.task();
        {
            let waker = fragile_waker();
            assert!(
                pin!(&mut child)
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
        }
        drop(child);
        assert_eq!(reports.borrow().len(), 1);
        yield_now().await;
        yield_now().await;
        assert!(task.is_cancelled());
        ledger.settle();
    });
}

#[test]
fn timers_wakers_that_panic_when_the_loop_drops_them_do_no_harm() {
    let (mut event_loop, reports) = virtual_loop();
    let (sleeps, kept) = event_loop.block_on(async {
        let kept = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        let sleeps = [1, 2, 3].map(|seconds| {
            let mut sleep = Box::pin(looplet::sleep(Duration::from_secs(seconds)));
            let waker = fragile_waker();
            assert!(
                sleep
                    .as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
            sleep
        });
        (sleeps, kept)
    });
    drop(event_loop);
    assert_eq!(reports.borrow().len(), 3);
    kept.wake_by_ref();
    drop((sleeps, kept));
}

#[test]
fn a_hook_that_panics_when_it_is_dropped_leaves_a_loop_that_is_closed() {
    let bomb = OnDrop(|| panic!("the hook's own"));
    let mut event_loop = EventLoop::builder()
        .on_unhandled_panic(move |_, _| _ = &bomb)
        .build();
    let waker: Waker =
        event_loop.block_on(async { poll_fn(|cx| Poll::Ready(cx.waker().clone())).await });
    drop(event_loop);
    thread::spawn(move || waker.wake()).join().unwrap();
}

#[test]
fn what_a_hook_leaves_behind_when_it_is_dropped_is_dropped_too() {
    let ledger = Ledger::default();
    let spawner = Rc::new(RefCell::new(None::<looplet::Spawner>));
    let at_end = OnDrop({
        let (ledger, spawner) = (ledger.clone(), spawner.clone());
        move || {
            let entry = ledger.entry();
            let spawner = spawner.take().unwrap();
            spawner.call_soon(move || drop(entry));
            let entry = ledger.entry();
            spawner.spawn(async move { drop(entry) }).detach();
        }
    });
    let event_loop = EventLoop::builder()
        .on_unhandled_panic(move |_, _| _ = &at_end)
        .build();
    spawner.replace(Some(event_loop.spawner()));
    drop(event_loop);
    assert_eq!(ledger.made(), 2);
    ledger.settle();
}

/// Drops what it holds as soon as it is asked to write a panic.
struct Saboteur<T> {
    text: String,
    squatters: Vec<Vec<u8>>,
    victim: Rc<Cell<Option<T>>>,
}

impl<T> Write for Saboteur<T> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.contains("panic") {
            drop(self.victim.take());
            // Takes the place of what was freed just now, if something was.
            self.squatters.push(vec![b'#'; 48]);
        }
        self.text.push_str(text);
        Ok(())
    }
}

#[test]
fn the_handle_of_a_panicked_task_may_go_while_the_task_is_printed() {
    let (mut event_loop, reports) = virtual_loop();
    let message = "a message of forty-eight bytes, not one byte more";
    let text = event_loop.block_on(async {
        let handle = spawn_named("n", async move { panic!("{}", message.to_owned()) });
        let task = handle.task();
        yield_now().await;
        let victim = Rc::new(Cell::new(Some(handle)));
        let mut writer = Saboteur {
            text: String::new(),
            squatters: Vec::new(),
            victim,
        };
        write!(writer, "{task:?}").unwrap();
        writer.text
    });
    assert_eq!(text, format!("<Task finished name='n' panic={message:?}>"));
    assert_eq!(reports.borrow().len(), 1);
}

#[test]
fn an_error_may_be_printed_while_it_is_printed() {
    struct Twice(Rc<looplet::JoinError>, String);
    impl Write for Twice {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.1 += &format!("[{}:{text}]", self.0);
            Ok(())
        }
    }

    let error = looplet::run(async { spawn(async { panic!("out of eggs") }).await.unwrap_err() });
    let error = Rc::new(error);
    let mut writer = Twice(error.clone(), String::new());
    write!(writer, "{error}").unwrap();
    let text = writer.1;
    assert!(
        text.contains("[task 'Task-2' panicked: out of eggs:out of eggs]"),
        "{text}"
    );
}

#[test]
fn a_report_that_cannot_be_written_does_no_harm() {
    const CHILD: &str = "LOOPLET_TEST_FULL_STDERR";
    let name = name_of(a_report_that_cannot_be_written_does_no_harm);
    if std::env::var_os(CHILD).is_some() {
        looplet::run(async {
            spawn(async { panic!("unseen") }).detach();
            yield_now().await;
            spawn(async {}).await.unwrap();
        });
        return;
    }
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        return; // Only some systems have a file that is always full.
    };
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::null())
        .stderr(full)
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn without_a_hook_unhandled_panics_are_printed_to_stderr() {
    const CHILD: &str = "LOOPLET_TEST_STDERR";
    if std::env::var_os(CHILD).is_some() {
        looplet::run(async {
            spawn_named("cook", async { panic!("out of eggs") }).detach();
            looplet::call_soon(|| panic!("out of salt"));
            yield_now().await;
        });
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            name_of(without_a_hook_unhandled_panics_are_printed_to_stderr),
        ])
        .arg("--nocapture")
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    let of_task = "looplet: unhandled panic in task 'cook' (spawned at tests/it/panic/tasks.rs:";
    assert!(text.contains(of_task), "{text}");
    assert!(text.contains("): out of eggs\n"), "{text}");
    let of_call = "looplet: unhandled panic in 'call': out of salt\n";
    assert!(text.contains(of_call), "{text}");
}

#[test]
fn a_second_panic_in_the_same_task_leaks_nothing() {
    let (mut event_loop, reports) = listening(EventLoop::builder());
    let drops = Rc::new(Cell::new(0));
    let (in_future, in_poll) = (drops.clone(), drops.clone());
    event_loop.block_on(async move {
        // Not a local of the poll, where a second panic would end the process.
        let droppy = Droppy {
            fatal: true,
            drops: in_future,
        };
        let fatal =
            poll_fn(move |_| -> Poll<()> { panic!("in poll: {}", (in_poll.get(), &droppy).0) });
        spawn(fatal).detach();
        yield_now().await;
        yield_now().await;
    });
    assert_eq!(drops.get(), 1);
    assert_eq!(reports.borrow().len(), 1, "{reports:?}");
}

#[test]
fn a_gather_whose_children_panic_in_their_destructors_goes_quietly() {
    let (mut event_loop, reports) = virtual_loop();
    let drops = Rc::new(Cell::new(0));
    event_loop.block_on(async {
        let child = |fatal| {
            let droppy = Droppy {
                fatal,
                drops: drops.clone(),
            };
            async move {
                let _droppy = droppy;
                pending::<()>().await;
            }
        };
        let mut group = gather([child(true), child(false), child(true)]);
        assert!(
            pin!(&mut group)
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        yield_now().await;
        drop(group);
        assert_eq!(drops.get(), 3);
    });
    assert_eq!(reports.borrow().len(), 2, "{reports:?}");
}

#[test]
fn a_payload_comes_to_the_awaiter_unharmed() {
    let (mut event_loop, reports) = virtual_loop();
    event_loop.block_on(async {
        let error = spawn(async { panic::panic_any(7_u32) }).await.unwrap_err();
        assert!(error.to_string().contains("a payload that is no text"));
        assert_eq!(*error.into_panic().downcast::<u32>().unwrap(), 7);
    });
    assert!(reports.borrow().is_empty());
}

#[test]
fn a_panic_in_main_goes_on_after_the_cleanup() {
    let ledger = Ledger::default();
    let entry = ledger.entry();
    let payload = panic::catch_unwind(AssertUnwindSafe(|| {
        looplet::run(async {
            spawn(async move {
                let _entry = entry;
                pending::<()>().await;
            })
            .detach();
            yield_now().await;
            panic::panic_any(7_u32);
        })
    }));
    assert_eq!(*payload.unwrap_err().downcast::<u32>().unwrap(), 7);
    ledger.settle();
}

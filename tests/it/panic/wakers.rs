//! Wakers that panic when they are cloned, woken or dropped, at everything that can be waited for: the panic goes to
//! the code that polled or woke, and all other waiters are served.

use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use cooked_waker::{IntoWaker, WakeRef};
use looplet::{
    Barrier, Condition, Event, EventLoop, Mutex, Queue, Semaphore, Task, TaskEvent, TaskGroup,
    as_completed, gather, interval, oneshot, shield, sleep, spawn, task_group, timeout, wait,
};

use crate::support::probes::{fragile_waker, listening, virtual_loop};
use crate::support::{hand, panics};

const NAP: Duration = Duration::from_secs(1);

/// A waker that cannot be cloned.
fn unclonable_waker() -> Waker {
    struct Unclonable;
    impl Clone for Unclonable {
        fn clone(&self) -> Self {
            panic!("the clone of a waker");
        }
    }
    impl WakeRef for Unclonable {
        fn wake_by_ref(&self) {}
    }
    impl cooked_waker::Wake for Unclonable {
        fn wake(self) {}
    }
    Box::new(Unclonable).into_waker()
}

/// A waker that panics when it is woken.
fn fatal_waker() -> Waker {
    struct Fatal;
    impl Wake for Fatal {
        fn wake(self: Arc<Self>) {
            panic!("the wakeup of a waker");
        }
    }
    Waker::from(Arc::new(Fatal))
}

type Step = Box<dyn FnOnce()>;
type Wait = Pin<Box<dyn Future<Output = ()>>>;

fn boxed<F: Future + 'static>(future: F) -> Wait {
    Box::pin(async { drop(future.await) })
}

/// Two who wait for the same, one after the other, and what lets them go.
struct Trial {
    name: &'static str,
    first: Wait,
    second: Wait,
    release: Release,
}

enum Release {
    /// Each step may panic.
    Steps(Vec<Step>),
    /// A longer nap than theirs.
    Time,
}

/// Two who wait for the same thing, which is released in some steps.
fn shared<T: 'static, F: Future + 'static>(
    name: &'static str,
    it: Rc<T>,
    wait: impl Fn(Rc<T>) -> F,
    steps: usize,
    step: impl Fn(&T) + Clone + 'static,
) -> Trial {
    let (first, second) = (boxed(wait(it.clone())), boxed(wait(it.clone())));
    let steps = (0..steps).map(|_| {
        let (it, step) = (it.clone(), step.clone());
        Box::new(move || step(&it)) as Step
    });
    Trial {
        name,
        first,
        second,
        release: Release::Steps(steps.collect()),
    }
}

/// Two who wait for a nap each.
fn timed<F: Future + 'static>(name: &'static str, wait: impl Fn() -> F) -> Trial {
    Trial {
        name,
        first: boxed(wait()),
        second: boxed(wait()),
        release: Release::Time,
    }
}

fn trials() -> Vec<Trial> {
    let full = Queue::bounded(2);
    (0..2).for_each(|item| full.try_put(item).unwrap());
    let unfinished = Queue::unbounded();
    unfinished.try_put(0).unwrap();
    let mut trials = vec![
        shared(
            "event",
            Rc::new(Event::new()),
            async |it| it.wait().await,
            1,
            Event::set,
        ),
        shared(
            "semaphore",
            Rc::new(Semaphore::new(0)),
            async |it| it.acquire().await.forget(),
            1,
            |it| it.add_permits(2),
        ),
        shared(
            "condition",
            Rc::new((Mutex::new(()), Condition::new())),
            async |it| drop(it.1.wait(it.0.lock().await).await),
            1,
            |it| it.1.notify_all(),
        ),
        shared(
            "barrier",
            Rc::new(Barrier::new(3)),
            async |it| it.wait().await,
            1,
            Barrier::abort,
        ),
        shared(
            "get",
            Rc::new(Queue::unbounded()),
            async |it| it.get().await,
            2,
            |it| it.try_put(1).unwrap(),
        ),
        shared(
            "put",
            Rc::new(full),
            async |it| it.put(1).await,
            2,
            |it| _ = it.try_get(),
        ),
        shared(
            "join",
            Rc::new(unfinished),
            async |it| it.join().await,
            1,
            Queue::task_done,
        ),
        timed("sleep", || sleep(NAP)),
        timed("interval", || async {
            let mut clock = interval(NAP);
            clock.tick().await;
            clock.tick().await
        }),
        timed("timeout", || timeout(NAP, pending::<()>())),
        timed("task", || spawn(sleep(NAP))),
        timed("shield", || shield(spawn(sleep(NAP)))),
        timed("gather", || gather([sleep(NAP), sleep(NAP)])),
        timed("wait", || wait([spawn(sleep(NAP)), spawn(sleep(NAP))])),
        timed("as_completed", || async {
            as_completed([spawn(sleep(NAP))]).next().await
        }),
        timed("task_group", || {
            task_group(async |group: &TaskGroup<()>| {
                group.spawn(async { (sleep(NAP).await, Ok(())).1 }).detach();
                Ok::<_, ()>(())
            })
        }),
    ];
    trials.extend([mutex_trial(), oneshot_trial()]);
    trials
}

fn mutex_trial() -> Trial {
    let mutex = Rc::new(Mutex::new(()));
    let guard = hand(mutex.clone().lock_owned()).finish();
    Trial {
        name: "mutex",
        first: boxed(mutex.clone().lock_owned()),
        second: boxed(mutex.lock_owned()),
        release: Release::Steps(vec![Box::new(|| drop(guard))]),
    }
}

fn oneshot_trial() -> Trial {
    let ((one, first), (other, second)) = (oneshot(), oneshot());
    let send = |sender: looplet::Sender<()>| Box::new(|| sender.send(()).unwrap()) as Step;
    Trial {
        name: "oneshot",
        first: boxed(first),
        second: boxed(second),
        release: Release::Steps(vec![send(one), send(other)]),
    }
}

fn poll(wait: &mut Wait, waker: &Waker) -> Poll<()> {
    wait.as_mut().poll(&mut Context::from_waker(waker))
}

#[track_caller]
fn begin(name: &str, wait: &mut Wait, waker: &Waker) {
    assert!(poll(wait, waker).is_pending(), "{name} has not to wait");
}

#[track_caller]
fn end(name: &str, mut wait: Wait) {
    assert!(
        poll(&mut wait, Waker::noop()).is_ready(),
        "{name} still waits"
    );
}

impl Release {
    async fn perform(self) {
        match self {
            Self::Steps(steps) => steps.into_iter().for_each(|step| _ = panics(step)),
            Self::Time => sleep(NAP * 3).await,
        }
    }
}

/// Runs each trial in a loop, observed or not, which must go on afterwards.
fn each_trial(hold: impl AsyncFn(&str, Wait, Wait, Release)) {
    for trial in trials_in_a_loop() {
        for is_observed in [false, true] {
            let mut builder = EventLoop::builder().virtual_time();
            if is_observed {
                builder = builder.observer(|_, _: &Task, _: TaskEvent<'_>| ());
            }
            let (mut event_loop, _reports) = listening(builder);
            event_loop.block_on(async {
                let trial = trials().swap_remove(trial);
                hold(trial.name, trial.first, trial.second, trial.release).await;
                assert_eq!(spawn(async { 1 }).await.unwrap(), 1, "{}", trial.name);
            });
        }
    }
}

/// The numbers of the trials; they themselves are made inside of their loop.
fn trials_in_a_loop() -> std::ops::Range<usize> {
    0..virtual_loop().0.block_on(async { trials().len() })
}

#[test]
fn a_waker_that_cannot_be_cloned_harms_its_waiter_only() {
    each_trial(async |name, mut first, mut second, release| {
        let waker = unclonable_waker();
        assert!(panics(|| poll(&mut first, &waker)), "{name} cloned nothing");
        drop(first);
        begin(name, &mut second, Waker::noop());
        release.perform().await;
        end(name, second);
    });
    each_trial(async |name, mut first, mut second, release| {
        begin(name, &mut first, Waker::noop());
        assert!(panics(|| poll(&mut second, &unclonable_waker())), "{name}");
        drop(second);
        release.perform().await;
        end(name, first);
    });
}

#[test]
fn a_waiter_that_cannot_be_woken_may_come_back() {
    each_trial(async |name, mut first, mut second, release| {
        begin(name, &mut first, &fatal_waker());
        begin(name, &mut second, Waker::noop());
        release.perform().await;
        end(name, first);
        end(name, second);
    });
}

#[test]
fn a_waiter_that_cannot_be_woken_and_goes_away_lets_the_next_one_go() {
    each_trial(async |name, mut first, mut second, release| {
        begin(name, &mut first, &fatal_waker());
        begin(name, &mut second, Waker::noop());
        release.perform().await;
        drop(first);
        end(name, second);
    });
}

#[test]
fn a_task_that_panics_may_hold_what_others_wait_for_with_wakers_that_panic() {
    let (mut event_loop, reports) = virtual_loop();
    event_loop.block_on(async {
        let (sender, receiver) = oneshot::<()>();
        let mutex = Rc::new(Mutex::new(()));
        let semaphore = Rc::new(Semaphore::new(1));
        let held = (
            sender,
            mutex.clone().lock_owned().await,
            semaphore.clone().acquire_owned().await,
        );
        let mut waits: Vec<Wait> = vec![
            boxed(receiver),
            boxed(mutex.lock_owned()),
            boxed(semaphore.acquire_owned()),
        ];
        for wait in &mut waits {
            begin("it", wait, &fatal_waker());
        }
        spawn(async move {
            let _held = held;
            panic!("with all that");
        })
        .detach();
        sleep(NAP).await;
        waits.into_iter().for_each(|wait| end("it", wait));
    });
    assert_eq!(reports.borrow().len(), 1, "{reports:?}");
}

#[test]
fn a_waker_that_panics_when_it_is_dropped_harms_its_waiter_only() {
    each_trial(async |name, mut first, mut second, release| {
        begin(name, &mut first, &fragile_waker());
        begin(name, &mut second, Waker::noop());
        panics(|| drop(first));
        release.perform().await;
        end(name, second);
    });
    each_trial(async |name, mut first, mut second, release| {
        begin(name, &mut first, &fragile_waker());
        begin(name, &mut second, Waker::noop());
        // The other waker takes the place of the first one, which goes.
        panics(|| poll(&mut first, Waker::noop()));
        panics(|| drop(first));
        release.perform().await;
        end(name, second);
    });
}

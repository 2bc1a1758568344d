//! A dump that is requested from another thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Dump;
use crate::error::NoDump;
use crate::lock::{Lock, Signal};
use crate::remote::{CurrentPolls, Message, Remote};

/// The timeout of a dump: much longer than a poll should take, and short enough for an interactive user.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The answer to a request.
struct Answer {
    dump: Lock<Option<Result<Dump, NoDump>>>,
    given: Signal,
}

impl Answer {
    /// Waits for the answer; `None` if there is none at the deadline.
    fn wait(&self, deadline: Instant) -> Option<Result<Dump, NoDump>> {
        let mut dump = self.dump.lock();
        while dump.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            (dump, _) = self.given.wait_timeout(dump, left);
        }
        dump.take()
    }
}

/// Gives the first answer only. The drop, with a message that the loop does not read, is an answer too.
struct Reply(Arc<Answer>);

impl Reply {
    fn give(&self, answer: Result<Dump, NoDump>) {
        self.0.dump.lock().get_or_insert(answer);
        self.0.given.notify_one();
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.give(Err(NoDump::LoopGone));
    }
}

fn why_busy(current_polls: &CurrentPolls) -> NoDump {
    match current_polls.last() {
        Some(poll) => NoDump::InPoll {
            task: poll.task,
            since: poll.since.elapsed(),
            spawned_at: poll.spawned_at,
        },
        None => NoDump::NoAnswer,
    }
}

impl Remote {
    /// Takes a dump of the loop's tasks; see [`Dump`]. A sleeping loop is woken; a running one answers between two
    /// rounds, or after 64 polls. Blocks the calling thread, for about a second at most.
    ///
    /// # Errors
    ///
    /// [`NoDump`], with the reason. If the loop is stuck inside of a poll and has an
    /// [`observer`](crate::Builder::observer), the error names the task, the duration of the poll, and the place of the
    /// spawn.
    ///
    /// # Panics
    ///
    /// On the loop's own thread, which would block itself: use [`dump`](crate::dump) there.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut event_loop = looplet::EventLoop::new();
    /// let remote = event_loop.remote();
    /// let asker = std::thread::spawn(move || remote.dump());
    /// event_loop.block_on(async {
    ///     while !asker.is_finished() {
    ///         looplet::sleep(std::time::Duration::from_millis(1)).await;
    ///     }
    /// });
    /// match asker.join().unwrap() {
    ///     Ok(dump) => assert!(dump.to_string().contains("'Task-1'")),
    ///     Err(busy) => println!("{busy}"), // It was not scheduled for a second: a very busy machine.
    /// }
    /// ```
    #[track_caller]
    pub fn dump(&self) -> Result<Dump, NoDump> {
        let sender = self.sender();
        assert!(
            !sender.is_owner(),
            "Remote::dump would block the event loop's own thread: use looplet::dump there"
        );
        let answer = Arc::new(Answer {
            dump: Lock::new(None),
            given: Signal::new(),
        });
        let reply = Reply(Arc::clone(&answer));
        let call = Message::call(move |core| reply.give(Ok(Dump::of(core))));
        sender.send(call).map_err(|_| NoDump::LoopGone)?;
        let answer = answer.wait(Instant::now() + TIMEOUT);
        answer.unwrap_or_else(|| Err(why_busy(&sender.current_polls)))
    }
}

//! A dump that is requested from another thread.

use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, bounded};

use super::Dump;
use crate::error::NoDump;
use crate::remote::{CurrentPolls, Message, Remote};

/// The timeout of a dump: much longer than a poll should take, and short enough for an interactive user.
const TIMEOUT: Duration = Duration::from_secs(1);

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
        let (reply, answer) = bounded(1);
        let call = Message::call(move |core| {
            // Fails if the caller has timed out.
            let _ = reply.try_send(Dump::of(core));
        });
        sender.send(call).map_err(|_| NoDump::LoopGone)?;
        answer.recv_timeout(TIMEOUT).map_err(|error| match error {
            RecvTimeoutError::Disconnected => NoDump::LoopGone,
            RecvTimeoutError::Timeout => why_busy(&sender.current_polls),
        })
    }
}

//! A dump for another thread, which may find the loop stuck in a poll.

use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, bounded};

use super::Dump;
use crate::error::NoDump;
use crate::remote::{CurrentPolls, Message, Remote};

/// How long a dump is waited for: much longer than any decent poll takes, and not too long for somebody who watches.
const PATIENCE: Duration = Duration::from_secs(1);

fn why_busy(current_polls: &CurrentPolls) -> NoDump {
    match current_polls.last() {
        Some(turn) => NoDump::InPoll {
            task: turn.task,
            since: turn.since.elapsed(),
            spawned_at: turn.spawned_at,
        },
        None => NoDump::NoAnswer,
    }
}

impl Remote {
    /// Asks the loop what its tasks are doing; see [`Dump`]. A sleeping loop is woken for the answer, which comes
    /// between two rounds, or after 64 turns. Blocks the calling thread, for about a second at most.
    ///
    /// # Errors
    ///
    /// [`NoDump`], which says why there was no answer: if the loop is stuck inside of a poll and has an
    /// [`observer`](crate::Builder::observer), which task it is, since when, and where it was spawned.
    ///
    /// # Panics
    ///
    /// On the loop's own thread, which would wait for itself: use [`dump`](crate::dump) there.
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
            // Whoever asked may have lost patience.
            let _ = reply.try_send(Dump::of(core));
        });
        sender.send(call).map_err(|_| NoDump::LoopGone)?;
        answer.recv_timeout(PATIENCE).map_err(|error| match error {
            RecvTimeoutError::Disconnected => NoDump::LoopGone,
            RecvTimeoutError::Timeout => why_busy(sender.current_polls()),
        })
    }
}

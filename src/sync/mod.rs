//! Queues, locks and signals for tasks of one thread.

//! What tasks share, but for queues.

mod barrier;
mod barrier_model;
mod condition;
mod condition_model;
mod event;
mod event_model;
mod mutex;
mod mutex_model;
mod oneshot;
mod oneshot_model;
mod printed;
mod semaphore;
mod semaphore_model;

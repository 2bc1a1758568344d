//! Tasks, their handles, wakers and context.

mod cancel;
mod cells;
mod combinations;
mod context_var;
mod handle;
mod results;
mod spawn;
mod spawn_eager;
mod waker;

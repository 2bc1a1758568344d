//! The `LocalPool` of the futures crate. It has no timers.

use std::future::Future;
use std::time::Duration;

use futures::executor::{LocalPool as Pool, LocalSpawner};
use futures::task::LocalSpawnExt;

use crate::runtime::Runtime;

/// The spawner of a `LocalPool`.
#[derive(Clone)]
pub struct LocalPool(LocalSpawner);

impl Runtime for LocalPool {
    fn run<F>(main: impl FnOnce(Self) -> F) -> F::Output
    where
        F: Future + 'static,
    {
        let mut pool = Pool::new();
        let main = main(Self(pool.spawner()));
        pool.run_until(main)
    }

    fn spawn<F>(&self, future: F) -> impl Future<Output = F::Output> + use<F>
    where
        F: Future + 'static,
    {
        let handle = self.0.spawn_local_with_handle(future);
        handle.expect("the pool is alive")
    }

    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output = ()> + 'static,
    {
        self.0.spawn_local(future).expect("the pool is alive");
    }

    #[expect(
        unreachable_code,
        reason = "only names the type of a future that is never made"
    )]
    fn sleep(&self, _: Duration) -> impl Future<Output = ()> + use<> {
        panic!("LocalPool has no timers");
        std::future::ready(())
    }
}

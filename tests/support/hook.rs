//! What panics of this thread pass through. A process has one panic hook, and tests run side by side: so it is set
//! once, and asks what the thread wants.

use std::cell::RefCell;
use std::panic::{self, PanicHookInfo};
use std::rc::Rc;
use std::sync::Once;

type Hook = Rc<dyn Fn(&PanicHookInfo<'_>)>;

thread_local! {
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
}

fn ask_threads() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let own = HOOK.try_with(|hook| hook.borrow().clone());
            match own.ok().flatten() {
                Some(hook) => hook(info),
                None => report(info),
            }
        }));
    });
}

/// Runs `f`; panics of this thread are given to `hook` meanwhile, instead of being printed.
pub(crate) fn with_panic_hook<R>(
    hook: impl Fn(&PanicHookInfo<'_>) + 'static,
    f: impl FnOnce() -> R,
) -> R {
    struct Restore(Option<Hook>);
    impl Drop for Restore {
        fn drop(&mut self) {
            HOOK.set(self.0.take());
        }
    }
    ask_threads();
    let _restore = Restore(HOOK.replace(Some(Rc::new(hook))));
    f()
}

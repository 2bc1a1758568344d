//! Values that belong to a task and to all that it spawns.
//!
//! What a task or call sees is one list of values behind one counted pointer. Whoever is spawned gets the pointer; the
//! list is copied when one of those who share it changes something.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::context;

/// A variable with a value of its own in each task and plain call, meant to be a `static`.
///
/// A task, a plain call and an `on_done` start with a copy of the values that whoever spawned or registered it had at
/// that moment; changes stay inside. It suits what belongs to a whole line of work and would be tedious to hand down:
/// the number of a request, a user, a language.
///
/// It holds no value itself, so it can be a `static` whatever `T` is. Values are cloned by [`get`](Self::get) only,
/// and dropped on the loop's thread.
///
/// ```
/// use looplet::{ContextVar, run, spawn};
///
/// static REQUEST: ContextVar<u32> = ContextVar::new("request");
///
/// run(async {
///     REQUEST.set(1);
///     let child = spawn(async {
///         let inherited = REQUEST.get();
///         REQUEST.set(2);
///         inherited
///     });
///     assert_eq!(child.await.unwrap(), Some(1));
///     assert_eq!(REQUEST.get(), Some(1));
/// });
/// ```
///
/// A value of a type that is neither `Send` nor `Sync` is welcome:
///
/// ```
/// use std::rc::Rc;
/// use looplet::ContextVar;
///
/// static NAME: ContextVar<Rc<str>> = ContextVar::new("name");
/// ```
#[doc(alias = "contextvars")]
#[doc(alias = "task_local")]
pub struct ContextVar<T: Clone + 'static> {
    name: &'static str,
    id: OnceLock<u64>,
    /// The values lie in the tasks, so the variable may go wherever its name may.
    value: PhantomData<fn() -> T>,
}

/// What a variable was before a [`set`](ContextVar::set); [`reset`](ContextVar::reset) takes it.
///
/// Dropping it changes nothing.
#[doc(alias = "contextvars.Token")]
pub struct Token<T> {
    variable: u64,
    name: &'static str,
    former: Option<Rc<dyn Any>>,
    value: PhantomData<T>,
}

/// What a task or call sees.
#[derive(Clone, Default)]
struct Values(Vec<(u64, Rc<dyn Any>)>);

impl Values {
    fn get(&self, variable: u64) -> Option<Rc<dyn Any>> {
        let mut values = self.0.iter();
        values
            .find(|(id, _)| *id == variable)
            .map(|(_, value)| value.clone())
    }

    /// Puts a value, or the lack of one, in the place of another, which comes back.
    fn put(&mut self, variable: u64, value: Option<Rc<dyn Any>>) -> Option<Rc<dyn Any>> {
        let place = self.0.iter().position(|(id, _)| *id == variable);
        match (place, value) {
            (Some(place), Some(value)) => Some(std::mem::replace(&mut self.0[place].1, value)),
            (Some(place), None) => Some(self.0.swap_remove(place).1),
            (None, Some(value)) => {
                self.0.push((variable, value));
                None
            }
            (None, None) => None,
        }
    }
}

fn values(context: crate::task::Context) -> Rc<Values> {
    let Ok(values) = context.downcast() else {
        unreachable!("contexts are made here only");
    };
    values
}

impl<T: Clone + 'static> ContextVar<T> {
    /// A variable without a value. The name is for messages.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            id: OnceLock::new(),
            value: PhantomData,
        }
    }

    /// What tells this variable from all others: a number, for the address of a variable that is no `static` may
    /// change, and be another one's later.
    fn id(&self) -> u64 {
        static VARIABLES: AtomicU64 = AtomicU64::new(0);
        *self
            .id
            .get_or_init(|| VARIABLES.fetch_add(1, Ordering::Relaxed))
    }

    /// A clone of the value that the running task or call sees. None if it sees none, and outside of any task and call.
    ///
    /// ```
    /// static UNSET: looplet::ContextVar<String> = looplet::ContextVar::new("unset");
    /// assert_eq!(UNSET.get(), None);
    /// ```
    pub fn get(&self) -> Option<T> {
        let context = context::try_with(|core| core.tasks.context()).flatten()?;
        // From here on nothing of the loop is borrowed: `clone` is somebody else's code.
        let value = values(context).get(self.id())?;
        let clone = value.downcast_ref::<T>().cloned();
        // Now, and not when this returns: a panic in its destructor would leak the clone.
        drop(value);
        clone
    }

    /// Gives the running task or call a value of its own, which all that it spawns from now on starts with.
    ///
    /// # Panics
    ///
    /// Outside of any task and call.
    ///
    /// ```
    /// static DEPTH: looplet::ContextVar<u32> = looplet::ContextVar::new("depth");
    ///
    /// looplet::run(async {
    ///     let token = DEPTH.set(1);
    ///     assert_eq!(DEPTH.get(), Some(1));
    ///     DEPTH.reset(token);
    ///     assert_eq!(DEPTH.get(), None);
    /// });
    /// ```
    #[track_caller]
    pub fn set(&self, value: T) -> Token<T> {
        Token {
            variable: self.id(),
            name: self.name,
            former: self.put(Some(Rc::new(value))),
            value: PhantomData,
        }
    }

    /// Brings back, for the running task or call, what was there before the `set` that gave the token.
    ///
    /// # Panics
    ///
    /// If the token came from another variable, and outside of any task and call.
    #[track_caller]
    pub fn reset(&self, token: Token<T>) {
        assert!(
            token.variable == self.id(),
            "cannot reset context variable '{}' with a token of '{}': pass the token that its own `set` returned",
            self.name,
            token.name
        );
        let latter = self.put(token.former);
        // Its destructor is somebody else's code, and nothing is borrowed here.
        drop(latter);
    }

    #[track_caller]
    fn put(&self, value: Option<Rc<dyn Any>>) -> Option<Rc<dyn Any>> {
        let id = self.id();
        let change = |context: &mut Option<crate::task::Context>| {
            let mut values = context.take().map(values).unwrap_or_default();
            // Only pointers are cloned here, and none that goes is the last one: nobody else's code runs.
            let former = Rc::make_mut(&mut values).put(id, value);
            *context = Some(values);
            former
        };
        match context::try_with(|core| core.tasks.change_context(change)).flatten() {
            Some(former) => former,
            None => panic!(
                "context variable '{}' cannot be changed here: this is not the code of a task or call",
                self.name
            ),
        }
    }
}

impl<T: Clone + 'static> fmt::Debug for ContextVar<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextVar")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Token<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("variable", &self.name)
            .finish_non_exhaustive()
    }
}

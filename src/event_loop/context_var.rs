//! Values that a task inherits to all tasks that it spawns.
//!
//! The context of a task or call is one list of values behind one `Rc`. A spawned task gets a clone of the `Rc`; a
//! change copies the list first if it is shared.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::context;

/// A variable with a value of its own in each task and plain call, meant to be a `static`.
///
/// A task, a plain call and an `on_done` callback start with a copy of the values that the code which spawned or
/// registered it had at that moment; later changes on either side do not affect the other. It suits values that belong
/// to a whole request and would be tedious to pass down: a request number, a user, a language.
///
/// The variable holds no value itself, so it can be a `static` for every `T`. Values are cloned by [`get`](Self::get)
/// only, and dropped on the loop's thread.
///
/// # Examples
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
/// `T` need not be `Send` or `Sync`:
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
    /// The values lie in the tasks, so the variable is `Send` and `Sync` for every `T`.
    value: PhantomData<fn() -> T>,
}

/// The value of a variable before a [`set`](ContextVar::set); [`reset`](ContextVar::reset) restores it.
///
/// **Dropping** it changes nothing.
#[doc(alias = "contextvars.Token")]
pub struct Token<T> {
    variable: u64,
    name: &'static str,
    former: Option<Rc<dyn Any>>,
    value: PhantomData<T>,
}

/// The values of a task or call.
#[derive(Clone, Default)]
struct Values(Vec<(u64, Rc<dyn Any>)>);

impl Values {
    fn get(&self, variable: u64) -> Option<Rc<dyn Any>> {
        let mut values = self.0.iter();
        values
            .find(|(id, _)| *id == variable)
            .map(|(_, value)| value.clone())
    }

    /// Sets or removes a value and returns the former one.
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
    /// A variable without a value. The name appears in panic messages and `Debug`.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            id: OnceLock::new(),
            value: PhantomData,
        }
    }

    /// The number of this variable. The address would not do: a variable that is no `static` may move, and another one
    /// may take its place.
    fn id(&self) -> u64 {
        static VARIABLES: AtomicU64 = AtomicU64::new(0);
        *self
            .id
            .get_or_init(|| VARIABLES.fetch_add(1, Ordering::Relaxed))
    }

    /// A clone of the value in the running task or call. Returns none if it has none, and outside of any task and call.
    ///
    /// # Examples
    ///
    /// ```
    /// static UNSET: looplet::ContextVar<String> = looplet::ContextVar::new("unset");
    /// assert_eq!(UNSET.get(), None);
    /// ```
    pub fn get(&self) -> Option<T> {
        let context = context::try_with(|core| core.tasks.context()).flatten()?;
        // Nothing of the loop is borrowed from here on, because `clone` is user code.
        let value = values(context).get(self.id())?;
        let clone = value.downcast_ref::<T>().cloned();
        // Dropped before the return: a panic in its destructor would otherwise leak the clone.
        drop(value);
        clone
    }

    /// Sets the value in the running task or call. Everything that it spawns from now on inherits the value.
    ///
    /// # Panics
    ///
    /// Outside of any task and call.
    ///
    /// # Examples
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

    /// Restores, in the running task or call, the value before the `set` that returned the token.
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
        let replaced = self.put(token.former);
        // The destructor is user code, and nothing is borrowed here.
        drop(replaced);
    }

    #[track_caller]
    fn put(&self, value: Option<Rc<dyn Any>>) -> Option<Rc<dyn Any>> {
        let id = self.id();
        let change = |context: &mut Option<crate::task::Context>| {
            let mut values = context.take().map(values).unwrap_or_default();
            // No user code runs here: only `Rc`s are cloned, and none of those that are dropped is the last one.
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

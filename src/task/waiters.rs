//! What waits for the end of a task: one word in the header, and a box for a task with more than one waiter or with
//! fields that few tasks need.
//!
//! ```text
//!  word                    the task has      when it ends
//!  null                    no waiter
//!  address of a header     one waiting task  it is woken
//!  address of an `Ends`    one wait for      it counts the end
//!                          several tasks
//!  address of an `Extra`   a list of them,   each entry in order
//!                          a name, ..
//!  number                  ended             (the position among the ends of its loop)
//! ```
//!
//! The two lowest bits say which; the word owns what it points to. After the end of the loop, the last reference to a
//! task may be dropped on any thread. Only the name and the counts, which are `Send`, are left in the box then: the
//! rest was taken out when the task finished (DROPPED-BY-OWNER).

use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::mem;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::task::Waker;

use super::ends::Ends;
use super::event::Counts;
use super::header::{Header, Waiters};
use super::reference::{self, Task};

/// The values of a task's or call's context variables; the type is private to the event loop.
pub(crate) type Context = Rc<dyn Any>;

/// The task group of a task.
pub(crate) trait Group {
    /// The child to which the group has given this number has ended. Returns the waker to wake. The group may take the
    /// child's panic.
    ///
    /// This is called in the middle of the loop's own work, so it must not run user code.
    fn child_ended(&self, child: &Task, number: usize) -> Option<Waker>;

    /// The cell with the waker of the group's future, if it waits for the children now.
    fn waiting(&self) -> Option<&Cell<Option<Waker>>>;
}

/// The waiter of a task's handle: a handle has one at a time.
pub(super) enum Waiter {
    /// A task of the same loop.
    Task(Task),
    Ends(Rc<Ends>),
    External(Waker),
}

/// An entry in the list of what happens when a task ends.
pub(super) enum AtEnd {
    /// Always the first entry, as a child joins its group when it is spawned.
    Group(Rc<dyn Group>, usize),
    Wake(Waiter),
    /// A plain call to queue.
    Call(Task),
}

/// A list whose first entry lies in place, as most lists have no other.
#[derive(Default)]
struct List {
    first: Option<AtEnd>,
    rest: Vec<AtEnd>,
}

impl List {
    fn push(&mut self, entry: AtEnd) {
        match self.first {
            None => self.first = Some(entry),
            Some(_) => self.rest.push(entry),
        }
    }

    fn is_empty(&self) -> bool {
        self.first.is_none() && self.rest.is_empty()
    }

    fn iter(&self) -> impl Iterator<Item = &AtEnd> {
        self.first.iter().chain(&self.rest)
    }

    /// Replaces the handle's waiter, which keeps its place; a new one comes last.
    fn set_waiter(&mut self, waiter: Waiter) -> Option<Waiter> {
        let mut entries = self.first.iter_mut().chain(&mut self.rest);
        let known = entries.find_map(|entry| match entry {
            AtEnd::Wake(known) => Some(known),
            AtEnd::Group(..) | AtEnd::Call(_) => None,
        });
        if let Some(known) = known {
            return Some(mem::replace(known, waiter));
        }
        self.push(AtEnd::Wake(waiter));
        None
    }

    fn take_waiter(&mut self) -> Option<Waiter> {
        let is_waiter = |entry: &AtEnd| matches!(entry, AtEnd::Wake(_));
        let entry = if self.first.as_ref().is_some_and(is_waiter) {
            let next = (!self.rest.is_empty()).then(|| self.rest.remove(0));
            mem::replace(&mut self.first, next)
        } else {
            let index = self.rest.iter().position(is_waiter)?;
            Some(self.rest.remove(index))
        };
        match entry? {
            AtEnd::Wake(waiter) => Some(waiter),
            AtEnd::Group(..) | AtEnd::Call(_) => unreachable!("the entry was matched"),
        }
    }
}

/// Fields that few tasks need, allocated on first use.
#[derive(Default)]
pub(super) struct Extra {
    /// The task's name, if it was given one.
    pub(super) name: Cell<Option<Box<str>>>,
    /// For a task that was named at its spawn, its number among the named tasks; else 0.
    pub(super) named: Cell<u64>,
    pub(super) context: RefCell<Option<Context>>,
    /// The counts of an observed task.
    pub(super) counts: OnceCell<Box<Cell<Counts>>>,
    /// What happens when the task ends. Nothing is dropped while it is borrowed.
    list: RefCell<List>,
    /// 0 until the task ends; then what its word would hold if it had no box.
    ended_as: Cell<usize>,
}

impl Extra {
    pub(super) fn take_group(&self) -> Option<(Rc<dyn Group>, usize)> {
        let first = &mut self.list.borrow_mut().first;
        match first.take() {
            Some(AtEnd::Group(group, number)) => Some((group, number)),
            other => {
                *first = other;
                None
            }
        }
    }

    /// Takes all entries, in order.
    pub(super) fn take_list(&self) -> impl Iterator<Item = AtEnd> {
        let mut list = self.list.borrow_mut();
        list.first
            .take()
            .into_iter()
            .chain(mem::take(&mut list.rest))
    }

    /// Whether only `Send` fields are left.
    pub(super) fn is_bare(&self) -> bool {
        self.context.borrow().is_none() && self.list.borrow().is_empty()
    }
}

/// What a task leaves when it ends.
pub(super) enum Ended<'a> {
    Nothing,
    Wake(Waiter),
    /// The entries are in the box.
    Extra(&'a Extra),
}

/// What the word points to.
const KIND: usize = 0b11;
const TASK: usize = 0b00;
const ENDS: usize = 0b01;
const EXTRA: usize = 0b10;
const ENDED: usize = 0b11;

const _: () = assert!(align_of::<Header>() > KIND && align_of::<Ends>() > KIND);
const _: () = assert!(align_of::<Extra>() > KIND);

/// The word of the task that ended as the `nth` of its loop. On 32 bits it wraps after a billion ends, so it orders
/// only ends that are closer.
fn number(nth: u64) -> *mut () {
    ptr::without_provenance_mut((nth as usize) << 2 | ENDED)
}

impl Waiter {
    /// The word for this waiter alone. An external one needs a box.
    fn into_word(self) -> Result<*mut (), Waker> {
        match self {
            Self::Task(task) => Ok(mem::ManuallyDrop::new(task).as_ptr().as_ptr().cast()),
            Self::Ends(ends) => Ok(Rc::into_raw(ends)
                .cast_mut()
                .map_addr(|it| it | ENDS)
                .cast()),
            Self::External(waker) => Err(waker),
        }
    }
}

impl Waiters {
    pub(super) fn new() -> Self {
        Self(Cell::new(ptr::null_mut()))
    }

    #[inline]
    fn kind(&self) -> usize {
        self.0.get().addr() & KIND
    }

    fn address<T>(&self) -> *mut T {
        self.0.get().map_addr(|address| address & !KIND).cast()
    }

    /// Nothing: neither a waiter nor a box, and the task has not ended.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.get().is_null()
    }

    #[inline]
    pub(super) fn extra(&self) -> Option<&Extra> {
        if self.kind() != EXTRA {
            return None;
        }
        // SAFETY: by its kind, the word owns an `Extra`, which lies at its place until the header is dropped.
        Some(unsafe { &*self.address::<Extra>() })
    }

    /// The box, which is allocated if there is none.
    pub(super) fn extra_or_new(&self) -> &Extra {
        if let Some(extra) = self.extra() {
            return extra;
        }
        let extra = Extra::default();
        if self.kind() == ENDED {
            extra.ended_as.set(self.0.get().addr());
        } else if let Some(waiter) = self.take_word() {
            extra.list.borrow_mut().push(AtEnd::Wake(waiter));
        }
        let extra = Box::into_raw(Box::new(extra));
        self.0.set(extra.map_addr(|address| address | EXTRA).cast());
        // SAFETY: as in `extra`.
        unsafe { &*extra }
    }

    /// Takes the one waiter out of a word of the kinds TASK and ENDS.
    #[inline]
    fn take_word(&self) -> Option<Waiter> {
        let address = self.address::<()>();
        let kind = self.kind();
        self.0.set(ptr::null_mut());
        let address = NonNull::new(address)?;
        Some(if kind == TASK {
            // SAFETY: COUNTED: by its kind, the word owned a reference, which moves into the `Task`.
            Waiter::Task(unsafe { Task::from_ptr(address.cast()) })
        } else {
            // SAFETY: by its kind, the word owned a reference from `Rc::into_raw`.
            Waiter::Ends(unsafe { Rc::from_raw(address.cast::<Ends>().as_ptr()) })
        })
    }

    /// Whether this task is the only entry.
    pub(super) fn is(&self, task: NonNull<Header>) -> bool {
        self.0.get() == task.as_ptr().cast()
    }

    /// Makes the task the only entry of an empty word.
    ///
    /// # Safety
    ///
    /// The task is alive and of this loop, which has not been closed.
    #[inline]
    pub(super) unsafe fn put(&self, task: NonNull<Header>) {
        debug_assert!(self.is_empty(), "an entry would be lost");
        // SAFETY: the caller's promise.
        reference::count_up(unsafe { task.as_ref() });
        self.0.set(task.as_ptr().cast());
    }

    /// Makes the record the only entry of an empty word.
    #[inline]
    pub(super) fn put_ends(&self, ends: Rc<Ends>) {
        debug_assert!(self.is_empty(), "an entry would be lost");
        let ends = Rc::into_raw(ends).cast_mut();
        self.0.set(ends.map_addr(|address| address | ENDS).cast());
    }

    /// Sets the waiter of the handle and returns the former one. If the task has ended, nothing is set and the waiter
    /// comes back: the caller has checked that it has not, or wakes the waiter.
    #[must_use]
    pub(super) fn set_waiter(&self, waiter: Waiter) -> Option<Waiter> {
        if let Some(extra) = self.extra() {
            return match extra.ended_as.get() {
                0 => extra.list.borrow_mut().set_waiter(waiter),
                _ => Some(waiter),
            };
        }
        if self.kind() == ENDED {
            return Some(waiter);
        }
        let former = self.take_word();
        match waiter.into_word() {
            Ok(word) => self.0.set(word),
            Err(waker) => self.push(AtEnd::Wake(Waiter::External(waker))),
        }
        former
    }

    /// Takes the waiter of the handle out.
    pub(super) fn take_waiter(&self) -> Option<Waiter> {
        match self.extra() {
            Some(extra) => extra.list.borrow_mut().take_waiter(),
            None if self.kind() == ENDED => None,
            None => self.take_word(),
        }
    }

    /// Calls `f` with the waiter of the handle, which must not change meanwhile.
    pub(super) fn with_waiter<R>(&self, f: impl FnOnce(&Waiter) -> R) -> Option<R> {
        if let Some(extra) = self.extra() {
            return extra
                .list
                .borrow()
                .iter()
                .find_map(|entry| match entry {
                    AtEnd::Wake(waiter) => Some(waiter),
                    AtEnd::Group(..) | AtEnd::Call(_) => None,
                })
                .map(f);
        }
        if self.kind() == ENDED {
            return None;
        }
        let word = self.0.get();
        let waiter = mem::ManuallyDrop::new(self.take_word()?);
        self.0.set(word);
        Some(f(&waiter))
    }

    /// Adds an entry to the list of a task that has not ended.
    pub(super) fn push(&self, entry: AtEnd) {
        assert!(self.ended_as() == 0, "a task that has ended gets no entry");
        self.extra_or_new().list.borrow_mut().push(entry);
    }

    /// The group of the task that has not ended.
    pub(super) fn group(&self) -> Option<Rc<dyn Group>> {
        match &self.extra()?.list.borrow().first {
            Some(AtEnd::Group(group, _)) => Some(group.clone()),
            _ => None,
        }
    }

    /// Whether there is no box, and no waiter but a task, so that `end_with_task` takes it out.
    #[inline]
    pub(super) fn is_at_most_a_task(&self) -> bool {
        self.kind() == TASK
    }

    /// The task ends as the `nth` of its loop. Returns the waiting task.
    #[inline]
    pub(super) fn end_with_task(&self, nth: u64) -> Option<Task> {
        debug_assert!(self.is_at_most_a_task());
        let waiter = NonNull::new(self.0.replace(number(nth)))?;
        // SAFETY: COUNTED: by its kind, the word owned a reference, which moves into the `Task`.
        Some(unsafe { Task::from_ptr(waiter.cast()) })
    }

    /// If the record of a wait for several tasks is the only entry, the task ends as the `nth` of its loop.
    #[inline]
    pub(super) fn end_with_ends(&self, nth: u64) -> Option<Rc<Ends>> {
        if self.kind() != ENDS {
            return None;
        }
        let ends = self.address::<Ends>();
        self.0.set(number(nth));
        // SAFETY: by its kind, the word owned a reference from `Rc::into_raw`.
        Some(unsafe { Rc::from_raw(ends) })
    }

    /// The task ends as the `nth` of its loop.
    pub(super) fn end(&self, nth: u64) -> Ended<'_> {
        if let Some(extra) = self.extra() {
            extra.ended_as.set(number(nth).addr());
            return Ended::Extra(extra);
        }
        let waiter = self.take_word();
        self.0.set(number(nth));
        waiter.map_or(Ended::Nothing, Ended::Wake)
    }

    /// The position of a finished task in the order in which the tasks of its loop ended; else 0.
    pub(super) fn ended_as(&self) -> usize {
        match self.extra() {
            Some(extra) => extra.ended_as.get(),
            None if self.kind() == ENDED => self.0.get().addr(),
            None => 0,
        }
    }
}

impl Drop for Waiters {
    fn drop(&mut self) {
        if self.kind() == EXTRA {
            // SAFETY: by its kind, the word owns a box; this is the last access to it.
            drop(unsafe { Box::from_raw(self.address::<Extra>()) });
        }
    }
}

impl Task {
    /// The box with the rarely needed fields.
    pub(super) fn extra(&self) -> &Extra {
        self.header().waiters.extra_or_new()
    }
}

//! The public methods of all queues, written and documented once in a macro.

/// Declares one kind of queue.
macro_rules! queue {
    ($(#[$meta:meta])* $name:ident, $text:literal, $store:ident, T $(: $bound:ident)?) => {
        $(#[$meta])*
        pub struct $name<T $(: $bound)?> {
            shared: Rc<Shared<$store<T>>>,
        }

        impl<T $(: $bound)?> $name<T> {
            /// Creates a queue without a bound: a `put` never waits.
            ///
            /// # Examples
            ///
            #[doc = concat!("```\nlet queue = looplet::", $text, "::unbounded();")]
            /// queue.try_put(1).unwrap();
            /// assert_eq!(queue.try_get(), Ok(1));
            /// ```
            pub fn unbounded() -> Self {
                Self { shared: Rc::new(Shared::new(None)) }
            }

            /// Creates a queue that holds at most `capacity` items: a `put` waits while it is full.
            ///
            /// # Examples
            ///
            #[doc = concat!("```\nlet queue = looplet::", $text, "::bounded(1);")]
            /// queue.try_put(1).unwrap();
            /// assert!(queue.try_put(2).is_err());
            /// ```
            ///
            /// # Panics
            ///
            /// If `capacity` is 0.
            #[track_caller]
            #[doc(alias = "maxsize")]
            pub fn bounded(capacity: usize) -> Self {
                assert!(
                    capacity > 0,
                    concat!("a queue of capacity 0 could never hold an item: use ", $text, "::unbounded() or a capacity of at least 1"),
                );
                Self { shared: Rc::new(Shared::new(Some(capacity))) }
            }

            /// Puts an item, waiting while the queue is full; does not suspend if there is room.
            ///
            /// # Examples
            ///
            #[doc = concat!("```\nlet queue = looplet::", $text, "::bounded(2);")]
            /// futures::executor::block_on(async {
            ///     queue.put(1).await.unwrap();
            ///     queue.shutdown();
            ///     let error = queue.put(2).await.unwrap_err();
            ///     assert_eq!(error.0, 2);
            /// });
            /// ```
            ///
            /// # Errors
            ///
            /// [`PutError`] with the item if the queue is shut down, before the call or while it waits.
            ///
            /// # Cancel safety
            ///
            /// If the future is dropped before it has finished, the item was not put, and is dropped with it.
            #[inline]
            pub fn put(&self, item: T) -> impl Future<Output = Result<(), PutError<T>>> + Unpin {
                Put::new(&*self.shared, item)
            }

            /// Takes an item, waiting while there is none; does not suspend if there is one.
            ///
            /// A wakeup reserves nothing: another getter that runs first may take the item. The woken waiter then keeps
            /// its position.
            ///
            /// # Examples
            ///
            #[doc = concat!("```\nlet queue = looplet::", $text, "::unbounded();")]
            /// futures::executor::block_on(async {
            ///     queue.put("egg").await.unwrap();
            ///     queue.shutdown();
            ///     assert_eq!(queue.get().await, Ok("egg"));
            ///     assert_eq!(queue.get().await, Err(looplet::Closed));
            /// });
            /// ```
            ///
            /// # Errors
            ///
            /// [`Closed`] if the queue is shut down, before the call or while it waits, and has no items left.
            ///
            /// # Cancel safety
            ///
            /// If the future is dropped before it has finished, no item is lost; the next getter is woken instead.
            #[inline]
            pub fn get(&self) -> impl Future<Output = Result<T, Closed>> + Unpin {
                Get::new(&*self.shared)
            }

            /// Puts an item if there is room.
            ///
            /// # Errors
            ///
            /// [`TryPutError`] with the item if the queue is full or shut down.
            #[inline]
            #[doc(alias = "put_nowait")]
            pub fn try_put(&self, item: T) -> Result<(), TryPutError<T>> {
                self.shared.try_put(item)
            }

            /// Takes an item if there is one.
            ///
            /// # Errors
            ///
            /// [`TryGetError`] if there is none: `Empty` if one may still arrive, `Closed` if not.
            #[inline]
            #[doc(alias = "get_nowait")]
            pub fn try_get(&self) -> Result<T, TryGetError> {
                self.shared.try_get()
            }

            /// Reports that the work on an item is done: once for each item that was taken.
            ///
            /// # Panics
            ///
            /// If it is called more often than items were put.
            #[track_caller]
            pub fn task_done(&self) {
                assert!(self.shared.task_done(), "task_done() called too many times");
            }

            /// Waits until every item that was put has been [reported as done](Self::task_done).
            ///
            /// # Examples
            ///
            #[doc = concat!("```\nlet queue = looplet::", $text, "::unbounded();")]
            /// futures::executor::block_on(async {
            ///     queue.put(1).await.unwrap();
            ///     let work = async {
            ///         queue.get().await.unwrap();
            ///         queue.task_done();
            ///     };
            ///     futures::join!(queue.join(), work);
            /// });
            /// ```
            ///
            /// # Cancel safety
            ///
            /// Dropping the future changes nothing.
            pub fn join(&self) -> impl Future<Output = ()> + Unpin {
                Join::new(&*self.shared)
            }

            /// How many items are in the queue.
            #[doc(alias = "qsize")]
            pub fn len(&self) -> usize {
                self.shared.len()
            }

            /// Whether the queue has no items.
            #[doc(alias = "empty")]
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// Whether there is no room; always `false` without a bound.
            #[doc(alias = "full")]
            pub fn is_full(&self) -> bool {
                self.shared.is_full()
            }

            /// The bound, if there is one.
            #[doc(alias = "maxsize")]
            pub fn capacity(&self) -> Option<usize> {
                self.shared.capacity
            }

            /// Shuts the queue down: every `put` fails from now on, also those that wait; `get` takes the items that
            /// are left, then fails. `join` still waits until all items are done.
            ///
            /// # Examples
            ///
            #[doc = concat!("```\nlet queue = looplet::", $text, "::unbounded();")]
            /// queue.try_put(1).unwrap();
            /// queue.shutdown();
            /// assert!(queue.try_put(2).is_err());
            /// assert_eq!(queue.try_get(), Ok(1));
            /// assert_eq!(queue.try_get(), Err(looplet::TryGetError::Closed));
            /// ```
            pub fn shutdown(&self) {
                self.shared.shut_down(false);
            }

            /// Shuts the queue down and discards its items; each discarded item counts as done.
            ///
            /// # Examples
            ///
            #[doc = concat!("```\nlet queue = looplet::", $text, "::unbounded();")]
            /// queue.try_put(1).unwrap();
            /// queue.shutdown_now();
            /// assert_eq!(queue.try_get(), Err(looplet::TryGetError::Closed));
            /// futures::executor::block_on(queue.join());
            /// ```
            #[doc(alias = "immediate")]
            pub fn shutdown_now(&self) {
                self.shared.shut_down(true);
            }

            /// Whether the queue was shut down.
            pub fn is_shutdown(&self) -> bool {
                self.shared.is_shut()
            }

            /// The items as a `Stream`, which ends when the queue is shut down and empty. Like [`get`](Self::get), it
            /// does not suspend if there is an item.
            ///
            /// # Examples
            ///
            /// ```
            /// use futures::StreamExt;
            ///
            #[doc = concat!("let queue = looplet::", $text, "::unbounded();")]
            /// queue.try_put(1).unwrap();
            /// queue.shutdown();
            /// let items: Vec<_> = futures::executor::block_on(queue.stream().collect());
            /// assert_eq!(items, [1]);
            /// ```
            ///
            /// # Cancel safety
            ///
            /// Dropping a `next()` loses nothing, but the stream keeps its position among the getters until it is
            /// polled again or dropped.
            #[doc(alias = "__aiter__")]
            pub fn stream(&self) -> impl FusedStream<Item = T> + Unpin + use<T> {
                Items::new(Rc::clone(&self.shared))
            }

            /// What its handles share, for the remote end.
            pub(crate) fn shared(&self) -> &Rc<Shared<$store<T>>> {
                &self.shared
            }
        }

        impl<T $(: $bound)?> Clone for $name<T> {
            /// Another handle to the same queue.
            fn clone(&self) -> Self {
                Self { shared: Rc::clone(&self.shared) }
            }
        }

        impl<T $(: $bound)?> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                describe(&self.shared, $text, f)
            }
        }
    };
}

pub(super) use queue;

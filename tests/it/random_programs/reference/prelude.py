# What the scripts share that tests/reference/on_python.rs writes: a loop in virtual time, and words for the steps of a
# program. Times are whole numbers: a millisecond is TICK of them, and the rest tells timers of one millisecond apart,
# in the order in which they were armed.
import asyncio
import itertools
import selectors
import sys

TICK = 1_000_000
QUEUE_SIZES = (2, 0)
EVENTS = 1
SEMAPHORE_SIZES = (1, 2)


class Jump(selectors.DefaultSelector):
    """Waiting takes no time: it moves the clock."""

    def select(self, timeout=None):
        if timeout is None:
            raise RuntimeError("nothing is ready and no timer is armed")
        if timeout > 0:
            # Not by the timeout, which asyncio limits to a day of seconds.
            loop = asyncio.get_running_loop()
            loop.now = loop._scheduled[0]._when // TICK * TICK
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        super().__init__(Jump())
        self.now = 0
        self.armed = itertools.count(1)
        self._clock_resolution = TICK  # What is due within this millisecond is due now.

    def time(self):
        return self.now

    def call_at(self, when, callback, *args, context=None):
        when = when // TICK * TICK + next(self.armed)
        return super().call_at(when, callback, *args, context=context)


class Nap(asyncio.Future):
    """A sleep whose timer runs its task itself, as the first row of the table has it for looplet."""

    def __init__(self, millis):
        super().__init__()
        self.wake = None
        self.timer = self.get_loop().call_later(millis * TICK, self.fire)

    def add_done_callback(self, f, *, context=None):
        self.wake = (f, context)
        super().add_done_callback(f, context=context)

    def cancel(self, msg=None):
        # Once it is due it is done, though the task has not had its turn yet.
        if not self.done() and not self.timer._scheduled:
            return False
        self.timer.cancel()
        return super().cancel(msg)

    def fire(self):
        if self.done():
            return
        f, context = self.wake
        self.remove_done_callback(f)
        self.set_result(None)
        context.run(f, self)


class World:
    """What all tasks of a program share."""

    def __init__(self, loop, naps):
        self.loop = loop
        self.naps = naps
        self.trace = []
        self.tasks = []
        self.calls = 0
        self.items = 0
        self.queues = [asyncio.Queue(size) for size in QUEUE_SIZES]
        self.events = [asyncio.Event() for _ in range(EVENTS)]
        self.semaphores = [asyncio.Semaphore(size) for size in SEMAPHORE_SIZES]

    def note(self, who, what):
        if self.trace is not None:
            self.trace.append(f"{self.loop.now // TICK} {who} {what}")

    def start(self, body):
        number = len(self.tasks)
        self.tasks.append(None)  # Its place, for its name.
        self.tasks[number] = self.loop.create_task(perform(self, number, body))
        return number


class Call:
    """A plain call that remembers whether it has run."""

    def __init__(self, world, act):
        self.world = world
        self.number = world.calls
        world.calls += 1
        self.act = act
        self.spent = False
        self.handle = None

    def __call__(self):
        self.spent = True
        actor = Actor(self.world, f"c{self.number}")
        actor.note("runs")
        self.act(actor)


class Actor:
    """A task or a plain call, and what it can do without waiting."""

    def __init__(self, world, who):
        self.world = world
        self.who = who
        self.handles = []
        self.calls = []
        self.permits = []

    def note(self, what):
        self.world.note(self.who, what)

    def spawn(self, body):
        self.note(f"spawns t{len(self.world.tasks)}")
        self.handles.append(self.world.start(body))

    def cancel(self, which):
        others = len(self.world.tasks) - 1
        if others == 0:
            return self.note("cancels nobody")
        number = 1 + which % others
        hit = self.world.tasks[number].cancel()
        self.note(f"cancels t{number} {str(hit).lower()}")

    def try_put(self, queue):
        self.world.items += 1
        item = self.world.items
        try:
            self.world.queues[queue].put_nowait(item)
            done = "true"
        except asyncio.QueueFull:
            done = "false"
        self.note(f"try_put q{queue} {item} {done}")

    def try_get(self, queue):
        try:
            item = self.world.queues[queue].get_nowait()
        except asyncio.QueueEmpty:
            item = "nothing"
        self.note(f"try_get q{queue} {item}")

    def set(self, event):
        self.note(f"sets e{event}")
        self.world.events[event].set()

    def clear(self, event):
        self.world.events[event].clear()
        self.note(f"clears e{event}")

    def advance(self, millis):
        self.world.loop.now += millis * TICK
        self.note(f"was busy for {millis}")

    def call_soon(self, act):
        call = Call(self.world, act)
        self.note(f"calls c{call.number} soon")
        call.handle = self.world.loop.call_soon(call)
        self.calls.append(call)

    def call_later(self, millis, act):
        call = Call(self.world, act)
        self.note(f"calls c{call.number} in {millis}")
        call.handle = self.world.loop.call_later(millis * TICK, call)
        self.calls.append(call)

    # What a task does with what it owns.

    def release(self):
        if not self.permits:
            return self.note("releases nothing")
        semaphore = self.permits.pop(0)
        self.world.semaphores[semaphore].release()
        self.note(f"releases s{semaphore}")

    def take_handle(self, which):
        return self.handles.pop(which % len(self.handles)) if self.handles else None

    def drop_handle(self, which):
        number = self.take_handle(which)
        self.note("drops nobody" if number is None else f"drops t{number}")

    def detach(self, which):
        number = self.take_handle(which)
        self.note("detaches nobody" if number is None else f"detaches t{number}")

    def on_done(self, which):
        number = self.take_handle(which)
        if number is None:
            return self.note("watches nobody")
        world, call = self.world, self.world.calls
        world.calls += 1
        self.handles.append(number)
        world.tasks[number].add_done_callback(lambda _: world.note(f"c{call}", f"hears of t{number}"))
        self.note(f"watches t{number}")

    def cancel_call(self, which):
        if not self.calls:
            return self.note("uncalls nothing")
        call = self.calls.pop(which % len(self.calls))
        call.handle.cancel()
        hit, call.spent = not call.spent, True
        self.note(f"uncalls c{call.number} {str(hit).lower()}")

    # Waiting: each of these gives what is noted when it is over.

    async def wait(self, waiting):
        self.note(await waiting)

    async def within(self, millis, waiting):
        try:
            async with asyncio.timeout(millis * TICK):
                result = await waiting
        except TimeoutError:
            result = "elapsed"
        self.note(result)

    async def yields(self):
        await asyncio.sleep(0)
        return "yielded"

    async def sleep(self, millis):
        await (Nap(millis) if self.world.naps else asyncio.sleep(millis * TICK))
        return f"slept {millis}"

    async def get(self, queue):
        item = await self.world.queues[queue].get()
        return f"got q{queue} {item}"

    async def put(self, queue):
        self.world.items += 1
        item = self.world.items
        await self.world.queues[queue].put(item)
        return f"put q{queue} {item}"

    async def event(self, event):
        await self.world.events[event].wait()
        return f"saw e{event}"

    async def acquire(self, semaphore):
        await self.world.semaphores[semaphore].acquire()
        self.permits.append(semaphore)
        return f"acquired s{semaphore}"

    async def join(self, which):
        number = self.take_handle(which)
        if number is None:
            return "joined nobody"
        task = self.world.tasks[number]
        requests = asyncio.current_task().cancelling()
        if not task.done():
            try:
                await task
            except asyncio.CancelledError:
                if asyncio.current_task().cancelling() > requests:
                    raise
        return f"joined t{number} {'cancelled' if task.cancelled() else 'done'}"

    async def gather(self, *bodies):
        children = [self.world.tasks[self.world.start(body)] for body in bodies]
        return f"gathered {len(await asyncio.gather(*children))}"


async def perform(world, number, body):
    me = Actor(world, f"t{number}" if number else "main")
    me.note("begins")
    try:
        try:
            await body(me)
            me.note("ends")
        finally:
            for semaphore in me.permits:
                world.semaphores[semaphore].release()
    except asyncio.CancelledError:
        me.note("cancelled")
        raise


def play(main, naps):
    """Prints what a program does, to the end of the main task and one round more."""
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    loop.set_exception_handler(lambda *_: None)
    world = World(loop, naps)
    try:
        world.start(main)
        loop.run_until_complete(world.tasks[0])
        trace, world.trace = world.trace, None
        while left := asyncio.all_tasks(loop):
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.wait(left))
    finally:
        loop.close()
    print(len(trace), *trace, sep="\n")


if sys.version_info < (3, 11):
    sys.exit("asyncio.timeout is missing")

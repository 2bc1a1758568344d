"""The workloads of the comparison under Python's asyncio, or under uvloop.

    python3 asyncio_bench.py asyncio|uvloop ROW MILLISECONDS

prints `value` and nanoseconds per operation: the median of repetitions that fill the given time.
"""

import asyncio
import statistics
import sys
import threading
import time

now = time.perf_counter_ns


class Slot:
    """A one-slot cell: one value, and the future of its reader."""

    def __init__(self):
        self.value = None
        self.reader = None

    def put(self, value):
        self.value = value
        if self.reader is not None:
            self.reader.set_result(None)
            self.reader = None

    async def take(self):
        while self.value is None:
            self.reader = asyncio.get_running_loop().create_future()
            await self.reader
        value, self.value = self.value, None
        return value


async def answer(number):
    return number


async def yield_times(turns):
    for _ in range(turns):
        await asyncio.sleep(0)


async def yield_one(n):
    start = now()
    await asyncio.create_task(yield_times(n))
    return now() - start


async def yield_many(n):
    tasks = [asyncio.create_task(yield_times(n // 1_000)) for _ in range(1_000)]
    start = now()
    for task in tasks:
        await task
    return now() - start


async def spawn_join(n):
    start = now()
    for i in range(n):
        await asyncio.create_task(answer(i))
    return now() - start


async def spawn_batch(n):
    start = now()
    tasks = [asyncio.create_task(answer(i)) for i in range(n)]
    for task in tasks:
        await task
    return now() - start


async def spawn_detached(n):
    at_once = 1_000
    left = 0
    done = Slot()

    async def detached():
        nonlocal left
        left -= 1
        if left == 0:
            done.put(1)

    start = now()
    for _ in range(n // at_once):
        left = at_once
        alive = {asyncio.create_task(detached()) for _ in range(at_once)}
        await done.take()
        alive.clear()
    return now() - start


async def gather(n):
    start = now()
    await asyncio.gather(*(yield_times(1) for _ in range(n)))
    return now() - start


async def ping_pong(n):
    there, back = Slot(), Slot()

    async def pong():
        for _ in range(n // 2):
            back.put(await there.take())

    async def ping():
        for i in range(n // 2):
            there.put(i)
            await back.take()

    start = now()
    await asyncio.gather(ping(), pong())
    return now() - start


async def chain_wake(n):
    size = 1_000
    slots = [Slot() for _ in range(size)]

    async def link(own, following):
        for _ in range(n // size):
            following.put(await own.take())

    tasks = [asyncio.create_task(link(slots[i], slots[(i + 1) % size])) for i in range(size)]
    await asyncio.sleep(0)
    start = now()
    slots[0].put(1)
    for task in tasks:
        await task
    return now() - start


def queue(ends, capacity, burst=None):
    async def workload(n):
        channel = asyncio.Queue(capacity)
        each = n // ends

        async def produce():
            for i in range(1, each + 1):
                await channel.put(i)
                if burst and i % burst == 0:
                    await asyncio.sleep(0)

        async def consume():
            for _ in range(each):
                await channel.get()

        start = now()
        await asyncio.gather(*(consume() for _ in range(ends)), *(produce() for _ in range(ends)))
        return now() - start

    return workload


def nothing():
    pass


async def timers_create_drop(n):
    call_later = asyncio.get_running_loop().call_later
    start = now()
    for i in range(1, n + 1):
        call_later(10, nothing).cancel()
        if i % 1_000 == 0:
            await asyncio.sleep(0)
    return now() - start


async def timers_hold_drop(n):
    call_later = asyncio.get_running_loop().call_later
    start = now()
    held = [call_later(10 + (i * 7_919 % n) * 50 / n, nothing) for i in range(n)]
    for timer in held:
        timer.cancel()
    await asyncio.sleep(0)
    return now() - start


async def timers_fire(n):
    start = time.process_time_ns()
    await asyncio.gather(*(asyncio.sleep((i * 7_919 % n) * 0.2 / n) for i in range(n)))
    return time.process_time_ns() - start


async def sleep_lateness(n):
    late = []
    for _ in range(n):
        start = now()
        await asyncio.sleep(0.001)
        late.append(now() - start - 1_000_000)
    # A figure per sleep already, where `repeat` expects a sum.
    return statistics.median(late) * n


async def thread_round_trip(n):
    loop = asyncio.get_running_loop()
    asked, stop, slot = threading.Semaphore(0), False, Slot()

    def helper():
        while True:
            asked.acquire()
            if stop:
                return
            loop.call_soon_threadsafe(slot.put, 1)

    thread = threading.Thread(target=helper)
    thread.start()
    start = now()
    for _ in range(n):
        asked.release()
        await slot.take()
    spent = now() - start
    stop = True
    asked.release()
    thread.join()
    return spent


async def thread_items(n):
    loop = asyncio.get_running_loop()
    channel = asyncio.Queue()

    def produce():
        for i in range(n):
            loop.call_soon_threadsafe(channel.put_nowait, i)

    start = now()
    threading.Thread(target=produce).start()
    for _ in range(n):
        await channel.get()
    return now() - start


ROWS = {
    "yield": (yield_one, 20_000),
    "yield_many": (yield_many, 50_000),
    "spawn_join": (spawn_join, 10_000),
    "spawn_batch": (spawn_batch, 10_000),
    "spawn_detached": (spawn_detached, 10_000),
    "gather": (gather, 1_000),
    "ping_pong": (ping_pong, 10_000),
    "chain_wake": (chain_wake, 20_000),
    "queue_1x1_64": (queue(1, 64), 20_000),
    "queue_1x1_1": (queue(1, 1), 10_000),
    "queue_4x4_64": (queue(4, 64), 20_000),
    "queue_4x4_1": (queue(4, 1), 10_000),
    "queue_unbounded": (queue(1, 0, burst=64), 20_000),
    "timers_create_drop": (timers_create_drop, 20_000),
    "timers_hold_drop": (timers_hold_drop, 20_000),
    "timers_fire": (timers_fire, 10_000),
    "sleep_lateness": (sleep_lateness, 50),
    "thread_round_trip": (thread_round_trip, 1_000),
    "thread_items": (thread_items, 10_000),
}


async def repeat(workload, n, seconds):
    await workload(n)
    times = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        times.append(await workload(n))
    return statistics.median(times) / n


def start_end(run, seconds):
    async def empty():
        pass

    times = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = now()
        run(empty())
        times.append(now() - start)
    return statistics.median(times)


def main():
    event_loop, row, milliseconds = sys.argv[1:4]
    run = asyncio.run
    if event_loop == "uvloop":
        try:
            import uvloop
        except ImportError:
            sys.exit("not installed")
        run = uvloop.run
    seconds = int(milliseconds) / 1_000
    if row == "start_end":
        print("value", start_end(run, seconds))
    else:
        print("value", run(repeat(*ROWS[row], seconds)))


if __name__ == "__main__":
    main()

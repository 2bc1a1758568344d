//! looplet beside the other single-threaded executors.

mod adapters;
mod alloc;
mod channels;
mod clock;
mod contestants;
mod measure;
mod rows;
mod runtime;
mod sample;
mod workloads;

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "sample") {
        sample::run(&sample::Request::parse(&words[1..]).unwrap());
    }
}

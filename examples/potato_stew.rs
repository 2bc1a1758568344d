//! Potato stew: boil the water and cut the potatoes at the same time; when both are done, cook.
//!
//! ```text
//! cut done
//! water boils
//! stew done
//! ```
//!
//! Boiling takes 5 s, cutting 3 s, cooking 2 s. Dinner is ready after 7 s, not 10.

use std::time::Duration;

use looplet::{gather, sleep};

fn main() {
    looplet::run(potato_stew());
}

pub(crate) async fn potato_stew() {
    let (water, potatoes) = gather((boil_water(), cut_potatoes())).await;
    cook(water, potatoes).await;
}

struct BoilingWater;

struct CutPotatoes;

async fn boil_water() -> BoilingWater {
    sleep(Duration::from_secs(5)).await;
    println!("water boils");
    BoilingWater
}

async fn cut_potatoes() -> CutPotatoes {
    sleep(Duration::from_secs(3)).await;
    println!("cut done");
    CutPotatoes
}

async fn cook(_: BoilingWater, _: CutPotatoes) {
    sleep(Duration::from_secs(2)).await;
    println!("stew done");
}

//! The programs on film: which of them have a picture in `docs/`, and how it is made.

use looplet::timeline::Timeline;

use super::stage::{self, Plot};
use super::{PROGRAMS, Program};

/// A picture in `docs/timeline`.
pub(crate) struct Picture {
    program: &'static str,
    title: &'static str,
}

pub(crate) const PICTURES: &[Picture] = &[
    Picture {
        program: "sequential_awaits",
        title: "two awaits in a row take four seconds",
    },
    Picture {
        program: "concurrent_tasks",
        title: "two tasks take two seconds",
    },
    Picture {
        program: "gather",
        title: "gather: two futures become two tasks",
    },
    Picture {
        program: "queue_join",
        title: "two producers, two consumers, and a join of their queue",
    },
    Picture {
        program: "spawn_without_await",
        title: "why \"foo end.\" is never printed: main does not wait",
    },
];

impl Picture {
    pub(crate) fn path(&self) -> String {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/timeline");
        format!("{folder}/{}.svg", self.program)
    }

    pub(crate) fn draw(&self) -> String {
        let (_, timeline) = film(self.program).expect("the picture's program is in the tour");
        timeline.svg(self.title)
    }
}

/// Plays a program of the tour in virtual time and films it.
pub(crate) fn film(name: &str) -> Result<(&'static Program, Timeline), String> {
    let is_meant = |it: &&Program| it.name == name || it.id.eq_ignore_ascii_case(name);
    let program = PROGRAMS.iter().find(is_meant);
    let program = program.ok_or_else(|| format!("there is no program {name:?}"))?;
    let Plot::OnLoop(plot) = program.plot else {
        return Err(format!("{name} runs without a loop"));
    };
    let timeline = Timeline::new();
    stage::film(plot, timeline.clone());
    Ok((program, timeline))
}

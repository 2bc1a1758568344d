//! What is drawn of a run.

mod layout;
mod pictures;
mod text;

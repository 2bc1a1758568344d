//! The public names: their auto traits, what errors say, and where a misuse is blamed.

mod auto_traits;
mod errors;
mod misuse;

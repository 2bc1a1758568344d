//! Code of the user's that does its worst wherever the loop calls it. Meant for the sanitizers too.

mod found;
mod late;
mod reentry;

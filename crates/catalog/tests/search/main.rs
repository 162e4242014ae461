//! The search over the demo catalog: what must be found, how well, and that nothing which is asked breaks it.

mod demo;
mod facets;
mod golden;
mod hostile;
mod judged;
mod must_find;
mod pages;
mod suggested;
mod typos;

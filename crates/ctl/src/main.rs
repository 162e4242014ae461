//! `evercart`, the operator's command line: the catalog, dead letters, slots, regions. What is asked for goes to
//! standard output and nothing else does, with `--json` as a line of JSON for each thing; progress and errors go
//! to standard error. How it ends is one of the codes of [`failure::Kind`], which stay as they are.

mod args;
mod dlq;
mod failure;
mod import;
mod output;
mod regions;
mod service;
mod slots;
mod tree;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Arguments, Command, Dlq, Slots};
use failure::Failure;
use output::Output;
use service::Service;
use tree::Tree;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let json = arguments.json;
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.say(json);
            failure.kind.into()
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let output = Output::new(arguments.json);
    let tree = || Tree::find(arguments.tree.as_deref());
    let service = || Service::open(arguments.url.as_deref(), || tree()?.secret("ADMIN_TOKEN"));
    match &arguments.command {
        Command::Import(what) if what.sql => import::print(&tree()?),
        Command::Import(what) => import::run(&tree()?, what.persist_to.as_deref(), &output),
        Command::Dlq(Dlq::List { region }) => dlq::list(&service()?, region.as_deref(), &output),
        Command::Dlq(Dlq::Show { id }) => dlq::show(&service()?, id, &output),
        Command::Dlq(Dlq::Retry { ids }) => dlq::act(&service()?, dlq::Act::Retry, ids, &output),
        Command::Dlq(Dlq::Drop { ids, yes }) => {
            dlq::may_drop(ids, *yes)?;
            dlq::act(&service()?, dlq::Act::Drop, ids, &output)
        }
        Command::Slots(Slots::Move { region, to, slots }) => {
            slots::move_all(&service()?, region, to, slots, &output)
        }
        Command::Regions => regions::list(&service()?, &output),
    }
}

//! The commands, one a file.

pub(crate) mod cat;
pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod eventlog;
pub(crate) mod extract;
pub(crate) mod info;
pub(crate) mod list;
pub(crate) mod man;
pub(crate) mod registry;
pub(crate) mod registry_diff;
pub(crate) mod stat;
pub(crate) mod timeline;
pub(crate) mod usnjrnl;
pub(crate) mod usnjrnl_timeline;

use std::process::ExitCode;

use crate::arguments::{Arguments, Command};
use crate::failure::Failure;
use crate::log;
use crate::session::{Outcome, Session};

/// Runs the command and says how it went.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    log::start(arguments.debug, arguments.global.verbose);
    let session = Session::new(arguments.global);
    let outcome = match arguments.command {
        Command::Info(command) => info::run(&session, &command),
        Command::List(command) => list::run(&session, &command),
        Command::Compare(command) => compare::run(&session, &command),
        Command::Stat(command) => stat::run(&session, &command),
        Command::Cat(command) => cat::run(&session, &command),
        Command::Extract(command) => extract::run(&session, &command),
        Command::Registry(command) => registry::run(&session, &command),
        Command::RegistryDiff(command) => registry_diff::run(&session, &command),
        Command::Usnjrnl(command) => usnjrnl::run(&session, &command),
        Command::UsnjrnlTimeline(command) => usnjrnl_timeline::run(&session, &command),
        Command::Eventlog(command) => eventlog::run(&session, &command),
        Command::Timeline(command) => timeline::run(&session, &command),
        Command::Completions(command) => completions::run(&command),
        Command::Man(command) => man::run(&command),
    };
    match outcome {
        Ok(Outcome { incomplete: true, .. }) => ExitCode::from(3),
        Ok(Outcome { found: true, .. }) => ExitCode::from(1),
        Ok(_) | Err(Failure::Closed) => ExitCode::SUCCESS,
        Err(Failure::Message(message)) => {
            session.error(&vminspect::for_terminal(&message));
            ExitCode::from(2)
        }
    }
}

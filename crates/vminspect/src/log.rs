//! What `--verbose` and `--debug` tell on standard error.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Begins to tell, at the level that was asked for.
pub(crate) fn start(debug: bool, verbose: bool) {
    let level = match (debug, verbose) {
        (true, _) => LevelFilter::DEBUG,
        (false, true) => LevelFilter::INFO,
        (false, false) => return,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let ours = Targets::new().with_target("vminspect", level);
    tracing_subscriber::registry().with(lines).with(ours).init();
}

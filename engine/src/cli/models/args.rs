//! What can be typed after `barline models`.
//!
//! Main thread.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// List the models, and which of them are on this machine.
    List(ListArgs),
    /// Say all that is known of a model.
    Info(InfoArgs),
    /// Bring a model to this machine, into the Hugging Face cache.
    Fetch(FetchArgs),
    /// Read all files of a model and hold them against the hub's checksums.
    Verify(VerifyArgs),
    /// Remove a model from this machine, as far as nobody else uses it.
    Remove(RemoveArgs),
    /// Bring a model of PyTorch's or AudioCraft's into a form that can be used here.
    Import(super::import::ImportArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Also measure how long a bar takes here with each size: some seconds.
    #[arg(long)]
    pub(crate) speed: bool,
    /// Print the list as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// A name that `barline models list` shows, or an id of the hub.
    pub(crate) model: String,
    /// Print it as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FetchArgs {
    /// A name that `barline models list` shows, or an id of the hub.
    pub(crate) model: String,
    /// Ask nothing.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// The newest revision; without it a model stays as it was fetched.
    #[arg(long)]
    pub(crate) update: bool,
    /// Further tries after the connection was lost, counted anew when something came.
    #[arg(long, value_name = "TIMES", default_value_t = 4)]
    pub(crate) retries: u32,
    /// Print what was fetched as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Names or ids; all models that are here when none is given.
    pub(crate) models: Vec<String>,
    /// Fetch anew what is not as it should be.
    #[arg(long)]
    pub(crate) repair: bool,
    /// Print the findings as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// A name that `barline models list` shows, or an id of the hub.
    pub(crate) model: String,
    /// Ask nothing.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Also files that another program put into the cache.
    #[arg(long)]
    pub(crate) shared: bool,
}

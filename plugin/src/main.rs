//! The standalone program: the plugin with a window and the system's audio of its own.

use nice_plug::prelude::nice_export_standalone;

fn main() -> std::process::ExitCode {
    if nice_export_standalone::<barline_plugin::Barline>() {
        std::process::ExitCode::SUCCESS
    } else {
        std::process::ExitCode::FAILURE
    }
}

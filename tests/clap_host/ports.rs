//! Buses as a host sees them: they are part of every saved project, like the parameters.

use anyhow::{Context, Result, ensure};
use clack_extensions::audio_ports::{AudioPortFlags, AudioPortInfoBuffer, PluginAudioPorts};
use clack_extensions::note_ports::{NoteDialect, NotePortInfoBuffer, PluginNotePorts};

use super::alone::alone;
use super::host::{Bundle, Host};
use super::song::SLOTS;

#[test]
fn buses_are_what_projects_expect() -> Result<()> {
    alone(
        "clap_host::ports::buses_are_what_projects_expect",
        &[|_| {
            let bundle = Bundle::load()?;
            let mut host = bundle.host()?;
            let outputs = audio(&mut host, false)?;
            ensure!(outputs.len() == 1 + SLOTS, "{} outputs", outputs.len());
            for (index, (name, channels, main)) in outputs.iter().enumerate() {
                ensure!(*channels == 2, "{name} has {channels} channels");
                ensure!(*main == (index == 0), "{name}: main is {main}");
                ensure!(
                    index == 0 || *name == format!("Slot {index}"),
                    "output {index} is called {name}"
                );
            }
            let inputs = audio(&mut host, true)?;
            ensure!(
                inputs == [("Side-chain".to_owned(), 2, false)],
                "the inputs are {inputs:?}"
            );
            notes(&mut host)
        }],
    )
}

/// Name, channels, and whether it is the main one.
fn audio(host: &mut Host, is_input: bool) -> Result<Vec<(String, u32, bool)>> {
    let handle = host.handle();
    let ports: PluginAudioPorts = handle.get_extension().context("no audio ports")?;
    let mut found = Vec::new();
    for index in 0..ports.count(&handle, is_input) {
        let mut buffer = AudioPortInfoBuffer::new();
        let port = ports
            .get(&handle, index, is_input, &mut buffer)
            .context("a port without facts")?;
        let name = String::from_utf8(port.name.to_vec())?;
        let main = port.flags.contains(AudioPortFlags::IS_MAIN);
        found.push((name, port.channel_count, main));
    }
    Ok(found)
}

fn notes(host: &mut Host) -> Result<()> {
    let handle = host.handle();
    let ports: PluginNotePorts = handle.get_extension().context("no note ports")?;
    ensure!(ports.count(&handle, true) == 1, "not one note input");
    ensure!(ports.count(&handle, false) == 0, "a note output");
    let mut buffer = NotePortInfoBuffer::new();
    let port = ports.get(&handle, 0, true, &mut buffer);
    let port = port.context("a port without facts")?;
    for dialect in [NoteDialect::Clap, NoteDialect::Midi] {
        ensure!(
            port.supported_dialects.supports(dialect),
            "notes do not come as {dialect:?}"
        );
    }
    Ok(())
}

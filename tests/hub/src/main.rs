//! The hub as a program, for scripts that drive real hosts.
//!
//! Main thread: `barline-hub OWNER/MODEL FOLDER` prints its address, then takes a line at a time:
//! `slow END BYTES MILLISECONDS`, `status END NUMBER`, `cut END BYTES`, `stall END BYTES`, `heal`,
//! and `asked`, which prints the requests that came since and a dot. It ends with its input.

use std::io::{BufRead, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use barline_hub::{Fault, Hub};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let id = args.next().context("which model? OWNER/MODEL FOLDER")?;
    let folder = PathBuf::from(args.next().context("the files of which folder?")?);
    let hub = Hub::with(&id, &folder).with_context(|| folder.display().to_string())?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", hub.endpoint)?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        obey(&hub, &line?, &mut out)?;
        out.flush()?;
    }
    Ok(())
}

fn obey(hub: &Hub, line: &str, out: &mut impl Write) -> Result<()> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["heal"] => hub.heal(),
        ["asked"] => {
            for asked in hub.asked() {
                writeln!(out, "{} {}", asked.method, asked.path)?;
            }
            writeln!(out, ".")?;
        }
        ["slow", end, bytes, milliseconds] => {
            let fault = Fault::Slow(bytes.parse()?, milliseconds.parse()?);
            hub.fail(end, fault, u32::MAX);
        }
        ["status", end, number] => hub.fail(end, Fault::Status(number.parse()?, ""), u32::MAX),
        ["cut", end, bytes] => hub.fail(end, Fault::Cut(bytes.parse()?), u32::MAX),
        ["stall", end, bytes] => hub.fail(end, Fault::Stall(Some(bytes.parse()?)), u32::MAX),
        _ => bail!("not understood: {line}"),
    }
    Ok(())
}

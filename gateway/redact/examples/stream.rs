//! Floods a redactor with gigabytes that are never held, and prints its speed and the memory of the process.
//!
//!     stream <gigabytes> [flood…]
//!
//! The floods are those of tests/memory; what comes out is checked here as well. benches/memory.sh runs it.
#![expect(
    clippy::disallowed_methods,
    reason = "the memory of the process stands in a file, and time is measured"
)]
#![expect(clippy::print_stdout, reason = "prints the table")]

use std::{env, error::Error, fs, time::Instant};

#[path = "../tests/memory/floods.rs"]
#[expect(dead_code, reason = "the bounds of the heap are for the test")]
mod floods;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let gigabytes: f64 = arguments.next().ok_or("usage: stream gigabytes [flood…]")?.parse()?;
    let names: Vec<String> = arguments.collect();
    println!("| flood | GB | MB/s | hidden | RSS at its start | at its middle | highest |");
    println!("|---|---|---|---|---|---|---|");
    for flood in floods::floods() {
        if names.is_empty() || names.iter().any(|name| name == flood.name) {
            let bytes = (gigabytes * 1e9) as u64;
            let mut resident = Vec::new();
            let start = Instant::now();
            let mut count = 0_u64;
            let passage = flood.run(bytes, || {
                // Early, and now and then: reading the file takes longer than a chunk.
                if count == 2 || count % 2_048 == 1_024 {
                    resident.push(status("VmRSS"));
                }
                count += 1;
            });
            println!(
                "| {} | {:.2} | {:.0} | {} | {} kB | {} kB | {} kB |",
                flood.name,
                passage.bytes as f64 / 1e9,
                passage.bytes as f64 / 1e6 / start.elapsed().as_secs_f64(),
                passage.hidden,
                resident[0],
                resident[resident.len() / 2],
                status("VmHWM"),
            );
        }
    }
    Ok(())
}

/// A line of /proc/self/status, in kilobytes; 0 where there is none.
fn status(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

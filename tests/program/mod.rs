//! Starts the program that these tests are about.

use std::process::Command;

/// The program, behind the emulator that this test itself runs in, if there is
/// one (`QASSAY_WORKER_RUNNER`, as `scripts/arm.sh test` sets it).
pub fn program() -> Command {
    let runner = std::env::var("QASSAY_WORKER_RUNNER").unwrap_or_default();
    let mut words = runner.split_whitespace();
    let binary = env!("CARGO_BIN_EXE_qassay");
    match words.next() {
        None => Command::new(binary),
        Some(emulator) => {
            let mut command = Command::new(emulator);
            command.args(words).arg(binary);
            command
        }
    }
}

//! Standard output that survives a closed pipe: once nobody reads, the rest is
//! dropped and the command still ends with its own exit code.

use std::io::{self, IsTerminal, Write};

use anyhow::Context;
use qassay_reports::paint::Paint;

use crate::cli::ColorChoice;

/// Where commands print.
pub struct Output {
    stdout: io::BufWriter<io::Stdout>,
    closed: bool,
    color: ColorChoice,
}

impl Output {
    /// Standard output, coloured as asked.
    pub fn new(color: ColorChoice) -> Self {
        Self {
            stdout: io::BufWriter::new(io::stdout()),
            closed: false,
            color,
        }
    }

    /// How to colour what is printed here.
    pub fn paint(&self) -> Paint {
        Paint(match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
            }
        })
    }

    /// Prints one line.
    pub fn line(&mut self, text: impl AsRef<str>) -> anyhow::Result<()> {
        let mut text = text.as_ref().to_owned();
        text.push('\n');
        self.bytes(text.as_bytes())
    }

    /// Prints bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        if self.closed {
            return Ok(());
        }
        let result = self.stdout.write_all(bytes);
        self.check(result)
    }

    /// Hands over what was printed so far.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.finish()
    }

    /// Hands everything over.
    pub fn finish(&mut self) -> anyhow::Result<()> {
        if self.closed {
            return Ok(());
        }
        let result = self.stdout.flush();
        self.check(result)
    }

    /// Whether the reader has gone away.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    fn check(&mut self, result: io::Result<()>) -> anyhow::Result<()> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            result => result.context("cannot write to standard output"),
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let _ = self.stdout.flush();
    }
}

/// A progress bar on standard error, if that is a terminal.
pub struct Bar(Option<indicatif::ProgressBar>);

impl Bar {
    /// A bar that counts `what`; it must not stand between the lines of `_output`.
    pub fn new(what: &str, _output: &Output) -> Self {
        if !io::stderr().is_terminal() {
            return Self(None);
        }
        let style = format!("{{bar:40}} {{pos}}/{{len}} {what} {{elapsed}} {{msg}}");
        let bar = indicatif::ProgressBar::new(0);
        if let Ok(style) = indicatif::ProgressStyle::with_template(&style) {
            bar.set_style(style);
        }
        Self(Some(bar))
    }

    /// How far it is.
    pub fn set(&self, done: usize, total: usize) {
        if let Some(bar) = &self.0 {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        }
    }

    /// A word beside the bar.
    pub fn say(&self, word: &'static str) {
        if let Some(bar) = &self.0 {
            bar.set_message(word);
        }
    }

    /// Prints something above the bar.
    pub fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

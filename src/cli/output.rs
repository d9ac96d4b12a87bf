//! How a command answers: for people or for programs.

use std::io::{self, IsTerminal, Write};

use anyhow::Context as _;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

/// In which form a command prints its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Output {
    /// Tables and sentences.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

impl Output {
    /// Prints an answer on standard output; each form is made only when it is
    /// the one that is printed.
    ///
    /// # Errors
    /// When standard output cannot be written. A reader that has gone away, as
    /// `head` does, is no error.
    pub fn print(
        self,
        text: impl FnOnce() -> String,
        json: impl FnOnce() -> Value,
    ) -> anyhow::Result<()> {
        let answer = match self {
            Self::Text => text(),
            Self::Json => serde_json::to_string_pretty(&json())
                .context("the answer could not be written as JSON")?,
        };
        print_line(&answer)
    }
}

/// Prints text and a line's end on standard output.
///
/// # Errors
/// When standard output cannot be written; a reader that has gone away is no
/// error.
pub fn print_line(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("standard output could not be written")
        }
        _ => Ok(()),
    }
}

/// A progress bar on standard error, seen only when that is a terminal.
#[must_use]
pub fn progress_bar(length: u64, unit: &'static str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    let template =
        format!("{{wide_bar}} {{human_pos}} of {{human_len}} {unit}, {{per_sec}}, {{eta}} left");
    match ProgressStyle::with_template(&template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

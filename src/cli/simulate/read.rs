//! A scenario from its file, with the files that it names.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::logs::classification;
use crate::logs::fault::LogError;
use crate::simulation::{ClassificationDocument, Files, LabelledRows, Override, Scenario};

/// Reads a scenario; gives the question that it opens with beside it.
///
/// # Errors
/// When the file cannot be read, or what it says does not hold.
pub(super) fn read(path: &Path, overrides: &[Override]) -> anyhow::Result<(Scenario, String)> {
    let file = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("{file} cannot be read"))?;
    let beside = path.parent().unwrap_or(Path::new(""));
    let scenario = Scenario::read_with(&text, overrides, &Beside(beside))
        .with_context(|| format!("{file} is refused"))?;
    Ok((scenario, question(&text)))
}

/// The first paragraph of the comment at the head of a scenario.
fn question(text: &str) -> String {
    let comment = text.lines().map_while(|line| line.strip_prefix('#'));
    let paragraph = comment.map(str::trim).take_while(|line| !line.is_empty());
    paragraph.collect::<Vec<_>>().join(" ")
}

/// Reads the files that a scenario names. A relative path is looked for from the
/// working directory, then from the scenario's own.
struct Beside<'a>(&'a Path);

impl Beside<'_> {
    fn found(&self, name: &str) -> PathBuf {
        let path = PathBuf::from(name);
        if path.exists() {
            path
        } else {
            self.0.join(path)
        }
    }
}

impl Files for Beside<'_> {
    fn rows(&self, document: &ClassificationDocument) -> Result<LabelledRows, String> {
        let told = |error: LogError| error.to_string();
        let rows = classification::read_rows(&self.found(&document.data)).map_err(told)?;
        let orders = document
            .order
            .as_ref()
            .map(|name| classification::read_orders(&self.found(name)));
        let orders = orders.transpose().map_err(told)?;
        LabelledRows::new(rows.dimension, rows.features, rows.labels, orders)
    }

    fn text(&self, name: &str) -> Result<String, String> {
        let path = self.found(name);
        std::fs::read_to_string(&path)
            .map_err(|error| format!("{} cannot be read: {error}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bake_off_can_be_played_with_the_data_beside_it() {
        let (scenario, question) = read(Path::new("simulations/bake_off.toml"), &[]).unwrap();
        assert_eq!(question, "Which contextual policy earns most, as it comes?");
        assert_eq!(
            (scenario.rounds, scenario.environment.features()),
            (178, 13)
        );
        let recommended = scenario.candidates.iter().filter(|it| it.recommended);
        assert_eq!(recommended.count(), 1);
    }
}

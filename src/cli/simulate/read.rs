//! A scenario from its file, with the files that it names.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::logs::classification;
use crate::logs::fault::LogError;
use crate::simulation::{ClassificationDocument, LabelledRows, Override, Scenario};

/// Reads a scenario; gives the question that it opens with beside it.
///
/// # Errors
/// When the file cannot be read, or what it says does not hold.
pub(super) fn read(path: &Path, overrides: &[Override]) -> anyhow::Result<(Scenario, String)> {
    let file = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("{file} cannot be read"))?;
    let beside = path.parent().unwrap_or(Path::new(""));
    let load = |document: &ClassificationDocument| load(document, beside);
    let scenario = Scenario::read_with(&text, overrides, &load)
        .with_context(|| format!("{file} is refused"))?;
    Ok((scenario, question(&text)))
}

/// The first paragraph of the comment at the head of a scenario.
fn question(text: &str) -> String {
    let comment = text.lines().map_while(|line| line.strip_prefix('#'));
    let paragraph = comment.map(str::trim).take_while(|line| !line.is_empty());
    paragraph.collect::<Vec<_>>().join(" ")
}

/// Reads the files of a classified data set. A relative path is looked for from
/// the working directory, then from the scenario's own.
fn load(document: &ClassificationDocument, beside: &Path) -> Result<LabelledRows, String> {
    let found = |name: &str| {
        let path = PathBuf::from(name);
        if path.exists() {
            path
        } else {
            beside.join(path)
        }
    };
    let told = |error: LogError| error.to_string();
    let rows = classification::read_rows(&found(&document.data)).map_err(told)?;
    let orders = document
        .order
        .as_ref()
        .map(|name| classification::read_orders(&found(name)));
    let orders = orders.transpose().map_err(told)?;
    LabelledRows::new(rows.dimension, rows.features, rows.labels, orders)
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

//! Segments as text, as JSON and as a page.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::description::{Description, Group};
use super::fit::Fitted;
use crate::cli::table::{Table, facts};
use crate::page::{Bar, BarPlot, Cell, Page, Table as PageTable, number};

/// How long the bar of all shoppers is, in characters.
const BAR: f64 = 24.0;

/// For people.
pub(super) fn text(description: &Description) -> String {
    let features = description.features.iter().map(String::as_str);
    let mut table = Table::new(
        ["segment", "shoppers", "share", ""]
            .into_iter()
            .chain(features),
    );
    for group in &description.groups {
        let share = description.share(group);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to BAR
        let bar = "█".repeat((BAR * share).round() as usize);
        let mean =
            |mean: &Option<f64>| mean.map_or_else(String::new, |it| number::significant(it, 4));
        let cells = [
            group.id.clone(),
            group.rows.to_string(),
            format!("{:.1} %", 100.0 * share),
            bar,
        ];
        table.row(cells.into_iter().chain(group.means.iter().map(mean)));
    }
    format!(
        "{} shoppers, with the means of each segment:\n\n{table}",
        description.rows
    )
}

/// For people, with how the segments were found.
pub(super) fn fitted_text(
    fitted: &Fitted,
    description: &Description,
    written: &[PathBuf],
) -> String {
    let mut told = vec![
        ("rows read", fitted.read.to_string()),
        (
            "with a missing entry",
            format!(
                "{} (--missing {})",
                fitted.incomplete,
                fitted.missing.name()
            ),
        ),
        ("clusters", fitted.clusters.to_string()),
        ("inertia", format!("{:.6}", fitted.inertia)),
        (
            "best of",
            format!("{} starts, by seed {}", fitted.starts, fitted.seed),
        ),
    ];
    if let Some(choice) = &fitted.choice {
        let means = choice.tried.iter().map(|tried| {
            let mean = tried.mean_silhouette;
            let mean = mean.map_or_else(|| "none".to_owned(), |mean| format!("{mean:.4}"));
            format!("{}: {mean}", tried.clusters)
        });
        let means: Vec<String> = means.collect();
        told.push(("mean silhouettes", means.join(", ")));
        told.push(("told from", format!("{} sampled rows", choice.sampled)));
    }
    let mut page = format!("{}\n{}", facts(told), text(description));
    for path in written {
        let _ = writeln!(page, "\nwrote {}", path.display());
    }
    page
}

/// For programs.
pub(super) fn json(description: &Description) -> Value {
    let group = |group: &Group| {
        let means = description.features.iter().zip(&group.means);
        let means: Map<String, Value> = means
            .map(|(name, mean)| (name.clone(), json!(mean)))
            .collect();
        json!({
            "id": group.id,
            "title": group.title,
            "shoppers": group.rows,
            "share": description.share(group),
            "means": means,
        })
    };
    json!({
        "shoppers": description.rows,
        "segments": description.groups.iter().map(group).collect::<Vec<_>>(),
    })
}

/// For programs, with how the segments were found.
pub(super) fn fitted_json(
    fitted: &Fitted,
    description: &Description,
    written: &[PathBuf],
) -> Value {
    let tried = fitted.choice.iter().flat_map(|choice| &choice.tried);
    let silhouettes: Vec<Value> = tried
        .map(
            |tried| json!({ "clusters": tried.clusters, "mean_silhouette": tried.mean_silhouette }),
        )
        .collect();
    json!({
        "rows": fitted.read,
        "incomplete": fitted.incomplete,
        "missing": fitted.missing.name(),
        "clusters": fitted.clusters,
        "starts": fitted.starts,
        "seed": fitted.seed,
        "inertia": fitted.inertia,
        "sampled": fitted.choice.as_ref().map(|choice| choice.sampled),
        "silhouettes": silhouettes,
        "description": json(description),
        "files": written.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
    })
}

/// A page of HTML.
pub(super) fn page(description: &Description) -> String {
    let mut page = Page::new("Segments of shoppers");
    let features = description.features.iter().map(String::as_str);
    let mut table =
        PageTable::new(["segment", "shoppers", "share"].into_iter().chain(features)).sortable();
    for group in &description.groups {
        let share = description.share(group);
        let mean = |mean: &Option<f64>| match mean {
            Some(mean) => Cell::Number(number::significant(*mean, 4), *mean),
            None => Cell::Empty,
        };
        #[allow(clippy::cast_precision_loss)] // far fewer rows than 2^53
        let cells = [
            Cell::Text(group.title.clone()),
            Cell::Number(number::count(group.rows as u64), group.rows as f64),
            Cell::Number(number::percent(share, None), share),
        ];
        table.row(cells.into_iter().chain(group.means.iter().map(mean)));
    }
    page.section("Sizes and means");
    page.table(&table);
    let plot = |title: &str, x_name: &str, percent: bool, value: &dyn Fn(&Group) -> Option<f64>| {
        let groups = description.groups.iter().enumerate();
        let bars = groups.filter_map(|(series, group)| {
            let (name, value) = (group.title.clone(), value(group)?);
            Some(Bar {
                name,
                series,
                value,
            })
        });
        let bars = bars.collect();
        BarPlot {
            title: title.to_owned(),
            x_name: x_name.to_owned(),
            percent,
            bars,
        }
        .figure()
    };
    let shares = plot("Shoppers", "share of shoppers", true, &|group| {
        Some(description.share(group))
    });
    let means = description
        .features
        .iter()
        .enumerate()
        .map(|(place, name)| {
            plot(name, &format!("mean of {name}"), false, &|group| {
                group.means[place]
            })
        });
    page.section("Beside each other");
    page.figures(std::iter::once(shares).chain(means));
    page.finish()
}

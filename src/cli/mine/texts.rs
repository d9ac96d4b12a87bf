//! What is written about items, from a CSV file with a header.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Args;

use super::input::column;
use crate::affinity::{Baskets, ItemTexts, ItemTextsBuilder};

/// Where texts are read from.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Hybrid")]
pub(super) struct TextArgs {
    /// What is written about items: CSV with a header, one item a line. Without
    /// it, an item's name is its text.
    #[arg(long, value_name = "FILE.csv")]
    texts: Option<PathBuf>,
    /// The column of the item's name, as the baskets have it.
    #[arg(long, default_value = "item", requires = "texts")]
    texts_item_column: String,
    /// A column of text; may be given again. All columns but that of the item
    /// when not given.
    #[arg(long, requires = "texts")]
    text_column: Vec<String>,
}

/// What the file of texts had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct TextCounts {
    /// Lines of items that no basket has; they are left out.
    pub(super) unknown_items: usize,
    /// Items without any word.
    pub(super) items_without_text: usize,
}

impl TextArgs {
    /// The file, if there is one.
    pub(super) fn file(&self) -> Option<&Path> {
        self.texts.as_deref()
    }

    /// Reads the texts of the items of baskets.
    pub(super) fn read(&self, baskets: &Baskets) -> anyhow::Result<(ItemTexts, TextCounts)> {
        let mut counts = TextCounts::default();
        let texts = match &self.texts {
            None => ItemTexts::names_of(baskets),
            Some(path) => {
                let name = path.display();
                let file =
                    File::open(path).with_context(|| format!("{name} could not be opened"))?;
                let read = self.read_from(BufReader::new(file), baskets, &mut counts);
                read.with_context(|| name.to_string())?
            }
        };
        counts.items_without_text = baskets.item_count() - texts.items_with_text();
        Ok((texts, counts))
    }

    fn read_from(
        &self,
        reader: impl std::io::Read,
        baskets: &Baskets,
        counts: &mut TextCounts,
    ) -> anyhow::Result<ItemTexts> {
        let mut records = csv::Reader::from_reader(reader);
        let header = records.headers().context("the header")?.clone();
        let item_at = column(&header, &self.texts_item_column)?;
        let text_at = self.text_places(&header, item_at)?;
        let mut seen = vec![None; baskets.item_count()];
        let mut builder = ItemTextsBuilder::new(baskets);
        let mut record = csv::StringRecord::new();
        while records.read_record(&mut record)? {
            let line = record.position().map_or(0, csv::Position::line);
            let name = record[item_at].trim();
            ensure!(
                !name.is_empty(),
                "line {line} has no {:?}: each text needs the name of its item",
                self.texts_item_column
            );
            let Some(item) = baskets.item(name) else {
                counts.unknown_items += 1;
                continue;
            };
            if let Some(before) = seen[item.index()].replace(line) {
                bail!("item {name:?} stands on line {before} and again on line {line}");
            }
            for place in &text_at {
                builder.push(item, &record[*place]);
            }
        }
        ensure!(
            seen.iter().any(Option::is_some),
            "none of its {} items is in a basket: check that column {:?} holds the names that the \
             baskets have",
            counts.unknown_items,
            self.texts_item_column
        );
        Ok(builder.finish())
    }

    fn text_places(
        &self,
        header: &csv::StringRecord,
        item_at: usize,
    ) -> anyhow::Result<Vec<usize>> {
        if self.text_column.is_empty() {
            let others: Vec<usize> = (0..header.len())
                .filter(|place| *place != item_at)
                .collect();
            ensure!(
                !others.is_empty(),
                "the header has only {:?}, a column of text is needed",
                self.texts_item_column
            );
            return Ok(others);
        }
        let named = self.text_column.iter();
        named.map(|name| column(header, name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::affinity::BasketsBuilder;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        texts: TextArgs,
    }

    fn read(text: &str, options: &[&str]) -> anyhow::Result<(ItemTexts, TextCounts)> {
        let mut builder = BasketsBuilder::new();
        builder.push(["jam", "milk", "tea"])?;
        let baskets = builder.finish()?;
        let all = [&["mine", "--texts", "of the test"], options].concat();
        let args = Line::try_parse_from(all)?.texts;
        let mut counts = TextCounts::default();
        let texts = args.read_from(text.as_bytes(), &baskets, &mut counts)?;
        Ok((texts, counts))
    }

    #[test]
    fn every_other_column_is_text_unless_some_are_named() {
        let text = "title,item,category\nGreen tea,tea,drinks\nOat milk, milk ,drinks\n,salt,\n";
        let (texts, counts) = read(text, &[]).unwrap();
        assert_eq!(texts.items_with_text(), 2);
        assert_eq!(counts.unknown_items, 1);
        let (texts, _) = read("item,a,b\ntea,,x\n", &["--text-column", "a"]).unwrap();
        assert_eq!(texts.items_with_text(), 0);
    }

    #[test]
    fn what_is_no_file_of_texts_is_refused() {
        let refused =
            |text: &str, options: &[&str]| format!("{:#}", read(text, options).unwrap_err());
        assert!(refused("sku,text\ntea,x\n", &[]).contains("no column \"item\""));
        assert!(refused("item,text\ntea,x\n", &["--text-column", "txt"]).contains("\"text\"?"));
        assert!(refused("item\ntea\n", &[]).contains("a column of text is needed"));
        assert!(refused("item,text\nsalt,x\n", &[]).contains("none of its 1 items"));
        assert!(refused("item,text\ntea,x\ntea,y\n", &[]).contains("line 2 and again on line 3"));
        assert!(refused("item,text\n,x\n", &[]).contains("line 2 has no \"item\""));
        assert!(refused("item,text\ntea\n", &[]).contains("line: 2"));
        assert!(Line::try_parse_from(["mine", "--text-column", "a"]).is_err());
    }
}

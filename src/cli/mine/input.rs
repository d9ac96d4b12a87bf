//! Baskets from a file: one a line, or one item a line with its basket's id.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use flate2::bufread::MultiGzDecoder;

use crate::affinity::{Baskets, BasketsBuilder};
use crate::cli::output::progress_bar;

/// A line of more bytes than this is no basket.
const MAX_LINE_BYTES: usize = 16 << 20;

/// How the file is read.
#[derive(Debug, Clone, Args)]
pub(super) struct FormatArgs {
    /// What stands between items: one ASCII character, or `tab`.
    #[arg(long, default_value = ",", value_parser = separator)]
    separator: u8,
    /// Keeps spaces around names, so that "tea" and "tea " are two items.
    #[arg(long)]
    keep_spaces: bool,
    /// The file has a header and one item a line, baskets known by their id;
    /// the lines of a basket may stand anywhere.
    #[arg(long, requires = "basket_column", requires = "item_column")]
    long: bool,
    /// The column of the basket's id.
    #[arg(long, requires = "long")]
    basket_column: Option<String>,
    /// The column of the item.
    #[arg(long, requires = "long")]
    item_column: Option<String>,
}

fn separator(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        _ if text == "tab" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Ok(*byte),
        _ => Err("expected one ASCII character that is no quote and no line's end, or tab".into()),
    }
}

/// Reads a file, or standard input for `-`.
pub(super) fn read(file: &Path, format: &FormatArgs) -> anyhow::Result<Baskets> {
    if file == Path::new("-") {
        return read_from(io::stdin().lock(), format).context("standard input");
    }
    let name = file.display();
    let opened = File::open(file).with_context(|| format!("{name} could not be opened"))?;
    let bytes = opened.metadata().map_or(0, |metadata| metadata.len());
    let bar = progress_bar(bytes, "bytes");
    let read = read_from(bar.wrap_read(opened), format);
    bar.finish_and_clear();
    read.with_context(|| name.to_string())
}

/// Reads baskets, unpacking them when they begin as gzip does.
fn read_from(reader: impl Read, format: &FormatArgs) -> anyhow::Result<Baskets> {
    let mut reader = BufReader::with_capacity(1 << 16, reader);
    let packed = reader
        .fill_buf()
        .context("could not be read")?
        .starts_with(&[0x1f, 0x8b]);
    if packed {
        let unpacked = BufReader::with_capacity(1 << 16, MultiGzDecoder::new(reader));
        parse(unpacked, format)
    } else {
        parse(reader, format)
    }
}

fn parse(reader: impl BufRead, format: &FormatArgs) -> anyhow::Result<Baskets> {
    match (&format.basket_column, &format.item_column) {
        (Some(basket), Some(item)) if format.long => parse_long(reader, format, basket, item),
        _ => parse_lines(reader, format),
    }
}

/// One basket a line.
fn parse_lines(mut reader: impl BufRead, format: &FormatArgs) -> anyhow::Result<Baskets> {
    let mut builder = BasketsBuilder::new();
    let mut line = Vec::new();
    for number in 1u64.. {
        line.clear();
        let limit = MAX_LINE_BYTES as u64 + 1;
        let read = reader.by_ref().take(limit).read_until(b'\n', &mut line);
        if read.context("could not be read")? == 0 {
            break;
        }
        ensure!(
            line.len() <= MAX_LINE_BYTES,
            "line {number} is longer than {MAX_LINE_BYTES} bytes: baskets are expected one a line, \
             or with --long one item a line"
        );
        let text = text_of(&line, number)?;
        add_line(&mut builder, text, number, format)?;
    }
    Ok(builder.finish()?)
}

/// A line as text, without its end and without a byte order mark.
fn text_of(line: &[u8], number: u64) -> anyhow::Result<&str> {
    let text = std::str::from_utf8(line).map_err(|error| {
        let byte = error.valid_up_to() + 1;
        anyhow::anyhow!("line {number} is not UTF-8 at byte {byte}: convert the file to UTF-8")
    })?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) if number == 1 => rest,
        _ => text,
    })
}

fn add_line(
    builder: &mut BasketsBuilder,
    text: &str,
    number: u64,
    format: &FormatArgs,
) -> anyhow::Result<()> {
    if text.trim().is_empty() {
        builder.count_empty_basket();
        return Ok(());
    }
    let trimmed = |name| trimmed(name, format);
    if !text.contains('"') {
        let names = text.split(char::from(format.separator)).map(trimmed);
        return Ok(builder.push(names)?);
    }
    ensure!(
        text.matches('"').count().is_multiple_of(2),
        "line {number} has an odd number of quotes: a quoted name ends on its line, and a quote \
         in it is written twice"
    );
    let mut records = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(format.separator)
        .from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    records
        .read_record(&mut record)
        .with_context(|| format!("line {number}"))?;
    Ok(builder.push(record.iter().map(trimmed))?)
}

fn trimmed<'n>(name: &'n str, format: &FormatArgs) -> &'n str {
    if format.keep_spaces {
        name
    } else {
        name.trim()
    }
}

/// One item a line, with the id of its basket.
fn parse_long(
    reader: impl Read,
    format: &FormatArgs,
    basket_column: &str,
    item_column: &str,
) -> anyhow::Result<Baskets> {
    let mut records = csv::ReaderBuilder::new()
        .delimiter(format.separator)
        .from_reader(reader);
    let header = records.headers().context("the header")?.clone();
    let basket_at = column(&header, basket_column)?;
    let item_at = column(&header, item_column)?;
    let mut builder = BasketsBuilder::new();
    let mut numbers: HashMap<Box<str>, u32> = HashMap::new();
    let mut entries: Vec<(u32, u32)> = Vec::new();
    let mut record = csv::StringRecord::new();
    while records.read_record(&mut record)? {
        let basket = trimmed(&record[basket_at], format);
        let item = trimmed(&record[item_at], format);
        if basket.is_empty() {
            let line = record.position().map_or(0, csv::Position::line);
            bail!("line {line} has no {basket_column:?}: each item needs the id of its basket");
        }
        let known = numbers.get(basket).copied();
        let basket = match known {
            Some(number) => number,
            None => new_basket(&mut numbers, basket)?,
        };
        if item.is_empty() {
            builder.count_empty_name();
        } else {
            entries.push((basket, builder.intern(item)?));
        }
    }
    entries.sort_unstable();
    for basket in entries.chunk_by(|left, right| left.0 == right.0) {
        builder.push_interned(basket.iter().map(|(_, item)| *item))?;
    }
    Ok(builder.finish()?)
}

fn new_basket(numbers: &mut HashMap<Box<str>, u32>, id: &str) -> anyhow::Result<u32> {
    let number = u32::try_from(numbers.len())
        .with_context(|| format!("basket {id:?} is one too many, at most {} fit", u32::MAX))?;
    numbers.insert(id.into(), number);
    Ok(number)
}

/// Where a column stands.
pub(super) fn column(header: &csv::StringRecord, name: &str) -> anyhow::Result<usize> {
    let clean = |title: &str| title.trim_start_matches('\u{feff}').trim().to_owned();
    let titles: Vec<String> = header.iter().map(clean).collect();
    if let Some(place) = titles.iter().position(|title| title == name) {
        return Ok(place);
    }
    let nearest = titles
        .iter()
        .min_by_key(|title| strsim::osa_distance(title, name))
        .filter(|title| strsim::osa_distance(title, name) <= name.chars().count() / 3 + 1);
    let hint = nearest.map_or_else(String::new, |title| format!("; did you mean {title:?}?"));
    bail!(
        "there is no column {name:?}, the header has {}{hint}",
        titles.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        format: FormatArgs,
    }

    fn format(options: &[&str]) -> FormatArgs {
        Line::try_parse_from([&["mine"], options].concat())
            .unwrap()
            .format
    }

    fn read(text: &[u8], options: &[&str]) -> anyhow::Result<Baskets> {
        read_from(text, &format(options))
    }

    fn listed(baskets: &Baskets) -> Vec<Vec<&str>> {
        let rows = baskets.iter();
        rows.map(|row| row.map(|item| baskets.name(item)).collect())
            .collect()
    }

    #[test]
    fn lines_are_baskets() {
        let text = "\u{feff}tea,milk \r\n\n\"nuts, salted\",tea\n  \nmilk,tea,milk,\nbread";
        let baskets = read(text.as_bytes(), &[]).unwrap();
        let expected = [
            vec!["milk", "tea"],
            vec!["nuts, salted", "tea"],
            vec!["milk", "tea"],
            vec!["bread"],
        ];
        assert_eq!(listed(&baskets), expected);
        let counts = baskets.counts();
        assert_eq!((counts.empty_baskets, counts.duplicates), (2, 1));
        assert_eq!((counts.empty_names, counts.single_item_baskets), (1, 1));
    }

    #[test]
    fn another_separator_and_kept_spaces() {
        let baskets = read(b"a\tb \tb\n", &["--separator", "tab", "--keep-spaces"]).unwrap();
        assert_eq!(listed(&baskets), [["a", "b", "b "]]);
        assert!(Line::try_parse_from(["mine", "--separator", "::"]).is_err());
    }

    #[test]
    fn gzip_is_unpacked() {
        use std::io::Write as _;

        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(b"a,b\nb\n").unwrap();
        let baskets = read(&packer.finish().unwrap(), &[]).unwrap();
        assert_eq!(listed(&baskets), [vec!["a", "b"], vec!["b"]]);
    }

    #[test]
    fn what_is_no_basket_is_refused_with_its_line() {
        let refused = |text: &[u8]| format!("{:#}", read(text, &[]).unwrap_err());
        assert!(refused(b"a,b\n\"c,d\n").contains("line 2 has an odd number of quotes"));
        assert!(refused(b"a\nb\xff,c\n").contains("line 2 is not UTF-8 at byte 2"));
        assert!(refused(b"\n\n").contains("0 baskets"));
        assert!(refused(b"").contains("0 baskets"));
        let long = vec![b'x'; MAX_LINE_BYTES + 1];
        assert!(refused(&long).contains("line 1 is longer than"));
    }

    const LONG: [&str; 5] = ["--long", "--basket-column", "order", "--item-column", "sku"];

    #[test]
    fn the_long_form_gathers_baskets_by_id() {
        let text = "order,day,sku\n7,1,tea\n8,1,milk\n7,2, milk\n8,2,milk\n9,3,\n";
        let baskets = read(text.as_bytes(), &LONG).unwrap();
        assert_eq!(listed(&baskets), [vec!["milk", "tea"], vec!["milk"]]);
        assert_eq!(baskets.counts().duplicates, 1);
        assert_eq!(baskets.counts().empty_names, 1);
    }

    #[test]
    fn faults_of_the_long_form_are_named() {
        let refused = |text: &str| format!("{:#}", read(text.as_bytes(), &LONG).unwrap_err());
        let unknown = refused("orders,sku\n1,tea\n");
        assert!(unknown.contains("no column \"order\""), "{unknown}");
        assert!(unknown.contains("did you mean \"orders\"?"), "{unknown}");
        assert!(refused("order,sku\n1,tea\n,milk\n").contains("line 3 has no \"order\""));
        assert!(refused("order,sku\n1,tea\n1\n").contains("line: 3"));
        assert!(Line::try_parse_from(["mine", "--long"]).is_err());
        assert!(Line::try_parse_from(["mine", "--item-column", "sku"]).is_err());
    }
}

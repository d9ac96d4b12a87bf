//! docs/scenarios.md says what every key of a scenario is: it is made here of
//! the documents' own types, from their fields, what serde is told of them and
//! their comments, so it cannot fall behind. After a change:
//!
//! ```text
//! WRITE_REFERENCE=1 cargo test --test reference
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

const REFERENCE: &str = "docs/scenarios.md";

/// Where the documents are written down.
const SOURCES: &[&str] = &[
    "src/learning/config.rs",
    "src/learning/config",
    "src/learning/reward.rs",
    "src/catalog/document/affinity.rs",
    "src/simulation/scenario.rs",
    "src/simulation/comparison.rs",
    "src/simulation/grid.rs",
    "src/simulation/environment.rs",
    "src/simulation/environment",
];

const HEAD: &str = "\
# Scenario files

<!-- Made by tests/reference.rs of the sources; it says how to make it anew. -->

`promobandit simulate FILE.toml` plays a scenario, `--check` only checks it, `--set KEY=VALUE` replaces a value. A file opens with a
comment that asks the scenario's question. Every key there is stands below: required unless a default is named. A key that is unknown
is refused, and the nearest known one told.

";

const GRID: &str = "\
`grid` makes of one policy one for each combination of values: a table of keys of the policy's kind (within a table with a dot,
`\"memory.half_life\"`), each with a list of values or a [range](#range). A scenario has at most 1 000 policies, those of grids among
them.

";

/// A struct or an enum that is read from a file.
#[derive(Debug, Clone)]
struct Document {
    doc: String,
    /// Every key may be left out.
    all_default: bool,
    shape: Shape,
}

#[derive(Debug, Clone)]
enum Shape {
    Keys(Vec<Key>),
    /// The word, its comment, and the type of what follows, if any.
    Words(Vec<(String, String, Option<String>)>),
    /// One of several types.
    Either(Vec<(String, Option<String>)>),
}

#[derive(Debug, Clone)]
struct Key {
    name: String,
    kind: String,
    doc: String,
    required: bool,
}

/// What stands before an item or a field.
#[derive(Debug, Clone, Default)]
struct Attributes {
    doc: String,
    serde: String,
    derives: String,
}

type Documents = BTreeMap<String, Document>;

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

/// Reads attributes from `index` on; says what comes after them.
fn attributes(tokens: &[TokenTree], mut index: usize) -> (Attributes, usize) {
    let mut read = Attributes::default();
    while is_punct(tokens.get(index), '#') {
        if let Some(TokenTree::Group(group)) = tokens.get(index + 1) {
            let inner: Vec<TokenTree> = group.stream().into_iter().collect();
            let name = inner.first().map(ToString::to_string).unwrap_or_default();
            match (name.as_str(), inner.get(1), inner.last()) {
                ("doc", Some(_), Some(TokenTree::Literal(text))) => {
                    let text = unquoted(&text.to_string());
                    read.doc
                        .push_str(if text.trim().is_empty() { "\n" } else { &text });
                }
                ("serde", Some(TokenTree::Group(list)), _) => {
                    read.serde.push_str(&list.stream().to_string());
                    read.serde.push(' ');
                }
                ("derive", Some(TokenTree::Group(list)), _) => {
                    read.derives.push_str(&list.stream().to_string());
                }
                _ => {}
            }
        }
        index += 2;
    }
    read.doc = read.doc.trim().to_owned();
    (read, index)
}

/// A string literal's text.
fn unquoted(literal: &str) -> String {
    let text = literal.trim_start_matches('r').trim_matches('#');
    let text = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    text.unwrap_or_default()
        .replace("\\\"", "\"")
        .replace("\\'", "'")
}

/// Skips `pub`, `pub(super)`.
fn after_visibility(tokens: &[TokenTree], mut index: usize) -> usize {
    if tokens.get(index).is_some_and(|it| it.to_string() == "pub") {
        index += 1;
        if let Some(TokenTree::Group(group)) = tokens.get(index)
            && group.delimiter() == Delimiter::Parenthesis
        {
            index += 1;
        }
    }
    index
}

/// All documents of a file.
fn documents_of(tokens: TokenStream, documents: &mut Documents) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut index = 0;
    while index < tokens.len() {
        let (read, after) = attributes(&tokens, index);
        let item = after_visibility(&tokens, after);
        let keyword = tokens
            .get(item)
            .map(ToString::to_string)
            .unwrap_or_default();
        let body = tokens[item.min(tokens.len())..]
            .iter()
            .take(6)
            .find_map(|it| match it {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
                _ => None,
            });
        if read.derives.contains("Deserialize")
            && let (Some(name), Some(body)) = (tokens.get(item + 1), body)
        {
            let inner: Vec<TokenTree> = body.stream().into_iter().collect();
            let shape = match keyword.as_str() {
                "struct" => Shape::Keys(keys(&inner)),
                _ => variants(&inner, read.serde.contains("untagged")),
            };
            let all_default = read.serde.split(", ").any(|it| it.trim() == "default");
            let document = Document {
                doc: read.doc,
                all_default,
                shape,
            };
            documents.insert(name.to_string(), document);
        }
        index = item + 1;
    }
}

fn keys(tokens: &[TokenTree]) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        let (read, after) = attributes(tokens, index);
        let at = after_visibility(tokens, after);
        let Some(name) = tokens.get(at) else { break };
        let mut kind = String::new();
        let (mut end, mut depth) = (at + 2, 0);
        while let Some(token) = tokens.get(end) {
            match token.to_string().as_str() {
                "," if depth == 0 => break,
                "<" => depth += 1,
                ">" => depth -= 1,
                _ => {}
            }
            kind.push_str(&token.to_string());
            end += 1;
        }
        let is_option = kind.starts_with("Option<");
        keys.push(Key {
            name: name.to_string(),
            kind,
            doc: read.doc,
            required: !is_option && !read.serde.contains("default"),
        });
        index = end + 1;
    }
    keys
}

fn variants(tokens: &[TokenTree], untagged: bool) -> Shape {
    let mut all = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        let (read, at) = attributes(tokens, index);
        let Some(name) = tokens.get(at) else { break };
        let holds = match tokens.get(at + 1) {
            Some(TokenTree::Group(group)) => {
                let parts: Vec<String> = group
                    .stream()
                    .into_iter()
                    .map(|it| it.to_string())
                    .collect();
                Some(parts.concat())
            }
            _ => None,
        };
        all.push((snake_case(&name.to_string()), read.doc, holds));
        let rest = tokens[at..].iter().position(|it| is_punct(Some(it), ','));
        index = rest.map_or(tokens.len(), |rest| at + rest + 1);
    }
    if untagged {
        Shape::Either(
            all.into_iter()
                .map(|(_, doc, holds)| (doc, holds))
                .collect(),
        )
    } else {
        Shape::Words(all)
    }
}

fn snake_case(name: &str) -> String {
    let mut text = String::new();
    for (place, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && place > 0 {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

fn read_sources() -> Documents {
    let mut files = Vec::new();
    for source in SOURCES {
        collect(Path::new(source), &mut files);
    }
    files.sort();
    let mut documents = Documents::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("the sources are readable");
        documents_of(text.parse().expect("the sources are Rust"), &mut documents);
    }
    documents
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("the sources are readable") {
            collect(&entry.expect("the sources are readable").path(), files);
        }
    } else if path.extension().is_some_and(|it| it == "rs") {
        files.push(path.to_owned());
    }
}

/// Writes the reference.
struct Writer<'d> {
    documents: &'d Documents,
    text: String,
    /// Types that a section is still owed.
    owed: BTreeSet<String>,
    done: BTreeSet<String>,
}

impl Writer<'_> {
    fn document(&self, name: &str) -> &Document {
        self.documents
            .get(name)
            .unwrap_or_else(|| panic!("{name} is a document of a scenario"))
    }

    /// What a type is called in the table, in words.
    fn kind(&mut self, kind: &str) -> String {
        let inner = |start: &str| kind.strip_prefix(start).and_then(|it| it.strip_suffix('>'));
        if let Some(inner) = inner("Option<").or_else(|| inner("Box<")) {
            return self.kind(inner);
        }
        if let Some(inner) = inner("Vec<") {
            return format!("list of {}", self.kind(inner));
        }
        if let Some(inner) = inner("BTreeMap<String,") {
            return format!("table of names, each with {}", self.kind(inner));
        }
        match kind.rsplit("::").next().unwrap_or(kind) {
            "f64" => "number".to_owned(),
            "i64" | "u64" | "u32" | "u8" | "usize" => "whole number".to_owned(),
            "String" => "text".to_owned(),
            "bool" => "true or false".to_owned(),
            "Table" | "Value" => "table".to_owned(),
            "Amount" => "amount in quotes, such as `\"49.90\"`".to_owned(),
            "PolicyConfig" => "a policy: its [`kind`](#policies) and that kind's keys".to_owned(),
            "Attributes" => "table of names, each with text, number, or true or false".to_owned(),
            name => self.named(name),
        }
    }

    /// A type of the documents: its words, or a link to its keys.
    fn named(&mut self, name: &str) -> String {
        match self.document(name).shape.clone() {
            Shape::Words(words) if words.iter().all(|(.., holds)| holds.is_none()) => {
                let words = words.iter().map(|(word, ..)| format!("`\"{word}\"`"));
                words.collect::<Vec<_>>().join(", ")
            }
            Shape::Either(kinds) => {
                let kinds = kinds.iter().filter_map(|(_, holds)| holds.as_deref());
                let kinds: Vec<String> = kinds.map(|it| self.kind(it)).collect();
                kinds.join(", or ")
            }
            Shape::Words(_) | Shape::Keys(_) => {
                if !self.done.contains(name) {
                    self.owed.insert(name.to_owned());
                }
                let title = title_of(name);
                format!("[{title}](#{})", title.replace(' ', "-"))
            }
        }
    }

    fn keys(&mut self, name: &str) {
        self.done.insert(name.to_owned());
        let document = self.document(name).clone();
        let Shape::Keys(keys) = document.shape else {
            panic!("{name} has keys");
        };
        if keys.is_empty() {
            self.text.push_str("No keys.\n\n");
            return;
        }
        self.text
            .push_str("| key | value | |\n| --- | --- | --- |\n");
        for key in keys {
            assert!(!key.doc.is_empty(), "{name}.{} says what it is", key.name);
            let required = key.required && !document.all_default;
            let doc = key.doc.replace('\n', " ").replace('|', "\\|");
            let kind = self.kind(&key.kind);
            let note = if required { "**Required.** " } else { "" };
            let _ = writeln!(self.text, "| `{}` | {kind} | {note}{doc} |", key.name);
        }
        self.text.push('\n');
    }

    /// One section a kind.
    fn kinds(&mut self, name: &str) {
        let Shape::Words(kinds) = self.document(name).shape.clone() else {
            panic!("{name} has kinds");
        };
        for (word, doc, holds) in kinds {
            let _ = write!(self.text, "### `kind = \"{word}\"`\n\n{doc}\n\n");
            let holds = holds.expect("a kind has keys");
            let inner = holds.strip_prefix("Box<");
            let inner = inner.and_then(|it| it.strip_suffix('>'));
            self.keys(inner.unwrap_or(&holds));
        }
    }
}

/// `EpsilonScheduleConfig`: epsilon schedule.
fn title_of(name: &str) -> String {
    let name = name.trim_end_matches("Config").trim_end_matches("Document");
    snake_case(name).replace('_', " ")
}

fn reference(documents: &Documents) -> String {
    let mut writer = Writer {
        documents,
        text: HEAD.to_owned(),
        owed: BTreeSet::new(),
        done: BTreeSet::new(),
    };
    writer.text.push_str("## The file\n\n");
    writer.keys("ScenarioDocument");
    writer
        .text
        .push_str("## `[environment]`\n\nWhat happens to a decision; one of these kinds.\n\n");
    writer.kinds("EnvironmentDocument");
    writer.text.push_str(
        "## `[[policies]]`\n\nEvery policy may have these keys beside those of its kind.\n\n",
    );
    writer.keys("CandidateDocument");
    writer.text.push_str(GRID);
    writer.owed.insert("RangeDocument".to_owned());
    writer.kinds("PolicyConfig");
    writer.text.push_str("## Tables within\n\n");
    while let Some(name) = writer.owed.pop_first() {
        if writer.done.contains(&name) {
            continue;
        }
        let doc = writer.document(&name).doc.clone();
        let _ = write!(writer.text, "### {}\n\n{doc}\n\n", title_of(&name));
        if matches!(writer.document(&name).shape, Shape::Keys(_)) {
            writer.keys(&name);
        } else {
            writer.done.insert(name.clone());
            writer.kinds(&name);
        }
    }
    format!("{}\n", writer.text.trim_end())
}

#[test]
fn the_reference_is_current() {
    let made = reference(&read_sources());
    if std::env::var_os("WRITE_REFERENCE").is_some() {
        fs::write(REFERENCE, &made).expect("the reference is writable");
    }
    let committed = fs::read_to_string(REFERENCE).expect("the reference is committed");
    let differs = made
        .lines()
        .zip(committed.lines())
        .find(|(made, is)| made != is);
    assert!(
        made == committed,
        "{REFERENCE} is not current: {differs:?}; WRITE_REFERENCE=1 cargo test --test reference \
         makes it anew"
    );
}

/// What may be left out says what it then is.
#[test]
fn every_optional_key_has_its_default_told() {
    let mut silent = Vec::new();
    for (name, document) in read_sources() {
        let Shape::Keys(keys) = document.shape else {
            continue;
        };
        for key in keys
            .iter()
            .filter(|key| !key.required || document.all_default)
        {
            let told = [
                "default",
                "unless",
                "not given",
                "left out",
                "Empty",
                "none",
            ];
            if !told.iter().any(|word| key.doc.contains(word)) {
                silent.push(format!("{name}.{}: {}", key.name, key.doc));
            }
        }
    }
    assert!(silent.is_empty(), "{silent:#?}");
}

//! Who may import whom. One package lets the compiler check none of it, so this
//! test does: it reads tokens, so that nested `use`, `super::super` and paths
//! inside macros count, and comments and strings do not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A room and the rooms that it may import.
const ROOMS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("proto", &[]),
    ("promotion", &["domain"]),
    ("segment", &["domain"]),
    ("learning", &["domain"]),
    ("affinity", &["domain"]),
    ("catalog", &["domain", "promotion", "segment", "learning"]),
    ("ledger", &["domain", "proto"]),
    (
        "engine",
        &[
            "domain",
            "promotion",
            "segment",
            "learning",
            "catalog",
            "ledger",
        ],
    ),
    ("evaluation", &["domain", "learning"]),
    (
        "simulation",
        &[
            "domain",
            "promotion",
            "learning",
            "catalog",
            "ledger",
            "engine",
            "evaluation",
        ],
    ),
    (
        "logs",
        &[
            "domain",
            "learning",
            "catalog",
            "ledger",
            "engine",
            "evaluation",
        ],
    ),
    ("page", &["domain"]),
    (
        "service",
        &[
            "domain",
            "promotion",
            "segment",
            "learning",
            "catalog",
            "ledger",
            "engine",
            "evaluation",
            "proto",
        ],
    ),
    (
        "cli",
        &[
            "domain",
            "promotion",
            "segment",
            "learning",
            "affinity",
            "catalog",
            "ledger",
            "engine",
            "evaluation",
            "simulation",
            "logs",
            "page",
            "service",
            "proto",
        ],
    ),
];

/// Rooms without I/O, clock, environment or threads.
const PURE: &[&str] = &[
    "domain",
    "promotion",
    "segment",
    "learning",
    "affinity",
    "catalog",
    "evaluation",
    "page",
];

/// What pure rooms do not name.
const IMPURE: &[&str] = &[
    "tokio",
    "tonic",
    "sled",
    "tracing",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::time",
    "std::io",
];

/// Only these files name these things.
const KEPT_TO: &[(&str, &[&str])] = &[
    ("sled", &["src/ledger/sled.rs", "src/ledger/sled/"]),
    ("std::time::SystemTime", &["src/engine/clock.rs"]),
    (
        "getrandom",
        &[
            "src/ledger/data_dir.rs",
            "src/ledger/secrets.rs",
            "src/ledger/secrets/",
        ],
    ),
    ("libm", &["src/domain/math.rs"]),
    (
        "crate::proto::promobandit::ledger",
        &["src/ledger/codec.rs", "src/ledger/codec/"],
    ),
    (
        "crate::proto::promobandit::v1",
        &["src/service/", "src/service.rs", "src/cli/"],
    ),
];

/// Every path that a file names, from its first segment, with `super` and `self`
/// resolved to `crate::…`.
fn paths_of(module: &[String], tokens: TokenStream) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    collect(
        module,
        &[],
        &tokens.into_iter().collect::<Vec<_>>(),
        &mut paths,
    );
    paths
}

/// Walks tokens; `prefix` is the path before a group of a nested `use`.
fn collect(
    module: &[String],
    prefix: &[String],
    tokens: &[TokenTree],
    paths: &mut BTreeSet<String>,
) {
    let mut index = 0;
    while index < tokens.len() {
        match &tokens[index] {
            TokenTree::Group(group) => {
                let inner: Vec<_> = group.stream().into_iter().collect();
                // `mod name { … }` within a file: `super` means this file's module.
                let inline = inline_module(tokens, index, group.delimiter());
                let deeper: Vec<String>;
                let within = match inline {
                    Some(name) => {
                        deeper = module.iter().cloned().chain([name]).collect();
                        &deeper
                    }
                    None => module,
                };
                collect(within, &[], &inner, paths);
                index += 1;
            }
            TokenTree::Ident(_) => index = path(module, prefix, tokens, index, paths),
            _ => index += 1,
        }
        // After a comma the prefix of a nested `use` holds again.
    }
}

fn inline_module(tokens: &[TokenTree], group: usize, delimiter: Delimiter) -> Option<String> {
    let (TokenTree::Ident(keyword), TokenTree::Ident(name)) =
        (tokens.get(group.checked_sub(2)?)?, tokens.get(group - 1)?)
    else {
        return None;
    };
    (delimiter == Delimiter::Brace && keyword == "mod").then(|| name.to_string())
}

/// Reads the path that begins at `start`; gives the index after it.
fn path(
    module: &[String],
    prefix: &[String],
    tokens: &[TokenTree],
    start: usize,
    paths: &mut BTreeSet<String>,
) -> usize {
    let mut segments = prefix.to_vec();
    let mut index = start;
    while let Some(TokenTree::Ident(ident)) = tokens.get(index) {
        segments.push(ident.to_string());
        index += 1;
        if !is_separator(tokens, index) {
            break;
        }
        index += 2;
        if let Some(TokenTree::Group(group)) = tokens.get(index)
            && group.delimiter() == Delimiter::Brace
        {
            let inner: Vec<_> = group.stream().into_iter().collect();
            for part in inner.split(|token| is_punct(token, ',')) {
                nested(module, &segments, part, paths);
            }
            index += 1;
            break;
        }
    }
    if let Some(full) = resolve(module, &segments) {
        paths.insert(full);
    }
    index.max(start + 1)
}

fn nested(module: &[String], prefix: &[String], part: &[TokenTree], paths: &mut BTreeSet<String>) {
    if matches!(part.first(), Some(TokenTree::Ident(_))) {
        path(module, prefix, part, 0, paths);
    } else if let Some(full) = resolve(module, prefix) {
        paths.insert(full);
    }
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn is_separator(tokens: &[TokenTree], index: usize) -> bool {
    let colon = |at: usize| tokens.get(at).is_some_and(|token| is_punct(token, ':'));
    colon(index) && colon(index + 1)
}

/// A path from the crate's root, or of another crate; `None` for a name that
/// stands alone.
fn resolve(module: &[String], segments: &[String]) -> Option<String> {
    let first = segments.first()?;
    let (mut base, rest): (Vec<String>, &[String]) = match first.as_str() {
        "crate" => (Vec::new(), &segments[1..]),
        "self" => (module.to_vec(), &segments[1..]),
        "super" => {
            let ups = segments
                .iter()
                .take_while(|segment| *segment == "super")
                .count();
            (
                module[..module.len().saturating_sub(ups)].to_vec(),
                &segments[ups..],
            )
        }
        _ if segments.len() > 1 => return Some(segments.join("::")),
        _ => return None,
    };
    base.extend(rest.iter().cloned());
    Some(
        std::iter::once("crate".to_owned())
            .chain(base)
            .collect::<Vec<_>>()
            .join("::"),
    )
}

/// The module that a source file is.
fn module_of(file: &Path) -> Vec<String> {
    let relative = file
        .strip_prefix("src")
        .expect("a file under src")
        .with_extension("");
    let mut module: Vec<String> = relative
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if matches!(
        module.last().map(String::as_str),
        Some("lib" | "main" | "mod")
    ) {
        module.pop();
    }
    module
}

fn source_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the sources are readable") {
        let path = entry.expect("the sources are readable").path();
        if path.is_dir() {
            source_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Every file of the crate with the paths that it names.
fn all_paths() -> BTreeMap<PathBuf, BTreeSet<String>> {
    let mut files = Vec::new();
    source_files(Path::new("src"), &mut files);
    files
        .into_iter()
        .map(|file| {
            let text = fs::read_to_string(&file).expect("the sources are readable");
            let tokens: TokenStream = text.parse().expect("the sources are Rust");
            let paths = paths_of(&module_of(&file), tokens);
            (file, paths)
        })
        .collect()
}

fn begins_with(path: &str, start: &str) -> bool {
    path.strip_prefix(start)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[test]
fn rooms_import_only_what_is_written_down() {
    let rooms: BTreeMap<_, _> = ROOMS.iter().copied().collect();
    let mut faults = Vec::new();
    for (file, paths) in all_paths() {
        let module = module_of(&file);
        let Some(room) = module.first() else { continue };
        let Some(allowed) = rooms.get(room.as_str()) else {
            faults.push(format!(
                "{}: room {room:?} is not written down",
                file.display()
            ));
            continue;
        };
        for path in &paths {
            let Some(other) = path
                .strip_prefix("crate::")
                .and_then(|it| it.split("::").next())
            else {
                continue;
            };
            if rooms.contains_key(other) && other != room && !allowed.contains(&other) {
                faults.push(format!("{}: {room} imports {path}", file.display()));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn pure_rooms_name_nothing_impure() {
    let mut faults = Vec::new();
    for (file, paths) in all_paths() {
        let module = module_of(&file);
        if !module
            .first()
            .is_some_and(|room| PURE.contains(&room.as_str()))
        {
            continue;
        }
        for path in &paths {
            if let Some(impure) = IMPURE.iter().find(|impure| begins_with(path, impure)) {
                faults.push(format!("{}: names {path} ({impure})", file.display()));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn what_is_kept_to_a_file_is_named_nowhere_else() {
    let mut faults = Vec::new();
    for (file, paths) in all_paths() {
        let name = file.to_string_lossy().replace('\\', "/");
        for (kept, homes) in KEPT_TO {
            let at_home = homes.iter().any(|home| name.starts_with(home));
            let named = paths.iter().find(|path| begins_with(path, kept));
            if let Some(path) = named.filter(|_| !at_home) {
                faults.push(format!("{name}: names {path}, which is kept to {homes:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_reader_of_tokens_sees_through_nesting_and_macros() {
    let source = r#"
        use crate::{ledger::{self, Head}, domain};
        use super::super::engine::Engine;
        // use crate::comment::Hidden;
        fn f() { println!("{} crate::string::Hidden", self::inner::g()); assert!(sled::Config::new()); }
        mod inner { use super::super::proto; }
    "#;
    let module: Vec<String> = ["a", "b"].iter().map(ToString::to_string).collect();
    let paths = paths_of(&module, source.parse().expect("Rust"));
    for expected in [
        "crate::ledger::self",
        "crate::ledger::Head",
        "crate::domain",
        "crate::engine::Engine",
        "crate::a::b::inner::g",
        "sled::Config::new",
        "crate::a::proto",
    ] {
        assert!(
            paths.contains(expected),
            "{expected} is not among {paths:?}"
        );
    }
    assert!(!paths.iter().any(|path| path.contains("Hidden")));
}

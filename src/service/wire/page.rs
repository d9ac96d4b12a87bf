//! Pages of lists.
//!
//! A page token names the list, the catalogue's version and where the next page
//! begins, so that a token of another list or version is refused: entries
//! would be missing or come twice.

use prost::Message;

use super::field::{Field, Quoted, Reader};
use crate::domain::ids::CatalogVersion;
use crate::engine::fault::FieldFault;

const DEFAULT_ENTRIES: usize = 100;
const MOST_ENTRIES: i64 = 1_000;
/// A page ends after so many bytes, well below what clients take by default.
const PAGE_BYTES: usize = 1024 * 1024;

/// What a request says of its page.
pub(super) struct PageRequest<'a> {
    pub page_size: i32,
    pub page_token: &'a str,
}

/// Which list a page is of: a kind, and what narrows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct List<'a> {
    pub kind: &'static str,
    pub of: &'a str,
    pub version: CatalogVersion,
}

/// The page that was asked for, and the token of the next one.
pub(super) fn page<T, M: Message>(
    list: List<'_>,
    request: &PageRequest<'_>,
    entries: impl ExactSizeIterator<Item = T>,
    to_wire: impl Fn(T) -> M,
) -> Result<(Vec<M>, String), Vec<FieldFault>> {
    let count = entries.len();
    let mut reader = Reader::default();
    let most = page_size(&mut reader, request.page_size);
    let start = start(&mut reader, list, request.page_token, count);
    let (start, most) = reader.finish((start, most))?;
    let mut page = Vec::new();
    let mut bytes = 0;
    for entry in entries.skip(start).take(most) {
        let message = to_wire(entry);
        bytes += message.encoded_len();
        if bytes > PAGE_BYTES && !page.is_empty() {
            break;
        }
        page.push(message);
    }
    let next = start + page.len();
    let token = if next < count {
        token(list, next)
    } else {
        String::new()
    };
    Ok((page, token))
}

fn page_size(reader: &mut Reader, page_size: i32) -> usize {
    let field = Field::of("page_size");
    match reader.whole(&field, i64::from(page_size), 0, MOST_ENTRIES) {
        0 => DEFAULT_ENTRIES,
        size => usize::try_from(size).unwrap_or(DEFAULT_ENTRIES),
    }
}

fn token(list: List<'_>, next: usize) -> String {
    let List { kind, of, version } = list;
    format!("{version}.{next}.{kind}.{of}")
}

fn start(reader: &mut Reader, list: List<'_>, text: &str, count: usize) -> usize {
    if text.is_empty() {
        return 0;
    }
    let field = Field::of("page_token");
    let expected = |whose: String| format!("a next_page_token of {whose}; begin without a token");
    let mut parts = text.splitn(3, '.');
    let version = parts.next().and_then(|text| text.parse::<u32>().ok());
    let next = parts.next().and_then(|text| text.parse::<usize>().ok());
    match (version, next) {
        (Some(version), Some(_)) if version != list.version.0 => {
            let whose = format!("catalogue version {}, which is current", list.version);
            reader.refuse(&field, Quoted(text), expected(whose));
            0
        }
        (_, Some(next)) if text == token(list, next) && (1..count).contains(&next) => next,
        _ => {
            reader.refuse(&field, Quoted(text), expected("this very list".to_owned()));
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: List<'static> = List {
        kind: "offers",
        of: "checkout",
        version: CatalogVersion(3),
    };

    fn read(
        list: List<'_>,
        page_size: i32,
        page_token: &str,
    ) -> Result<(Vec<u32>, String), String> {
        let request = PageRequest {
            page_size,
            page_token,
        };
        page(list, &request, 0..250_u32, |number| number).map_err(|faults| faults[0].to_string())
    }

    #[test]
    fn pages_follow_each_other_without_gap() {
        let (mut entries, mut token) = read(LIST, 0, "").expect("the first page");
        assert_eq!(entries.len(), DEFAULT_ENTRIES);
        while !token.is_empty() {
            let (more, next) = read(LIST, 70, &token).expect("a further page");
            assert!(!more.is_empty());
            entries.extend(more);
            token = next;
        }
        assert_eq!(entries, (0..250).collect::<Vec<_>>());
    }

    #[test]
    fn a_token_of_another_list_is_refused() {
        let (_, token) = read(LIST, 10, "").expect("the first page");
        let later = List {
            version: CatalogVersion(4),
            ..LIST
        };
        let other = List { of: "cart", ..LIST };
        for (list, given) in [
            (later, token.as_str()),
            (other, token.as_str()),
            (LIST, "3.10.offers"),
            (LIST, "3.250.offers.checkout"),
            (LIST, "3.0.offers.checkout"),
            (LIST, "3.+10.offers.checkout"),
            (LIST, "nonsense"),
        ] {
            let refusal = read(list, 10, given).expect_err(given);
            assert!(refusal.starts_with("page_token is "), "{refusal}");
        }
        assert!(read(LIST, -1, "").is_err() && read(LIST, 1_001, "").is_err());
    }

    #[test]
    fn a_page_ends_before_it_is_too_large() {
        let request = PageRequest {
            page_size: 1_000,
            page_token: "",
        };
        let large = "x".repeat(PAGE_BYTES / 3);
        let (entries, token) = page(LIST, &request, 0..10_u32, |_| large.clone()).expect("a page");
        assert_eq!(entries.len(), 2);
        assert_eq!(token, "3.2.offers.checkout");
    }
}

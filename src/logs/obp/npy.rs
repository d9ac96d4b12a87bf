//! NumPy's own format of one array.
//!
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>:
//! six magic bytes, a version, a Python dictionary of `descr`, `fortran_order`
//! and `shape`, then the numbers.

use std::io::{self, Read, Write};

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// A longer header is none.
const LONGEST_HEADER_BYTES: usize = 1 << 20;

/// What an array is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub kind: String,
    pub fortran_order: bool,
    pub shape: Vec<usize>,
}

impl Header {
    /// Reads what stands before the numbers; says what is wrong with it.
    pub fn read(from: &mut impl Read) -> Result<Self, String> {
        let failed = |error: io::Error| format!("its header could not be read: {error}");
        let mut start = [0; 8];
        from.read_exact(&mut start).map_err(failed)?;
        if start[..6] != *MAGIC {
            return Err("it is not an array of NumPy's".to_owned());
        }
        let length = if start[6] == 1 {
            let mut bytes = [0; 2];
            from.read_exact(&mut bytes).map_err(failed)?;
            usize::from(u16::from_le_bytes(bytes))
        } else {
            let mut bytes = [0; 4];
            from.read_exact(&mut bytes).map_err(failed)?;
            u32::from_le_bytes(bytes) as usize
        };
        if length > LONGEST_HEADER_BYTES {
            return Err(format!("its header has {length} bytes"));
        }
        let mut text = vec![0; length];
        from.read_exact(&mut text).map_err(failed)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        Self::parse(&text).ok_or_else(|| format!("its header is {:?}", text.trim()))
    }

    fn parse(text: &str) -> Option<Self> {
        let after = |key: &str| Some(text.split_once(key)?.1.trim_start());
        let kind = after("'descr':")?.strip_prefix('\'')?;
        let (kind, _) = kind.split_once('\'')?;
        let fortran_order = after("'fortran_order':")?.starts_with("True");
        let shape = after("'shape':")?.strip_prefix('(')?;
        let (shape, _) = shape.split_once(')')?;
        let sizes = shape
            .split(',')
            .map(str::trim)
            .filter(|size| !size.is_empty());
        Some(Self {
            kind: kind.to_owned(),
            fortran_order,
            shape: sizes.map(|size| size.parse().ok()).collect::<Option<_>>()?,
        })
    }

    /// How many numbers there are; `None` when memory could not hold them.
    pub fn count(&self) -> Option<usize> {
        let sizes = self.shape.iter();
        sizes.copied().try_fold(1_usize, usize::checked_mul)
    }

    /// Writes what stands before the numbers, padded as NumPy pads it.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let sizes: Vec<String> = self.shape.iter().map(|size| format!("{size},")).collect();
        let mut text = format!(
            "{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}",
            self.kind,
            sizes.join(" ")
        );
        let unpadded = MAGIC.len() + 4 + text.len() + 1;
        text.extend(std::iter::repeat_n(
            ' ',
            unpadded.next_multiple_of(64) - unpadded,
        ));
        text.push('\n');
        let length = u16::try_from(text.len()).map_err(io::Error::other)?;
        out.write_all(MAGIC)?;
        out.write_all(&[1, 0])?;
        out.write_all(&length.to_le_bytes())?;
        out.write_all(text.as_bytes())
    }
}

/// Reads an array's numbers as doubles; says what is wrong with them.
#[allow(clippy::cast_precision_loss)] // beyond 2^53 nothing here is counted
pub(super) fn numbers(header: &Header, from: &mut impl Read) -> Result<Vec<f64>, String> {
    macro_rules! read_as {
        ($type:ty, $widen:expr) => {
            read_each::<{ size_of::<$type>() }>(header, from, |bytes| {
                $widen(<$type>::from_le_bytes(bytes))
            })
        };
    }
    if header.fortran_order && header.shape.len() > 1 {
        return Err("it is in Fortran's order; save numpy.ascontiguousarray of it".to_owned());
    }
    match header.kind.as_str() {
        "<f8" => read_as!(f64, |it| it),
        "<f4" => read_as!(f32, f64::from),
        "<i8" => read_as!(i64, |it| it as f64),
        "<i4" => read_as!(i32, f64::from),
        "<i2" => read_as!(i16, f64::from),
        "|i1" => read_as!(i8, f64::from),
        "<u8" => read_as!(u64, |it| it as f64),
        "<u4" => read_as!(u32, f64::from),
        "<u2" => read_as!(u16, f64::from),
        "|u1" | "|b1" => read_as!(u8, f64::from),
        other => Err(format!(
            "it holds {other:?}, little-endian numbers were expected"
        )),
    }
}

fn read_each<const BYTES: usize>(
    header: &Header,
    from: &mut impl Read,
    number: impl Fn([u8; BYTES]) -> f64,
) -> Result<Vec<f64>, String> {
    /// Numbers are read so many at a time: a header that lies costs no memory.
    const CHUNK: usize = 8_192;
    let mut left = header.count().ok_or("its shape is beyond all memory")?;
    let mut numbers = Vec::new();
    let mut bytes = vec![0; CHUNK * BYTES];
    while left > 0 {
        let now = left.min(CHUNK);
        let bytes = &mut bytes[..now * BYTES];
        from.read_exact(bytes)
            .map_err(|error| format!("after {} numbers: {error}", numbers.len()))?;
        numbers.extend(bytes.chunks_exact(BYTES).map(|chunk| {
            let mut own = [0; BYTES];
            own.copy_from_slice(chunk);
            number(own)
        }));
        left -= now;
    }
    Ok(numbers)
}

/// Reads an array of texts (`<U12`): code points of four bytes, padded with 0.
pub(super) fn texts(header: &Header, from: &mut impl Read) -> Result<Vec<String>, String> {
    let width = header
        .kind
        .strip_prefix("<U")
        .and_then(|it| it.parse().ok());
    let width: usize =
        width.ok_or_else(|| format!("it holds {:?}, texts were expected", header.kind))?;
    let count = header.count().ok_or("its shape is beyond all memory")?;
    let mut texts = Vec::new();
    for _ in 0..count {
        let mut text = String::new();
        for _ in 0..width {
            let mut bytes = [0; 4];
            from.read_exact(&mut bytes)
                .map_err(|error| format!("after {} texts: {error}", texts.len()))?;
            let code = u32::from_le_bytes(bytes);
            let letter = char::from_u32(code).ok_or_else(|| format!("{code} is no character"))?;
            if letter != '\0' {
                text.push(letter);
            }
        }
        texts.push(text);
    }
    Ok(texts)
}

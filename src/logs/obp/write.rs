//! The writer.
//!
//! An npz file has one array after the other, and the log is read row by row:
//! so it is read twice. The first time collects the narrow columns, the second
//! time streams the distributions.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use thiserror::Error;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::npy::Header;
use crate::evaluation::choices::Choices;
use crate::logs::survey::Survey;

/// Why a log could not be written.
#[derive(Debug, Error)]
pub enum ObpWriteError {
    /// The file cannot be written.
    #[error("the npz file could not be written: {0}")]
    Write(#[from] io::Error),
    /// Nor can its directory.
    #[error("the npz file could not be written: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// The second reading gave something else.
    #[error("the log changed while it was read: {first} rows the first time, then {second}")]
    Changed {
        /// How many rows there were.
        first: usize,
        /// How many there are.
        second: usize,
    },
}

/// The narrow columns of a log. Only actions and segments that occur get a
/// number: the pipeline takes every action to be on offer.
#[derive(Debug, Clone)]
pub struct ObpColumns {
    survey: Survey,
    actions: BTreeSet<u32>,
    segments: BTreeSet<u32>,
    action: Vec<u32>,
    reward: Vec<f64>,
    pscore: Vec<f64>,
    position: Vec<u32>,
    segment: Vec<u32>,
}

impl ObpColumns {
    /// Nothing collected yet, of a log that was surveyed.
    #[must_use]
    pub const fn new(survey: Survey) -> Self {
        Self {
            survey,
            actions: BTreeSet::new(),
            segments: BTreeSet::new(),
            action: Vec::new(),
            reward: Vec::new(),
            pscore: Vec::new(),
            position: Vec::new(),
            segment: Vec::new(),
        }
    }

    /// Takes a batch in.
    pub fn add(&mut self, choices: &Choices) {
        let columns = choices.columns();
        for index in 0..choices.len() {
            let choice = choices.get(index);
            self.action.push(choice.actions[choice.chosen]);
            self.segment.push(choice.segment.unwrap_or(0));
        }
        self.actions.extend(&columns.actions);
        self.segments.extend(&columns.segment);
        self.reward.extend_from_slice(&columns.reward);
        self.pscore.extend_from_slice(&columns.propensity);
        self.position.extend_from_slice(&columns.position);
    }

    /// How many rows were taken in.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.reward.len()
    }

    /// Writes the file; `again` gives the same batches once more. The context
    /// is the segment, one column each; so is each action's own.
    ///
    /// # Errors
    /// When the file cannot be written, or `again` gives an error or something
    /// else than before.
    pub fn write<W, E>(
        &self,
        out: W,
        again: impl IntoIterator<Item = Result<Choices, E>>,
    ) -> Result<W, E>
    where
        W: Write,
        E: From<ObpWriteError>,
    {
        let mut file = Npz(ZipWriter::new_stream(out));
        self.write_narrow(&mut file)?;
        if self.survey.has_distributions {
            self.write_distributions(&mut file, again)?;
        }
        let out = file.0.finish().map_err(ObpWriteError::from)?;
        Ok(out.into_inner())
    }

    fn write_narrow<W: Write>(&self, file: &mut Npz<W>) -> Result<(), ObpWriteError> {
        let rows = self.rows();
        let (actions, segments) = (self.actions.len(), self.segments.len().max(1));
        let action = places(&self.actions);
        let segment = places(&self.segments);
        file.whole("n_rounds", &[], [rows as u64])?;
        file.whole("n_actions", &[], [actions as u64])?;
        file.whole(
            "action",
            &[rows],
            self.action.iter().map(|it| action[it] as u64),
        )?;
        file.whole(
            "position",
            &[rows],
            self.position.iter().map(|it| u64::from(*it)),
        )?;
        file.real("reward", &[rows], self.reward.iter().copied())?;
        file.real("pscore", &[rows], self.pscore.iter().copied())?;
        let one_hot = |number: usize, of: usize| {
            (0..of).map(move |place| f64::from(u8::from(place == number)))
        };
        let place = |it: &u32| segment.get(it).copied().unwrap_or(0);
        let context = self
            .segment
            .iter()
            .flat_map(|it| one_hot(place(it), segments));
        file.real("context", &[rows, segments], context)?;
        let identity = (0..actions).flat_map(|it| one_hot(it, actions));
        file.real("action_context", &[actions, actions], identity)?;
        let names = &self.survey.vocabulary.actions;
        file.names(
            "action_names",
            self.actions.iter().filter_map(|it| names.get(*it)),
        )
    }

    fn write_distributions<W: Write, E: From<ObpWriteError>>(
        &self,
        file: &mut Npz<W>,
        again: impl IntoIterator<Item = Result<Choices, E>>,
    ) -> Result<(), E> {
        let place = places(&self.actions);
        let positions = self
            .position
            .iter()
            .max()
            .map_or(1, |largest| *largest as usize + 1);
        let shape = [self.rows(), place.len(), positions];
        file.begin("pi_b", "<f8", &shape)?;
        let mut layer = vec![0.0; place.len() * positions];
        let mut rows = 0;
        for batch in again {
            let batch = batch?;
            for index in 0..batch.len() {
                let choice = batch.get(index);
                layer.fill(0.0);
                let probabilities = choice.probabilities.unwrap_or_default();
                for (action, probability) in choice.actions.iter().zip(probabilities) {
                    // What was not there the first time shows in the count.
                    if let Some(place) = place.get(action) {
                        let cell = place * positions + choice.position as usize;
                        layer[cell] = *probability;
                    }
                }
                for number in &layer {
                    file.0
                        .write_all(&number.to_le_bytes())
                        .map_err(ObpWriteError::from)?;
                }
            }
            rows += batch.len();
        }
        if rows != self.rows() {
            let first = self.rows();
            return Err(ObpWriteError::Changed {
                first,
                second: rows,
            }
            .into());
        }
        Ok(())
    }
}

/// The place of each number among all.
fn places(numbers: &BTreeSet<u32>) -> BTreeMap<u32, usize> {
    let places = numbers.iter().enumerate();
    places.map(|(place, number)| (*number, place)).collect()
}

/// Arrays in an archive that is written from front to back.
struct Npz<W: Write>(ZipWriter<zip::write::StreamWriter<W>>);

impl<W: Write> Npz<W> {
    fn begin(&mut self, name: &str, kind: &str, shape: &[usize]) -> Result<(), ObpWriteError> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .large_file(true);
        self.0.start_file(format!("{name}.npy"), options)?;
        let header = Header {
            kind: kind.to_owned(),
            fortran_order: false,
            shape: shape.to_vec(),
        };
        Ok(header.write(&mut self.0)?)
    }

    fn whole(
        &mut self,
        name: &str,
        shape: &[usize],
        numbers: impl IntoIterator<Item = u64>,
    ) -> Result<(), ObpWriteError> {
        self.begin(name, "<i8", shape)?;
        for number in numbers {
            self.0.write_all(&number.to_le_bytes())?;
        }
        Ok(())
    }

    fn real(
        &mut self,
        name: &str,
        shape: &[usize],
        numbers: impl IntoIterator<Item = f64>,
    ) -> Result<(), ObpWriteError> {
        self.begin(name, "<f8", shape)?;
        for number in numbers {
            self.0.write_all(&number.to_le_bytes())?;
        }
        Ok(())
    }

    fn names<'n>(
        &mut self,
        name: &str,
        names: impl Iterator<Item = &'n str> + Clone,
    ) -> Result<(), ObpWriteError> {
        let lengths = names.clone().map(|name| name.chars().count());
        let width = lengths.max().unwrap_or(0).max(1);
        self.begin(name, &format!("<U{width}"), &[names.clone().count()])?;
        for name in names {
            let letters = name.chars().map(u32::from).chain(std::iter::repeat(0));
            for code in letters.take(width) {
                self.0.write_all(&code.to_le_bytes())?;
            }
        }
        Ok(())
    }
}

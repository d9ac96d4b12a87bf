//! How a response model is found.
//!
//! Logistic regression with an L2 penalty
//! ([`LinearModel`](crate::evaluation::reward_model::LinearModel)): the β that
//! makes C·Σ −ln P(response) + |β|²/2 least, the intercept free of penalty, on
//! standard scores ([`StandardScores`]) with the training part's means and
//! deviations.
//!
//! Where there is more than one C, each is fitted as often as there are folds,
//! each time without one fold, on which it is then scored; the C with the
//! highest mean score is chosen, the first one of equals, and fitted on the
//! whole training part: Stone (1974), "Cross-validatory choice and assessment of
//! statistical predictions", <https://doi.org/10.1111/j.2517-6161.1974.tb00994.x>.
//! Folds keep the means and deviations of the whole training part.
//!
//! A fit costs some 10 steps of nd²/2 for n rows of d features.

use thiserror::Error;

use super::quality::Quality;
use super::rows::ResponseRows;
use super::split::{Split, stratified_folds};
use crate::domain::standard_scores::StandardScores;
use crate::evaluation::reward_model::{Examples, LinearModel, Link};

/// The C that are tried when none is given.
pub const DEFAULT_GRID: [f64; 3] = [0.1, 1.0, 10.0];

/// The most folds.
const MOST_FOLDS: usize = 100;

/// How a model is to be found; unchecked.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanSettings {
    /// The share of rows that is held out, and the seed by which they are
    /// shuffled; `None` fits on all rows.
    pub held_out: Option<(f64, u32)>,
    /// How many folds each C is tried on.
    pub folds: usize,
    /// The C, in the order in which they are tried.
    pub grid: Vec<f64>,
    /// By what they are compared.
    pub selection: Selection,
    /// Whether features are brought to mean 0 and deviation 1.
    pub is_standardised: bool,
}

/// By what the C are compared; higher is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// The share of rows that was foreseen rightly.
    Accuracy,
    /// The area under the curve.
    AreaUnderCurve,
    /// The log loss, less being better.
    LogLoss,
}

/// How a model is found.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan(PlanSettings);

/// Why a model cannot be found so.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum BadPlan {
    /// A C is out of bounds.
    #[error("C is {0}, it must be above 0 and finite")]
    Strength(f64),
    /// There is no C.
    #[error("there is no C to fit with, at least 1 is needed")]
    NoStrength,
    /// The share is out of bounds.
    #[error("the share held out is {0}, it must be above 0 and below 1")]
    Share(f64),
    /// So many folds are none.
    #[error("there are {0} folds, 2 to {MOST_FOLDS} are allowed")]
    Folds(usize),
    /// The training part lacks a class, or folds would.
    #[error(
        "the training part has {rows} rows that {response}, at least {least} are needed{reason}"
    )]
    TooFew {
        /// How many it has.
        rows: usize,
        /// Which, in words.
        response: &'static str,
        /// How many it must have.
        least: usize,
        /// Why, in words.
        reason: &'static str,
    },
    /// Numbers left what can be computed.
    #[error("with C = {0} the model cannot be fitted: its numbers grow beyond all bounds")]
    NotFitted(f64),
}

/// A model of who responds.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseModel {
    /// What features are brought to before they are weighed.
    pub scores: StandardScores,
    /// The C that it was fitted with.
    pub c: f64,
    /// The first is the intercept; then one a feature's standard score.
    pub model: LinearModel,
}

/// A C with its scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// C.
    pub c: f64,
    /// One a fold, higher being better.
    pub scores: Vec<f64>,
}

/// A model with how good it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The model.
    pub model: ResponseModel,
    /// On the rows that it was fitted on.
    pub training: Quality,
    /// On the rows that were held out; `None` where none were.
    pub held_out: Option<Quality>,
}

/// What a plan came to.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseFit {
    /// Which rows were held out.
    pub split: Split,
    /// The fold of each row of the training part; empty when there was one C
    /// only, and nothing to choose.
    pub folds: Vec<usize>,
    /// All C that were tried, in their order; empty likewise.
    pub tried: Vec<Tried>,
    /// The model with the best.
    pub fitted: Fitted,
}

impl Plan {
    /// Checks settings.
    ///
    /// # Errors
    /// When one is out of its bounds.
    pub fn new(settings: PlanSettings) -> Result<Self, BadPlan> {
        if let Some(c) = settings.grid.iter().find(|c| !(**c > 0.0 && c.is_finite())) {
            return Err(BadPlan::Strength(*c));
        }
        if settings.grid.is_empty() {
            return Err(BadPlan::NoStrength);
        }
        if let Some((share, _)) = settings.held_out
            && !(share > 0.0 && share < 1.0)
        {
            return Err(BadPlan::Share(share));
        }
        if !(2..=MOST_FOLDS).contains(&settings.folds) {
            return Err(BadPlan::Folds(settings.folds));
        }
        Ok(Self(settings))
    }

    /// How many models [`Self::run`] fits.
    #[must_use]
    pub const fn fits(&self) -> usize {
        match self.0.grid.len() {
            1 => 1,
            tried => tried * self.0.folds + 1,
        }
    }

    /// Finds the model; `fitted` is called after each fit.
    ///
    /// # Errors
    /// When the training part has too few rows of a class, before anything is
    /// fitted, or a model cannot be fitted.
    pub fn run(
        &self,
        rows: &ResponseRows,
        fitted: &mut impl FnMut(),
    ) -> Result<ResponseFit, BadPlan> {
        let split = self.split(rows);
        let responses: Vec<bool> = split
            .training
            .iter()
            .map(|row| rows.responses()[*row])
            .collect();
        self.check_classes(&responses)?;
        let training = split.training.iter().map(|row| rows.row(*row));
        let scores = if self.0.is_standardised {
            StandardScores::of(rows.width(), training)
        } else {
            StandardScores::unchanged(rows.width())
        };
        let table = ScoredRows::new(rows, &split.training, &scores);
        let (folds, tried) = if self.0.grid.len() == 1 {
            (Vec::new(), Vec::new())
        } else {
            let folds = stratified_folds(&responses, self.0.folds);
            let tried = self.try_all(&table, &folds, fitted)?;
            (folds, tried)
        };
        let c = best(&tried).map_or(self.0.grid[0], |tried| tried.c);
        let model = table.fit(c, |_| true)?;
        fitted();
        let training = table
            .quality(&model, |_| true)
            .ok_or(BadPlan::NotFitted(c))?;
        let held_out = ScoredRows::new(rows, &split.held_out, &scores).quality(&model, |_| true);
        Ok(ResponseFit {
            split,
            folds,
            tried,
            fitted: Fitted {
                model: ResponseModel { scores, c, model },
                training,
                held_out,
            },
        })
    }

    fn split(&self, rows: &ResponseRows) -> Split {
        match self.0.held_out {
            None => Split::none(rows.len()),
            Some((share, seed)) => {
                // Rows are counted in 32 bits.
                let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
                Split::shuffled(count, share, seed)
            }
        }
    }

    fn check_classes(&self, responses: &[bool]) -> Result<(), BadPlan> {
        let (least, reason) = if self.0.grid.len() == 1 {
            (1, "")
        } else {
            (self.0.folds, ", one for each fold")
        };
        for (class, response) in [(true, "responded"), (false, "did not respond")] {
            let rows = responses.iter().filter(|of| **of == class).count();
            if rows < least {
                return Err(BadPlan::TooFew {
                    rows,
                    response,
                    least,
                    reason,
                });
            }
        }
        Ok(())
    }

    fn try_all(
        &self,
        table: &ScoredRows,
        folds: &[usize],
        fitted: &mut impl FnMut(),
    ) -> Result<Vec<Tried>, BadPlan> {
        let try_one = |c: &f64| {
            let scores = (0..self.0.folds).map(|fold| {
                let model = table.fit(*c, |row| folds[row] != fold)?;
                fitted();
                let quality = table.quality(&model, |row| folds[row] == fold);
                let score = quality.and_then(|quality| self.0.selection.score(&quality));
                score.ok_or(BadPlan::NotFitted(*c))
            });
            let scores = scores.collect::<Result<_, _>>()?;
            Ok(Tried { c: *c, scores })
        };
        self.0.grid.iter().map(try_one).collect()
    }
}

impl Selection {
    fn score(self, quality: &Quality) -> Option<f64> {
        match self {
            Self::Accuracy => Some(quality.accuracy()),
            Self::AreaUnderCurve => quality.area_under_curve,
            Self::LogLoss => Some(-quality.log_loss),
        }
    }
}

impl Tried {
    /// The mean over the folds.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // at most MOST_FOLDS
    pub fn mean(&self) -> f64 {
        self.scores.iter().sum::<f64>() / self.scores.len() as f64
    }
}

/// The first of those with the highest mean.
fn best(tried: &[Tried]) -> Option<&Tried> {
    tried.iter().reduce(|best, next| {
        if next.mean() > best.mean() {
            next
        } else {
            best
        }
    })
}

impl ResponseModel {
    /// The logit of a row's probability to respond.
    #[must_use]
    pub fn score(&self, features: &[f64]) -> f64 {
        let mut row = vec![1.0];
        self.scores.append(features, &mut row);
        self.model.score(&row)
    }
}

/// Rows of standard scores, each after a 1.
struct ScoredRows {
    width: usize,
    scores: Vec<f64>,
    responses: Vec<bool>,
}

impl ScoredRows {
    fn new(rows: &ResponseRows, which: &[usize], scores: &StandardScores) -> Self {
        let width = rows.width() + 1;
        let mut scored = Vec::with_capacity(which.len() * width);
        for row in which {
            scored.push(1.0);
            scores.append(rows.row(*row), &mut scored);
        }
        Self {
            width,
            scores: scored,
            responses: which.iter().map(|row| rows.responses()[*row]).collect(),
        }
    }

    /// The rows of which `is_used` holds.
    fn rows(&self, is_used: impl Fn(usize) -> bool) -> impl Iterator<Item = (&[f64], bool)> {
        let rows = self
            .scores
            .chunks(self.width)
            .zip(&self.responses)
            .enumerate();
        rows.filter(move |(row, _)| is_used(*row))
            .map(|(_, (scores, response))| (scores, *response))
    }

    fn fit(&self, c: f64, is_used: impl Fn(usize) -> bool) -> Result<LinearModel, BadPlan> {
        let mut examples = Examples::new(self.width);
        for (scores, response) in self.rows(is_used) {
            examples.push(scores, f64::from(u8::from(response)), 1.0);
        }
        let model = LinearModel::fit(Link::Logistic, &examples, 1.0 / c);
        let is_finite = |model: &LinearModel| model.coefficients().iter().all(|it| it.is_finite());
        model.filter(is_finite).ok_or(BadPlan::NotFitted(c))
    }

    fn quality(&self, model: &LinearModel, is_used: impl Fn(usize) -> bool) -> Option<Quality> {
        let rows = self.rows(is_used);
        let scored: Vec<(f64, bool)> = rows
            .map(|(scores, response)| (model.score(scores), response))
            .collect();
        Quality::of(&scored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::math;
    use crate::domain::random::Generator;

    fn settings() -> PlanSettings {
        PlanSettings {
            held_out: Some((0.2, 42)),
            folds: 5,
            grid: DEFAULT_GRID.to_vec(),
            selection: Selection::Accuracy,
            is_standardised: true,
        }
    }

    /// Two features in unlike units; the response has the logit 1 + 2a − b of
    /// their standard scores.
    fn made_rows(count: usize) -> ResponseRows {
        let mut generator = Generator::from_seed(11);
        let mut uniform = || 12.0_f64.sqrt() * (generator.next_uniform() - 0.5);
        let (mut a, mut b, mut responses) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..count {
            let (x, y) = (uniform(), uniform());
            let rate = math::logistic(1.0 + 2.0 * x - y);
            let drawn = uniform() / 12.0_f64.sqrt() + 0.5;
            a.push(1e3 + 50.0 * x);
            b.push(1e-3 * y);
            responses.push(Some(drawn < rate));
        }
        ResponseRows::new(&[("a", &a), ("b", &b)], &responses).unwrap()
    }

    #[test]
    fn a_known_law_is_found() {
        let rows = made_rows(20_000);
        let mut fits = 0;
        let plan = Plan::new(settings()).unwrap();
        let found = plan.run(&rows, &mut || fits += 1).unwrap();
        assert_eq!((fits, plan.fits()), (16, 16));
        assert_eq!(found.split.held_out.len(), 4_000);
        assert_eq!((found.tried.len(), found.tried[1].scores.len()), (3, 5));
        // Standard errors of about 0.03.
        let coefficients = found.fitted.model.model.coefficients();
        for (found, law) in coefficients.iter().zip([1.0, 2.0, -1.0]) {
            assert!((found - law).abs() < 0.1, "{coefficients:?}");
        }
        // A row one deviation above in a has 2 more.
        let model = &found.fitted.model;
        let more = model.score(&[1_050.0, 0.0]) - model.score(&[1_000.0, 0.0]);
        assert!((more - 2.0).abs() < 0.1, "{more}");
        let held_out = found.fitted.held_out.unwrap();
        // Two standard errors of the training part's.
        assert!((held_out.accuracy() - found.fitted.training.accuracy()).abs() < 0.014);
    }

    /// The model never sees what was held out: other responses there leave it
    /// as it was.
    #[test]
    fn held_out_rows_teach_nothing() {
        let rows = made_rows(400);
        let plan = Plan::new(settings()).unwrap();
        let found = plan.run(&rows, &mut || {}).unwrap();
        let column =
            |place: usize| -> Vec<f64> { (0..400).map(|row| rows.row(row)[place]).collect() };
        let (a, b) = (column(0), column(1));
        let mut turned: Vec<Option<bool>> = rows.responses().iter().copied().map(Some).collect();
        for row in &found.split.held_out {
            turned[*row] = turned[*row].map(|response| !response);
        }
        let turned = ResponseRows::new(&[("a", &a), ("b", &b)], &turned).unwrap();
        let again = plan.run(&turned, &mut || {}).unwrap();
        assert_eq!(again.fitted.model, found.fitted.model);
        let accuracy = |found: &ResponseFit| found.fitted.held_out.unwrap().accuracy();
        assert!((accuracy(&again) + accuracy(&found) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn of_equal_strengths_the_first_is_chosen() {
        let tried = |c, scores: &[f64]| Tried {
            c,
            scores: scores.to_vec(),
        };
        let all = [
            tried(0.1, &[0.5, 0.6]),
            tried(1.0, &[0.7, 0.5]),
            tried(10.0, &[0.5, 0.7]),
        ];
        assert_eq!(best(&all).unwrap().c, 1.0);
        assert_eq!(best(&[]), None);
    }

    #[test]
    fn one_strength_on_all_rows_is_fitted_without_a_choice() {
        let plan = Plan::new(PlanSettings {
            held_out: None,
            grid: vec![0.5],
            ..settings()
        })
        .unwrap();
        let found = plan.run(&made_rows(100), &mut || {}).unwrap();
        assert!(found.tried.is_empty() && found.folds.is_empty());
        assert_eq!((found.fitted.model.c, found.fitted.held_out), (0.5, None));
    }

    #[test]
    fn settings_out_of_bounds_are_refused() {
        let told = |settings| Plan::new(settings).unwrap_err().to_string();
        let with = |grid: &[f64]| PlanSettings {
            grid: grid.to_vec(),
            ..settings()
        };
        assert_eq!(
            told(with(&[1.0, 0.0])),
            "C is 0, it must be above 0 and finite"
        );
        assert_eq!(
            told(with(&[f64::NAN])),
            "C is NaN, it must be above 0 and finite"
        );
        assert_eq!(
            told(with(&[])),
            "there is no C to fit with, at least 1 is needed"
        );
        let held_out = Some((1.0, 42));
        let message = "the share held out is 1, it must be above 0 and below 1";
        assert_eq!(
            told(PlanSettings {
                held_out,
                ..settings()
            }),
            message
        );
        let message = "there are 1 folds, 2 to 100 are allowed";
        assert_eq!(
            told(PlanSettings {
                folds: 1,
                ..settings()
            }),
            message
        );
    }

    #[test]
    fn too_few_of_a_class_are_told_before_anything_is_fitted() {
        let column: Vec<f64> = (0..30).map(f64::from).collect();
        let responses: Vec<Option<bool>> = (0..30).map(|row| Some(row < 3)).collect();
        let rows = ResponseRows::new(&[("x", &column)], &responses).unwrap();
        let plan = Plan::new(PlanSettings {
            held_out: None,
            ..settings()
        })
        .unwrap();
        let refused = plan
            .run(&rows, &mut || panic!("nothing is fitted"))
            .unwrap_err();
        let message =
            "the training part has 3 rows that responded, at least 5 are needed, one for each fold";
        assert_eq!(refused.to_string(), message);
    }
}

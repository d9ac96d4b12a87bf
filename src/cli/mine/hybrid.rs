//! The hybrid affinity: fitted and judged on held-out baskets.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::affinity_file::CompanionArgs;
use super::texts::{TextArgs, TextCounts};
use super::{MineArgs, report};
use crate::affinity::companions::companions;
use crate::affinity::similarity::Similarity;
use crate::affinity::study::Asked;
use crate::affinity::{
    Baskets, FoundCompanion, Measured, MiningParameters, Part, PartParameters, Parts, Ranking,
    RuleParameters, Split, Study, StudyParameters, StudyStep,
};
use crate::cli::output::progress_bar;
use crate::cli::table::Table;
use crate::evaluation::quantile::normal_quantile;

/// What the hybrid is made of and how it is judged.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Hybrid")]
pub(super) struct HybridArgs {
    /// Weighs popularity, rules, similar items, neighbourhoods and texts
    /// against each other, and says how often each, and all together, finds an
    /// item again that is left out of a held-out basket.
    #[arg(long)]
    evaluate: bool,
    /// An item is found when it is among so many first places.
    #[arg(long, default_value_t = 5, requires = "evaluate")]
    places: u32,
    /// The share of baskets that the weights are fitted on, and again the share
    /// that judges; above 0, at most 0.4.
    #[arg(long, default_value_t = 0.2, requires = "evaluate")]
    held_out: f64,
    /// Which baskets are held out.
    #[arg(long, value_enum, default_value_t, requires = "evaluate")]
    split: SplitChoice,
    /// The seed of a random split.
    #[arg(long, default_value_t = 42, requires = "evaluate")]
    seed: u64,
    /// How many of the baskets most like the one at hand are its neighbourhood.
    #[arg(
        long,
        default_value_t = PartParameters::DEFAULT_NEIGHBOURS,
        requires = "evaluate"
    )]
    neighbourhood: usize,
    #[command(flatten)]
    companions: CompanionArgs,
    #[command(flatten)]
    pub(super) texts: TextArgs,
}

/// [`Split`] on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum SplitChoice {
    /// Any, by the seed.
    #[default]
    Random,
    /// The last ones of the file, whose order is taken for that of time.
    Temporal,
}

/// What the study found, and of which texts.
pub(super) struct Judged {
    pub(super) study: Study,
    /// What each item goes with.
    pub(super) companions: Vec<FoundCompanion>,
    texts: TextCounts,
}

impl HybridArgs {
    /// Whether anything was asked for.
    pub(super) const fn is_asked(&self) -> bool {
        self.evaluate
    }

    fn split(&self) -> Split {
        match self.split {
            SplitChoice::Random => Split::Random { seed: self.seed },
            SplitChoice::Temporal => Split::Temporal,
        }
    }

    /// Fits the weights and judges them, if that was asked for.
    pub(super) fn judge(
        &self,
        args: &MineArgs,
        baskets: &Baskets,
        mining: &MiningParameters,
        ruling: &RuleParameters,
    ) -> anyhow::Result<Option<Judged>> {
        if !self.is_asked() {
            return Ok(None);
        }
        let kept = self.companions.parameters()?;
        let (texts, counts) = self.texts.read(baskets)?;
        let parameters = StudyParameters {
            parts: PartParameters {
                mining: *mining,
                min_confidence: ruling.min_confidence,
                max_rules: ruling.max_rules,
                similarity: args
                    .similarity
                    .map_or(Similarity::Cosine, |it| it.similarity()),
                min_together: args.min_together,
                neighbours: self.neighbourhood,
            },
            held_out: self.held_out,
            split: self.split(),
            places: self.places,
        };
        let bar = progress_bar(0, "baskets");
        let study = Study::of(baskets, &texts, &parameters, &mut |step| match step {
            StudyStep::Making => bar.set_message("making the parts"),
            StudyStep::Scoring { done, of } => {
                bar.set_length(of as u64);
                bar.set_position(done as u64);
            }
            StudyStep::Fitting => bar.tick(),
        });
        bar.finish_and_clear();
        let study = study?;
        let parts = Parts::of(baskets, &texts, &parameters.parts)?;
        Ok(Some(Judged {
            companions: companions(baskets, &parts, &study.weights, &kept),
            study,
            texts: counts,
        }))
    }

    fn split_text(&self) -> String {
        match self.split {
            SplitChoice::Random => format!("at random, seed {}", self.seed),
            SplitChoice::Temporal => "the last ones of the file".to_owned(),
        }
    }
}

/// The ends of the interval that holds a mean with 95 %.
fn ends(measured: Measured) -> Option<(f64, f64)> {
    let half = normal_quantile(0.975)? * measured.standard_error?;
    Some((measured.mean - half, measured.mean + half))
}

fn told(measured: Option<Measured>) -> String {
    let Some(measured) = measured else {
        return "none".to_owned();
    };
    match ends(measured) {
        Some((lower, upper)) => format!("{:.4} [{lower:.4}, {upper:.4}]", measured.mean),
        None => format!("{:.4}", measured.mean),
    }
}

/// For people.
pub(super) fn text(args: &HybridArgs, judged: &Judged) -> String {
    let Judged { study, texts, .. } = judged;
    let places = args.places;
    let (fitted, tested) = (study.fitted_on, study.tested_on);
    let mut page = format!(
        "held-out baskets ({}): parts of {} baskets, weights fitted on {} items left out of {} \
         others, judged by {} items left out of {} others\n",
        args.split_text(),
        report::number(study.made_of),
        report::number(fitted.items),
        report::number(fitted.baskets),
        report::number(tested.items),
        report::number(tested.baskets),
    );
    if texts.unknown_items > 0 || texts.items_without_text > 0 {
        page.push_str(&format!(
            "texts: {} of items that no basket has were left out, {} items have none\n",
            report::number(texts.unknown_items),
            report::number(texts.items_without_text),
        ));
    }
    let hit_title = format!("hit rate at {places}");
    let gain_title = format!("NDCG at {places}");
    let mut table = Table::new(["", "weight", &*hit_title, &*gain_title]);
    let mut row = |name: &str, weight: String, ranking: &Ranking| {
        let cells = [told(ranking.hit_rate()), told(ranking.ndcg())];
        table.row([name.to_owned(), weight].into_iter().chain(cells));
    };
    for (part, ranking) in &study.parts {
        let weight = format!("{:.3}", study.weights.of(*part));
        row(part.name(), weight, ranking);
    }
    row("hybrid", String::new(), &study.hybrid);
    page.push_str(&format!("\n{table}\n"));
    for (name, other) in compared(study) {
        page.push_str(&format!(
            "hybrid above {name}: hit rate {}, NDCG {}\n",
            told(study.hybrid.hit_rate_above(other)),
            told(study.hybrid.ndcg_above(other)),
        ));
    }
    page.push_str("intervals hold 95 %, items of one basket counting as one cluster\n");
    page
}

/// What the hybrid is compared with: the best part and popularity.
fn compared(study: &Study) -> impl Iterator<Item = (&'static str, &Ranking)> {
    let best = study.best_part().map(|(part, ranking)| (*part, ranking));
    let popular = study.part(Part::Popularity);
    let popular = popular.map(|ranking| (Part::Popularity, ranking));
    let popular = popular.filter(|_| best.is_some_and(|(part, _)| part != Part::Popularity));
    best.into_iter()
        .chain(popular)
        .map(|(part, ranking)| (part.name(), ranking))
}

/// For programs.
pub(super) fn json(args: &HybridArgs, judged: &Judged) -> Value {
    let Judged { study, texts, .. } = judged;
    let number = |measured: Option<Measured>| {
        measured.map(|measured| {
            let ends = ends(measured);
            json!({
                "value": measured.mean,
                "standard_error": measured.standard_error,
                "lower": ends.map(|(lower, _)| lower),
                "upper": ends.map(|(_, upper)| upper),
            })
        })
    };
    let ranked = |name: &str, ranking: &Ranking| {
        json!({
            "name": name,
            "hit_rate": number(ranking.hit_rate()),
            "ndcg": number(ranking.ndcg()),
        })
    };
    let asked = |asked: Asked| {
        json!({
            "held_out_baskets": asked.held_out,
            "baskets": asked.baskets,
            "left_out_items": asked.items,
        })
    };
    let rankings = study
        .parts
        .iter()
        .map(|(part, ranking)| ranked(part.name(), ranking));
    let weights = Part::ALL.map(|part| (part.name().to_owned(), json!(study.weights.of(part))));
    let above = compared(study).map(|(name, other)| {
        json!({
            "than": name,
            "hit_rate": number(study.hybrid.hit_rate_above(other)),
            "ndcg": number(study.hybrid.ndcg_above(other)),
        })
    });
    json!({
        "split": match args.split {
            SplitChoice::Random => json!({ "kind": "random", "seed": args.seed }),
            SplitChoice::Temporal => json!({ "kind": "temporal" }),
        },
        "places": args.places,
        "level": 0.95,
        "made_of_baskets": study.made_of,
        "fitted_on": asked(study.fitted_on),
        "tested_on": asked(study.tested_on),
        "texts": {
            "unknown_items": texts.unknown_items,
            "items_without_text": texts.items_without_text,
        },
        "companions": judged.companions.len(),
        "weights": weights.into_iter().collect::<serde_json::Map<_, _>>(),
        "rankings": rankings.chain([ranked("hybrid", &study.hybrid)]).collect::<Vec<_>>(),
        "hybrid_above": above.collect::<Vec<_>>(),
    })
}

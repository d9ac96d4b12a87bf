//! Successive halving.

use super::*;

const GRID: &str = r#"
    name = "grid"
    rounds = 300
    seeds = "0..15"
    [environment]
    kind = "bernoulli"
    rates = [0.1, 0.5, 0.3]
    [[policies]]
    name = "thompson"
    kind = "tempered_thompson"
    grid = { sharpness = [0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 1.5] }
"#;

#[test]
fn a_grid_is_searched_and_its_best_is_told_on_other_seeds() {
    let scenario = scenario(GRID, &[]).unwrap();
    assert_eq!(scenario.candidates.len(), 8);
    let search = Search::new(&scenario, 10).unwrap();
    let made = std::sync::atomic::AtomicU64::new(0);
    let tuned = search.run(&|more| {
        made.fetch_add(more, std::sync::atomic::Ordering::Relaxed);
        ControlFlow::Continue(())
    });
    let tuned = tuned.unwrap();
    // 8 play 4 seeds, 4 play 4 more, 2 the last 8; then 2 play 10 others.
    let shape: Vec<(&str, usize, usize)> = tuned
        .rungs
        .iter()
        .map(|rung| (&*rung.seeds, rung.policies.len(), rung.kept))
        .collect();
    assert_eq!(shape, [("0..3", 8, 4), ("0..7", 4, 2), ("0..15", 2, 1)]);
    assert_eq!(search.decisions(), (8 * 4 + 4 * 4 + 2 * 8 + 2 * 10) * 300);
    assert_eq!(made.into_inner(), search.decisions());
    assert_eq!(tuned.winner.name, "thompson sharpness=1.5");
    assert_eq!(tuned.played.summary.seeds, "16..25");
    let names: Vec<&str> = tuned
        .played
        .summary
        .policies
        .iter()
        .map(|it| &*it.name)
        .collect();
    assert_eq!(names, ["thompson sharpness=1.5", "thompson sharpness=0.01"]);
    // One that nearly never stops exploring loses about 0.2 each time.
    let gain = tuned.gain().unwrap();
    assert!(gain.lower.unwrap() > 0.08, "{gain:?}");
    let figure = tuned.on_held_out_seeds().unwrap();
    let whole = tuned.played.summary.policies[0].regret_mean / 300.0;
    assert!((figure.value - whole).abs() < 1e-12);
}

#[test]
fn a_search_that_cannot_begin_is_told() {
    let told = |text: &str, overrides: &[&str]| {
        let scenario = scenario(text, overrides).unwrap();
        Search::new(&scenario, 10)
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        told(GRID, &["policies.thompson.grid.sharpness=[1.5]"]),
        "there is 1 policy to choose from, at least 2 are needed: give a policy a grid, such as \
         grid = { epsilon = [0.05, 0.1] }"
    );
    let last = format!("seeds={0}..{0}", u64::MAX);
    assert_eq!(
        told(GRID, &[&last]),
        "there are no 10 seeds after the scenario's to tell the final figure on"
    );
}

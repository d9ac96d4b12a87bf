use super::*;

fn columns() -> UncheckedChoices {
    UncheckedChoices {
        ends: vec![2, 5],
        actions: vec![0, 1, 2, 0, 1],
        probabilities: Some(vec![0.25, 0.75, 0.5, 0.25, 0.25]),
        chosen: vec![1, 0],
        propensity: vec![0.75, 0.5],
        reward: vec![1.0, 0.0],
        position: vec![0, 0],
        ..UncheckedChoices::default()
    }
}

fn check(columns: UncheckedChoices) -> Result<Choices, String> {
    let vocabulary = Vocabulary {
        actions: Arc::new(Names::from_iter(["tea", "cake", "lantern"])),
        ..Vocabulary::default()
    };
    Choices::new(columns, vocabulary).map_err(|fault| fault.to_string())
}

#[test]
fn a_choice_is_one_row_of_every_column() {
    let choices = check(columns()).unwrap();
    assert_eq!(choices.len(), 2);
    let second = choices.get(1);
    assert_eq!(second.actions, [2, 0, 1]);
    assert_eq!(second.probabilities, Some(&[0.5, 0.25, 0.25][..]));
    assert_eq!((second.chosen, second.propensity), (0, 0.5));
}

#[test]
fn some_of_the_choices_are_whole_choices() {
    let choices = check(columns()).unwrap();
    let second = choices.only(|choice| choice.reward == 0.0);
    assert_eq!((second.len(), second.get(0)), (1, choices.get(1)));
    assert_eq!(choices.only(|_| true), choices);
    assert!(choices.only(|_| false).is_empty());
}

#[test]
fn every_logger_has_a_probability_and_the_rows_own_has_its_propensity() {
    let with = |propensities: &[f64]| {
        let columns = UncheckedChoices {
            logger: vec![1, 0],
            logger_propensities: Some(propensities.to_vec()),
            ..columns()
        };
        let vocabulary = Vocabulary {
            actions: Arc::new(Names::from_iter(["tea", "cake", "lantern"])),
            loggers: Arc::new(Names::from_iter(["new", "old"])),
            ..Vocabulary::default()
        };
        Choices::new(columns, vocabulary).map_err(|fault| fault.to_string())
    };
    let choices = with(&[0.0, 0.75, 0.5, 0.125]).unwrap();
    let second = choices.only(|choice| choice.logger == Some(0));
    assert_eq!(second.get(0).logger_propensities, Some(&[0.5, 0.125][..]));
    assert_eq!(
        with(&[0.0, 0.7, 0.5, 0.125]).unwrap_err(),
        "row 0, column logger_propensities: 0.7 is not the row's propensity, which is 0.75"
    );
    assert_eq!(
        with(&[0.0, 0.75, 0.5, f64::NAN]).unwrap_err(),
        "row 1, column logger_propensities: NaN is not in [0, 1]"
    );
}

#[test]
fn what_cannot_be_is_named_with_its_row_and_column() {
    type Spoil = fn(&mut UncheckedChoices);
    let cases: [(Spoil, &str); 9] = [
        (
            |it| it.propensity[1] = 0.0,
            "row 1, column propensity: 0 is not in (0, 1]",
        ),
        (
            |it| it.propensity[0] = 1.5,
            "row 0, column propensity: 1.5 is not in (0, 1]",
        ),
        (
            |it| it.propensity[0] = f64::NAN,
            "row 0, column propensity: NaN is not in (0, 1]",
        ),
        (
            |it| it.propensity[1] = 0.25,
            "row 1, column propensity: 0.25 is not the chosen action's probability, which is 0.5",
        ),
        (
            |it| it.chosen[0] = 2,
            "row 0, column action: 2 is not one of the actions that were on offer",
        ),
        (
            |it| it.actions[3] = 2,
            "row 1, column actions: \"lantern\" is not on offer once: it stands in the list twice",
        ),
        (
            |it| it.probabilities.as_mut().unwrap()[3] = 0.5,
            "row 1, column probabilities: 1.25 is not 1 within 1e-6, which probabilities sum to",
        ),
        (
            |it| it.reward[1] = f64::INFINITY,
            "row 1, column reward: inf is not finite",
        ),
        (
            |it| it.ends[0] = 0,
            "row 0, column actions: [] is not a list of at least 1 action",
        ),
    ];
    for (spoil, message) in cases {
        let mut columns = columns();
        spoil(&mut columns);
        assert_eq!(check(columns).unwrap_err(), message);
    }
}

use proptest::prelude::*;

use super::*;

fn plot() -> LinePlot {
    let line = |name: &str, series, slope: f64| Line {
        name: name.to_owned(),
        series,
        points: (0..20)
            .map(|x| {
                let (x, y) = (f64::from(x) * 100.0, f64::from(x) * slope);
                let band = Some((0.9 * y, 1.1 * y));
                Point { x, y, band }
            })
            .collect(),
    };
    LinePlot {
        title: "regret".to_owned(),
        x_name: "decisions".to_owned(),
        y_name: "regret".to_owned(),
        percent: false,
        from_zero: true,
        lines: vec![line("first", 0, 2.0), line("second", 8, 2.01)],
    }
}

fn page_of(figure: Figure) -> String {
    let mut page = Page::new("page");
    page.figures([figure]);
    page.finish()
}

/// The open tags of a document that must be closed, in order; panics when they
/// do not nest.
fn assert_nests(html: &str) {
    let mut open: Vec<&str> = Vec::new();
    for part in html.split('<').skip(1) {
        let (tag, _) = part.split_once('>').expect("a tag ends");
        let name = tag.split([' ', '\n']).next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{html}"),
            None if name.starts_with('!') || name == "meta" || tag.ends_with('/') => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_page_loads_nothing_and_is_well_formed() {
    let mut page = Page::new("What <earns> & \"what\" does not");
    page.section("one");
    page.answers([("Which?", "this & that".to_owned())]);
    page.facts([("seed", "1".to_owned())]);
    let mut table = Table::new(["policy", "reward"])
        .caption("rewards")
        .sortable();
    table.row([
        Cell::Text("<i>".to_owned()),
        Cell::Number("1".to_owned(), 1.0),
    ]);
    table.row([Cell::Text("b".to_owned())]);
    page.table(&table);
    page.figures([plot().figure().note("bands")]);
    let html = page.finish();
    let (before, script) = html.split_once("<script>").unwrap();
    let (_, after) = script.split_once("</script>").unwrap();
    assert_nests(&format!("{before}{after}"));
    for outside in ["http:", "https:", "src=", "href=", "url(", "@import"] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert!(html.contains("<h1>What &lt;earns&gt; &amp; &quot;what&quot; does not</h1>"));
    assert!(html.contains("<th scope=\"row\">&lt;i&gt;</th>"));
    assert!(html.contains("<td class=\"number\" data-value=\"1\">1</td>"));
    assert!(html.contains("prefers-color-scheme: dark"));
}

#[test]
fn a_script_comes_only_with_a_table_to_sort() {
    let mut page = Page::new("p");
    page.table(&Table::new(["a"]));
    assert!(!page.finish().contains("<script>"));
}

#[test]
fn lines_are_told_apart_without_colour() {
    let html = page_of(plot().figure());
    // Number 9 has the colour of number 1, and dashes.
    assert!(html.contains("class=\"curve s0 d0\"") && html.contains("class=\"curve s0 d1\""));
    assert!(html.contains("<b>1</b>first") && html.contains("<b>9</b>second"));
    let tags: Vec<f64> = html
        .lines()
        .filter(|line| line.contains("class=\"tag "))
        .map(|line| {
            let (_, y) = line.split_once(" y=\"").unwrap();
            y.split('"').next().unwrap().parse().unwrap()
        })
        .collect();
    assert!(
        tags.len() == 2 && (tags[0] - tags[1]).abs() >= 12.9,
        "{tags:?}"
    );
    assert!(html.contains("first ends at 38"), "{html}");
}

#[test]
fn a_line_is_interrupted_where_nothing_is_known() {
    let mut plot = plot();
    plot.lines.truncate(1);
    plot.lines[0].points[10].y = f64::NAN;
    let html = page_of(plot.figure());
    assert_eq!(html.matches("class=\"curve").count(), 2);
    assert!(!html.contains("NaN"));
}

#[test]
fn an_interval_lies_where_its_numbers_say() {
    let dot = |value, interval| Dot {
        name: "a name that is much too long for the narrow screen of a phone".to_owned(),
        series: 0,
        value,
        interval,
    };
    let plot = IntervalPlot {
        title: "differences".to_owned(),
        x_name: "CNY".to_owned(),
        percent: false,
        reference: Some(0.0),
        dots: vec![dot(5.0, Some((0.0, 10.0))), dot(2.5, None)],
    };
    let html = page_of(plot.figure());
    assert_nests(&html);
    // The axis goes from 0 to 10, 24 to 396 on the canvas.
    assert!(html.contains("class=\"whisker s0 d0\" x1=\"24.0\" y1=\"30.0\" x2=\"396.0\""));
    assert!(html.contains("cx=\"210.0\"") && html.contains("cx=\"117.0\""));
    assert!(html.contains("5.0 (0.0 to 10.0)") && html.contains('…'));
}

#[test]
fn labels_of_ticks_do_not_run_into_each_other() {
    let dot = |value| Dot {
        name: "difference".to_owned(),
        series: 0,
        value,
        interval: None,
    };
    let plot = IntervalPlot {
        title: "differences".to_owned(),
        x_name: "conversions".to_owned(),
        percent: false,
        reference: Some(0.0),
        dots: vec![dot(-0.0035), dot(-0.0001)],
    };
    let html = page_of(plot.figure());
    let places: Vec<f64> = html
        .lines()
        .filter(|line| line.contains("class=\"tick "))
        .map(|line| {
            let (_, x) = line.split_once(" x=\"").unwrap();
            x.split('"').next().unwrap().parse().unwrap()
        })
        .collect();
    // Seven letters of 6.9 units.
    assert!(places.len() >= 3, "{places:?}");
    assert!(
        places.windows(2).all(|two| two[1] - two[0] >= 48.3),
        "{places:?}"
    );
}

#[test]
fn bars_and_layers_are_as_long_as_their_numbers() {
    let bars = BarPlot {
        title: "t".to_owned(),
        x_name: "x".to_owned(),
        percent: true,
        bars: vec![
            Bar {
                name: "half".to_owned(),
                series: 0,
                value: 0.5,
            },
            Bar {
                name: "none".to_owned(),
                series: 1,
                value: -0.5,
            },
        ],
    };
    let html = page_of(bars.figure());
    assert_eq!(html.matches("width=\"186.0\"").count(), 2, "{html}");
    let histogram = Histogram {
        title: "t".to_owned(),
        x_name: "weight".to_owned(),
        y_name: "rounds".to_owned(),
        edges: vec![0.0, 1.0, 2.0],
        counts: vec![3, 0],
    };
    assert!(page_of(histogram.figure()).contains("0 to 1.000: 3"));
    let shares = SharePlot {
        title: "t".to_owned(),
        x_name: "decisions".to_owned(),
        y_name: "decisions".to_owned(),
        x: vec![0.0, 1.0],
        layers: (0..2)
            .map(|series| Layer {
                name: series.to_string(),
                series,
                shares: vec![0.5; 2],
            })
            .collect(),
    };
    let html = page_of(shares.figure());
    assert_eq!(html.matches("class=\"within").count(), 2);
}

proptest! {
    /// Whatever is plotted, the page nests and names no number that is none.
    #[test]
    fn any_input_gives_a_page(
        name in any::<String>(),
        values in proptest::collection::vec(any::<f64>(), 0..8),
    ) {
        let points = values.iter().enumerate().map(|(place, y)| Point {
            x: place as f64,
            y: *y,
            band: Some((*y, *y)),
        });
        let plot = LinePlot {
            title: name.clone(),
            x_name: name.clone(),
            y_name: name.clone(),
            percent: values.len() % 2 == 0,
            from_zero: true,
            lines: vec![Line { name: name.clone(), series: 3, points: points.collect() }],
        };
        let dots = values.iter().map(|value| Dot {
            name: name.clone(),
            series: 1,
            value: *value,
            interval: Some((*value, *value)),
        });
        let intervals = IntervalPlot {
            title: name.clone(),
            x_name: name.clone(),
            percent: false,
            reference: None,
            dots: dots.collect(),
        };
        let mut page = Page::new(&name);
        page.paragraph(&name);
        page.figures([plot.figure(), intervals.figure()]);
        let html = page.finish();
        assert_nests(&html);
        let svg = html.split("<svg").skip(1);
        for coordinates in svg.flat_map(|it| it.split('"').skip(1).step_by(2)) {
            prop_assert!(!coordinates.starts_with("NaN") && !coordinates.starts_with("inf"));
        }
    }
}

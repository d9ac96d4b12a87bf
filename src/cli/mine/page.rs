//! What was mined as one HTML page: a graph of the first rules and a table to
//! sort. It loads nothing; light or dark as the reader's system is.
//!
//! The graph is that of Hahsler, Chelluboina (2011), "Visualizing association
//! rules": each rule is a dot, lines lead from its antecedents to it and from
//! it to its consequents.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::layout::{Point, places};
use super::{Mined, rows};
use crate::affinity::{Itemset, Rule, SetCount};
use crate::page::Escaped;

/// Rules in the graph; more would be a ball of wool.
const GRAPH_RULES: usize = 40;

/// Rules in the table; more would be slow to sort in a browser.
const TABLE_RULES: usize = 5_000;

const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 640.0;
const MARGIN: f64 = 60.0;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Writes the page.
pub(super) fn write(mut file: impl Write, mined: &Mined<'_>) -> io::Result<()> {
    let count = |count: usize| SetCount::exact(count);
    let (itemsets, rules) = (count(mined.itemsets.len()), count(mined.rules.len()));
    write!(
        file,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>What is bought together</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>What is bought together</h1>\n\
         <p>{itemsets} frequent itemsets and {rules} rules of {baskets} baskets with {items} items; \
         support at least {support}, confidence at least {confidence}; by {order}.</p>\n",
        baskets = count(mined.baskets.len()),
        items = count(mined.baskets.item_count()),
        support = mined.args.min_support,
        confidence = mined.args.min_confidence,
        order = mined.args.order.name().replace('_', " "),
    )?;
    if mined.rules.is_empty() {
        writeln!(file, "<p>No rule is confident enough.</p>")?;
    } else {
        write_graph(&mut file, mined)?;
        write_table(&mut file, mined)?;
        writeln!(file, "<script>\n{SCRIPT}</script>")?;
    }
    writeln!(file, "</body>\n</html>")
}

fn listed(mined: &Mined<'_>, itemset: Itemset<'_>) -> String {
    let names: Vec<&str> = rows::names(mined.baskets, itemset).collect();
    names.join(", ")
}

/// The nodes of the graph: items first, then a dot for each rule.
struct Graph<'m> {
    rules: Vec<Rule<'m>>,
    names: Vec<&'m str>,
    edges: Vec<(usize, usize)>,
    points: Vec<Point>,
}

impl<'m> Graph<'m> {
    fn of(mined: &'m Mined<'m>) -> Self {
        let rules: Vec<Rule<'m>> = mined.rules.iter().take(GRAPH_RULES).collect();
        let mut items = BTreeMap::new();
        for rule in &rules {
            for item in rule.antecedent.items().chain(rule.consequent.items()) {
                items.insert(item, 0);
            }
        }
        for (node, place) in items.values_mut().enumerate() {
            *place = node;
        }
        let mut edges = Vec::new();
        for (place, rule) in rules.iter().enumerate() {
            let dot = items.len() + place;
            edges.extend(rule.antecedent.items().map(|item| (items[&item], dot)));
            edges.extend(rule.consequent.items().map(|item| (dot, items[&item])));
        }
        let points = places(items.len() + rules.len(), &edges);
        let names = items.keys().map(|item| mined.baskets.name(*item)).collect();
        Self {
            rules,
            names,
            edges,
            points,
        }
    }

    /// Where a node is on the page.
    fn at(&self, node: usize) -> (f64, f64) {
        let Point { x, y } = self.points[node];
        let x = MARGIN + x * (WIDTH - 2.0 * MARGIN);
        (x, MARGIN + y * (HEIGHT - 2.0 * MARGIN))
    }

    /// The largest value of a measure, at least above 0.
    fn most(&self, measure: fn(&Rule<'_>) -> f64) -> f64 {
        self.rules
            .iter()
            .map(measure)
            .fold(f64::MIN_POSITIVE, f64::max)
    }
}

fn write_graph(file: &mut impl Write, mined: &Mined<'_>) -> io::Result<()> {
    let graph = Graph::of(mined);
    let shown = graph.rules.len();
    writeln!(
        file,
        "<h2>The first {shown} rules</h2>\n<p>Each dot is a rule, larger with more baskets, \
         stronger in colour with more lift; lines lead from what is in the basket to it, and from \
         it with an arrow to what is taken as well.</p>\n\
         <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"graph of the first \
         {shown} rules\">\n<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" \
         markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/>\
         </marker></defs>"
    )?;
    for (from, to) in &graph.edges {
        let ((x1, y1), (x2, y2)) = (graph.at(*from), graph.at(*to));
        let arrow = if *from >= graph.names.len() {
            " marker-end=\"url(#arrow)\""
        } else {
            ""
        };
        writeln!(
            file,
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"{arrow}/>"
        )?;
    }
    write_dots(file, mined, &graph)?;
    for (node, name) in graph.names.iter().enumerate() {
        let (x, y) = graph.at(node);
        let name = Escaped(name);
        writeln!(file, "<text x=\"{x:.1}\" y=\"{y:.1}\">{name}</text>")?;
    }
    writeln!(file, "</svg>")
}

fn write_dots(file: &mut impl Write, mined: &Mined<'_>, graph: &Graph<'_>) -> io::Result<()> {
    let most_support = graph.most(|rule| rule.measures.support);
    let most_lift = graph.most(|rule| rule.measures.lift);
    for (place, rule) in graph.rules.iter().enumerate() {
        let (x, y) = graph.at(graph.names.len() + place);
        let measures = rule.measures;
        let radius = 4.0 + 8.0 * (measures.support / most_support).sqrt();
        let opacity = 0.25 + 0.75 * measures.lift / most_lift;
        let (from, to) = (
            listed(mined, rule.antecedent),
            listed(mined, rule.consequent),
        );
        writeln!(
            file,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" fill-opacity=\"{opacity:.2}\">\
             <title>{} → {}: support {:.4}, confidence {:.3}, lift {:.2}</title></circle>",
            Escaped(&from),
            Escaped(&to),
            measures.support,
            measures.confidence,
            measures.lift
        )?;
    }
    Ok(())
}

fn write_table(file: &mut impl Write, mined: &Mined<'_>) -> io::Result<()> {
    let (shown, all) = (TABLE_RULES.min(mined.rules.len()), mined.rules.len());
    writeln!(file, "<h2>Rules</h2>")?;
    if shown < all {
        let (shown, all) = (SetCount::exact(shown), SetCount::exact(all));
        writeln!(
            file,
            "<p>The first {shown} of {all}; --rules-out writes them all.</p>"
        )?;
    }
    writeln!(file, "<table>\n<thead><tr>")?;
    let titles = [
        "antecedents",
        "consequents",
        "baskets",
        "support",
        "confidence",
        "lift",
        "leverage",
        "conviction",
        "Zhang’s metric",
    ];
    for title in titles {
        writeln!(
            file,
            "<th scope=\"col\"><button type=\"button\">{title}</button></th>"
        )?;
    }
    writeln!(file, "</tr></thead>\n<tbody>")?;
    for rule in mined.rules.iter().take(shown) {
        write_row(file, mined, &rule)?;
    }
    writeln!(file, "</tbody>\n</table>")
}

fn write_row(file: &mut impl Write, mined: &Mined<'_>, rule: &Rule<'_>) -> io::Result<()> {
    let (from, to) = (
        listed(mined, rule.antecedent),
        listed(mined, rule.consequent),
    );
    write!(
        file,
        "<tr><td>{}</td><td>{}</td><td>{}</td>",
        Escaped(&from),
        Escaped(&to),
        rule.count
    )?;
    let measures = rule.measures;
    for (value, places) in [
        (measures.support, 4),
        (measures.confidence, 4),
        (measures.lift, 3),
        (measures.leverage, 4),
        (measures.conviction, 3),
        (measures.zhangs_metric, 4),
    ] {
        if value.is_infinite() {
            file.write_all("<td data-value=\"Infinity\">∞</td>".as_bytes())?;
        } else {
            write!(file, "<td data-value=\"{value}\">{value:.places$}</td>")?;
        }
    }
    writeln!(file, "</tr>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_names_is_written_out() {
        let escaped = Escaped("<b>\"salt\" & pepper</b>").to_string();
        assert_eq!(escaped, "&lt;b&gt;&quot;salt&quot; &amp; pepper&lt;/b&gt;");
    }
}

//! Places for a graph's nodes on a page.
//!
//! Fruchterman, Reingold (1991), "Graph drawing by force-directed placement",
//! <https://doi.org/10.1002/spe.4380211102>: nodes push each other away, edges
//! pull together, steps grow shorter. The start is a sunflower's spiral
//! (Vogel 1979), so the same graph has the same places.

/// Where a node is, in a square from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// Steps that are taken.
const STEPS: u32 = 400;

/// Places of `nodes` nodes that these edges connect.
pub(super) fn places(nodes: usize, edges: &[(usize, usize)]) -> Vec<Point> {
    let mut points = spiral(nodes);
    #[allow(clippy::cast_precision_loss)] // a few hundred nodes
    let distance = (1.0 / nodes.max(1) as f64).sqrt();
    for step in 0..STEPS {
        let longest_step = 0.1 * (1.0 - f64::from(step) / f64::from(STEPS));
        let forces = forces(&points, edges, distance);
        for (point, force) in points.iter_mut().zip(forces) {
            let length = (force.x * force.x + force.y * force.y).sqrt();
            if length > 0.0 {
                let moved = length.min(longest_step) / length;
                point.x += force.x * moved;
                point.y += force.y * moved;
            }
        }
    }
    fitted(points)
}

/// Each node a golden angle on, at a radius that keeps the density even.
fn spiral(nodes: usize) -> Vec<Point> {
    const COSINE: f64 = -0.737_368_878_078_320_1;
    const SINE: f64 = 0.675_490_294_261_523_8;
    let (mut x, mut y) = (1.0, 0.0);
    (0..nodes)
        .map(|node| {
            #[allow(clippy::cast_precision_loss)] // a few hundred nodes
            let radius = 0.5 * ((node as f64 + 0.5) / nodes as f64).sqrt();
            (x, y) = (x * COSINE - y * SINE, x * SINE + y * COSINE);
            Point {
                x: radius * x,
                y: radius * y,
            }
        })
        .collect()
}

fn forces(points: &[Point], edges: &[(usize, usize)], distance: f64) -> Vec<Point> {
    // A little gravity, so that what is not connected stays on the page.
    let gravity = |point: &Point| Point {
        x: -0.5 * distance * point.x,
        y: -0.5 * distance * point.y,
    };
    let mut forces: Vec<Point> = points.iter().map(gravity).collect();
    let mut pull = |from: usize, to: usize, strength: &dyn Fn(f64) -> f64| {
        let (x, y) = (points[to].x - points[from].x, points[to].y - points[from].y);
        let apart = (x * x + y * y).sqrt().max(1e-6);
        let strength = strength(apart) / apart;
        forces[from].x += x * strength;
        forces[from].y += y * strength;
        forces[to].x -= x * strength;
        forces[to].y -= y * strength;
    };
    for one in 0..points.len() {
        for other in one + 1..points.len() {
            pull(one, other, &|apart| -distance * distance / apart);
        }
    }
    for (from, to) in edges {
        pull(*from, *to, &|apart| apart * apart / distance);
    }
    forces
}

/// Moved and stretched to fill the square.
fn fitted(mut points: Vec<Point>) -> Vec<Point> {
    stretch(&mut points, |point| &mut point.x);
    stretch(&mut points, |point| &mut point.y);
    points
}

fn stretch(points: &mut [Point], axis: fn(&mut Point) -> &mut f64) {
    let mut least = f64::INFINITY;
    let mut most = f64::NEG_INFINITY;
    for point in &mut *points {
        let value = *axis(point);
        least = least.min(value);
        most = most.max(value);
    }
    for point in points {
        let value = axis(point);
        *value = if most > least {
            (*value - least) / (most - least)
        } else {
            0.5
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_connected_is_near() {
        let edges = [(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5)];
        let points = places(6, &edges);
        let apart = |one: usize, other: usize| {
            let (x, y) = (
                points[one].x - points[other].x,
                points[one].y - points[other].y,
            );
            (x * x + y * y).sqrt()
        };
        assert!(apart(0, 1) < apart(0, 3));
        assert!(apart(3, 5) < apart(2, 5));
        let inside = |value: f64| (0.0..=1.0).contains(&value);
        assert!(
            points
                .iter()
                .all(|point| inside(point.x) && inside(point.y))
        );
        assert_eq!(points, places(6, &edges));
    }

    #[test]
    fn few_nodes_have_places_too() {
        assert!(places(0, &[]).is_empty());
        assert_eq!(places(1, &[]), [Point { x: 0.5, y: 0.5 }]);
    }
}

//! In which order the boxes of a column stand: each near those that it is joined with, so that few lines cross.

use alloc::vec::Vec;

use crate::Graph;

/// Times that the columns are gone through, there and back. Crossings hardly become fewer after a few.
const SWEEPS: usize = 4;

/// The indices of the boxes of each column, from the top.
pub(crate) fn columns(graph: &Graph) -> Vec<Vec<usize>> {
    let count = graph.nodes().iter().map(|node| node.column + 1).max().unwrap_or(0);
    let mut columns: Vec<Vec<usize>> = (0..count).map(|_| Vec::new()).collect();
    for (index, node) in graph.nodes().iter().enumerate() {
        if let Some(column) = columns.get_mut(node.column) {
            column.push(index);
        }
    }
    let mut best = (crossings(graph, &columns), columns.clone());
    for sweep in 0..SWEEPS {
        let there: Vec<usize> = (0..count).collect();
        let back = there.iter().rev().copied().collect();
        for column in if sweep % 2 == 0 { there } else { back } {
            sort(graph, &mut columns, column);
        }
        let crossed = crossings(graph, &columns);
        if crossed < best.0 {
            best = (crossed, columns.clone());
        }
    }
    best.1
}

/// Sorts a column by where the neighbours of each box stand on average, in thousandths of a place. Who has
/// none keeps its place.
fn sort(graph: &Graph, columns: &mut [Vec<usize>], column: usize) {
    let places = places(graph, columns);
    let place = |node: usize| places.get(node).copied().unwrap_or(0);
    let mean = |node: usize| {
        let others = graph.neighbours(node).map(|other| 1000 * place(other));
        let (sum, count) = others.fold((0, 0), |(sum, count), at| (sum + at, count + 1));
        usize::checked_div(sum, count).unwrap_or(1000 * place(node))
    };
    if let Some(column) = columns.get_mut(column) {
        column.sort_by_key(|node| mean(*node));
    }
}

/// The place of each box in its column, from the top.
fn places(graph: &Graph, columns: &[Vec<usize>]) -> Vec<usize> {
    let mut places: Vec<usize> = graph.nodes().iter().map(|_| 0).collect();
    for column in columns {
        for (place, node) in column.iter().enumerate() {
            if let Some(of) = places.get_mut(*node) {
                *of = place;
            }
        }
    }
    places
}

/// How often two lines cross that go between the same columns.
pub(crate) fn crossings(graph: &Graph, columns: &[Vec<usize>]) -> usize {
    let places = places(graph, columns);
    let end = |node: usize| {
        let column = graph.nodes().get(node).map_or(0, |node| node.column);
        (column, places.get(node).copied().unwrap_or(0))
    };
    let sorted = |from, to| if from <= to { (from, to) } else { (to, from) };
    let lines: Vec<_> =
        graph.lines().iter().map(|line| sorted(end(line.from), end(line.to))).collect();
    let mut crossed = 0;
    for (index, (from, to)) in lines.iter().enumerate() {
        for (other_from, other_to) in lines.iter().skip(index + 1) {
            let same = from.0 == other_from.0 && to.0 == other_to.0;
            let apart = from.1.cmp(&other_from.1) as i8 * to.1.cmp(&other_to.1) as i8;
            crossed += usize::from(same && apart < 0);
        }
    }
    crossed
}

//! Where the boxes stand. Lengths are in units of the drawing, which are pixels where it is not scaled.

use alloc::vec::Vec;

use crate::order::columns;
use crate::{Graph, Node};

/// Width of a character of a name; of a note and of a rule it is smaller.
const NAME: i32 = 8;
const SMALL: i32 = 6;
/// Height of a box, and least from the top of one to that of the next.
const HEIGHT: i32 = 44;
const STEP: i32 = 60;
/// Least width of a box, and what it has beside its text.
const LEAST: i32 = 76;
const INSIDE: i32 = 24;
/// Least between two columns, and what it has beside the text of a rule.
const GAP: i32 = 56;
const BESIDE: i32 = 32;
/// Around all of it.
const MARGIN: i32 = 6;
/// Most characters that are shown of a name, a note or a rule.
pub(crate) const SHOWN: usize = 32;

/// A box: its upper left corner, and its size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Box {
    /// From the left.
    pub x: i32,
    /// From the top.
    pub y: i32,
    /// Width.
    pub width: i32,
    /// Height.
    pub height: i32,
}

/// Where everything stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// The boxes, as [`Graph::nodes`] has them.
    pub boxes: Vec<Box>,
    /// Width of the drawing.
    pub width: i32,
    /// Its height.
    pub height: i32,
}

/// Places the boxes: each column as wide as its widest, and each box as near to the middle of those that it is
/// joined with as its neighbours above and below let it.
#[must_use]
pub fn place(graph: &Graph) -> Placed {
    let columns = columns(graph);
    let mut boxes: Vec<Box> = graph.nodes().iter().map(|_| Box::default()).collect();
    let mut x = MARGIN;
    for (index, column) in columns.iter().enumerate() {
        let nodes = column.iter().filter_map(|node| graph.nodes().get(*node));
        let width = nodes.map(width).max().unwrap_or(LEAST);
        let mut tops = tops(&wanted(graph, &boxes, column, index)).into_iter();
        for node in column {
            if let Some(placed) = boxes.get_mut(*node) {
                *placed = Box { x, y: tops.next().unwrap_or(0), width, height: HEIGHT };
            }
        }
        x += width + gap(graph, index);
    }
    shift(&mut boxes);
    let width = boxes.iter().map(|one| one.x + one.width).max().unwrap_or(0) + MARGIN;
    let height = boxes.iter().map(|one| one.y + one.height).max().unwrap_or(0) + MARGIN;
    Placed { boxes, width, height }
}

fn width(node: &Node) -> i32 {
    let text = (NAME * length(&node.name)).max(SMALL * length(&node.note));
    (text + INSIDE).max(LEAST)
}

/// Characters of a text, as many as are shown.
fn length(text: &str) -> i32 {
    i32::try_from(text.chars().take(SHOWN).count()).unwrap_or(0)
}

/// What is between this column and the next: the rules of the lines that end at its right have room there.
fn gap(graph: &Graph, column: usize) -> i32 {
    let of = |node: usize| graph.nodes().get(node).map_or(0, |node| node.column);
    let here = graph.lines().iter().filter(|line| of(line.from).min(of(line.to)) == column);
    here.map(|line| SMALL * length(&line.rule) + BESIDE).max().unwrap_or(GAP).max(GAP)
}

/// Where the boxes of a column would stand best: in the middle of those of earlier columns that they are joined
/// with, and else below the one before.
fn wanted(graph: &Graph, boxes: &[Box], column: &[usize], index: usize) -> Vec<i32> {
    let is_left = |node: &usize| graph.nodes().get(*node).is_some_and(|node| node.column < index);
    let mut below = 0;
    let mut wanted = Vec::new();
    for node in column {
        let left = graph.neighbours(*node).filter(is_left).filter_map(|node| boxes.get(node));
        let (sum, count) = left.fold((0, 0), |(sum, count), one| (sum + one.y, count + 1));
        let at = i32::checked_div(sum, count).unwrap_or(below);
        below = at + STEP;
        wanted.push(at);
    }
    wanted
}

/// The tops of boxes that stand as near as they can to where they are wanted, in their order and [`STEP`] apart.
/// Boxes that would overlap become one block, which stands at the mean of what is wanted of its parts.
fn tops(wanted: &[i32]) -> Vec<i32> {
    // Sum of what is wanted of the first box of the block, and how many boxes it has.
    let mut blocks: Vec<(i32, i32)> = Vec::new();
    for (index, want) in (0..).zip(wanted) {
        let mut block = (want - STEP * index, 1);
        while let Some((sum, count)) = blocks.last().copied() {
            if sum * block.1 <= block.0 * count {
                break;
            }
            blocks.pop();
            block = (block.0 + sum, block.1 + count);
        }
        blocks.push(block);
    }
    let firsts = blocks.into_iter().flat_map(|(sum, count)| (0..count).map(move |_| sum / count));
    (0..).zip(firsts).map(|(index, first)| first + STEP * index).collect()
}

/// Moves everything so that the highest box stands at the top.
fn shift(boxes: &mut [Box]) {
    let top = boxes.iter().map(|one| one.y).min().unwrap_or(0);
    for one in boxes {
        one.y += MARGIN - top;
    }
}

#[cfg(test)]
mod tests {
    use super::{STEP, tops};
    use alloc::vec::Vec;

    /// Where the first box of each stands best, less its place: of all runs that begin at it or before, the highest, and of
    /// those that end at it or behind, the lowest, of their means.
    fn best(wanted: &[i32]) -> Vec<i32> {
        let of = |first: usize, last: usize| {
            let run = (first..=last).map(|at| wanted[at] - STEP * at as i32);
            (run.sum::<i32>(), (last - first + 1) as i32)
        };
        let by_mean =
            |one: &(i32, i32), other: &(i32, i32)| (one.0 * other.1).cmp(&(other.0 * one.1));
        let best = |at: usize| {
            let lowest = |first| (at..wanted.len()).map(|last| of(first, last)).min_by(by_mean);
            let (sum, count) = (0..=at).filter_map(lowest).max_by(by_mean).unwrap();
            sum / count + STEP * at as i32
        };
        (0..wanted.len()).map(best).collect()
    }

    #[test]
    fn boxes_stand_as_near_as_they_can() {
        let steps = [-2, -1, 0, 1, 3];
        for number in 0..5_usize.pow(4) {
            let wanted: Vec<i32> =
                (0..4).map(|at| STEP * steps[number / 5_usize.pow(at) % 5]).collect();
            assert_eq!(tops(&wanted), best(&wanted), "{wanted:?}");
        }
    }
}

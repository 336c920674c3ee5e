//! The drawing.

use alloc::format;
use alloc::string::{String, ToString};

use maud::{Markup, html};

use crate::place::SHOWN;
use crate::{Box, Graph, Kind, Line, Node, Placed, Tie, place};

/// How it looks. Colours are those of the page that it stands on, or else the ones that are named second.
pub const STYLE: &str = include_str!("style.css");

/// Characters at each side of the text of a rule, in units.
const PILL: i32 = 8;

/// The drawing, to stand on a page that has [`STYLE`] among its styles. `what` is told to who cannot see it.
#[must_use]
pub fn svg(graph: &Graph, what: &str) -> Markup {
    draw(graph, what, false)
}

/// The drawing as a file of its own.
#[must_use]
pub fn alone(graph: &Graph, what: &str) -> String {
    draw(graph, what, true).into_string()
}

fn draw(graph: &Graph, what: &str, alone: bool) -> Markup {
    let placed = place(graph);
    let Placed { width, height, .. } = placed;
    // What is within a picture is told to nobody who cannot see it: on a page these are links.
    let role = if alone { "img" } else { "group" };
    html! {
        svg .graph xmlns="http://www.w3.org/2000/svg" role=(role) aria-label=(what)
            viewBox=(format!("0 0 {width} {height}")) width=(width) height=(height) {
            @if alone { style { (STYLE) } }
            @for one in graph.lines() { (line(graph, &placed, one)) }
            @for (node, at) in graph.nodes().iter().zip(&placed.boxes) {
                // On a page, what is said of it at length is in an element of that id.
                @if alone { (boxed(node, at)) } @else {
                    a href={ "#" (key(node)) } { (boxed(node, at)) }
                }
            }
        }
    }
}

/// What stands for it in the drawing: no text of anybody.
fn key(node: &Node) -> String {
    let kind = match node.kind {
        Kind::Device | Kind::Idle => 'd',
        Kind::Owner | Kind::Service | Kind::Ended => 's',
    };
    format!("{kind}{}", node.number)
}

fn line(graph: &Graph, placed: &Placed, line: &Line) -> Markup {
    let ends =
        [line.from, line.to].map(|end| Some((graph.nodes().get(end)?, placed.boxes.get(end)?)));
    let [Some((from, left)), Some((to, right))] = ends else { return html! {} };
    let (left, right) = if left.x <= right.x { (left, right) } else { (right, left) };
    let (x1, y1) = (left.x + left.width, left.y + left.height / 2);
    let (x2, y2) = (right.x, right.y + right.height / 2);
    let (x, y) = (x1.midpoint(x2), y1.midpoint(y2));
    let path = format!("M{x1} {y1}C{x} {y1} {x} {y2} {x2} {y2}");
    let text = shown(&line.rule);
    let half = i32::try_from(text.chars().count()).unwrap_or(0) * 3 + PILL;
    let tie = match line.tie {
        Tie::Holds => "holds",
        Tie::Shares => "shares",
    };
    html! {
        g class={ "tie " (tie) } data-a=(key(from)) data-b=(key(to)) {
            title { @if !text.is_empty() { (line.rule) ": " } (line.reason) }
            path d=(path) {}
            @if !text.is_empty() {
                rect x=(x - half) y=(y - 9) width=(2 * half) height="18" rx="9" {}
                text x=(x) y=(y + 4) { (text) }
            }
        }
    }
}

fn boxed(node: &Node, at: &Box) -> Markup {
    let kind = match node.kind {
        Kind::Device => "device",
        Kind::Idle => "device idle",
        Kind::Owner => "owner",
        Kind::Service => "service",
        Kind::Ended => "service idle",
    };
    let middle = at.x + at.width / 2;
    let name = if node.note.is_empty() { at.y + 27 } else { at.y + 19 };
    html! {
        g class={ "node " (kind) } data-n=(key(node)) {
            title { (node.name) @if !node.note.is_empty() { ": " (node.note) } }
            rect x=(at.x) y=(at.y) width=(at.width) height=(at.height) rx="8" {}
            text .name x=(middle) y=(name) { (shown(&node.name)) }
            @if !node.note.is_empty() {
                text .note x=(middle) y=(at.y + 35) { (shown(&node.note)) }
            }
        }
    }
}

/// As much of a text as there is room for.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => text.to_string(),
        Some(_) => text.chars().take(SHOWN - 1).chain(['…']).collect(),
    }
}

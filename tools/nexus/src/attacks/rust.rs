//! What stands where in a Rust file, as far as a line about an attack can belong to it.

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

/// Something that a line can stand above.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// Its first line, attributes and documentation included; from 1.
    pub(super) first: usize,
    /// The line of its name.
    pub(super) last: usize,
    pub(super) what: What,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A test, with the inline modules that it is in.
    Test(Vec<String>),
    /// Another function.
    Function(String),
    /// A text: the name of a proof, a step, a hostile program.
    Text(String),
}

/// `mod name;`: a module in a file of its own.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Module {
    /// Inline modules around it, and its name.
    pub(super) path: Vec<String>,
    /// What `#[path]` says.
    pub(super) file: Option<String>,
}

/// A Rust file, read.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) items: Vec<Item>,
    pub(super) modules: Vec<Module>,
}

/// Reads `text`.
///
/// # Errors
/// When it is no Rust.
pub(super) fn read(text: &str) -> Result<Source> {
    let tokens: TokenStream = text.parse().map_err(|error| anyhow!("not Rust: {error}"))?;
    let mut source = Source::default();
    walk(tokens, &[], &mut source);
    Ok(source)
}

/// Attributes before an item that is not there yet.
#[derive(Default)]
struct Pending {
    first: Option<usize>,
    test: bool,
    path: Option<String>,
}

impl Pending {
    fn take(&mut self, line: usize, attribute: &Group) {
        self.first.get_or_insert(line);
        let tokens: Vec<TokenTree> = attribute.stream().into_iter().collect();
        match tokens.as_slice() {
            [TokenTree::Ident(word)] if word == "test" => self.test = true,
            [TokenTree::Ident(word), TokenTree::Punct(_), TokenTree::Literal(file)]
                if word == "path" =>
            {
                self.path = text_of(&file.to_string());
            }
            _ => {}
        }
    }
}

fn walk(tokens: TokenStream, modules: &[String], source: &mut Source) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut pending = Pending::default();
    let mut rest = tokens.as_slice();
    while let Some((token, after)) = rest.split_first() {
        let line = token.span().start().line;
        rest = after;
        match (token, after) {
            (TokenTree::Punct(hash), [TokenTree::Group(attribute), next @ ..])
                if hash.as_char() == '#' && attribute.delimiter() == Delimiter::Bracket =>
            {
                pending.take(line, attribute);
                rest = next;
            }
            (TokenTree::Ident(word), [TokenTree::Ident(name), next @ ..]) if word == "fn" => {
                let before = std::mem::take(&mut pending);
                source.function(before, line, inside(modules, name));
                rest = next;
            }
            (TokenTree::Ident(word), [TokenTree::Ident(name), body, next @ ..])
                if word == "mod" =>
            {
                let before = std::mem::take(&mut pending);
                source.module(before, inside(modules, name), body);
                rest = next;
            }
            (TokenTree::Literal(literal), _) => {
                let text = text_of(&literal.to_string()).map(What::Text);
                source.items.extend(text.map(|what| Item { first: line, last: line, what }));
            }
            (TokenTree::Group(group), _) => {
                walk(group.stream(), modules, source);
                if group.delimiter() == Delimiter::Brace {
                    pending = Pending::default();
                }
            }
            (TokenTree::Punct(mark), _) if mark.as_char() == ';' => pending = Pending::default(),
            _ => {}
        }
    }
}

fn inside(modules: &[String], name: &Ident) -> Vec<String> {
    modules.iter().cloned().chain([name.to_string()]).collect()
}

impl Source {
    fn function(&mut self, before: Pending, line: usize, path: Vec<String>) {
        let first = before.first.unwrap_or(line);
        let what = match before.test {
            true => What::Test(path),
            false => What::Function(path.join("::")),
        };
        self.items.push(Item { first, last: line, what });
    }

    fn module(&mut self, before: Pending, path: Vec<String>, body: &TokenTree) {
        match body {
            TokenTree::Group(body) => walk(body.stream(), &path, self),
            _ => self.modules.push(Module { path, file: before.path }),
        }
    }
}

/// The text in a plain string literal.
fn text_of(literal: &str) -> Option<String> {
    Some(literal.strip_prefix('"')?.strip_suffix('"')?.to_owned())
}

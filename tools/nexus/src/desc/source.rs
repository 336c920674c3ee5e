//! The files of a system, and places in them.

use super::syntax::{self, Mended, Mistake};
use crate::{files, visible};
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One file that has been read.
#[derive(Debug)]
pub struct Source {
    /// Its path as people see it.
    pub shown: String,
    /// What it holds.
    pub text: String,
    /// Bytes of it that nobody sees, line by line.
    pub(crate) hidden: Vec<Range<usize>>,
    /// The same without what is no TOML in it, and what that is.
    pub(crate) mended: Mended,
}

impl Source {
    /// A file with this text.
    #[must_use]
    pub(crate) fn new(shown: String, text: String) -> Source {
        let mut hidden: Vec<Range<usize>> = Vec::new();
        let mut plain = text.clone().into_bytes();
        for (at, c) in visible::hidden(&text) {
            let bytes = at..at + c.len_utf8();
            if let Some(part) = plain.get_mut(bytes.clone()) {
                part.fill(b' ');
            }
            hidden.push(bytes);
        }
        // Spaces for whole characters leave UTF-8.
        let mut mended = syntax::mend(&String::from_utf8(plain).unwrap_or_default());
        let mut source = Source { shown, text, hidden, mended: Mended::default() };
        mended.mistakes.retain(|mistake| !source.hides(mistake));
        source.mended = mended;
        source
    }

    /// True when not all of it is what it should be.
    pub(crate) fn has_mistakes(&self) -> bool {
        !self.hidden.is_empty() || !self.mended.mistakes.is_empty()
    }

    /// True for a mistake on a line that is not what it looks like.
    fn hides(&self, mistake: &Mistake) -> bool {
        let line = |at: usize| self.position(at).0;
        self.hidden.iter().any(|bytes| line(bytes.start) == line(mistake.bytes.start))
    }

    /// Line and column, each from 1, of the byte at `offset`. Columns count characters.
    #[must_use]
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(start..).unwrap_or_default().chars().count() + 1;
        (line, column)
    }

    /// The text of the line with this number, from 1.
    #[must_use]
    pub fn line(&self, number: usize) -> &str {
        self.text.lines().nth(number.saturating_sub(1)).unwrap_or_default()
    }
}

/// A place in a file.
#[derive(Clone, Debug)]
pub struct Span {
    /// The file.
    pub source: Arc<Source>,
    /// Its bytes.
    pub bytes: Range<usize>,
}

impl Span {
    /// The first byte of a file: a place for what is about the whole file.
    #[must_use]
    pub fn start_of(source: &Arc<Source>) -> Span {
        Span { source: Arc::clone(source), bytes: 0..0 }
    }

    /// `file:line:column`.
    #[must_use]
    pub fn shown(&self) -> String {
        let (line, column) = self.source.position(self.bytes.start);
        format!("{}:{line}:{column}", self.source.shown)
    }
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    /// The value.
    pub(crate) value: T,
    /// Where it stands.
    pub(crate) span: Span,
}

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// How paths are shown: relative to a directory where they lie in it or beside it, else whole.
#[derive(Debug)]
pub(crate) struct Paths {
    base: PathBuf,
}

impl Paths {
    /// Paths relative to `base`.
    #[must_use]
    pub(crate) fn relative_to(base: &Path) -> Paths {
        let base = base.canonicalize().unwrap_or_else(|_| base.to_path_buf());
        Paths { base }
    }

    /// The path as people see it.
    #[must_use]
    pub(crate) fn show(&self, path: &Path) -> String {
        if let Ok(inside) = path.strip_prefix(&self.base) {
            return inside.display().to_string();
        }
        let parent = self.base.parent().filter(|parent| parent.parent().is_some());
        match parent.and_then(|parent| path.strip_prefix(parent).ok()) {
            Some(beside) => format!("../{}", beside.display()),
            None => path.display().to_string(),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it is no file, or no text.
    pub(crate) fn read(&self, path: &Path) -> Result<Arc<Source>, files::Unread> {
        Ok(Arc::new(Source::new(self.show(path), files::text(path)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_short_where_they_can_be() {
        let paths = Paths { base: PathBuf::from("/home/me/nexus") };
        let shown = |path: &str| paths.show(Path::new(path));
        assert_eq!(shown("/home/me/nexus/system/policy.toml"), "system/policy.toml");
        assert_eq!(shown("/home/me/flash/policy.toml"), "../flash/policy.toml");
        assert_eq!(shown("/home/me/nexus2/policy.toml"), "../nexus2/policy.toml");
        assert_eq!(shown("/home/you/policy.toml"), "/home/you/policy.toml");
        let top = Paths { base: PathBuf::from("/nexus") };
        assert_eq!(top.show(Path::new("/tmp/policy.toml")), "/tmp/policy.toml");
    }
}

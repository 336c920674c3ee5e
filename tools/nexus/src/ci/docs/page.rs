//! Sessions in a page.

/// A command in a session, and what it prints.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Typed {
    /// Its line in the page, from 1.
    pub(super) line: usize,
    /// What is typed.
    pub(super) text: String,
    /// At the prompt of Nexus, not on the host.
    pub(super) at_prompt: bool,
    /// The lines below it.
    pub(super) printed: Vec<String>,
}

/// The `console` blocks of a page, each a list of commands.
pub(super) fn blocks(page: &str) -> Vec<Vec<Typed>> {
    let mut blocks: Vec<Vec<Typed>> = Vec::new();
    let mut inside = false;
    for (line, text) in (1..).zip(page.lines()) {
        if !inside {
            inside = text.trim_end() == "```console";
            if inside {
                blocks.push(Vec::new());
            }
            continue;
        }
        let Some(block) = blocks.last_mut() else { continue };
        let typed = |text: &str, at_prompt| {
            let text = text.to_owned();
            Typed { line, text, at_prompt, printed: Vec::new() }
        };
        if text == "```" {
            inside = false;
        } else if let Some(host) = text.strip_prefix("$ ") {
            block.push(typed(host, false));
        } else if let Some(command) = text.strip_prefix("nexus> ") {
            block.push(typed(command, true));
        } else if let Some(last) = block.last_mut() {
            last.printed.push(text.to_owned());
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_blocks() {
        let page = "text\n```console\n$ a b\none\n\ntwo\nnexus> ps\n```\n```text\n$ no\n```\n\
                    ```console\n$ c\n```\n";
        let typed = |line, text: &str, at_prompt, printed: &[&str]| {
            let printed = printed.iter().map(|line| (*line).to_owned()).collect();
            Typed { line, text: text.to_owned(), at_prompt, printed }
        };
        let first = vec![typed(3, "a b", false, &["one", "", "two"]), typed(7, "ps", true, &[])];
        assert_eq!(blocks(page), [first, vec![typed(13, "c", false, &[])]]);
    }
}

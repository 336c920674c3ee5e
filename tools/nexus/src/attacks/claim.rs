//! One line: `attack NUMBER LETTER: what is tried; what must happen[; broken: NAME, NAME]`.

use super::catalogue::How;

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Which attack.
    pub number: u32,
    /// How it is tested.
    pub how: How,
    /// What is tried.
    pub tried: String,
    /// What must happen.
    pub expected: String,
    /// Defences whose absence the test notices.
    pub broken: Vec<String>,
}

/// The form, for people.
pub(super) const FORM: &str =
    "write `attack NUMBER LETTER: what is tried; what must happen[; broken: NAME, NAME]`";

impl Claim {
    /// What `comment` says (without what makes it a comment): `None` when it is about something
    /// else, an error when it begins like a claim and is none.
    #[must_use]
    pub fn of_comment(comment: &str) -> Option<Result<Claim, String>> {
        let rest = comment.trim().strip_prefix("attack ")?;
        let about_a_number = rest.starts_with(|first: char| first.is_ascii_digit());
        about_a_number.then(|| parse(rest))
    }
}

fn parse(text: &str) -> Result<Claim, String> {
    let (head, body) = text.split_once(": ").ok_or("there is no `: `")?;
    let (number, letter) = head.split_once(' ').ok_or("there is no letter after the number")?;
    let number = number.parse().map_err(|_| format!("`{number}` is no number"))?;
    let mut letters = letter.chars();
    let how = match (letters.next().and_then(How::of_letter), letters.next()) {
        (Some(how), None) => how,
        _ => return Err(format!("`{letter}` is none of U, P, M, Q, F, Z, H")),
    };
    let (body, broken) = body.split_once("; broken: ").unwrap_or((body, ""));
    let (tried, expected) = body.split_once("; ").unwrap_or((body, ""));
    if tried.trim().is_empty() || expected.trim().is_empty() {
        return Err("it does not say both what is tried and what must happen".to_owned());
    }
    let names = broken.split(',').map(str::trim).filter(|name| !name.is_empty());
    Ok(Claim {
        number,
        how,
        tried: tried.trim().to_owned(),
        expected: expected.trim().to_owned(),
        broken: names.map(str::to_owned).collect(),
    })
}

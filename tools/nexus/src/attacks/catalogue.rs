//! The numbers of the catalogue: tests/attacks.toml.

use crate::paths;
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::fs;

/// How an attack is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// By a unit test.
    Unit,
    /// By random programs against a reference model, or random values against a property.
    Property,
    /// By a search through all states up to a bound.
    Model,
    /// By a hostile process in QEMU.
    Qemu,
    /// By making something fail.
    FaultInjection,
    /// By fuzzing.
    Fuzz,
    /// By a look at image or source from the host.
    Host,
}

impl How {
    /// Every way, in the order of the catalogue.
    pub const ALL: [(How, char, &'static str); 7] = [
        (How::Unit, 'U', "unit test"),
        (
            How::Property,
            'P',
            "random values or programs, against a property or the reference model",
        ),
        (How::Model, 'M', "all states up to a bound"),
        (How::Qemu, 'Q', "hostile process in QEMU"),
        (How::FaultInjection, 'F', "something made to fail"),
        (How::Fuzz, 'Z', "fuzzing"),
        (How::Host, 'H', "image or source, looked at from the host"),
    ];

    /// The way that `letter` stands for.
    #[must_use]
    pub fn of_letter(letter: char) -> Option<How> {
        How::ALL.iter().find(|(_, one, _)| *one == letter).map(|(how, _, _)| *how)
    }

    /// The letter that stands for it.
    #[must_use]
    pub fn letter(self) -> char {
        How::ALL.iter().find(|(how, _, _)| *how == self).map_or('?', |(_, letter, _)| *letter)
    }
}

impl Display for How {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.letter())
    }
}

/// One attack.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Attack {
    /// Its number.
    pub number: u32,
    /// What belongs together.
    pub group: String,
    /// What is tried.
    pub title: String,
    /// Letters of the ways in which it must be tested; none when it is all for later.
    #[serde(default)]
    pub letters: String,
    /// What is left for later, and why.
    pub later: Option<String>,
    /// Why nothing can be left out to see a test of it fail, where that is so.
    #[serde(rename = "no-defect")]
    pub no_defect: Option<String>,
}

impl Attack {
    /// The ways in which it must be tested.
    pub fn required(&self) -> impl Iterator<Item = How> + '_ {
        self.letters.chars().filter_map(How::of_letter)
    }
}

/// Every attack.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// By number.
    #[serde(rename = "attack")]
    pub attacks: Vec<Attack>,
}

impl Catalogue {
    /// What tests/attacks.toml says.
    ///
    /// # Errors
    /// When it is malformed: see [`Catalogue::of_text`].
    pub fn load() -> Result<Catalogue> {
        let path = paths::root()?.join("tests/attacks.toml");
        let text =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        Catalogue::of_text(&text).with_context(|| format!("in {}", path.display()))
    }

    /// What `text` says.
    ///
    /// # Errors
    /// When numbers do not ascend from 1, a letter is unknown or there twice, or an attack has
    /// neither letters nor a reason.
    pub fn of_text(text: &str) -> Result<Catalogue> {
        let catalogue: Catalogue = toml::from_str(text)?;
        let mut last = 0;
        for attack in &catalogue.attacks {
            let number = attack.number;
            ensure!(number > last, "attack {number} stands after {last}");
            last = number;
            let known: BTreeSet<How> = attack.required().collect();
            let all = known.len() == attack.letters.chars().count();
            ensure!(all, "attack {number}: a letter of `{}` is unknown or twice", attack.letters);
            let said = !attack.letters.is_empty() || attack.later.is_some();
            ensure!(said, "attack {number}: neither letters nor why it is for later");
        }
        Ok(catalogue)
    }

    /// The attack with this number.
    #[must_use]
    pub fn find(&self, number: u32) -> Option<&Attack> {
        self.attacks.iter().find(|attack| attack.number == number)
    }
}

//! The lines of the policy, read once for each version of it.

use alloc::vec::Vec;

use nexus_proto::policy::{Epoch, RuleReason, RuleText};
use nexus_proto::{Zero, ids};

use super::quota::Quota;
use crate::ask::{Ask, NoAnswer};
use crate::model::Rule;

/// Most lines.
const MOST_RULES: u32 = 256;

/// The lines that are known.
#[derive(Debug, Default)]
pub(super) struct Rules {
    epoch: u32,
    lines: Vec<Rule>,
    all: bool,
}

impl Rules {
    pub(super) fn lines(&self) -> &[Rule] {
        &self.lines
    }

    /// The name of a line.
    pub(super) fn name(&self, number: u16) -> alloc::string::String {
        let known = self.lines.iter().find(|rule| rule.number == u32::from(number));
        match known {
            Some(rule) => rule.id.clone(),
            None if number == nexus_proto::policy::NO_RULE => "no rule".into(),
            None => alloc::format!("rule {number}"),
        }
    }

    /// Reads on; what is of another version is forgotten.
    pub(super) fn read<A: Ask>(&mut self, quota: &mut Quota<'_, A>) {
        let answer = quota.ask(ids::POLICYD, &Epoch { nonce: 0 });
        let Some(info) = quota.had("rules", answer) else { return };
        if info.epoch != self.epoch {
            *self = Rules { epoch: info.epoch, ..Rules::default() };
        }
        while !self.all {
            let next = self.lines.last().map_or(1, |rule| rule.number + 1);
            match rule(quota, next) {
                Ok(rule) => {
                    self.lines.push(rule);
                    self.all = next >= MOST_RULES;
                }
                Err(NoAnswer::NotFound) => self.all = true,
                Err(_) => return quota.lacks("rules"),
            }
        }
    }
}

fn rule<A: Ask>(quota: &mut Quota<'_, A>, number: u32) -> Result<Rule, NoAnswer> {
    let (rule, zero) = (u16::try_from(number).map_err(|_| NoAnswer::NotFound)?, Zero::ZERO);
    let id = quota.text(ids::POLICYD, |offset| RuleText { rule, zero, offset })?;
    let reason = quota.text(ids::POLICYD, |offset| RuleReason { rule, zero, offset })?;
    Ok(Rule { number, id, reason })
}

//! Relations of two inputs.

use super::proto::{CrossRel, Expression, JoinRel, JoinType};
use super::refusal::{Refusal, Result};
use super::select::{Columns, Select};
use super::translator::Translator;

impl Translator<'_> {
    pub(super) fn cross(&mut self, cross: &CrossRel) -> Result<Select> {
        let left = self.relation(cross.left.as_ref())?.joinable(&mut self.aliases);
        let right = self.relation(cross.right.as_ref())?.single(&mut self.aliases);
        Ok(Select::of_join(left, "CROSS JOIN", right, None))
    }

    pub(super) fn join(&mut self, join: &JoinRel) -> Result<Select> {
        let kind = JoinType::try_from(join.r#type).unwrap_or(JoinType::Unspecified);
        let mut select = match kind {
            JoinType::Inner => self.joined(join, "JOIN")?,
            JoinType::Outer => self.joined(join, "FULL JOIN")?,
            JoinType::Left => self.joined(join, "LEFT JOIN")?,
            JoinType::Right => self.joined(join, "RIGHT JOIN")?,
            JoinType::LeftSemi | JoinType::LeftAnti | JoinType::RightSemi | JoinType::RightAnti => {
                self.matched(join, kind)?
            }
            JoinType::LeftSingle | JoinType::RightSingle => return Err(Refusal::unsupported("a single join")),
            JoinType::LeftMark | JoinType::RightMark => return Err(Refusal::unsupported("a mark join")),
            JoinType::Unspecified => return Err(Refusal::invalid("a join without a type that is known")),
        };
        if let Some(filter) = &join.post_join_filter {
            let condition = self.expression(filter, &select.columns)?;
            select.conditions.push(condition);
        }
        Ok(select)
    }

    fn joined(&mut self, join: &JoinRel, words: &str) -> Result<Select> {
        let left = self.relation(join.left.as_ref())?.joinable(&mut self.aliases);
        let right = self.relation(join.right.as_ref())?.single(&mut self.aliases);
        let condition = self.join_condition(join.expression.as_deref(), &left, &right)?;
        Ok(Select::of_join(left, words, right, Some(&condition)))
    }

    /// The rows of one side that have, or have not, a row on the other.
    fn matched(&mut self, join: &JoinRel, kind: JoinType) -> Result<Select> {
        let left = self.input(join.left.as_ref())?;
        let right = self.input(join.right.as_ref())?.unordered();
        let condition = self.join_condition(join.expression.as_deref(), &left, &right)?;
        let is_left = matches!(kind, JoinType::LeftSemi | JoinType::LeftAnti);
        let (mut kept, mut other) = if is_left { (left, right) } else { (right, left) };
        other.conditions.push(condition);
        let exists = if matches!(kind, JoinType::LeftSemi | JoinType::RightSemi) { "EXISTS" } else { "NOT EXISTS" };
        let found = other.unordered().text(&["1".to_owned()]);
        kept.conditions.push(format!("{exists} ({found})"));
        Ok(kept)
    }

    fn join_condition(&mut self, condition: Option<&Expression>, left: &Select, right: &Select) -> Result<String> {
        let Some(condition) = condition else { return Ok("true".to_owned()) };
        let both: Columns = left.columns.iter().chain(right.columns.iter()).cloned().collect();
        self.expression(condition, &both)
    }
}

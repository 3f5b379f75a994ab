//! Calls of window functions.

use super::proto::{Bound, BoundKind, BoundOffset, BoundsType, WindowFunction};
use super::refusal::{Refusal, Result};
use super::select::{Columns, SortKey};
use super::translator::Translator;

impl Translator<'_> {
    pub(super) fn window_function(&mut self, function: &WindowFunction, columns: &Columns) -> Result<String> {
        let call = self.aggregate_call(function.into(), columns)?;
        let mut window = Vec::new();
        if !function.partitions.is_empty() {
            let keys =
                function.partitions.iter().map(|key| self.expression(key, columns)).collect::<Result<Vec<_>>>()?;
            window.push(format!("PARTITION BY {}", keys.join(", ")));
        }
        let order: Vec<String> = self.sort_keys(&function.sorts, columns)?.iter().map(SortKey::to_sql).collect();
        if !order.is_empty() {
            window.push(format!("ORDER BY {}", order.join(", ")));
        }
        let unit = match BoundsType::try_from(function.bounds_type) {
            Ok(BoundsType::Rows | BoundsType::Unspecified) => "ROWS",
            Ok(BoundsType::Range) => "RANGE",
            Err(_) => return Err(Refusal::unsupported("the bounds_type of a window")),
        };
        let lower = self.bound(function.lower_bound.as_ref(), "PRECEDING", columns)?;
        let upper = self.bound(function.upper_bound.as_ref(), "FOLLOWING", columns)?;
        window.push(format!("{unit} BETWEEN {lower} AND {upper}"));
        Ok(format!("{call} OVER ({})", window.join(" ")))
    }

    /// A bound, which is the end of the partition on its side where the plan says none.
    fn bound(&mut self, bound: Option<&Bound>, side: &str, columns: &Columns) -> Result<String> {
        match bound.map(|bound| &bound.kind) {
            None | Some(Some(BoundKind::Unbounded(_))) => Ok(format!("UNBOUNDED {side}")),
            Some(Some(BoundKind::CurrentRow(_))) => Ok("CURRENT ROW".to_owned()),
            Some(Some(BoundKind::Preceding(offset))) => Ok(format!("{} PRECEDING", self.offset(offset, columns)?)),
            Some(Some(BoundKind::Following(offset))) => Ok(format!("{} FOLLOWING", self.offset(offset, columns)?)),
            Some(None) => Err(Refusal::unsupported("the bound of a window of a kind that is not known")),
        }
    }

    fn offset(&mut self, BoundOffset { offset, offset_expr }: &BoundOffset, columns: &Columns) -> Result<String> {
        match offset_expr {
            Some(offset) => self.expression(offset, columns),
            None if *offset >= 0 => Ok(offset.to_string()),
            None => Err(Refusal::invalid(format!("the bound of a window has the offset {offset}"))),
        }
    }
}

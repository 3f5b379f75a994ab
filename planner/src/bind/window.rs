//! Windows: OVER and WINDOW.

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, ExprSchemable, WindowFrame, WindowFrameBound, WindowFrameUnits, cast};
use datafusion::sql::sqlparser::ast::{self, NamedWindowDefinition, NamedWindowExpr, WindowSpec, WindowType};

use super::Binder;
use super::clause::Clause;
use super::names::folded;
use super::order::SortKey;
use crate::error::{Error, Result};
use crate::functions::Over;
use crate::pg_type::PgType;

/// Windows that a WINDOW may name. Each is kept with all that it takes over from others.
const MAX_WINDOWS: usize = 100;

/// Whether DataFusion knows no RANGE over values of a type.
fn has_no_range(pg_type: &PgType) -> bool {
    matches!(pg_type, PgType::Bytea | PgType::Time | PgType::Jsonb | PgType::Array(_))
}

/// A frame from peers to peers, which are the same in RANGE and in GROUPS.
fn of_groups(frame: WindowFrame) -> WindowFrame {
    let bound = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::Preceding(offset) if offset.is_null() => {
            Some(WindowFrameBound::Preceding(ScalarValue::UInt64(None)))
        }
        WindowFrameBound::Following(offset) if offset.is_null() => {
            Some(WindowFrameBound::Following(ScalarValue::UInt64(None)))
        }
        WindowFrameBound::CurrentRow => Some(WindowFrameBound::CurrentRow),
        WindowFrameBound::Preceding(_) | WindowFrameBound::Following(_) => None,
    };
    match (frame.units, bound(&frame.start_bound), bound(&frame.end_bound)) {
        (WindowFrameUnits::Range, Some(start), Some(end)) => {
            WindowFrame::new_bounds(WindowFrameUnits::Groups, start, end)
        }
        _ => frame,
    }
}

/// Digits before and behind the point.
fn digits(data_type: &DataType) -> Option<(i32, i32)> {
    match data_type {
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            Some((i32::from(*precision) - i32::from(*scale), i32::from(*scale)))
        }
        _ => None,
    }
}

impl Binder<'_> {
    pub(super) fn over(&mut self, over: &WindowType) -> Result<Over> {
        let spec = match over {
            WindowType::WindowSpec(spec) => self.whole_window(spec)?,
            WindowType::NamedWindow(name) => self.named_window(&folded(name))?,
        };
        self.within(Clause::Window, |binder| binder.window(&spec))
    }

    /// The windows of a WINDOW, each of which may name those before it.
    pub(super) fn named_windows(&mut self, definitions: &[NamedWindowDefinition]) -> Result<()> {
        if definitions.len() > MAX_WINDOWS {
            return Err(Error::TooLarge(format!(
                "a WINDOW names {} windows; at most {MAX_WINDOWS} are allowed",
                definitions.len()
            )));
        }
        for NamedWindowDefinition(name, window) in definitions {
            let spec = match window {
                NamedWindowExpr::WindowSpec(spec) => self.whole_window(spec)?,
                NamedWindowExpr::NamedWindow(other) => self.named_window(&folded(other))?,
            };
            let name = folded(name);
            if self.level()?.windows.insert(name.clone(), spec).is_some() {
                return Err(Error::Query(format!("window \"{name}\" is already defined")));
            }
        }
        Ok(())
    }

    fn named_window(&mut self, name: &str) -> Result<WindowSpec> {
        let known = self.level()?.windows.get(name).cloned();
        known.ok_or_else(|| Error::Query(format!("window \"{name}\" does not exist")))
    }

    /// A window with what it takes over from the one that it names.
    fn whole_window(&mut self, spec: &WindowSpec) -> Result<WindowSpec> {
        let Some(name) = &spec.window_name else { return Ok(spec.clone()) };
        let name = folded(name);
        let base = self.named_window(&name)?;
        if !spec.partition_by.is_empty() {
            return Err(Error::Query(format!("cannot override PARTITION BY clause of window \"{name}\"")));
        }
        if !spec.order_by.is_empty() && !base.order_by.is_empty() {
            return Err(Error::Query(format!("cannot override ORDER BY clause of window \"{name}\"")));
        }
        if base.window_frame.is_some() {
            return Err(Error::Query(format!("cannot copy window \"{name}\" because it has a frame clause")));
        }
        let order_by = if spec.order_by.is_empty() { base.order_by } else { spec.order_by.clone() };
        let window_frame = spec.window_frame.clone();
        Ok(WindowSpec { window_name: None, partition_by: base.partition_by, order_by, window_frame })
    }

    fn window(&mut self, spec: &WindowSpec) -> Result<Over> {
        let mut partition_by = Vec::with_capacity(spec.partition_by.len());
        for expression in &spec.partition_by {
            let typed = self.expression(expression)?;
            // A constant makes no partitions.
            if !matches!(typed.expr, Expr::Literal(..)) {
                partition_by.push(typed.equality_key()?);
            }
        }
        let mut keys = self.sort_keys(&spec.order_by)?;
        let frame = match &spec.window_frame {
            Some(frame) => self.frame(frame, &mut keys)?,
            None => WindowFrame::new((!keys.is_empty()).then_some(false)),
        };
        let has_no_range = |key: &SortKey| key.has_no_distances() || has_no_range(&key.value.pg_type);
        let frame = if keys.iter().any(has_no_range) { of_groups(frame) } else { frame };
        let mut order_by = keys.into_iter().map(SortKey::sort).collect();
        frame.regularize_order_bys(&mut order_by)?;
        Ok(Over { partition_by, order_by, frame })
    }

    fn frame(&mut self, frame: &ast::WindowFrame, keys: &mut [SortKey]) -> Result<WindowFrame> {
        let units: WindowFrameUnits = frame.units.into();
        if units == WindowFrameUnits::Groups && keys.is_empty() {
            return Err(Error::Query("GROUPS mode requires an ORDER BY clause".to_owned()));
        }
        let mut start = self.bound(&frame.start_bound, units, keys)?;
        let mut end = match &frame.end_bound {
            Some(end) => self.bound(end, units, keys)?,
            None => WindowFrameBound::CurrentRow,
        };
        let unbounded = |bound: &WindowFrameBound| match bound {
            WindowFrameBound::Preceding(value) | WindowFrameBound::Following(value) => value.is_null(),
            WindowFrameBound::CurrentRow => false,
        };
        let wrong = match (&start, &end) {
            (WindowFrameBound::Following(_), _) if unbounded(&start) => "frame start cannot be UNBOUNDED FOLLOWING",
            (_, WindowFrameBound::Preceding(_)) if unbounded(&end) => "frame end cannot be UNBOUNDED PRECEDING",
            (WindowFrameBound::CurrentRow, WindowFrameBound::Preceding(_)) => {
                "frame starting from current row cannot have preceding rows"
            }
            (WindowFrameBound::Following(_), WindowFrameBound::Preceding(_) | WindowFrameBound::CurrentRow) => {
                "frame starting from following row cannot have preceding rows"
            }
            _ => {
                if let [key] = keys {
                    self.count_in_same_digits(key, [&mut start, &mut end])?;
                }
                return Ok(WindowFrame::new_bounds(units, start, end));
            }
        };
        Err(Error::Query(wrong.to_owned()))
    }

    /// Gives a key that is a numeric, and what is added to it, the same decimals.
    fn count_in_same_digits(&mut self, key: &mut SortKey, bounds: [&mut WindowFrameBound; 2]) -> Result<()> {
        let own = key.value.expr.get_type(&self.level()?.scope.schema)?;
        let Some((mut whole, mut decimals)) = digits(&own) else { return Ok(()) };
        let mut offsets = vec![];
        for bound in bounds {
            if let WindowFrameBound::Preceding(value) | WindowFrameBound::Following(value) = bound
                && let Some((whole_of_offset, decimals_of_offset)) = digits(&value.data_type())
            {
                whole = whole.max(whole_of_offset);
                decimals = decimals.max(decimals_of_offset);
                offsets.push(value);
            }
        }
        let common = match digits(&own) == Some((whole, decimals)) {
            true => own,
            false => {
                let decimals_of_type = i8::try_from(decimals).unwrap_or(i8::MAX);
                let common = match whole + decimals <= i32::from(DECIMAL128_MAX_PRECISION) {
                    true => DataType::Decimal128(DECIMAL128_MAX_PRECISION, decimals_of_type),
                    false => DataType::Decimal256(DECIMAL256_MAX_PRECISION, decimals_of_type),
                };
                if !offsets.is_empty() {
                    key.value.expr = cast(key.value.expr.clone(), common.clone());
                }
                common
            }
        };
        for offset in offsets {
            *offset = offset.cast_to(&common)?;
        }
        Ok(())
    }

    fn bound(
        &mut self,
        bound: &ast::WindowFrameBound,
        units: WindowFrameUnits,
        keys: &[SortKey],
    ) -> Result<WindowFrameBound> {
        let unbounded = match units {
            WindowFrameUnits::Rows | WindowFrameUnits::Groups => ScalarValue::UInt64(None),
            WindowFrameUnits::Range => ScalarValue::Null,
        };
        Ok(match bound {
            ast::WindowFrameBound::CurrentRow => WindowFrameBound::CurrentRow,
            ast::WindowFrameBound::Preceding(None) => WindowFrameBound::Preceding(unbounded),
            ast::WindowFrameBound::Following(None) => WindowFrameBound::Following(unbounded),
            ast::WindowFrameBound::Preceding(Some(offset)) => {
                WindowFrameBound::Preceding(self.offset(offset, units, keys)?)
            }
            ast::WindowFrameBound::Following(Some(offset)) => {
                WindowFrameBound::Following(self.offset(offset, units, keys)?)
            }
        })
    }

    fn offset(&mut self, offset: &ast::Expr, units: WindowFrameUnits, keys: &[SortKey]) -> Result<ScalarValue> {
        let offset = self.expression(offset)?;
        if units != WindowFrameUnits::Range {
            let offset = self.coerce(offset, &PgType::Int8)?;
            return match offset.expr {
                Expr::Literal(ScalarValue::Int64(Some(rows @ 0..)), _) => {
                    Ok(ScalarValue::UInt64(Some(rows.unsigned_abs())))
                }
                Expr::Literal(ScalarValue::Int64(Some(_)), _) => {
                    Err(Error::Query("frame starting offset must not be negative".to_owned()))
                }
                Expr::Literal(..) => Err(Error::Query("frame offset must not be null".to_owned())),
                _ => Err(Error::Unsupported("not supported: a frame offset that is no constant".to_owned())),
            };
        }
        let [key] = keys else {
            return Err(Error::Query(
                "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column".to_owned(),
            ));
        };
        let wanted = match &key.value.pg_type {
            PgType::Date | PgType::Time | PgType::Timestamp | PgType::Timestamptz => PgType::Interval,
            number @ (PgType::Int2
            | PgType::Int4
            | PgType::Int8
            | PgType::Numeric
            | PgType::Float4
            | PgType::Float8) => number.clone(),
            other => {
                return Err(Error::Query(format!(
                    "RANGE with offset PRECEDING/FOLLOWING is not supported for column type {other}"
                )));
            }
        };
        let offset = self.cast(offset, &wanted, super::type_name::Modifier::None)?;
        match offset.expr {
            Expr::Literal(value, _) if value.is_null() => Err(Error::Query("frame offset must not be null".to_owned())),
            Expr::Literal(value, _) => {
                let negative = ScalarValue::new_zero(&value.data_type()).is_ok_and(|zero| value < zero);
                if negative && value.data_type() != DataType::Interval(arrow::datatypes::IntervalUnit::MonthDayNano) {
                    return Err(Error::Query("invalid preceding or following size in window function".to_owned()));
                }
                Ok(value)
            }
            _ => Err(Error::Unsupported("not supported: a frame offset that is no constant".to_owned())),
        }
    }
}

//! Functions that give what they are given, and of which DataFusion knows less than of their argument.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{DFSchema, Result, internal_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use crate::subqueries::has_subquery;

/// A column that is no key, whatever the column was.
pub(crate) fn as_is(column: Expr) -> Expr {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| AsIs::function("as_is", false, Volatility::Immutable));
    FUNCTION.call(vec![column])
}

/// A value of which it is asked whether it is NULL. DataFusion does not compute what it knows never to be NULL, and that
/// may be an error.
pub(crate) fn asked_for_null(value: Expr, schema: &DFSchema) -> Expr {
    let is_computed = !matches!(value, Expr::Column(_) | Expr::OuterReferenceColumn(..) | Expr::Literal(..));
    match is_computed && !value.nullable(schema).unwrap_or(true) && !has_subquery(&value) {
        true => or_null(value),
        false => value,
    }
}

/// A value that may be NULL for all that is known. What a plan says of CASE is more than what DataFusion knows when it
/// runs.
pub(crate) fn or_null(value: Expr) -> Expr {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> =
        LazyLock::new(|| AsIs::function("as_is_or_null", true, Volatility::Immutable));
    FUNCTION.call(vec![value])
}

/// What gives a value that nothing is put below, because it is not known to be the same twice.
pub(crate) fn held_back() -> Arc<ScalarUDF> {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> =
        LazyLock::new(|| AsIs::function("as_is_held_back", false, Volatility::Volatile));
    Arc::clone(&FUNCTION)
}

/// What marks a value of constants that PostgreSQL does not compute while it plans (`stable_constants.rs`).
pub(crate) fn stable() -> Arc<ScalarUDF> {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> =
        LazyLock::new(|| AsIs::function("as_is_stable", false, Volatility::Stable));
    Arc::clone(&FUNCTION)
}

/// What hides such a value from whoever computes constants.
pub(crate) fn hidden() -> Arc<ScalarUDF> {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> =
        LazyLock::new(|| AsIs::function("as_is_hidden", true, Volatility::Volatile));
    Arc::clone(&FUNCTION)
}

/// What such a function is given in an expression, if it is one of its calls.
pub(crate) fn argument_of<'a>(expression: &'a Expr, function: &ScalarUDF) -> Option<&'a Expr> {
    match expression {
        Expr::ScalarFunction(call) if *call.func == *function => call.args.first(),
        _ => None,
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct AsIs {
    name: &'static str,
    /// Whether the value may be NULL for all that is known.
    or_null: bool,
    signature: Signature,
}

impl AsIs {
    fn function(name: &'static str, or_null: bool, volatility: Volatility) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::from(Self { name, or_null, signature: Signature::any(1, volatility) }))
    }
}

impl ScalarUDFImpl for AsIs {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        internal_err!("{} has the field of its argument", self.name)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        match args.arg_fields {
            [field] if self.or_null => Ok(Arc::new(field.as_ref().clone().with_nullable(true))),
            [field] => Ok(Arc::clone(field)),
            _ => plan_err!("{} takes one argument", self.name),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.into_iter().next() {
            Some(value) => Ok(value),
            None => internal_err!("{} takes one argument", self.name),
        }
    }
}

//! The one kind of DataFusion function that this crate's own functions are.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::arrays::PickUdf;
use crate::as_is::{argument_of, hidden};
use crate::constants_budget::counted;
use crate::error::Error;
use crate::interrupt;
use crate::pg_type::{NUMERIC_SCALE, PgType, list_of};
use crate::stable_constants::{is_constant, is_null};

/// Whether a function takes a constant once for all rows.
pub(crate) fn takes_constants(function: &ScalarUDF) -> bool {
    let function: &dyn Any = function.inner().as_ref();
    function.is::<Udf>() || function.is::<PickUdf>()
}

/// What a function computes.
pub(crate) trait Evaluate: Send + Sync {
    /// The column of results, whose Arrow type is `returns`; a constant where all arguments are.
    ///
    /// # Errors
    /// What is wrong with a value.
    fn evaluate(&self, arguments: &[ColumnarValue], rows: usize, returns: &DataType) -> Result<ColumnarValue>;

    /// The type that it is made for, if it is made anew for each call: it is the same as others of its name, then.
    fn made_for(&self) -> Option<&PgType> {
        None
    }
}

/// How many decimals a numeric result is kept with. PostgreSQL decides for each value; a column has one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Decimals {
    /// So many, or as many as an argument has, if that is more.
    AtLeast(i8),
    /// As many as the argument with most of them.
    OfArguments,
    /// None.
    Whole,
    /// So many.
    Exactly(i8),
}

/// A function. Its arguments have their types when it is called: the binder sees to that.
#[derive(Clone)]
pub(crate) struct Udf {
    name: &'static str,
    returns: PgType,
    decimals: Decimals,
    signature: Signature,
    evaluate: Arc<dyn Evaluate>,
    /// Whether its result is NULL where one of its arguments is.
    is_strict: bool,
    preimage: Option<FindPreimage>,
}

/// The values of an argument for which a function has a certain value, from the lowest to before the end. It must never
/// fall where the argument rises.
pub(crate) struct Preimage {
    /// The number of the argument.
    pub(crate) argument: usize,
    pub(crate) low: ScalarValue,
    pub(crate) end: ScalarValue,
}

/// Finds them for constants in the other arguments. None where the function has other values only.
pub(crate) type FindPreimage = fn(&[Option<&ScalarValue>], &ScalarValue) -> Option<Preimage>;

impl Udf {
    pub(crate) fn new(name: &'static str, returns: PgType, evaluate: Arc<dyn Evaluate>) -> Self {
        let signature = Signature::variadic_any(Volatility::Immutable);
        let decimals = Decimals::AtLeast(NUMERIC_SCALE);
        Self { name, returns, decimals, signature, evaluate, is_strict: false, preimage: None }
    }

    /// For functions whose result is NULL where one of their arguments is.
    pub(crate) fn strict(self) -> Self {
        Self { is_strict: true, ..self }
    }

    pub(crate) fn not_strict(self) -> Self {
        Self { is_strict: false, ..self }
    }

    pub(crate) fn with_decimals(self, decimals: Decimals) -> Self {
        Self { decimals, ..self }
    }

    /// By which comparisons of the function become ones of its argument, which statistics are known of.
    pub(crate) fn with_preimage(self, preimage: FindPreimage) -> Self {
        Self { preimage: Some(preimage), ..self }
    }

    pub(crate) fn returns(&self) -> &PgType {
        &self.returns
    }
}

impl fmt::Debug for Udf {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Udf").field("name", &self.name).field("returns", &self.returns).finish_non_exhaustive()
    }
}

/// Functions are the same when their code is, and what that is made for.
impl PartialEq for Udf {
    fn eq(&self, other: &Self) -> bool {
        let made_for = self.evaluate.made_for();
        let is_same_code =
            Arc::ptr_eq(&self.evaluate, &other.evaluate) || made_for.is_some() && made_for == other.evaluate.made_for();
        self.name == other.name && self.decimals == other.decimals && is_same_code
    }
}

impl Eq for Udf {}

impl Hash for Udf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Udf {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(self.with_scale(&self.returns, types))
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        if self.is_strict { null_for_null(self, args, info) } else { Ok(ExprSimplifyResult::Original(args)) }
    }

    fn preimage(&self, args: &[Expr], value: &Expr, _info: &SimplifyContext) -> Result<PreimageResult> {
        let (Some(find), Expr::Literal(value, _)) = (self.preimage, value) else { return Ok(PreimageResult::None) };
        let constants: Vec<Option<&ScalarValue>> = args
            .iter()
            .map(|argument| match argument {
                Expr::Literal(value, _) => Some(value),
                _ => None,
            })
            .collect();
        match find(&constants, value) {
            Some(Preimage { argument, low, end }) if argument < args.len() => Ok(PreimageResult::Range {
                expr: args[argument].clone(),
                interval: Box::new(Interval::try_new(low, end)?),
            }),
            _ => Ok(PreimageResult::None),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        interrupt::check().map_err(Error::Value)?;
        counted(&args.args, || self.evaluate.evaluate(&args.args, args.number_rows, args.return_field.data_type()))
    }
}

/// NULL for a function that is strict where an argument is the constant NULL. PostgreSQL does not compute the others then,
/// which may have errors.
pub(in crate::functions) fn null_for_null(
    function: &dyn ScalarUDFImpl,
    args: Vec<Expr>,
    info: &SimplifyContext,
) -> Result<ExprSimplifyResult> {
    if !args.iter().any(is_null) || args.iter().any(is_wrong) {
        return Ok(ExprSimplifyResult::Original(args));
    }
    let types = args.iter().map(|argument| info.get_data_type(argument)).collect::<Result<Vec<_>>>()?;
    let null = ScalarValue::try_from(&function.return_type(&types)?)?;
    Ok(ExprSimplifyResult::Simplified(Expr::Literal(null, None)))
}

/// Whether an argument has an error in any case: what is made of constants, and has not become one. A function that is
/// hidden has not been tried, but its arguments have.
fn is_wrong(argument: &Expr) -> bool {
    let tried = match argument_of(argument, &hidden()) {
        Some(function) => function,
        None if is_constant(argument) => return !matches!(argument, Expr::Literal(..)),
        None => argument,
    };
    let mut found = false;
    let visited = tried.apply_children(|part| {
        found = found || is_wrong(part);
        Ok(TreeNodeRecursion::Continue)
    });
    found || visited.is_err()
}

impl Udf {
    fn with_scale(&self, returns: &PgType, types: &[DataType]) -> DataType {
        match returns {
            PgType::Numeric => {
                let widest = types.iter().filter_map(scale).max().unwrap_or_default();
                let scale = match self.decimals {
                    Decimals::AtLeast(least) => least.max(widest),
                    Decimals::OfArguments => widest,
                    Decimals::Whole => 0,
                    Decimals::Exactly(scale) => scale,
                };
                DataType::Decimal128(DECIMAL128_MAX_PRECISION, scale)
            }
            PgType::Array(element) => list_of(self.with_scale(element, types)),
            other => other.arrow(),
        }
    }
}

fn scale(data_type: &DataType) -> Option<i8> {
    match data_type {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => Some(*scale),
        DataType::List(element) => scale(element.data_type()),
        _ => None,
    }
}

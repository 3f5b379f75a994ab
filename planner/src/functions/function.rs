//! What is known of a function or an operator: its name, the types it takes, the type it returns, and the expression
//! that it is in a plan.

use std::fmt;
use std::sync::Arc;

use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{
    AggregateFunction, WindowFunction, WindowFunctionDefinition, WindowFunctionParams,
};
use datafusion::logical_expr::{AggregateUDF, Expr, ScalarUDF, SortExpr, WindowFrame, WindowUDF};

use super::aggregates::{in_order, windowed};
use super::keys::key;
use super::strings::unpadded;
use super::text_order::TextOrder;
use super::udf::{Decimals, FindPreimage, Udf};
use crate::pg_type::PgType;
use crate::query::Surroundings;

/// A function or an operator.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) arguments: Vec<PgType>,
    /// The last argument may come any number of times, but once at least.
    pub(crate) variadic: bool,
    /// Names by which arguments may be given, where there are some.
    pub(crate) argument_names: &'static [&'static str],
    pub(crate) returns: PgType,
    pub(crate) kind: Kind,
    /// What computes it, if that is a function of this crate's own.
    udf: Option<Udf>,
}

/// How a call becomes an expression.
#[derive(Clone)]
pub(crate) enum Kind {
    Scalar(ScalarBody),
    /// Returns rows: the expression is an array of them. The names are those of the columns; a single column has the
    /// name of the function.
    Set(ScalarBody, &'static [&'static str]),
    Aggregate(AggregateBody),
    /// The arguments behind WITHIN GROUP come first.
    OrderedSet(AggregateBody),
    /// A window function that is no aggregate.
    Window(AggregateBody),
}

type ScalarBody = Arc<dyn Fn(Call<'_>) -> Result<Expr> + Send + Sync>;
type AggregateBody = Arc<dyn Fn(AggregateCall<'_>) -> Result<Expr> + Send + Sync>;

/// A call with its arguments, which have the types that the function takes.
pub(crate) struct Call<'a> {
    pub(crate) arguments: Vec<Expr>,
    pub(crate) types: Vec<PgType>,
    /// How texts among them are compared, where the function compares them and not by bytes.
    pub(crate) order: Option<Arc<TextOrder>>,
    pub(crate) schema: &'a DFSchema,
    pub(crate) surroundings: &'a Surroundings,
}

/// A call of an aggregate or a window function.
#[derive(Clone)]
pub(crate) struct AggregateCall<'a> {
    pub(crate) arguments: Vec<Expr>,
    pub(crate) types: Vec<PgType>,
    pub(crate) distinct: bool,
    pub(crate) filter: Option<Expr>,
    pub(crate) order_by: Vec<SortExpr>,
    /// The window, if it is called with OVER.
    pub(crate) over: Option<Over>,
    /// How the texts of each argument are compared, where it compares them and not by bytes.
    pub(crate) orders: Vec<Option<Arc<TextOrder>>>,
    /// Whether each argument is a text with padding, which is not compared.
    pub(crate) padded: Vec<bool>,
    pub(crate) schema: &'a DFSchema,
    pub(crate) surroundings: &'a Surroundings,
}

/// A window.
#[derive(Debug, Clone)]
pub(crate) struct Over {
    pub(crate) partition_by: Vec<Expr>,
    pub(crate) order_by: Vec<SortExpr>,
    pub(crate) frame: WindowFrame,
}

impl AggregateCall<'_> {
    /// The aggregate of these arguments, over the same rows.
    pub(crate) fn of(&self, function: Arc<AggregateUDF>, arguments: Vec<Expr>) -> Expr {
        let filter = self.filter.clone().map(Box::new);
        match &self.over {
            None if self.order_by.is_empty() || function.order_sensitivity().is_insensitive() => {
                Expr::AggregateFunction(AggregateFunction::new_udf(
                    function,
                    arguments,
                    self.distinct,
                    filter,
                    vec![],
                    None,
                ))
            }
            None => in_order(function, arguments, self.keys(), self.distinct, filter),
            Some(over) => {
                self.window(WindowFunctionDefinition::AggregateUDF(windowed(function, &over.frame)), arguments, over)
            }
        }
    }

    /// How the texts of the argument at a place are compared, if not by bytes.
    pub(crate) fn order(&self, place: usize) -> Option<&Arc<TextOrder>> {
        self.orders.get(place)?.as_ref()
    }

    /// Whether the argument at a place is a text with padding, which is not compared.
    pub(crate) fn is_padded(&self, place: usize) -> bool {
        self.padded.get(place) == Some(&true)
    }

    /// What the argument at a place is compared by.
    pub(crate) fn key(&self, argument: Expr, place: usize) -> Expr {
        let argument = if self.is_padded(place) { unpadded(argument) } else { argument };
        match (self.order(place), self.types.get(place)) {
            (Some(order), _) => order.key(argument),
            (None, Some(pg_type)) => key(argument, pg_type),
            (None, None) => argument,
        }
    }

    /// What rows are sorted by: all arguments, where only one is wanted of rows that are the same in them.
    fn keys(&self) -> Vec<SortExpr> {
        let mut keys = self.order_by.clone();
        if self.distinct {
            for (place, argument) in self.arguments.iter().enumerate() {
                if matches!(argument, Expr::Literal(..)) {
                    continue;
                }
                let key = self.key(argument.clone(), place);
                if !keys.iter().any(|known| known.expr == key) {
                    keys.push(SortExpr::new(key, true, false));
                }
            }
        }
        keys
    }

    /// The window function of these arguments.
    pub(crate) fn over(&self, function: Arc<WindowUDF>, arguments: Vec<Expr>) -> Result<Expr> {
        let Some(over) = &self.over else {
            return datafusion::common::internal_err!("a window function without a window");
        };
        Ok(self.window(WindowFunctionDefinition::WindowUDF(function), arguments, over))
    }

    fn window(&self, fun: WindowFunctionDefinition, args: Vec<Expr>, over: &Over) -> Expr {
        Expr::WindowFunction(Box::new(WindowFunction {
            fun,
            params: WindowFunctionParams {
                args,
                partition_by: over.partition_by.clone(),
                order_by: over.order_by.clone(),
                window_frame: over.frame.clone(),
                filter: self.filter.clone().map(Box::new),
                null_treatment: None,
                distinct: self.distinct,
            },
        }))
    }
}

impl Function {
    fn new(name: &'static str, arguments: Vec<PgType>, returns: PgType, kind: Kind) -> Self {
        Self { name, arguments, variadic: false, argument_names: &[], returns, kind, udf: None }
    }

    /// A function of values.
    pub(crate) fn scalar(name: &'static str, arguments: Vec<PgType>, udf: Udf) -> Self {
        let returns = udf.returns().clone();
        let function = Arc::new(ScalarUDF::from(udf.clone()));
        let made = Self::made(name, arguments, returns, move |call| Ok(function.call(call.arguments)));
        Self { udf: Some(udf), ..made }
    }

    /// A function that is made of other expressions.
    pub(crate) fn made(
        name: &'static str,
        arguments: Vec<PgType>,
        returns: PgType,
        make: impl Fn(Call<'_>) -> Result<Expr> + Send + Sync + 'static,
    ) -> Self {
        Self::new(name, arguments, returns, Kind::Scalar(Arc::new(make)))
    }

    /// An aggregate.
    pub(crate) fn aggregate(
        name: &'static str,
        arguments: Vec<PgType>,
        returns: PgType,
        make: impl Fn(AggregateCall<'_>) -> Result<Expr> + Send + Sync + 'static,
    ) -> Self {
        Self::new(name, arguments, returns, Kind::Aggregate(Arc::new(make)))
    }

    /// An aggregate with WITHIN GROUP.
    pub(crate) fn ordered_set(
        name: &'static str,
        arguments: Vec<PgType>,
        returns: PgType,
        make: impl Fn(AggregateCall<'_>) -> Result<Expr> + Send + Sync + 'static,
    ) -> Self {
        Self::new(name, arguments, returns, Kind::OrderedSet(Arc::new(make)))
    }

    /// A window function.
    pub(crate) fn window(
        name: &'static str,
        arguments: Vec<PgType>,
        returns: PgType,
        make: impl Fn(AggregateCall<'_>) -> Result<Expr> + Send + Sync + 'static,
    ) -> Self {
        Self::new(name, arguments, returns, Kind::Window(Arc::new(make)))
    }

    /// The same function, which returns the elements of its array as rows.
    pub(crate) fn set(self, columns: &'static [&'static str]) -> Self {
        let mut set = self.not_strict();
        if let Kind::Scalar(body) = &set.kind {
            set.kind = Kind::Set(Arc::clone(body), columns);
        }
        set
    }

    /// The expression of a function that is made of arguments alone.
    pub(super) fn of_expressions(&self, arguments: Vec<Expr>, schema: &DFSchema) -> Result<Expr> {
        let surroundings = Surroundings::default();
        let types = self.arguments.clone();
        self.expression(Call { arguments, types, order: None, schema, surroundings: &surroundings })
    }

    /// The expression of a function of values.
    pub(super) fn expression(&self, call: Call<'_>) -> Result<Expr> {
        match &self.kind {
            Kind::Scalar(body) => body(call),
            _ => datafusion::common::internal_err!("{} is no function of values", self.name),
        }
    }

    /// What computes it, if that is a function of this crate's own.
    pub(super) fn udf(&self) -> Option<&Udf> {
        self.udf.as_ref()
    }

    /// The same function, whose numeric results have so many decimals.
    pub(crate) fn decimals(mut self, decimals: Decimals) -> Self {
        match self.udf.take() {
            Some(udf) => Self::scalar(self.name, self.arguments, udf.with_decimals(decimals)),
            None => self,
        }
    }

    /// The same function, whose result is NULL where one of its arguments is.
    pub(crate) fn strict(mut self) -> Self {
        match self.udf.take() {
            Some(udf) => Self::scalar(self.name, self.arguments, udf.strict()),
            None => self,
        }
    }

    /// The same function, whose arguments are computed beside a constant NULL, too, as those of functions that return rows.
    pub(crate) fn not_strict(mut self) -> Self {
        match self.udf.take() {
            Some(udf) => Self::scalar(self.name, self.arguments, udf.not_strict()),
            None => self,
        }
    }

    /// The same function, comparisons of which become ones of its argument.
    pub(crate) fn preimage(mut self, preimage: FindPreimage) -> Self {
        match self.udf.take() {
            Some(udf) => Self::scalar(self.name, self.arguments, udf.with_preimage(preimage)),
            None => self,
        }
    }

    /// The same function under another name.
    pub(crate) fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// The same function, whose last argument may be repeated.
    pub(crate) fn variadic(self) -> Self {
        Self { variadic: true, ..self }
    }

    /// The same function with names for its arguments.
    pub(crate) fn with_names(self, argument_names: &'static [&'static str]) -> Self {
        Self { argument_names, ..self }
    }

    /// The types of `count` arguments; none when it does not take so many.
    pub(crate) fn argument_types(&self, count: usize) -> Option<Vec<PgType>> {
        match (self.variadic, self.arguments.len()) {
            (false, own) => (own == count).then(|| self.arguments.clone()),
            (true, own) if count >= own => {
                let last = self.arguments.last()?;
                let repeated = std::iter::repeat_n(last.clone(), count - own);
                Some(self.arguments.iter().cloned().chain(repeated).collect())
            }
            _ => None,
        }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}({:?}) -> {:?}", self.name, self.arguments, self.returns)
    }
}

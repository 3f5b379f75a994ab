//! `algebra.proto`: calls of functions.

use prost::{Enumeration, Message, Oneof};

use super::{Expression, Untaken};

#[derive(Clone, PartialEq, Message)]
pub struct ScalarFunction {
    #[prost(uint32, tag = "1")]
    pub function_reference: u32,
    #[prost(message, repeated, tag = "2")]
    pub args: Vec<Untaken>,
    #[prost(message, repeated, tag = "4")]
    pub arguments: Vec<FunctionArgument>,
    #[prost(message, repeated, tag = "5")]
    pub options: Vec<FunctionOption>,
}

#[derive(Clone, PartialEq, Message)]
pub struct AggregateFunction {
    #[prost(uint32, tag = "1")]
    pub function_reference: u32,
    #[prost(message, repeated, tag = "2")]
    pub args: Vec<Untaken>,
    #[prost(message, repeated, tag = "3")]
    pub sorts: Vec<SortField>,
    #[prost(enumeration = "AggregationPhase", tag = "4")]
    pub phase: i32,
    #[prost(enumeration = "AggregationInvocation", tag = "6")]
    pub invocation: i32,
    #[prost(message, repeated, tag = "7")]
    pub arguments: Vec<FunctionArgument>,
    #[prost(message, repeated, tag = "8")]
    pub options: Vec<FunctionOption>,
}

#[derive(Clone, PartialEq, Message)]
pub struct WindowFunction {
    #[prost(uint32, tag = "1")]
    pub function_reference: u32,
    #[prost(message, repeated, tag = "2")]
    pub partitions: Vec<Expression>,
    #[prost(message, repeated, tag = "3")]
    pub sorts: Vec<SortField>,
    #[prost(message, optional, tag = "4")]
    pub upper_bound: Option<Bound>,
    #[prost(message, optional, tag = "5")]
    pub lower_bound: Option<Bound>,
    #[prost(enumeration = "AggregationPhase", tag = "6")]
    pub phase: i32,
    #[prost(message, repeated, tag = "8")]
    pub args: Vec<Untaken>,
    #[prost(message, repeated, tag = "9")]
    pub arguments: Vec<FunctionArgument>,
    #[prost(enumeration = "AggregationInvocation", tag = "10")]
    pub invocation: i32,
    #[prost(message, repeated, tag = "11")]
    pub options: Vec<FunctionOption>,
    #[prost(enumeration = "BoundsType", tag = "12")]
    pub bounds_type: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum AggregationPhase {
    Unspecified = 0,
    InitialToIntermediate = 1,
    IntermediateToIntermediate = 2,
    InitialToResult = 3,
    IntermediateToResult = 4,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum AggregationInvocation {
    Unspecified = 0,
    All = 1,
    Distinct = 2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum BoundsType {
    Unspecified = 0,
    Rows = 1,
    Range = 2,
}

#[derive(Clone, PartialEq, Message)]
pub struct Bound {
    #[prost(oneof = "BoundKind", tags = "1, 2, 3, 4")]
    pub kind: Option<BoundKind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum BoundKind {
    #[prost(message, tag = "1")]
    Preceding(BoundOffset),
    #[prost(message, tag = "2")]
    Following(BoundOffset),
    #[prost(message, tag = "3")]
    CurrentRow(Untaken),
    #[prost(message, tag = "4")]
    Unbounded(Untaken),
}

#[derive(Clone, PartialEq, Message)]
pub struct BoundOffset {
    /// The number of plans of before 0.102.
    #[prost(int64, tag = "1")]
    pub offset: i64,
    #[prost(message, optional, tag = "2")]
    pub offset_expr: Option<Box<Expression>>,
}

#[derive(Clone, PartialEq, Message)]
pub struct FunctionArgument {
    #[prost(oneof = "ArgType", tags = "1, 2, 3")]
    pub arg_type: Option<ArgType>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum ArgType {
    #[prost(string, tag = "1")]
    Enum(String),
    #[prost(message, tag = "2")]
    Type(Untaken),
    #[prost(message, tag = "3")]
    Value(Expression),
}

#[derive(Clone, PartialEq, Message)]
pub struct FunctionOption {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, repeated, tag = "2")]
    pub preference: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct SortField {
    #[prost(message, optional, tag = "1")]
    pub expr: Option<Expression>,
    #[prost(enumeration = "SortDirection", tag = "2")]
    pub direction: i32,
    #[prost(uint32, optional, tag = "3")]
    pub comparison_function_reference: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum SortDirection {
    Unspecified = 0,
    AscNullsFirst = 1,
    AscNullsLast = 2,
    DescNullsFirst = 3,
    DescNullsLast = 4,
    Clustered = 5,
}

//! `algebra.proto`: expressions.

use prost::{Enumeration, Message, Oneof};

use super::{Literal, Rel, ScalarFunction, Type, Untaken, WindowFunction};

#[derive(Clone, PartialEq, Message)]
pub struct Expression {
    #[prost(oneof = "RexType", tags = "1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19")]
    pub rex_type: Option<RexType>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum RexType {
    #[prost(message, tag = "1")]
    Literal(Box<Literal>),
    #[prost(message, tag = "2")]
    Selection(Box<FieldReference>),
    #[prost(message, tag = "3")]
    ScalarFunction(Box<ScalarFunction>),
    #[prost(message, tag = "5")]
    WindowFunction(Box<WindowFunction>),
    #[prost(message, tag = "6")]
    IfThen(Box<IfThen>),
    #[prost(message, tag = "7")]
    SwitchExpression(Box<SwitchExpression>),
    #[prost(message, tag = "8")]
    SingularOrList(Box<SingularOrList>),
    #[prost(message, tag = "9")]
    MultiOrList(Box<MultiOrList>),
    #[prost(message, tag = "10")]
    Enum(Untaken),
    #[prost(message, tag = "11")]
    Cast(Box<Cast>),
    #[prost(message, tag = "12")]
    Subquery(Box<Subquery>),
    #[prost(message, tag = "13")]
    Nested(Untaken),
    #[prost(message, tag = "14")]
    DynamicParameter(Box<DynamicParameter>),
    #[prost(message, tag = "15")]
    Lambda(Untaken),
    #[prost(message, tag = "16")]
    LambdaInvocation(Untaken),
    #[prost(message, tag = "17")]
    ExecutionContextVariable(Untaken),
    #[prost(message, tag = "19")]
    NamedLambdaReference(Untaken),
}

#[derive(Clone, PartialEq, Message)]
pub struct FieldReference {
    #[prost(message, optional, tag = "1")]
    pub direct_reference: Option<ReferenceSegment>,
    #[prost(oneof = "RootType", tags = "3, 4, 5, 6")]
    pub root_type: Option<RootType>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum RootType {
    #[prost(message, tag = "3")]
    Expression(Untaken),
    #[prost(message, tag = "4")]
    RootReference(Untaken),
    #[prost(message, tag = "5")]
    OuterReference(OuterReference),
    #[prost(message, tag = "6")]
    LambdaParameterReference(Untaken),
}

#[derive(Clone, PartialEq, Message)]
pub struct OuterReference {
    #[prost(uint32, tag = "1")]
    pub steps_out: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct ReferenceSegment {
    #[prost(message, optional, tag = "2")]
    pub struct_field: Option<StructField>,
}

#[derive(Clone, PartialEq, Message)]
pub struct StructField {
    #[prost(int32, tag = "1")]
    pub field: i32,
    #[prost(message, optional, tag = "2")]
    pub child: Option<Untaken>,
}

#[derive(Clone, PartialEq, Message)]
pub struct IfThen {
    #[prost(message, repeated, tag = "1")]
    pub ifs: Vec<IfClause>,
    #[prost(message, optional, tag = "2")]
    pub r#else: Option<Expression>,
}

#[derive(Clone, PartialEq, Message)]
pub struct IfClause {
    #[prost(message, optional, tag = "1")]
    pub r#if: Option<Expression>,
    #[prost(message, optional, tag = "2")]
    pub then: Option<Expression>,
}

#[derive(Clone, PartialEq, Message)]
pub struct SwitchExpression {
    #[prost(message, repeated, tag = "1")]
    pub ifs: Vec<IfValue>,
    #[prost(message, optional, tag = "2")]
    pub r#else: Option<Expression>,
    #[prost(message, optional, tag = "3")]
    pub r#match: Option<Expression>,
}

#[derive(Clone, PartialEq, Message)]
pub struct IfValue {
    #[prost(message, optional, tag = "1")]
    pub r#if: Option<Literal>,
    #[prost(message, optional, tag = "2")]
    pub then: Option<Expression>,
}

#[derive(Clone, PartialEq, Message)]
pub struct SingularOrList {
    #[prost(message, optional, tag = "1")]
    pub value: Option<Expression>,
    #[prost(message, repeated, tag = "2")]
    pub options: Vec<Expression>,
}

#[derive(Clone, PartialEq, Message)]
pub struct MultiOrList {
    #[prost(message, repeated, tag = "1")]
    pub value: Vec<Expression>,
    #[prost(message, repeated, tag = "2")]
    pub options: Vec<OrListRecord>,
}

#[derive(Clone, PartialEq, Message)]
pub struct OrListRecord {
    #[prost(message, repeated, tag = "1")]
    pub fields: Vec<Expression>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Cast {
    #[prost(message, optional, tag = "1")]
    pub r#type: Option<Type>,
    #[prost(message, optional, tag = "2")]
    pub input: Option<Expression>,
    #[prost(enumeration = "FailureBehavior", tag = "3")]
    pub failure_behavior: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum FailureBehavior {
    Unspecified = 0,
    ReturnNull = 1,
    ThrowException = 2,
}

#[derive(Clone, PartialEq, Message)]
pub struct Subquery {
    #[prost(oneof = "SubqueryType", tags = "1, 2, 3, 4")]
    pub subquery_type: Option<SubqueryType>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum SubqueryType {
    #[prost(message, tag = "1")]
    Scalar(ScalarSubquery),
    #[prost(message, tag = "2")]
    InPredicate(InPredicate),
    #[prost(message, tag = "3")]
    SetPredicate(SetPredicate),
    #[prost(message, tag = "4")]
    SetComparison(SetComparison),
}

#[derive(Clone, PartialEq, Message)]
pub struct ScalarSubquery {
    #[prost(message, optional, tag = "1")]
    pub input: Option<Rel>,
}

#[derive(Clone, PartialEq, Message)]
pub struct InPredicate {
    #[prost(message, repeated, tag = "1")]
    pub needles: Vec<Expression>,
    #[prost(message, optional, tag = "2")]
    pub haystack: Option<Rel>,
}

#[derive(Clone, PartialEq, Message)]
pub struct SetPredicate {
    #[prost(enumeration = "PredicateOp", tag = "1")]
    pub predicate_op: i32,
    #[prost(message, optional, tag = "2")]
    pub tuples: Option<Rel>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum PredicateOp {
    Unspecified = 0,
    Exists = 1,
    Unique = 2,
}

#[derive(Clone, PartialEq, Message)]
pub struct SetComparison {
    #[prost(enumeration = "ReductionOp", tag = "1")]
    pub reduction_op: i32,
    #[prost(enumeration = "ComparisonOp", tag = "2")]
    pub comparison_op: i32,
    #[prost(message, optional, tag = "3")]
    pub left: Option<Expression>,
    #[prost(message, optional, tag = "4")]
    pub right: Option<Rel>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum ReductionOp {
    Unspecified = 0,
    Any = 1,
    All = 2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum ComparisonOp {
    Unspecified = 0,
    Eq = 1,
    Ne = 2,
    Lt = 3,
    Gt = 4,
    Le = 5,
    Ge = 6,
}

#[derive(Clone, PartialEq, Message)]
pub struct DynamicParameter {
    #[prost(message, optional, tag = "1")]
    pub r#type: Option<Type>,
    #[prost(uint32, tag = "2")]
    pub parameter_reference: u32,
}

//! `algebra.proto`: relations.

use prost::{Enumeration, Message, Oneof};

use super::{AdvancedExtension, AggregateFunction, Expression, LiteralStruct, SortField, Type, Untaken};

#[derive(Clone, PartialEq, Message)]
pub struct Rel {
    #[prost(
        oneof = "RelType",
        tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24"
    )]
    pub rel_type: Option<RelType>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum RelType {
    #[prost(message, tag = "1")]
    Read(Box<ReadRel>),
    #[prost(message, tag = "2")]
    Filter(Box<FilterRel>),
    #[prost(message, tag = "3")]
    Fetch(Box<FetchRel>),
    #[prost(message, tag = "4")]
    Aggregate(Box<AggregateRel>),
    #[prost(message, tag = "5")]
    Sort(Box<SortRel>),
    #[prost(message, tag = "6")]
    Join(Box<JoinRel>),
    #[prost(message, tag = "7")]
    Project(Box<ProjectRel>),
    #[prost(message, tag = "8")]
    Set(Box<SetRel>),
    #[prost(message, tag = "9")]
    ExtensionSingle(Untaken),
    #[prost(message, tag = "10")]
    ExtensionMulti(Untaken),
    #[prost(message, tag = "11")]
    ExtensionLeaf(Untaken),
    #[prost(message, tag = "12")]
    Cross(Box<CrossRel>),
    #[prost(message, tag = "13")]
    HashJoin(Untaken),
    #[prost(message, tag = "14")]
    MergeJoin(Untaken),
    #[prost(message, tag = "15")]
    Exchange(Untaken),
    #[prost(message, tag = "16")]
    Expand(Untaken),
    #[prost(message, tag = "17")]
    Window(Untaken),
    #[prost(message, tag = "18")]
    NestedLoopJoin(Untaken),
    #[prost(message, tag = "19")]
    Write(Untaken),
    #[prost(message, tag = "20")]
    Ddl(Untaken),
    #[prost(message, tag = "21")]
    Reference(Untaken),
    #[prost(message, tag = "22")]
    Update(Untaken),
    #[prost(message, tag = "23")]
    TopN(Untaken),
    #[prost(message, tag = "24")]
    LateralJoin(Untaken),
}

#[derive(Clone, PartialEq, Message)]
pub struct RelCommon {
    /// Without it the columns come as they are.
    #[prost(message, optional, tag = "2")]
    pub emit: Option<Emit>,
    #[prost(message, optional, tag = "4")]
    pub advanced_extension: Option<AdvancedExtension>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Emit {
    #[prost(int32, repeated, tag = "1")]
    pub output_mapping: Vec<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ReadRel {
    #[prost(message, optional, tag = "1")]
    pub common: Option<RelCommon>,
    #[prost(message, optional, tag = "2")]
    pub base_schema: Option<NamedStruct>,
    #[prost(message, optional, tag = "3")]
    pub filter: Option<Box<Expression>>,
    #[prost(message, optional, tag = "4")]
    pub projection: Option<MaskExpression>,
    #[prost(oneof = "ReadType", tags = "5, 6, 7, 8, 9")]
    pub read_type: Option<ReadType>,
    #[prost(message, optional, tag = "10")]
    pub advanced_extension: Option<AdvancedExtension>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum ReadType {
    #[prost(message, tag = "5")]
    VirtualTable(VirtualTable),
    #[prost(message, tag = "6")]
    LocalFiles(Untaken),
    #[prost(message, tag = "7")]
    NamedTable(NamedTable),
    #[prost(message, tag = "8")]
    ExtensionTable(Untaken),
    #[prost(message, tag = "9")]
    IcebergTable(Untaken),
}

/// The columns of a table. A table of PostgreSQL has its own types.
#[derive(Clone, PartialEq, Message)]
pub struct NamedStruct {
    #[prost(string, repeated, tag = "1")]
    pub names: Vec<String>,
    #[prost(message, optional, tag = "2")]
    pub r#struct: Option<StructType>,
}

/// `Type.Struct`.
#[derive(Clone, PartialEq, Message)]
pub struct StructType {
    #[prost(message, repeated, tag = "1")]
    pub types: Vec<Type>,
}

#[derive(Clone, PartialEq, Message)]
pub struct NamedTable {
    #[prost(string, repeated, tag = "1")]
    pub names: Vec<String>,
    #[prost(message, optional, tag = "10")]
    pub advanced_extension: Option<AdvancedExtension>,
}

#[derive(Clone, PartialEq, Message)]
pub struct VirtualTable {
    /// Rows of plans of before 0.58.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<LiteralStruct>,
    #[prost(message, repeated, tag = "2")]
    pub expressions: Vec<NestedStruct>,
}

/// `Expression.Nested.Struct`.
#[derive(Clone, PartialEq, Message)]
pub struct NestedStruct {
    #[prost(message, repeated, tag = "1")]
    pub fields: Vec<Expression>,
}

/// Which columns are read.
#[derive(Clone, PartialEq, Message)]
pub struct MaskExpression {
    #[prost(message, optional, tag = "1")]
    pub select: Option<StructSelect>,
}

#[derive(Clone, PartialEq, Message)]
pub struct StructSelect {
    #[prost(message, repeated, tag = "1")]
    pub struct_items: Vec<StructItem>,
}

#[derive(Clone, PartialEq, Message)]
pub struct StructItem {
    #[prost(int32, tag = "1")]
    pub field: i32,
    #[prost(message, optional, tag = "2")]
    pub child: Option<Untaken>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ProjectRel {
    #[prost(message, optional, tag = "1")]
    pub common: Option<RelCommon>,
    #[prost(message, optional, tag = "2")]
    pub input: Option<Rel>,
    #[prost(message, repeated, tag = "3")]
    pub expressions: Vec<Expression>,
    #[prost(message, optional, tag = "10")]
    pub advanced_extension: Option<AdvancedExtension>,
}

#[derive(Clone, PartialEq, Message)]
pub struct FilterRel {
    #[prost(message, optional, tag = "1")]
    pub common: Option<RelCommon>,
    #[prost(message, optional, tag = "2")]
    pub input: Option<Rel>,
    #[prost(message, optional, tag = "3")]
    pub condition: Option<Box<Expression>>,
    #[prost(message, optional, tag = "10")]
    pub advanced_extension: Option<AdvancedExtension>,
}

#[derive(Clone, PartialEq, Message)]
pub struct SortRel {
    #[prost(message, optional, tag = "1")]
    pub common: Option<RelCommon>,
    #[prost(message, optional, tag = "2")]
    pub input: Option<Rel>,
    #[prost(message, repeated, tag = "3")]
    pub sorts: Vec<SortField>,
    #[prost(message, optional, tag = "10")]
    pub advanced_extension: Option<AdvancedExtension>,
}

#[derive(Clone, PartialEq, Message)]
pub struct FetchRel {
    #[prost(message, optional, tag = "1")]
    pub common: Option<RelCommon>,
    #[prost(message, optional, tag = "2")]
    pub input: Option<Rel>,
    /// The numbers of plans of before 0.63.
    #[prost(int64, optional, tag = "3")]
    pub offset: Option<i64>,
    #[prost(int64, optional, tag = "4")]
    pub count: Option<i64>,
    #[prost(message, optional, tag = "5")]
    pub offset_expr: Option<Box<Expression>>,
    #[prost(message, optional, tag = "6")]
    pub count_expr: Option<Box<Expression>>,
    #[prost(message, optional, tag = "10")]
    pub advanced_extension: Option<AdvancedExtension>,
}

#[derive(Clone, PartialEq, Message)]
pub struct AggregateRel {
    #[prost(message, optional, tag = "1")]
    pub common: Option<RelCommon>,
    #[prost(message, optional, tag = "2")]
    pub input: Option<Rel>,
    #[prost(message, repeated, tag = "3")]
    pub groupings: Vec<Grouping>,
    #[prost(message, repeated, tag = "4")]
    pub measures: Vec<Measure>,
    #[prost(message, repeated, tag = "5")]
    pub grouping_expressions: Vec<Expression>,
    #[prost(message, optional, tag = "10")]
    pub advanced_extension: Option<AdvancedExtension>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Grouping {
    /// The keys themselves, in plans of before 0.57.
    #[prost(message, repeated, tag = "1")]
    pub grouping_expressions: Vec<Expression>,
    #[prost(uint32, repeated, tag = "2")]
    pub expression_references: Vec<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Measure {
    #[prost(message, optional, tag = "1")]
    pub measure: Option<AggregateFunction>,
    #[prost(message, optional, tag = "2")]
    pub filter: Option<Expression>,
}

#[derive(Clone, PartialEq, Message)]
pub struct JoinRel {
    #[prost(message, optional, tag = "1")]
    pub common: Option<RelCommon>,
    #[prost(message, optional, tag = "2")]
    pub left: Option<Rel>,
    #[prost(message, optional, tag = "3")]
    pub right: Option<Rel>,
    #[prost(message, optional, tag = "4")]
    pub expression: Option<Box<Expression>>,
    #[prost(message, optional, tag = "5")]
    pub post_join_filter: Option<Box<Expression>>,
    #[prost(enumeration = "JoinType", tag = "6")]
    pub r#type: i32,
    #[prost(message, optional, tag = "10")]
    pub advanced_extension: Option<AdvancedExtension>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum JoinType {
    Unspecified = 0,
    Inner = 1,
    Outer = 2,
    Left = 3,
    Right = 4,
    LeftSemi = 5,
    LeftAnti = 6,
    LeftSingle = 7,
    RightSemi = 8,
    RightAnti = 9,
    RightSingle = 10,
    LeftMark = 11,
    RightMark = 12,
}

#[derive(Clone, PartialEq, Message)]
pub struct CrossRel {
    #[prost(message, optional, tag = "1")]
    pub common: Option<RelCommon>,
    #[prost(message, optional, tag = "2")]
    pub left: Option<Rel>,
    #[prost(message, optional, tag = "3")]
    pub right: Option<Rel>,
    #[prost(message, optional, tag = "10")]
    pub advanced_extension: Option<AdvancedExtension>,
}

#[derive(Clone, PartialEq, Message)]
pub struct SetRel {
    #[prost(message, optional, tag = "1")]
    pub common: Option<RelCommon>,
    #[prost(message, repeated, tag = "2")]
    pub inputs: Vec<Rel>,
    #[prost(enumeration = "SetOp", tag = "3")]
    pub op: i32,
    #[prost(message, optional, tag = "10")]
    pub advanced_extension: Option<AdvancedExtension>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum SetOp {
    Unspecified = 0,
    MinusPrimary = 1,
    MinusMultiset = 2,
    IntersectionPrimary = 3,
    IntersectionMultiset = 4,
    UnionDistinct = 5,
    UnionAll = 6,
    MinusPrimaryAll = 7,
    IntersectionMultisetAll = 8,
}

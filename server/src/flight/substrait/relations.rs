//! Relations: those with at most one input.

use rail_forge_connectors::quote;
use rail_forge_planner::{MAX_COLUMNS, MAX_SQL_BYTES};

use super::proto::{
    AdvancedExtension, Expression, FetchRel, FilterRel, MaskExpression, NamedStruct, NamedTable, ProjectRel, ReadRel,
    ReadType, Rel, RelCommon, RelType, RexType, SetOp, SetRel, SortDirection, SortField, SortRel, VirtualTable,
};
use super::refusal::{Refusal, Result, required};
use super::select::{Column, Columns, Select, SortKey};
use super::translator::Translator;
use super::type_name::type_name;

/// The count of a fetch that takes all rows.
const ALL_ROWS: i64 = -1;
/// From this minor version on, a fetch without a count takes all rows, too. Before, it is one of none: protobuf leaves out a
/// number that is 0.
const COUNT_IS_OPTIONAL: u32 = 63;
/// Bytes of a name in PostgreSQL. Each reference to a column is a copy of its name.
const MAX_NAME_BYTES: usize = 63;

impl Translator<'_> {
    /// A relation as a SELECT.
    pub(super) fn relation(&mut self, relation: Option<&Rel>) -> Result<Select> {
        let Some(rel_type) = &required(relation, "the input of a relation")?.rel_type else {
            return Err(Refusal::unsupported("a relation of a kind that is not known"));
        };
        let unsupported = |relation: &str| Err(Refusal::unsupported(relation));
        match rel_type {
            RelType::Read(rel) => self.whole(&name_of(rel), &rel.common, &rel.advanced_extension, |it| it.read(rel)),
            RelType::Filter(rel) => self.whole("filter", &rel.common, &rel.advanced_extension, |it| it.filter(rel)),
            RelType::Fetch(rel) => self.whole("fetch", &rel.common, &rel.advanced_extension, |it| it.fetch(rel)),
            RelType::Aggregate(rel) => {
                self.whole("aggregate", &rel.common, &rel.advanced_extension, |it| it.aggregate(rel))
            }
            RelType::Sort(rel) => self.whole("sort", &rel.common, &rel.advanced_extension, |it| it.sort(rel)),
            RelType::Join(rel) => self.whole("join", &rel.common, &rel.advanced_extension, |it| it.join(rel)),
            RelType::Project(rel) => self.whole("project", &rel.common, &rel.advanced_extension, |it| it.project(rel)),
            RelType::Set(rel) => self.whole("set", &rel.common, &rel.advanced_extension, |it| it.set(rel)),
            RelType::Cross(rel) => self.whole("cross", &rel.common, &rel.advanced_extension, |it| it.cross(rel)),
            RelType::Write(_) => Err(Refusal::change("a relation that writes")),
            RelType::Update(_) => Err(Refusal::change("a relation that updates")),
            RelType::Ddl(_) => Err(Refusal::change("a relation that creates or drops")),
            RelType::ExtensionSingle(_) | RelType::ExtensionMulti(_) | RelType::ExtensionLeaf(_) => {
                unsupported("a relation of an extension")
            }
            RelType::HashJoin(_) => unsupported("the relation hash_join; a join is planned here"),
            RelType::MergeJoin(_) => unsupported("the relation merge_join; a join is planned here"),
            RelType::NestedLoopJoin(_) => unsupported("the relation nested_loop_join; a join is planned here"),
            RelType::Exchange(_) => unsupported("the relation exchange"),
            RelType::Expand(_) => unsupported("the relation expand"),
            RelType::Window(_) => unsupported("the relation window; window functions are taken in a project"),
            RelType::Reference(_) => unsupported("the relation reference"),
            RelType::TopN(_) => unsupported("the relation top_n; a fetch of a sort is taken"),
            RelType::LateralJoin(_) => unsupported("the relation lateral_join"),
        }
    }

    /// What all relations have in common: their columns are those that `emit` names.
    fn whole(
        &mut self,
        name: &str,
        common: &Option<RelCommon>,
        extension: &Option<AdvancedExtension>,
        written: impl FnOnce(&mut Self) -> Result<Select>,
    ) -> Result<Select> {
        let within = |refusal: Refusal| refusal.within(name);
        let of_common = common.as_ref().and_then(|common| common.advanced_extension.as_ref());
        refuse_enhancement(extension.as_ref()).and_then(|()| refuse_enhancement(of_common)).map_err(within)?;
        let select = written(self).map_err(within)?;
        let select = self.emitted(select, common.as_ref()).map_err(within)?;
        // Each relation around this one copies it.
        if select.from.len() > MAX_SQL_BYTES {
            return Err(within(Refusal::too_long()));
        }
        Ok(select)
    }

    fn emitted(&mut self, select: Select, common: Option<&RelCommon>) -> Result<Select> {
        let Some(emit) = common.and_then(|common| common.emit.as_ref()) else { return Ok(select) };
        let places = places(emit.output_mapping.iter().copied(), &select.columns)?;
        Ok(select.picked(&places, &mut self.aliases))
    }

    /// The input of a relation, to which that can add what it does.
    pub(super) fn input(&mut self, relation: Option<&Rel>) -> Result<Select> {
        Ok(self.relation(relation)?.open(&mut self.aliases))
    }

    fn read(&mut self, read: &ReadRel) -> Result<Select> {
        let schema = required(read.base_schema.as_ref(), "the base_schema")?;
        check_names(&schema.names)?;
        let mut select = match &read.read_type {
            Some(ReadType::NamedTable(table)) => self.table(table, schema)?,
            Some(ReadType::VirtualTable(table)) => self.virtual_table(table, schema)?,
            Some(ReadType::LocalFiles(_)) => return Err(Refusal::unsupported("a read of files")),
            Some(ReadType::ExtensionTable(_)) => return Err(Refusal::unsupported("a read of an extension")),
            Some(ReadType::IcebergTable(_)) => return Err(Refusal::unsupported("a read of an Iceberg table")),
            None => return Err(Refusal::unsupported("a read of a kind that is not known")),
        };
        if let Some(filter) = &read.filter {
            let condition = self.expression(filter, &select.columns)?;
            select.conditions.push(condition);
        }
        match &read.projection {
            Some(projection) => self.projected(select, projection),
            None => Ok(select),
        }
    }

    fn table(&mut self, table: &NamedTable, schema: &NamedStruct) -> Result<Select> {
        refuse_enhancement(table.advanced_extension.as_ref())?;
        if table.names.is_empty() {
            return Err(Refusal::invalid("a table without a name"));
        }
        let alias = self.aliases.next();
        let name: Vec<String> = table.names.iter().map(|part| quote(part)).collect();
        let columns = schema.names.iter().map(|column| Column::name(format!("{alias}.{}", quote(column)))).collect();
        Ok(Select::of(format!("{} AS {alias}", name.join(".")), columns))
    }

    /// Rows that are in the plan itself.
    fn virtual_table(&mut self, table: &VirtualTable, schema: &NamedStruct) -> Result<Select> {
        let no_columns = Columns::default();
        let mut rows = Vec::with_capacity(table.values.len() + table.expressions.len());
        for row in &table.values {
            rows.push(row.fields.iter().map(super::literal::constant).collect::<Result<Vec<_>>>()?);
        }
        for row in &table.expressions {
            let value = |field| self.expression(field, &no_columns);
            rows.push(row.fields.iter().map(value).collect::<Result<Vec<_>>>()?);
        }
        let width = schema.names.len();
        if let Some(row) = rows.iter().find(|row| row.len() != width) {
            return Err(Refusal::invalid(format!("a row of {} values for {width} columns", row.len())));
        }
        match (width, rows.len()) {
            (0, 1) => return Ok(Select::default()),
            (0, _) => return Err(Refusal::unsupported("a virtual table without columns")),
            (_, 0) => return self.empty_table(schema),
            _ => {}
        }
        let rows: Vec<String> = rows.iter().map(|row| format!("({})", row.join(", "))).collect();
        let names: Vec<String> = (1..=width).map(|number| format!("c{number}")).collect();
        let alias = self.aliases.next();
        let from = format!("(VALUES {}) AS {alias} ({})", rows.join(", "), names.join(", "));
        Ok(Select::of(from, names.iter().map(|name| Column::name(format!("{alias}.{name}"))).collect()))
    }

    fn empty_table(&mut self, schema: &NamedStruct) -> Result<Select> {
        let types = schema.r#struct.as_ref().map(|columns| columns.types.as_slice()).unwrap_or_default();
        if types.len() != schema.names.len() {
            let (types, names) = (types.len(), schema.names.len());
            return Err(Refusal::invalid(format!("the base_schema has {types} types for {names} names")));
        }
        let null = |of| Ok(Column { sql: format!("CAST(NULL AS {})", type_name(of)?), is_name: false });
        let columns = types.iter().map(null).collect::<Result<Columns>>()?;
        let none = Select { columns, conditions: vec!["false".to_owned()], ..Select::default() };
        Ok(none.open(&mut self.aliases))
    }

    fn projected(&mut self, select: Select, projection: &MaskExpression) -> Result<Select> {
        let items = projection.select.as_ref().map(|select| select.struct_items.as_slice()).unwrap_or_default();
        if items.iter().any(|item| item.child.is_some()) {
            return Err(Refusal::unsupported("a projection within a column"));
        }
        let places = places(items.iter().map(|item| item.field), &select.columns)?;
        Ok(select.picked(&places, &mut self.aliases))
    }

    fn filter(&mut self, filter: &FilterRel) -> Result<Select> {
        let mut select = self.input(filter.input.as_ref())?;
        let condition = required(filter.condition.as_deref(), "the condition")?;
        let condition = self.expression(condition, &select.columns)?;
        select.conditions.push(condition);
        Ok(select)
    }

    /// The columns of the input, and behind them what is computed.
    fn project(&mut self, project: &ProjectRel) -> Result<Select> {
        let select = self.input(project.input.as_ref())?;
        let mut columns = select.columns.to_vec();
        for expression in &project.expressions {
            let is_name = matches!(expression.rex_type, Some(RexType::Selection(_)));
            columns.push(Column { sql: self.expression(expression, &select.columns)?, is_name });
        }
        Ok(Select { columns: columns.into(), ..select })
    }

    fn sort(&mut self, sort: &SortRel) -> Result<Select> {
        let select = self.input(sort.input.as_ref())?;
        let order = self.sort_keys(&sort.sorts, &select.columns)?;
        Ok(Select { order, ..select })
    }

    /// What rows are sorted by. A constant sorts nothing, and as a number it would be the place of a column in SQL.
    pub(super) fn sort_keys(&mut self, sorts: &[SortField], columns: &Columns) -> Result<Vec<SortKey>> {
        let mut keys = Vec::with_capacity(sorts.len());
        for sort in sorts {
            let by = required(sort.expr.as_ref(), "the expression of a sort")?;
            if sort.comparison_function_reference.is_some() {
                return Err(Refusal::unsupported("a sort by a function that compares"));
            }
            let direction = match SortDirection::try_from(sort.direction) {
                Ok(SortDirection::AscNullsFirst) => "ASC NULLS FIRST",
                Ok(SortDirection::AscNullsLast) => "ASC NULLS LAST",
                Ok(SortDirection::DescNullsFirst) => "DESC NULLS FIRST",
                Ok(SortDirection::DescNullsLast) => "DESC NULLS LAST",
                Ok(SortDirection::Clustered) => return Err(Refusal::unsupported("a sort that is clustered")),
                Ok(SortDirection::Unspecified) | Err(_) => {
                    return Err(Refusal::invalid("a sort without a direction that is known"));
                }
            };
            let is_constant = match &by.rex_type {
                Some(RexType::Literal(_)) => true,
                Some(RexType::DynamicParameter(parameter)) => self.bound.contains_key(&parameter.parameter_reference),
                _ => false,
            };
            if !is_constant {
                keys.push(SortKey { sql: self.expression(by, columns)?, direction });
            }
        }
        Ok(keys)
    }

    fn fetch(&mut self, fetch: &FetchRel) -> Result<Select> {
        let mut select = self.relation(fetch.input.as_ref())?;
        if select.is_limited() {
            select = select.open(&mut self.aliases);
        }
        let is_optional = self.minor_version.is_none_or(|minor| minor >= COUNT_IS_OPTIONAL);
        let count = match (fetch.count, &fetch.count_expr) {
            (None, None) if !is_optional && fetch.offset.is_some_and(|offset| offset != 0) => {
                // ibis writes so what takes all rows, against the specification.
                return Err(Refusal::unsupported(format!(
                    "an offset without a count in a plan of before 0.{COUNT_IS_OPTIONAL}, of which a count of 0 looks the \
                     same"
                )));
            }
            (None, None) if !is_optional => Some(0),
            (count, _) => count.filter(|count| *count != ALL_ROWS),
        };
        select.limit = self.row_count(count, fetch.count_expr.as_deref(), "the count")?;
        select.offset =
            self.row_count(fetch.offset.filter(|offset| *offset != 0), fetch.offset_expr.as_deref(), "the offset")?;
        Ok(select)
    }

    fn row_count(
        &mut self,
        number: Option<i64>,
        expression: Option<&Expression>,
        what: &str,
    ) -> Result<Option<String>> {
        match (number, expression) {
            (_, Some(expression)) => Ok(Some(self.expression(expression, &Columns::default())?)),
            (Some(..0), None) => Err(Refusal::invalid(format!("{what} of a fetch is negative"))),
            (number, None) => Ok(number.map(|number| number.to_string())),
        }
    }

    fn set(&mut self, set: &SetRel) -> Result<Select> {
        let operator = match (SetOp::try_from(set.op), set.inputs.len()) {
            (_, ..2) => return Err(Refusal::invalid("a set operation of less than two inputs")),
            (Ok(SetOp::UnionAll), _) => "UNION ALL",
            (Ok(SetOp::UnionDistinct), _) => "UNION",
            (Ok(SetOp::IntersectionMultiset), _) | (Ok(SetOp::IntersectionPrimary), 2) => "INTERSECT",
            (Ok(SetOp::IntersectionMultisetAll), _) => "INTERSECT ALL",
            (Ok(SetOp::MinusPrimary), _) => "EXCEPT",
            (Ok(SetOp::MinusPrimaryAll), _) => "EXCEPT ALL",
            (Ok(SetOp::IntersectionPrimary), _) => {
                return Err(Refusal::unsupported("INTERSECTION_PRIMARY of more than two inputs"));
            }
            (Ok(SetOp::MinusMultiset), _) => return Err(Refusal::unsupported("MINUS_MULTISET")),
            (Ok(SetOp::Unspecified) | Err(_), _) => {
                return Err(Refusal::invalid("a set operation without an operator that is known"));
            }
        };
        let mut queries = Vec::with_capacity(set.inputs.len());
        let mut width = 0;
        for input in &set.inputs {
            let select = self.relation(Some(input))?.unordered();
            // A LIMIT is a subquery's.
            let select = if select.is_limited() { select.open(&mut self.aliases).unordered() } else { select };
            width = select.columns.len();
            queries.push(select.to_query());
        }
        Ok(Select::of_query(&queries.join(&format!(" {operator} ")), width, &mut self.aliases))
    }
}

/// A relation that reads, by what it reads.
fn name_of(read: &ReadRel) -> String {
    match &read.read_type {
        Some(ReadType::NamedTable(table)) => format!("read of {}", table.names.join(".")),
        _ => "read".to_owned(),
    }
}

/// Checks the names of columns before they are copied to wherever these are referred to.
fn check_names(names: &[String]) -> Result<()> {
    check_width(names.len())?;
    match names.iter().find(|name| name.len() > MAX_NAME_BYTES) {
        Some(name) => Err(Refusal::too_large(format!(
            "the name of a column has {} bytes; PostgreSQL's have at most {MAX_NAME_BYTES}",
            name.len()
        ))),
        None => Ok(()),
    }
}

fn check_width(columns: usize) -> Result<()> {
    if columns > MAX_COLUMNS {
        return Err(Refusal::too_large(format!("a relation has {columns} columns; at most {MAX_COLUMNS} are allowed")));
    }
    Ok(())
}

/// An enhancement says something else than the relation alone.
pub(super) fn refuse_enhancement(extension: Option<&AdvancedExtension>) -> Result<()> {
    match extension.and_then(|extension| extension.enhancement) {
        Some(_) => Err(Refusal::unsupported("an enhancement by an extension")),
        None => Ok(()),
    }
}

/// Columns by their numbers.
fn places(fields: impl ExactSizeIterator<Item = i32>, columns: &Columns) -> Result<Vec<usize>> {
    check_width(fields.len())?;
    fields.map(|field| place(field, columns)).collect()
}

/// A column by its number.
pub(super) fn place(field: i32, columns: &Columns) -> Result<usize> {
    let place = usize::try_from(field).ok().filter(|place| *place < columns.len());
    place.ok_or_else(|| Refusal::invalid(format!("there is no field {field} among {} columns", columns.len())))
}

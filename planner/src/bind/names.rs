//! Names as they are written in SQL.

use datafusion::sql::sqlparser::ast::{Expr, Function, Ident, ObjectName, ObjectNamePart};

/// An identifier as PostgreSQL reads it: letters of ASCII are small unless it is quoted.
pub(crate) fn folded(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_ascii_lowercase(),
    }
}

/// The identifiers of a name with dots.
pub(crate) fn parts(name: &ObjectName) -> Vec<Ident> {
    let ident = |part: &ObjectNamePart| match part {
        ObjectNamePart::Identifier(ident) => ident.clone(),
        ObjectNamePart::Function(function) => function.name.clone(),
    };
    name.0.iter().map(ident).collect()
}

/// The name of a function, without the schema that PostgreSQL keeps its own in.
pub(super) fn function_name(function: &Function) -> String {
    joined(&function.name)
}

/// A name with its dots, without the schema that PostgreSQL keeps its own in.
pub(crate) fn joined(name: &ObjectName) -> String {
    let parts: Vec<String> = parts(name).iter().map(folded).collect();
    match parts.as_slice() {
        [schema, name] if schema == "pg_catalog" => name.clone(),
        parts => parts.join("."),
    }
}

/// What PostgreSQL calls a column of the result that has no alias (`FigureColname`).
pub(super) fn of_unnamed(expression: &Expr) -> String {
    figured(expression).unwrap_or_else(|| "?column?".to_owned())
}

fn figured(expression: &Expr) -> Option<String> {
    let text = |name: &str| Some(name.to_owned());
    match expression {
        Expr::Identifier(ident) => Some(folded(ident)),
        Expr::CompoundIdentifier(parts) => parts.last().map(folded),
        Expr::CompoundFieldAccess { root, access_chain } => {
            use datafusion::sql::sqlparser::ast::AccessExpr;
            let field = access_chain.iter().rev().find_map(|access| match access {
                AccessExpr::Dot(Expr::Identifier(ident)) => Some(folded(ident)),
                _ => None,
            });
            field.or_else(|| figured(root))
        }
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => figured(inner),
        Expr::Function(function) => parts(&function.name).last().map(folded),
        Expr::Cast { expr, data_type, .. } => figured(expr).or_else(|| of_type(data_type)),
        Expr::TypedString(typed) => of_type(&typed.data_type),
        Expr::Interval(_) => text("interval"),
        Expr::Case { else_result, .. } => {
            else_result.as_ref().and_then(|result| figured(result)).or_else(|| text("case"))
        }
        Expr::Exists { negated: false, .. } => text("exists"),
        Expr::Subquery(query) => of_query(query),
        Expr::Array(_) => text("array"),
        Expr::Extract { .. } => text("extract"),
        Expr::Ceil { .. } => text("ceil"),
        Expr::Floor { .. } => text("floor"),
        Expr::Position { .. } => text("position"),
        Expr::Substring { .. } => text("substring"),
        Expr::Trim { trim_where, .. } => {
            use datafusion::sql::sqlparser::ast::TrimWhereField;
            text(match trim_where {
                Some(TrimWhereField::Leading) => "ltrim",
                Some(TrimWhereField::Trailing) => "rtrim",
                Some(TrimWhereField::Both) | None => "btrim",
            })
        }
        Expr::Overlay { .. } => text("overlay"),
        Expr::AtTimeZone { .. } => text("timezone"),
        Expr::Tuple(_) => text("row"),
        Expr::Value(value) => match value.value {
            datafusion::sql::sqlparser::ast::Value::Boolean(_) => text("bool"),
            _ => None,
        },
        Expr::IsNormalized { .. } => text("is_normalized"),
        Expr::Prefixed { value, .. } => figured(value),
        _ => None,
    }
}

/// A cast is named after its type.
fn of_type(data_type: &datafusion::sql::sqlparser::ast::DataType) -> Option<String> {
    let (pg_type, _) = super::type_name::read(data_type).ok()?;
    Some(super::type_name::internal_name(&pg_type))
}

/// A subquery is named after its column.
fn of_query(query: &datafusion::sql::sqlparser::ast::Query) -> Option<String> {
    of_set(&query.body)
}

/// The first query of a set has its names.
fn of_set(set: &datafusion::sql::sqlparser::ast::SetExpr) -> Option<String> {
    use datafusion::sql::sqlparser::ast::{SelectItem, SetExpr};
    match set {
        SetExpr::Select(select) => match select.projection.first()? {
            SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
            SelectItem::UnnamedExpr(expr) => figured(expr),
            _ => None,
        },
        SetExpr::Query(query) => of_query(query),
        SetExpr::SetOperation { left, .. } => of_set(left),
        SetExpr::Values(_) => Some("column1".to_owned()),
        _ => None,
    }
}

/// An expression without the parentheses around it.
pub(super) fn unnested(expression: &Expr) -> &Expr {
    match expression {
        Expr::Nested(inner) => unnested(inner),
        other => other,
    }
}

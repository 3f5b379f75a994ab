//! Whole plans, and what is sent instead of one.

use std::time::{Duration, Instant};

use rail_forge_planner::Error;

use super::functions::{AGGREGATE_FUNCTIONS, SCALAR_FUNCTIONS};
use super::proto::*;
use super::*;

const PAGE: &str = include_str!("../../../../docs/flight-sql.md");
const EQUAL: u32 = 0;
const AND: u32 = 1;
const ADD: u32 = 2;
const SUM: u32 = 3;
const RANK: u32 = 4;
const FUNCTIONS: [&str; 5] = ["equal:any_any", "and:bool", "add:i64_i64", "sum:i64", "rank:"];

fn rel(rel_type: RelType) -> Rel {
    Rel { rel_type: Some(rel_type) }
}

fn read(table: &str, columns: &[&str]) -> Rel {
    let names = columns.iter().map(|name| (*name).to_owned()).collect();
    rel(RelType::Read(Box::new(ReadRel {
        base_schema: Some(NamedStruct { names, r#struct: None }),
        read_type: Some(ReadType::NamedTable(NamedTable { names: vec![table.to_owned()], advanced_extension: None })),
        ..ReadRel::default()
    })))
}

fn filter(input: Rel, condition: Expression) -> Rel {
    let condition = Some(Box::new(condition));
    rel(RelType::Filter(Box::new(FilterRel { input: Some(input), condition, ..FilterRel::default() })))
}

fn emit(columns: &[i32]) -> Option<RelCommon> {
    Some(RelCommon { emit: Some(Emit { output_mapping: columns.into() }), advanced_extension: None })
}

fn expression(rex_type: RexType) -> Expression {
    Expression { rex_type: Some(rex_type) }
}

fn reference(field: i32, root_type: Option<RootType>) -> Expression {
    let struct_field = Some(StructField { field, child: None });
    let direct_reference = Some(ReferenceSegment { struct_field });
    expression(RexType::Selection(Box::new(FieldReference { direct_reference, root_type })))
}

fn field(field: i32) -> Expression {
    reference(field, Some(RootType::RootReference(Untaken {})))
}

fn outer(field: i32, steps_out: u32) -> Expression {
    reference(field, Some(RootType::OuterReference(OuterReference { steps_out })))
}

fn literal(literal_type: LiteralType) -> Expression {
    let literal = Literal { literal_type: Some(literal_type), type_variation_reference: 0 };
    expression(RexType::Literal(Box::new(literal)))
}

fn number(value: i64) -> Expression {
    literal(LiteralType::I64(value))
}

fn arguments(values: Vec<Expression>) -> Vec<FunctionArgument> {
    values.into_iter().map(|value| FunctionArgument { arg_type: Some(ArgType::Value(value)) }).collect()
}

fn call(function_reference: u32, values: Vec<Expression>) -> Expression {
    let arguments = arguments(values);
    expression(RexType::ScalarFunction(Box::new(ScalarFunction {
        function_reference,
        arguments,
        ..ScalarFunction::default()
    })))
}

fn equal(left: Expression, right: Expression) -> Expression {
    call(EQUAL, vec![left, right])
}

/// A plan whose functions are Substrait's.
fn plan(input: Rel, names: &[&str]) -> Plan {
    let declared = |(anchor, name): (u32, &&str)| ExtensionDeclaration {
        extension_function: Some(ExtensionFunction {
            function_anchor: anchor,
            name: (*name).to_owned(),
            extension_urn_reference: 7,
            ..ExtensionFunction::default()
        }),
    };
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Plan {
        extension_urns: vec![Extension { anchor: 7, name: "extension:io.substrait:functions_arithmetic".to_owned() }],
        extensions: (0..).zip(&FUNCTIONS).map(declared).collect(),
        relations: vec![PlanRel { root: Some(RelRoot { input: Some(input), names }) }],
        ..Plan::default()
    }
}

fn sql(plan: &Plan) -> std::result::Result<String, Error> {
    written(&plan.encode_to_vec(), "").map_err(Error::from)
}

fn refusal(plan: &Plan) -> String {
    sql(plan).unwrap_err().to_string()
}

#[test]
fn a_plan_is_one_statement() {
    let filtered = filter(read("orders", &["id", "Total", "day"]), equal(field(2), literal(LiteralType::Date(0))));
    let sum = AggregateFunction {
        function_reference: SUM,
        arguments: arguments(vec![call(ADD, vec![field(1), number(1)])]),
        ..AggregateFunction::default()
    };
    let grouped = rel(RelType::Aggregate(Box::new(AggregateRel {
        input: Some(filtered),
        grouping_expressions: vec![field(0)],
        groupings: vec![Grouping { grouping_expressions: vec![], expression_references: vec![0] }],
        measures: vec![Measure { measure: Some(sum), filter: Some(equal(field(0), number(-1))) }],
        ..AggregateRel::default()
    })));
    let direction = SortDirection::DescNullsLast.into();
    let sorted = rel(RelType::Sort(Box::new(SortRel {
        input: Some(grouped),
        sorts: vec![
            SortField { expr: Some(field(1)), direction, ..SortField::default() },
            SortField { expr: Some(number(1)), direction, ..SortField::default() },
        ],
        ..SortRel::default()
    })));
    let fetched = rel(RelType::Fetch(Box::new(FetchRel {
        common: emit(&[1, 0]),
        input: Some(sorted),
        count_expr: Some(Box::new(number(3))),
        ..FetchRel::default()
    })));
    assert_eq!(
        sql(&plan(fetched, &["sum", "id"])).unwrap(),
        "SELECT t2.c2 AS \"sum\", t2.c1 AS \"id\" FROM (\
         SELECT t1.\"id\" AS c1, sum((t1.\"Total\" + 1)) FILTER (WHERE (t1.\"id\" = (-1))) AS c2 \
         FROM \"orders\" AS t1 WHERE (t1.\"day\" = '1970-01-01'::date) GROUP BY 1) AS t2 \
         ORDER BY t2.c2 DESC NULLS LAST LIMIT 3"
    );
}

#[test]
fn names_and_texts_stay_in_their_quotes() {
    let text = literal(LiteralType::String("'; DROP TABLE x; --".to_owned()));
    let relation = filter(read("a\" AS t1; --", &["b\"c"]), equal(field(0), text));
    assert_eq!(
        sql(&plan(relation, &["\"; --"])).unwrap(),
        "SELECT t1.\"b\"\"c\" AS \"\"\"; --\" FROM \"a\"\" AS t1; --\" AS t1 WHERE (t1.\"b\"\"c\" = '''; DROP TABLE x; --')"
    );
}

#[test]
fn conditions_in_a_chain_nest_no_deeper_than_one() {
    let chain =
        (0..20).fold(equal(field(0), number(0)), |chain, value| call(AND, vec![chain, equal(field(0), number(value))]));
    let statement = sql(&plan(filter(read("x", &["a"]), chain), &["a"])).unwrap();
    assert!(statement.contains("WHERE ((t1.\"a\" = 0) AND (t1.\"a\" = 0) AND (t1.\"a\" = 1) AND "), "{statement}");
}

#[test]
fn a_join_of_one_side_is_a_condition() {
    let join = |kind: JoinType| {
        rel(RelType::Join(Box::new(JoinRel {
            left: Some(read("x", &["a", "b"])),
            right: Some(read("y", &["c"])),
            expression: Some(Box::new(equal(field(0), field(2)))),
            post_join_filter: Some(Box::new(equal(field(0), number(1)))),
            r#type: kind.into(),
            ..JoinRel::default()
        })))
    };
    assert_eq!(
        sql(&plan(join(JoinType::LeftAnti), &["a", "b"])).unwrap(),
        "SELECT t1.\"a\" AS \"a\", t1.\"b\" AS \"b\" FROM \"x\" AS t1 \
         WHERE NOT EXISTS (SELECT 1 FROM \"y\" AS t2 WHERE (t1.\"a\" = t2.\"c\")) AND (t1.\"a\" = 1)"
    );
    assert_eq!(
        sql(&plan(join(JoinType::RightSemi), &["c"])).unwrap(),
        "SELECT t2.\"c\" AS \"c\" FROM \"y\" AS t2 \
         WHERE EXISTS (SELECT 1 FROM \"x\" AS t1 WHERE (t1.\"a\" = t2.\"c\")) AND (t2.\"c\" = 1)"
    );
    assert_eq!(
        sql(&plan(join(JoinType::Left), &["a", "b", "c"])).unwrap(),
        "SELECT t1.\"a\" AS \"a\", t1.\"b\" AS \"b\", t2.\"c\" AS \"c\" FROM \"x\" AS t1 \
         LEFT JOIN \"y\" AS t2 ON (t1.\"a\" = t2.\"c\") WHERE (t1.\"a\" = 1)"
    );
    assert!(refusal(&plan(join(JoinType::LeftMark), &["a", "b", "mark"])).contains("a mark join (in join)"));
}

#[test]
fn a_subquery_knows_the_columns_around_it() {
    let exists = |condition| {
        let predicate = SetPredicate {
            predicate_op: PredicateOp::Exists.into(),
            tuples: Some(filter(read("y", &["c"]), condition)),
        };
        let subquery_type = Some(SubqueryType::SetPredicate(predicate));
        plan(filter(read("x", &["a"]), expression(RexType::Subquery(Box::new(Subquery { subquery_type })))), &["a"])
    };
    assert_eq!(
        sql(&exists(equal(field(0), outer(0, 1)))).unwrap(),
        "SELECT t1.\"a\" AS \"a\" FROM \"x\" AS t1 \
         WHERE EXISTS (SELECT t2.\"c\" AS c1 FROM \"y\" AS t2 WHERE (t2.\"c\" = t1.\"a\"))"
    );
    for steps_out in [0, 2, u32::MAX] {
        assert!(refusal(&exists(equal(field(0), outer(0, steps_out)))).contains("steps outside"));
    }
}

#[test]
fn a_window_says_all_of_its_bounds() {
    let preceding = BoundKind::Preceding(BoundOffset { offset: 2, offset_expr: None });
    let rank = WindowFunction {
        function_reference: RANK,
        partitions: vec![field(0)],
        lower_bound: Some(Bound { kind: Some(preceding) }),
        bounds_type: BoundsType::Rows.into(),
        ..WindowFunction::default()
    };
    let project = |input| {
        rel(RelType::Project(Box::new(ProjectRel {
            common: emit(&[1]),
            input: Some(input),
            expressions: vec![expression(RexType::WindowFunction(Box::new(rank.clone())))],
            ..ProjectRel::default()
        })))
    };
    let window = "rank() OVER (PARTITION BY t1.\"a\" ROWS BETWEEN 2 PRECEDING AND UNBOUNDED FOLLOWING)";
    let one = project(read("x", &["a"]));
    assert_eq!(sql(&plan(one, &["r"])).unwrap(), format!("SELECT {window} AS \"r\" FROM \"x\" AS t1"));
    // Of the rows that are left, and not before others are left out.
    let fetch = FetchRel { input: Some(read("x", &["a"])), count: Some(3), ..FetchRel::default() };
    let of_few = sql(&plan(project(rel(RelType::Fetch(Box::new(fetch)))), &["r"])).unwrap();
    assert!(of_few.ends_with("FROM (SELECT t1.\"a\" AS c1 FROM \"x\" AS t1 LIMIT 3) AS t2"), "{of_few}");
}

#[test]
fn parameters_are_bound_by_the_plan_or_by_its_client() {
    let parameter = |parameter_reference| {
        let r#type = Some(Type { kind: Some(Kind::Date(Untaken {})) });
        expression(RexType::DynamicParameter(Box::new(DynamicParameter { r#type, parameter_reference })))
    };
    let mut plan = plan(filter(read("x", &["a"]), equal(parameter(0), parameter(4))), &["a"]);
    assert!(sql(&plan).unwrap().ends_with("WHERE (CAST($1 AS date) = CAST($5 AS date))"));
    let value = Literal { literal_type: Some(LiteralType::Date(1)), type_variation_reference: 0 };
    plan.parameter_bindings = vec![ParameterBinding { parameter_anchor: 4, value: Some(value) }];
    assert!(sql(&plan).unwrap().ends_with("WHERE (CAST($1 AS date) = '1970-01-02'::date)"));
}

#[test]
fn a_constant_sorts_nothing() {
    let parameter = expression(RexType::DynamicParameter(Box::default()));
    let by = |expr: &Expression| {
        let direction = SortDirection::AscNullsLast.into();
        SortField { expr: Some(expr.clone()), direction, ..SortField::default() }
    };
    let sorts = vec![by(&number(2)), by(&parameter), by(&field(0))];
    let sort = SortRel { input: Some(read("x", &["a"])), sorts, ..SortRel::default() };
    let value = Literal { literal_type: Some(LiteralType::I64(1)), type_variation_reference: 0 };
    let plan = Plan {
        parameter_bindings: vec![ParameterBinding { parameter_anchor: 0, value: Some(value) }],
        ..plan(rel(RelType::Sort(Box::new(sort))), &["a"])
    };
    assert!(sql(&plan).unwrap().ends_with("FROM \"x\" AS t1 ORDER BY t1.\"a\" ASC NULLS LAST"));
}

#[test]
fn a_fetch_without_a_count_is_as_the_version_says() {
    let of = |minor_number, count, offset| {
        let fetch = FetchRel { input: Some(read("x", &["a"])), count, offset, ..FetchRel::default() };
        let version = Some(Version { major_number: 0, minor_number, patch_number: 0 });
        let plan = Plan { version, ..plan(rel(RelType::Fetch(Box::new(fetch))), &["a"]) };
        let statement = written(&plan.encode_to_vec(), "").map_err(|refusal| Error::from(refusal).to_string())?;
        Ok::<_, String>(statement.split_once("AS t1").unwrap().1.to_owned())
    };
    for (minor, count, offset, end) in [
        (0, None, None, ""),
        (62, None, None, " LIMIT 0"),
        (62, None, Some(0), " LIMIT 0"),
        (62, Some(-1), Some(1), " OFFSET 1"),
        (62, Some(3), Some(1), " LIMIT 3 OFFSET 1"),
        (63, None, Some(1), " OFFSET 1"),
        (63, Some(0), None, " LIMIT 0"),
    ] {
        assert_eq!(of(minor, count, offset).unwrap(), end, "{minor} {count:?} {offset:?}");
    }
    assert!(of(62, None, Some(1)).unwrap_err().contains("an offset without a count"));
}

#[test]
fn what_is_not_taken_is_named() {
    let x = || read("x", &["a"]);
    let set = |op: SetOp, inputs| rel(RelType::Set(Box::new(SetRel { inputs, op: op.into(), ..SetRel::default() })));
    let of_files = ReadRel {
        base_schema: Some(NamedStruct::default()),
        read_type: Some(ReadType::LocalFiles(Untaken {})),
        ..ReadRel::default()
    };
    let enhancement = Some(AdvancedExtension { enhancement: Some(Untaken {}) });
    let enhanced = FilterRel { input: Some(x()), advanced_extension: enhancement, ..FilterRel::default() };
    for (relation, why) in [
        (rel(RelType::Exchange(Untaken {})), "the relation exchange"),
        (rel(RelType::ExtensionLeaf(Untaken {})), "a relation of an extension"),
        (Rel { rel_type: None }, "a relation of a kind that is not known"),
        (rel(RelType::Read(Box::new(of_files))), "a read of files (in read)"),
        (rel(RelType::Filter(Box::new(enhanced))), "an enhancement by an extension (in filter)"),
        (filter(x(), Expression { rex_type: None }), "an expression of a kind that is not known (in filter)"),
        (filter(x(), call(99, vec![])), "no function has the function_anchor 99"),
        (filter(x(), equal(field(0), field(1))), "there is no field 1 among 1 columns (in filter)"),
        (filter(x(), field(-1)), "there is no field -1"),
        (filter(x(), call(EQUAL, vec![field(0)])), "function equal of 1 arguments"),
        (set(SetOp::MinusMultiset, vec![x(), x()]), "MINUS_MULTISET (in set)"),
        (set(SetOp::UnionAll, vec![x()]), "less than two inputs"),
    ] {
        let refusal = refusal(&plan(relation, &["a"]));
        assert!(refusal.contains(why), "{refusal}");
    }
    assert!(matches!(sql(&plan(rel(RelType::Write(Untaken {})), &[])), Err(Error::ReadOnly(_))));
    assert!(refusal(&plan(x(), &["a", "b"])).contains("2 names for 1 columns"));
    assert!(refusal(&Plan::default()).contains("0 relation trees"));
}

#[test]
fn functions_are_known_by_their_extension() {
    let function = |urn: &str, uri: &str, name: &str| {
        let mut plan = plan(filter(read("x", &["a"]), call(0, vec![field(0)])), &["a"]);
        plan.extension_urns = vec![Extension { anchor: 7, name: urn.to_owned() }];
        plan.extension_uris = vec![Extension { anchor: 0, name: uri.to_owned() }];
        plan.extensions[0].extension_function.as_mut().unwrap().name = name.to_owned();
        sql(&plan).map_err(|error| error.to_string())
    };
    let uri = "https://github.com/substrait-io/substrait/blob/main/extensions/functions_string.yaml";
    for (urn, uri, name, called) in [
        ("extension:io.substrait:functions_string", "", "upper:str", "upper(t1.\"a\")"),
        ("", uri, "char_length:str", "char_length(t1.\"a\")"),
        ("", "/functions_boolean.yaml", "not:bool", "(NOT t1.\"a\")"),
        ("", "", "date_part", "date_part(t1.\"a\")"),
        ("", "", "concat", "concat(t1.\"a\")"),
        ("extension:io.substrait:functions_string", "", "concat:str", "(t1.\"a\")"),
    ] {
        let statement = function(urn, uri, name).unwrap();
        assert!(statement.ends_with(&format!("WHERE {called}")), "{statement}");
    }
    for (urn, uri, name, why) in [
        ("extension:com.acme:geo", "", "upper:str", "function upper of the extension extension:com.acme:geo"),
        ("", "https://acme.com/functions.yaml", "upper", "of the extension https://acme.com/functions.yaml"),
        ("extension:io.substrait:functions_string", "", "swapcase:str", "function swapcase of the extension"),
        ("extension:io.substrait:functions_string", "", "pg_sleep", "function pg_sleep of the extension"),
        ("", "", "select", "function select"),
        ("", "", "a(b); --", "function a(b); --"),
        ("", "", "", "function "),
    ] {
        let refusal = function(urn, uri, name).unwrap_err();
        assert!(refusal.contains(why), "{refusal}");
    }
}

#[test]
fn times_are_of_the_zone_that_is_said() {
    let of = |name: &str, arguments: Vec<FunctionArgument>| {
        let call = ScalarFunction { arguments, ..ScalarFunction::default() };
        let function = ExtensionFunction { name: name.to_owned(), ..ExtensionFunction::default() };
        let plan = plan(filter(read("x", &["a"]), expression(RexType::ScalarFunction(Box::new(call)))), &["a"]);
        let declared = ExtensionDeclaration { extension_function: Some(function) };
        let statement = sql(&Plan { extensions: vec![declared], ..plan }).unwrap();
        statement.split_once(" WHERE ").unwrap().1.to_owned()
    };
    let zone = || literal(LiteralType::String("Asia/Kolkata".into()));
    let part = |component: &str| {
        let component = FunctionArgument { arg_type: Some(ArgType::Enum(component.to_owned())) };
        [component].into_iter().chain(arguments(vec![field(0), zone()])).collect()
    };
    let hour = "CAST(floor(EXTRACT(hour FROM (t1.\"a\" AT TIME ZONE 'Asia/Kolkata'))) AS bigint)";
    assert_eq!(of("extract", part("HOUR")), hour);
    // Since a moment, which is one of UTC.
    assert_eq!(of("extract", part("UNIX_TIME")), "CAST(floor(EXTRACT(epoch FROM t1.\"a\")) AS bigint)");
    let assumed = "(CAST(t1.\"a\" AS timestamp) AT TIME ZONE 'Asia/Kolkata')";
    assert_eq!(of("assume_timezone", arguments(vec![field(0), zone()])), assumed);
}

#[test]
fn options_are_what_postgresql_does() {
    let with = |name: &str, preference: &[&str]| {
        let preference = preference.iter().map(|wanted| (*wanted).to_owned()).collect();
        let add = ScalarFunction {
            function_reference: ADD,
            arguments: arguments(vec![field(0), field(0)]),
            options: vec![FunctionOption { name: name.to_owned(), preference }],
            ..ScalarFunction::default()
        };
        sql(&plan(filter(read("x", &["a"]), expression(RexType::ScalarFunction(Box::new(add)))), &["a"]))
    };
    with("overflow", &["ERROR"]).unwrap();
    with("Overflow", &["SATURATE", "error"]).unwrap();
    for (name, preference) in [("overflow", &["SILENT", "SATURATE"][..]), ("overflow", &[]), ("colour", &["ERROR"])] {
        let refusal = with(name, preference).unwrap_err().to_string();
        assert!(refusal.contains(&format!("the option {name} of function add")), "{refusal}");
    }
}

#[test]
fn versions_are_those_that_are_told() {
    let of = |major_number, minor_number, told: &str| {
        let version = Some(Version { major_number, minor_number, patch_number: 0 });
        let plan = Plan { version, ..plan(read("x", &["a"]), &["a"]) };
        written(&plan.encode_to_vec(), told).map_err(|refusal| Error::from(refusal).to_string())
    };
    let minors = [MIN_VERSION, MAX_VERSION].map(|version| version.split('.').nth(1).unwrap().parse::<u32>().unwrap());
    assert_eq!(minors, [*MINOR_VERSIONS.start(), *MINOR_VERSIONS.end()]);
    for (major, minor, told) in [(0, 47, ""), (0, 108, "0.1"), (0, 0, ""), (0, 0, "0.85.0")] {
        of(major, minor, told).unwrap();
    }
    for (major, minor, told) in [(0, 46, ""), (0, 109, ""), (1, 85, ""), (0, 0, "0.1"), (0, 0, "x"), (0, 0, "85")] {
        assert!(of(major, minor, told).unwrap_err().contains("version"), "{major}.{minor} {told}");
    }
}

#[test]
fn plans_that_would_not_end_are_refused_at_once() {
    let started = Instant::now();
    let deep = (0..200).fold(read("x", &["a"]), |input, _| filter(input, field(0)));
    assert!(matches!(sql(&plan(deep, &["a"])), Err(Error::TooLarge(_))));
    let long = plan(read("x", &[&"a".repeat(1 << 20)]), &["a"]);
    assert!(matches!(sql(&long), Err(Error::TooLarge(_))));
    // A few bytes of a plan that are many of a statement.
    let many = |input: Rel| {
        rel(RelType::Set(Box::new(SetRel {
            inputs: vec![input; 30_000],
            op: SetOp::UnionAll.into(),
            ..SetRel::default()
        })))
    };
    assert!(matches!(sql(&plan(many(read("x", &["a"])), &["a"])), Err(Error::TooLarge(_))));
    let wide = vec!["a"; 1_600];
    let nested = (0..40).fold(read("x", &wide), |input, _| {
        let fetch = FetchRel { input: Some(input), count: Some(1), ..FetchRel::default() };
        rel(RelType::Fetch(Box::new(fetch)))
    });
    assert!(matches!(sql(&plan(nested, &wide)), Err(Error::TooLarge(_))));
    let repeated = ProjectRel { common: emit(&[0; 100_000]), input: Some(read("x", &["a"])), ..ProjectRel::default() };
    assert!(matches!(sql(&plan(rel(RelType::Project(Box::new(repeated))), &["a"])), Err(Error::TooLarge(_))));
    let too_wide = vec!["a"; 100_000];
    assert!(matches!(sql(&plan(read("x", &too_wide), &too_wide)), Err(Error::TooLarge(_))));
    // A text that the plan has once, and the statement wherever it is referred to.
    let name = "a".repeat(500_000);
    let references = |column: &str| filter(read("x", &[column]), call(AND, vec![field(0); 40_000]));
    assert!(matches!(sql(&plan(references(&name), &["a"])), Err(Error::TooLarge(_))));
    assert!(matches!(sql(&plan(references(&"a".repeat(63)), &["a"])), Err(Error::TooLarge(_))));
    let parameter = expression(RexType::DynamicParameter(Box::default()));
    let value = Literal { literal_type: Some(LiteralType::String(name)), type_variation_reference: 0 };
    let bound = Plan {
        parameter_bindings: vec![ParameterBinding { parameter_anchor: 0, value: Some(value) }],
        ..plan(filter(read("x", &["a"]), call(AND, vec![parameter; 40_000])), &["a"])
    };
    assert!(matches!(sql(&bound), Err(Error::TooLarge(_))));
    // Millions of messages that say nothing.
    let nothing = Plan { relations: vec![PlanRel::default(); 500_000], ..Plan::default() };
    assert!(refusal(&nothing).contains("500000 relation trees"));
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn whatever_is_sent_becomes_a_statement_or_is_refused() {
    let condition =
        call(AND, vec![equal(field(0), number(1)), equal(field(1), literal(LiteralType::String("'".into())))]);
    let message = plan(filter(read("x", &["a", "b"]), condition), &["a", "b"]).encode_to_vec();
    let mut statements = 0;
    for seed in 0..20_000 {
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut changed = message.clone();
        for _ in 0..chance.usize(1..4) {
            let at = chance.usize(..changed.len());
            changed[at] = chance.u8(..);
        }
        changed.truncate(chance.usize(..changed.len() * 2));
        statements += usize::from(written(&changed, "").is_ok_and(|statement| statement.starts_with("SELECT ")));
    }
    assert!(statements > 100, "{statements}");
}

#[test]
fn the_page_lists_every_function() {
    let names = SCALAR_FUNCTIONS.iter().map(|(name, _)| *name).chain(AGGREGATE_FUNCTIONS.iter().map(|(name, _)| *name));
    for name in names {
        assert!(PAGE.contains(&format!("`{name}`")), "{name}");
    }
    assert!(SCALAR_FUNCTIONS.is_sorted_by_key(|(name, _)| name) && AGGREGATE_FUNCTIONS.is_sorted());
}

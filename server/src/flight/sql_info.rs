//! What the server tells about itself (GetSqlInfo): every code of FlightSql.proto. The types of the values are those of
//! the specification: text, booleans, int32 for choices and bit masks, int64 for limits, where 0 is none.
//! Drivers cast without looking, and read nothing else.

mod conversions;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use arrow::record_batch::RecordBatch;
use arrow_flight::error::FlightError;
use arrow_flight::sql::metadata::{SqlInfoData, SqlInfoDataBuilder};
use arrow_flight::sql::{
    SqlInfo, SqlNullOrdering, SqlOuterJoinsSupportLevel, SqlSupportedCaseSensitivity, SqlSupportedGroupBy,
    SqlSupportedResultSetConcurrency, SqlSupportedResultSetType, SqlSupportedSubqueries, SqlSupportedTransaction,
    SqlSupportedUnions, SqlTransactionIsolationLevel, SupportedSqlGrammar,
};
use rail_forge_planner::{FunctionNames, MAX_COLUMNS, MAX_SQL_BYTES, MAX_TABLES, RESERVED_WORDS, function_names};
use tonic::Status;

use self::conversions::conversions;
use super::substrait;

/// The version of the Arrow columnar format.
const ARROW_FORMAT_VERSION: &str = "1.5";
/// The first level of `SupportedAnsi92SqlGrammarLevel`, which arrow-flight does not export.
const ANSI92_ENTRY_SQL: i32 = 0;
/// Bytes of a name in PostgreSQL (`NAMEDATALEN` without its end).
const NAME_BYTES: i64 = 63;
/// Columns of a table in PostgreSQL (`MaxHeapAttributeNumber`).
const COLUMNS_OF_TABLE: i64 = 1_600;
const NO_LIMIT: i64 = 0;
/// A code that there is not. A list of unknown codes is not the empty list, which asks for all.
const NO_CODE: u32 = u32::MAX;
const HIGHEST_CODE: u32 = SqlInfo::SqlStoredFunctionsUsingCallSyntaxSupported as u32;

static ALL: LazyLock<Result<SqlInfoData, FlightError>> = LazyLock::new(|| {
    let mut builder = SqlInfoDataBuilder::new();
    server(&mut builder);
    syntax(&mut builder);
    support(&mut builder);
    limits(&mut builder);
    transactions_and_results(&mut builder);
    builder.build()
});

/// Codes 0 to 499.
fn server(builder: &mut SqlInfoDataBuilder) {
    builder.append(SqlInfo::FlightSqlServerName, "RailForge");
    builder.append(SqlInfo::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
    builder.append(SqlInfo::FlightSqlServerArrowVersion, ARROW_FORMAT_VERSION);
    builder.append(SqlInfo::FlightSqlServerReadOnly, true);
    builder.append(SqlInfo::FlightSqlServerSql, true);
    builder.append(SqlInfo::FlightSqlServerSubstrait, true);
    builder.append(SqlInfo::FlightSqlServerSubstraitMinVersion, substrait::MIN_VERSION);
    builder.append(SqlInfo::FlightSqlServerSubstraitMaxVersion, substrait::MAX_VERSION);
    builder.append(SqlInfo::FlightSqlServerTransaction, SqlSupportedTransaction::Transaction as i32);
    builder.append(SqlInfo::FlightSqlServerCancel, true);
    builder.append(SqlInfo::FlightSqlServerBulkIngestion, false);
    builder.append(SqlInfo::FlightSqlServerIngestTransactionsSupported, false);
    // Handles hold what they stand for.
    builder.append(SqlInfo::FlightSqlServerStatementTimeout, 0_i32);
    builder.append(SqlInfo::FlightSqlServerTransactionTimeout, 0_i32);
}

fn syntax(builder: &mut SqlInfoDataBuilder) {
    builder.append(SqlInfo::SqlDdlCatalog, false);
    builder.append(SqlInfo::SqlDdlSchema, false);
    builder.append(SqlInfo::SqlDdlTable, false);
    builder.append(SqlInfo::SqlIdentifierCase, SqlSupportedCaseSensitivity::SqlCaseSensitivityLowercase as i32);
    builder.append(SqlInfo::SqlIdentifierQuoteChar, "\"");
    // What drivers take for names that keep their case; the enumeration has nothing closer.
    builder.append(
        SqlInfo::SqlQuotedIdentifierCase,
        SqlSupportedCaseSensitivity::SqlCaseSensitivityCaseInsensitive as i32,
    );
    builder.append(SqlInfo::SqlAllTablesAreSelectable, true);
    builder.append(SqlInfo::SqlNullOrdering, SqlNullOrdering::SqlNullsSortedHigh as i32);
    let FunctionNames { numeric, string, system, datetime } = function_names();
    builder.append(SqlInfo::SqlKeywords, RESERVED_WORDS);
    builder.append(SqlInfo::SqlNumericFunctions, numeric.as_slice());
    builder.append(SqlInfo::SqlStringFunctions, string.as_slice());
    builder.append(SqlInfo::SqlSystemFunctions, system.as_slice());
    builder.append(SqlInfo::SqlDatetimeFunctions, datetime.as_slice());
    builder.append(SqlInfo::SqlSearchStringEscape, "\\");
    builder.append(SqlInfo::SqlExtraNameCharacters, "$");
    builder.append(SqlInfo::SqlSchemaTerm, "schema");
    builder.append(SqlInfo::SqlProcedureTerm, "function");
    builder.append(SqlInfo::SqlCatalogTerm, "catalog");
    builder.append(SqlInfo::SqlCatalogAtStart, true);
}

fn support(builder: &mut SqlInfoDataBuilder) {
    builder.append(SqlInfo::SqlSupportsColumnAliasing, true);
    builder.append(SqlInfo::SqlNullPlusNullIsNull, true);
    builder.append(SqlInfo::SqlSupportsConvert, conversions());
    builder.append(SqlInfo::SqlSupportsTableCorrelationNames, true);
    builder.append(SqlInfo::SqlSupportsDifferentTableCorrelationNames, false);
    builder.append(SqlInfo::SqlSupportsExpressionsInOrderBy, true);
    builder.append(SqlInfo::SqlSupportsOrderByUnrelated, true);
    let groups = [SqlSupportedGroupBy::SqlGroupByUnrelated, SqlSupportedGroupBy::SqlGroupByBeyondSelect];
    builder.append(SqlInfo::SqlSupportedGroupBy, mask(groups.map(i32::from)));
    builder.append(SqlInfo::SqlSupportsLikeEscapeClause, true);
    builder.append(SqlInfo::SqlSupportsNonNullableColumns, true);
    builder.append(SqlInfo::SqlSupportedGrammar, mask([SupportedSqlGrammar::SqlMinimumGrammar.into()]));
    builder.append(SqlInfo::SqlAnsi92SupportedLevel, mask([ANSI92_ENTRY_SQL]));
    builder.append(SqlInfo::SqlSupportsIntegrityEnhancementFacility, false);
    // The specification calls it one choice; the drivers of JDBC and ODBC read a bit mask.
    let joins = [SqlOuterJoinsSupportLevel::SqlLimitedOuterJoins, SqlOuterJoinsSupportLevel::SqlFullOuterJoins];
    builder.append(SqlInfo::SqlOuterJoinsSupportLevel, mask(joins.map(i32::from)));
    builder.append(SqlInfo::SqlSchemasSupportedActions, mask([]));
    builder.append(SqlInfo::SqlCatalogsSupportedActions, mask([]));
    builder.append(SqlInfo::SqlSupportedPositionedCommands, mask([]));
    builder.append(SqlInfo::SqlSelectForUpdateSupported, false);
    builder.append(SqlInfo::SqlStoredProceduresSupported, false);
    let subqueries = [
        SqlSupportedSubqueries::SqlSubqueriesInComparisons,
        SqlSupportedSubqueries::SqlSubqueriesInExists,
        SqlSupportedSubqueries::SqlSubqueriesInIns,
        SqlSupportedSubqueries::SqlSubqueriesInQuantifieds,
    ];
    builder.append(SqlInfo::SqlSupportedSubqueries, mask(subqueries.map(i32::from)));
    builder.append(SqlInfo::SqlCorrelatedSubqueriesSupported, true);
    let unions = [SqlSupportedUnions::SqlUnion, SqlSupportedUnions::SqlUnionAll];
    builder.append(SqlInfo::SqlSupportedUnions, mask(unions.map(i32::from)));
}

fn limits(builder: &mut SqlInfoDataBuilder) {
    let columns = MAX_COLUMNS as i64;
    for (code, limit) in [
        (SqlInfo::SqlMaxBinaryLiteralLength, NO_LIMIT),
        (SqlInfo::SqlMaxCharLiteralLength, NO_LIMIT),
        (SqlInfo::SqlMaxColumnNameLength, NAME_BYTES),
        (SqlInfo::SqlMaxColumnsInGroupBy, columns),
        (SqlInfo::SqlMaxColumnsInIndex, NO_LIMIT),
        (SqlInfo::SqlMaxColumnsInOrderBy, columns),
        (SqlInfo::SqlMaxColumnsInSelect, columns),
        (SqlInfo::SqlMaxColumnsInTable, COLUMNS_OF_TABLE),
        (SqlInfo::SqlMaxConnections, NO_LIMIT),
        (SqlInfo::SqlMaxCursorNameLength, NO_LIMIT),
        (SqlInfo::SqlMaxIndexLength, NO_LIMIT),
        (SqlInfo::SqlDbSchemaNameLength, NAME_BYTES),
        (SqlInfo::SqlMaxProcedureNameLength, NAME_BYTES),
        (SqlInfo::SqlMaxCatalogNameLength, NO_LIMIT),
        (SqlInfo::SqlMaxRowSize, NO_LIMIT),
        (SqlInfo::SqlMaxStatementLength, MAX_SQL_BYTES as i64),
        (SqlInfo::SqlMaxStatements, NO_LIMIT),
        (SqlInfo::SqlMaxTableNameLength, NAME_BYTES),
        (SqlInfo::SqlMaxTablesInSelect, MAX_TABLES as i64),
        (SqlInfo::SqlMaxUsernameLength, NO_LIMIT),
    ] {
        builder.append(code, limit);
    }
    builder.append(SqlInfo::SqlMaxRowSizeIncludesBlobs, true);
}

fn transactions_and_results(builder: &mut SqlInfoDataBuilder) {
    let isolation = SqlTransactionIsolationLevel::SqlTransactionReadCommitted;
    builder.append(SqlInfo::SqlDefaultTransactionIsolation, i64::from(isolation as i32));
    builder.append(SqlInfo::SqlTransactionsSupported, true);
    builder.append(SqlInfo::SqlSupportedTransactionsIsolationLevels, mask([isolation.into()]));
    builder.append(SqlInfo::SqlDataDefinitionCausesTransactionCommit, false);
    builder.append(SqlInfo::SqlDataDefinitionsInTransactionsIgnored, false);
    let forward = SqlSupportedResultSetType::SqlResultSetTypeForwardOnly;
    builder.append(SqlInfo::SqlSupportedResultSetTypes, mask([forward.into()]));
    let read_only = mask([SqlSupportedResultSetConcurrency::SqlResultSetConcurrencyReadOnly.into()]);
    builder.append(SqlInfo::SqlSupportedConcurrenciesForResultSetUnspecified, read_only);
    builder.append(SqlInfo::SqlSupportedConcurrenciesForResultSetForwardOnly, read_only);
    builder.append(SqlInfo::SqlSupportedConcurrenciesForResultSetScrollSensitive, mask([]));
    builder.append(SqlInfo::SqlSupportedConcurrenciesForResultSetScrollInsensitive, mask([]));
    builder.append(SqlInfo::SqlBatchUpdatesSupported, false);
    builder.append(SqlInfo::SqlSavepointsSupported, false);
    builder.append(SqlInfo::SqlNamedParametersSupported, false);
    builder.append(SqlInfo::SqlLocatorsUpdateCopy, false);
    builder.append(SqlInfo::SqlStoredFunctionsUsingCallSyntaxSupported, false);
}

/// The bits of a choice of several.
fn mask<const N: usize>(chosen: [i32; N]) -> i32 {
    chosen.into_iter().fold(0, |mask, bit| mask | (1 << bit))
}

/// Every code that the server answers.
pub(super) fn all() -> Result<&'static SqlInfoData, Status> {
    ALL.as_ref().map_err(|error| Status::internal(error.to_string()))
}

/// The codes that are asked for; all of them when none is named.
pub(super) fn of_codes(codes: &[u32]) -> Result<RecordBatch, Status> {
    // Each costs a look at all, and a client may send the same one a million times.
    let mut wanted: BTreeSet<u32> = codes.iter().copied().filter(|code| *code <= HIGHEST_CODE).collect();
    if !codes.is_empty() {
        wanted.insert(NO_CODE);
    }
    all()?.record_batch(wanted).map_err(|error| Status::internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_answered() {
        let codes = (0..10_000).filter(|code| SqlInfo::try_from(*code).is_ok()).count();
        assert_eq!(of_codes(&[]).unwrap().num_rows(), codes);
        assert!(SqlInfo::try_from(HIGHEST_CODE as i32 + 1).is_err());
    }

    #[test]
    fn only_what_is_asked_for_is_answered() {
        assert_eq!(of_codes(&[0, 8, 8, 500, 9_999_999]).unwrap().num_rows(), 3);
        assert_eq!(of_codes(&[9_999, u32::MAX - 1]).unwrap().num_rows(), 0);
    }

    #[test]
    fn masks_have_a_bit_for_each_choice() {
        assert_eq!((mask([]), mask([0]), mask([0, 1, 3])), (0, 1, 0b1011));
    }
}

//! Transactions, for clients that begin one before they ask anything, as the DB-API has it. Nothing is changed here, so
//! that there is nothing to commit or to roll back, and each statement sees the newest snapshot: READ COMMITTED, as in
//! PostgreSQL unless one asks for more. No state is kept: an id says that a transaction is one of ours, and no more.

use arrow_flight::sql::{ActionEndTransactionRequest, EndTransaction};
use prost::bytes::Bytes;
use tonic::{Code, Status};

use super::reason::{Reason, Told};

const ID: &[u8] = b"rail-forge: read committed";

/// The id of a transaction that begins.
pub(super) fn begin() -> Bytes {
    Bytes::from_static(ID)
}

/// Ends a transaction, in either way.
pub(super) fn end(request: &ActionEndTransactionRequest) -> Result<(), Status> {
    check(Some(&request.transaction_id))?;
    match EndTransaction::try_from(request.action) {
        Ok(EndTransaction::Commit | EndTransaction::Rollback) => Ok(()),
        Ok(EndTransaction::Unspecified) | Err(_) => {
            Err(Status::invalid_argument("a transaction is ended by COMMIT or by ROLLBACK"))
        }
    }
}

/// Refuses a statement that is of no transaction of ours. Without one, or with an empty id, it is of none.
pub(super) fn check(id: Option<&Bytes>) -> Result<(), Status> {
    match id {
        Some(id) if !id.is_empty() && id != ID => {
            Err(Told::new(Code::NotFound, Reason::UnknownTransaction).status("no such transaction; begin one"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(transaction_id: Bytes, action: EndTransaction) -> Result<(), Status> {
        end(&ActionEndTransactionRequest { transaction_id, action: action.into() })
    }

    #[test]
    fn transactions_are_ours_and_end_in_two_ways() {
        for action in [EndTransaction::Commit, EndTransaction::Rollback] {
            ended(begin(), action).unwrap();
            assert_eq!(ended(Bytes::from_static(b"another"), action).unwrap_err().code(), Code::NotFound);
        }
        assert_eq!(ended(begin(), EndTransaction::Unspecified).unwrap_err().code(), Code::InvalidArgument);
        check(None).unwrap();
        check(Some(&Bytes::new())).unwrap();
        check(Some(&begin())).unwrap();
        assert!(check(Some(&Bytes::from_static(b"another"))).is_err());
    }
}

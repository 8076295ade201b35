//! The raw lines of records: the whole truth, appended many at a time.

use gateway_core::events::record::Record;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::{Error, int, text};

/// Appends the raw lines, in order, and nothing else.
pub(super) async fn append(connection: &mut SqliteConnection, records: &[Record]) -> Result<(), Error> {
    let mut rest = records;
    while let Some(rows) = ROWS.into_iter().find(|rows| *rows <= rest.len()) {
        let (now, later) = rest.split_at(rows);
        let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO records (call, at, record) ");
        insert.push_values(now, |mut row, record| {
            row.push_bind(int(record.call.0)).push_bind(int(record.at.0)).push_bind(text(record));
        });
        insert.build().execute(&mut *connection).await?;
        rest = later;
    }
    Ok(())
}

/// Rows of one statement. A few lengths only: a statement is prepared once for each, and found again by its text.
const ROWS: [usize; 4] = [64, 16, 4, 1];

//! `src/store/schema.rs`, which is written by hand, describes the tables of both engines as the migrations make them.

use std::collections::BTreeMap;

use diesel::sql_types::{Bool, Text};
use diesel::{Connection as _, PgConnection, QueryableByName, RunQueryDsl as _, SqliteConnection};

use crate::support::{Engine, TestApp};

both_engines!(the_schema_describes_the_database_that_the_migrations_make);

/// Tables that no query of diesel's names.
const OTHERS: [&str; 2] = ["__diesel_schema_migrations", "write_probe"];

/// What each type of the description is in a database: on SQLite, on PostgreSQL.
const TYPES: [(&str, [&str; 2]); 7] = [
    ("BigInt", ["integer", "bigint"]),
    ("Binary", ["blob", "bytea"]),
    ("Bool", ["integer", "boolean"]),
    ("SmallInt", ["integer", "smallint"]),
    ("SqlTime", ["integer", "bigint"]),
    ("SqlUuid", ["blob", "uuid"]),
    ("Text", ["text", "text"]),
];

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    of: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    is_nullable: bool,
}

/// A number that counts rows is their key, and SQLite does not call it not null.
const OF_SQLITE: &str = "select t.name as of, c.name as name, lower(c.type) as kind, \
                         c.\"notnull\" = 0 and c.pk = 0 as is_nullable \
                         from sqlite_master t join pragma_table_info(t.name) c \
                         where t.type = 'table' and t.name not like 'sqlite%'";

const OF_POSTGRES: &str = "select table_name::text as of, column_name::text as name, data_type::text as kind, \
                           is_nullable = 'YES' as is_nullable \
                           from information_schema.columns where table_schema = 'public'";

type Tables = BTreeMap<String, BTreeMap<String, (String, bool)>>;

fn of_database(engine: Engine, url: &str) -> Tables {
    let columns: Vec<Column> = match engine {
        Engine::Sqlite => {
            let mut database = SqliteConnection::establish(url.strip_prefix("sqlite://").unwrap()).unwrap();
            diesel::sql_query(OF_SQLITE).load(&mut database).unwrap()
        }
        Engine::Postgres => diesel::sql_query(OF_POSTGRES).load(&mut PgConnection::establish(url).unwrap()).unwrap(),
    };
    let mut tables = Tables::new();
    for Column { of, name, kind, is_nullable } in columns {
        tables.entry(of).or_default().insert(name, (kind, is_nullable));
    }
    tables.retain(|table, _| !OTHERS.contains(&table.as_str()));
    tables
}

/// How many rows of all tables hold a text.
pub fn rows_with(engine: Engine, app: &TestApp, text: &str) -> i64 {
    let count = |(table, columns): (String, BTreeMap<String, _>)| {
        let holds: Vec<_> = columns.keys().map(|column| format!("cast({column} as text) like '%{text}%'")).collect();
        app.number(&format!("select count(*) from {table} where {}", holds.join(" or ")))
    };
    of_database(engine, &app.database_url).into_iter().map(count).sum()
}

fn described(engine: Engine) -> Tables {
    let text = concat!(
        include_str!("../../src/store/schema.rs"),
        include_str!("../../src/store/schema/claims.rs"),
        include_str!("../../src/store/schema/joining.rs")
    );
    let mut tables = Tables::new();
    let mut table = String::new();
    for line in text.lines().map(str::trim) {
        if let Some((name, key)) = line.split_once(" (")
            && key.ends_with(") {")
        {
            name.clone_into(&mut table);
        } else if let Some((column, kind)) = line.trim_end_matches(',').split_once(" -> ")
            && !line.contains('!')
        {
            let inner = kind.strip_prefix("Nullable<").map(|kind| kind.trim_end_matches('>'));
            let (_, [sqlite, postgres]) = TYPES.iter().find(|(name, _)| *name == inner.unwrap_or(kind)).unwrap();
            let stored = if engine == Engine::Sqlite { sqlite } else { postgres };
            let columns = tables.entry(table.clone()).or_default();
            columns.insert(column.to_owned(), ((*stored).to_owned(), inner.is_some()));
        }
    }
    tables
}

fn the_schema_describes_the_database_that_the_migrations_make(engine: Engine) {
    let app = TestApp::start(engine);
    let described = described(engine);
    assert!(described.len() >= 6);
    assert_eq!(described, of_database(engine, &app.database_url));
}

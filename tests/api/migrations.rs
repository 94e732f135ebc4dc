//! The schema: every migration goes up, down and up again, and several instances may migrate at once.

use tempfile::TempDir;

use crate::support::postgres;
use crate::support::process::Tokensmith;
use crate::support::{Engine, TestApp};

both_engines!(
    every_migration_goes_up_and_down_and_up_again,
    eight_instances_that_migrate_an_empty_database_at_once_all_succeed,
);

const MIGRATIONS: usize = 33;

fn every_migration_goes_up_and_down_and_up_again(engine: Engine) {
    let app = TestApp::start(engine);
    let store = &app.inside.store;
    assert_eq!(store.migrate().unwrap().len(), 0, "the start has applied them");
    assert_eq!(store.revert_all_migrations().unwrap().len(), MIGRATIONS);
    assert_eq!(store.migrate().unwrap().len(), MIGRATIONS);
    let pair = app.logged_in("ada");
    app.refresh(&pair["refresh_token"]).ok();
}

fn eight_instances_that_migrate_an_empty_database_at_once_all_succeed(engine: Engine) {
    let dir = TempDir::new().unwrap();
    let url = match engine {
        Engine::Sqlite => engine.new_database(&dir),
        Engine::Postgres => postgres::new_empty_database(),
    };
    let starts = (0..8).map(|_| {
        let command = Tokensmith::new().env("DATABASE_URL", &url);
        std::thread::spawn(move || command.run(&["migrate"]).success())
    });
    let starts: Vec<_> = starts.collect();
    assert!(starts.into_iter().all(|start| start.join().unwrap()));
}

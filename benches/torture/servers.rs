//! Real instances on a database of their own.

use std::rc::Rc;
use std::time::Duration;

use tempfile::TempDir;

use crate::account;
use crate::clock::Clock;
use crate::cluster::{Cluster, bin_dir};
use crate::options::{Database, Options};
use crate::process::Server;
use crate::service::Service;

/// They end with this value.
pub struct Servers {
    pub name: String,
    instances: Vec<Server>,
    _cluster: Option<Rc<Cluster>>,
    _dir: TempDir,
}

impl Servers {
    /// On each database that is asked for, for each number of instances.
    pub fn start_all(options: &Options) -> Vec<Self> {
        let mut cluster = None;
        if options.databases().contains(&Database::Postgresql) {
            match bin_dir() {
                Some(_) => cluster = Some(Rc::new(Cluster::start(""))),
                None => println!("PostgreSQL is not installed: left out"),
            }
        }
        let mut all = Vec::new();
        for instances in &options.instances {
            for database in options.databases() {
                match (database, &cluster) {
                    (Database::Sqlite, _) => all.push(Self::start("SQLite", None, *instances, options)),
                    (Database::Postgresql, None) => {}
                    (Database::Postgresql, cluster) => {
                        all.push(Self::start("PostgreSQL", cluster.clone(), *instances, options));
                    }
                }
            }
        }
        all
    }

    fn start(database: &str, cluster: Option<Rc<Cluster>>, instances: u8, options: &Options) -> Self {
        let dir = TempDir::new().unwrap();
        let in_cluster = |cluster: &Rc<Cluster>| cluster.create_database(&format!("torture_{instances}"), "template0");
        let in_file = || format!("sqlite://{}", dir.path().join("torture.db").display());
        let url = cluster.as_ref().map_or_else(in_file, in_cluster);
        let keys = dir.path().join("keys").display().to_string();
        // Each request says in X-Forwarded-For where it is from.
        let trusted = ("TRUSTED_PROXIES", "127.0.0.0/8");
        let ours = [("DATABASE_URL", url.as_str()), ("KEYS_DIR", &keys), trusted, ("RUST_LOG", "error")];
        let ours = ours.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let vars: Vec<_> = ours.into_iter().chain(options.law().settings()).collect();
        let programs = options.programs(instances);
        account::create(&programs[0], dir.path(), &vars);
        let start = |program| Server::start(program, &["serve"], dir.path(), &vars);
        let instances: Vec<_> = programs.iter().map(start).collect();
        let name = format!("{database}, instances: {}", instances.len());
        Self { name, instances, _cluster: cluster, _dir: dir }
    }

    pub fn service(&self) -> Service {
        let clock = Clock::of_seconds(Duration::from_secs(1));
        Service { clock, instances: self.instances.iter().map(|server| server.address).collect() }
    }
}

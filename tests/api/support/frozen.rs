//! A cluster whose processes are stopped, as on a machine that hangs: the kernel accepts what is sent to them, and they
//! never respond.

use std::process::Command;

use diesel::sql_types::Text;
use diesel::{Connection as _, PgConnection, QueryableByName, RunQueryDsl as _};

use super::cluster::Cluster;

/// The processes; they go on when this is dropped.
pub struct Frozen(Vec<String>);

#[derive(QueryableByName)]
struct PidFile {
    #[diesel(sql_type = Text)]
    content: String,
}

impl Frozen {
    pub fn new(cluster: &Cluster) -> Self {
        let mut admin = PgConnection::establish(&cluster.url("template1")).unwrap();
        let query = diesel::sql_query("select pg_read_file('postmaster.pid') as content");
        let PidFile { content } = query.get_result(&mut admin).unwrap();
        let postmaster = content.lines().next().unwrap().to_owned();
        // The parent first, so that it starts no more of them.
        let mut frozen = Self(vec![postmaster.clone()]);
        frozen.signal("-STOP");
        let is_child = |pid: &String| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let after_name = stat.rsplit(')').next().unwrap_or_default();
            after_name.split_whitespace().nth(1) == Some(&postmaster)
        };
        let processes = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name());
        frozen.0.extend(processes.filter_map(|name| name.into_string().ok()).filter(is_child));
        frozen.signal("-STOP");
        frozen
    }

    fn signal(&self, name: &str) {
        // The shell's built-in, because a bare machine has no kill command. A process may have ended meanwhile.
        let kill = ["-c", "kill \"$@\" 2>/dev/null", "kill", name];
        let _some_have_ended = Command::new("sh").args(kill).args(&self.0).status().unwrap();
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.signal("-CONT");
    }
}

//! The servers under load: each a process of its own, so that its time and memory can be told from the generator's.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use procfs::process::Process;

use crate::ports::free_port;

/// A server; killed when dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// The time from its start to its first response.
    pub cold_start: Duration,
}

/// What a process has used since its start.
#[derive(Clone, Copy, Default)]
pub struct Used {
    pub cpu: Duration,
    pub rss_mib: f64,
    pub peak_rss_mib: f64,
}

impl Server {
    /// Starts a program, which gets its address in `LISTEN`, and waits until it responds.
    pub fn start(program: impl AsRef<OsStr>, args: &[&str], dir: &Path, vars: &[(String, String)]) -> Self {
        Self::start_at(free_address(), program, args, dir, vars)
    }

    /// As [`Server::start`], at this address.
    pub fn start_at(
        address: SocketAddr,
        program: impl AsRef<OsStr>,
        args: &[&str],
        dir: &Path,
        vars: &[(String, String)],
    ) -> Self {
        let log = File::create(dir.join(format!("log-{}", address.port()))).unwrap();
        let mut command = Command::new(program);
        command.args(args).env_clear().envs(vars.iter().cloned()).env("LISTEN", address.to_string());
        command.current_dir(dir).stdout(Stdio::null()).stderr(log);
        let started_at = Instant::now();
        let child = command.spawn().unwrap();
        let mut server = Self { child, address, cold_start: Duration::ZERO };
        while !answers(address) {
            assert!(server.child.try_wait().unwrap().is_none(), "the server ended; its log is in {}", dir.display());
            assert!(started_at.elapsed() < Duration::from_secs(30), "the server does not answer");
            std::thread::sleep(Duration::from_micros(500));
        }
        server.cold_start = started_at.elapsed();
        server
    }

    pub fn used(&self) -> Used {
        used(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

pub fn free_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}

fn answers(address: SocketAddr) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        std::io::Result::Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

fn used(pid: u32) -> Used {
    let process = Process::new(pid.try_into().unwrap()).unwrap();
    let (stat, status) = (process.stat().unwrap(), process.status().unwrap());
    let mib = |kib: Option<u64>| kib.unwrap_or(0) as f64 / 1_024.0;
    Used { cpu: ticks(stat.utime + stat.stime), rss_mib: mib(status.vmrss), peak_rss_mib: mib(status.vmhwm) }
}

fn ticks(count: u64) -> Duration {
    Duration::from_secs_f64(count as f64 / procfs::ticks_per_second() as f64)
}

/// The CPU time of all processes with this command line argument, and their children: a database's server.
pub fn cpu_of_family(argument: &str) -> Duration {
    let everybody: Vec<_> = procfs::process::all_processes().unwrap().flatten().collect();
    let is_parent = |process: &Process| {
        process.cmdline().is_ok_and(|args| {
            args.first().is_some_and(|program| program.ends_with("/postgres")) && args.iter().any(|arg| arg == argument)
        })
    };
    let parents: Vec<i32> = everybody.iter().filter(|process| is_parent(process)).map(|process| process.pid).collect();
    let stats = everybody.iter().filter_map(|process| process.stat().ok());
    let family = stats.filter(|stat| parents.contains(&stat.pid) || parents.contains(&stat.ppid));
    // What children that have ended had used is in their parent's account.
    family.map(|stat| ticks(stat.utime + stat.stime) + ticks(u64::try_from(stat.cutime + stat.cstime).unwrap())).sum()
}

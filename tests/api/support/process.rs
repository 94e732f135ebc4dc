//! The command as a process: what an operator runs.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, PipeReader, Write as _};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::client::Client;
use super::pooled;

/// The command in its own folder, without the machine's settings.
pub struct Tokensmith {
    pub dir: TempDir,
    vars: Vec<(String, String)>,
}

/// What a finished command left.
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    pub fn success(&self) -> bool {
        if !self.status.success() {
            eprintln!("{}{}", self.stdout, self.stderr);
        }
        self.status.success()
    }
}

fn finished(output: Output) -> Finished {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Finished { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Tokensmith {
    pub fn new() -> Self {
        // A key for RS256 takes its time to be made.
        let fast = Self { dir: TempDir::new().unwrap(), vars: Vec::new() }.env("ID_TOKEN_SIGNING_ALGS", "ES256");
        fast.env("LISTEN", "127.0.0.1:0").env("LOG_FORMAT", "json")
    }

    /// With a setting. In a run with a pooler it reaches the database of a test through that.
    pub fn env(self, name: &str, value: &str) -> Self {
        if name != "DATABASE_URL" {
            return self.set(name, value);
        }
        pooled::settings(value).iter().fold(self, |command, (name, value)| command.set(name, value))
    }

    /// With a setting as it is.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.vars.push((name.to_owned(), value.to_owned()));
        self
    }

    /// What a command lists with `--json`.
    #[track_caller]
    pub fn list(&self, args: &[&str]) -> Vec<Value> {
        let finished = self.run(&[args, &["--json"]].concat());
        assert!(finished.success());
        serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {}", finished.stdout))
    }

    /// Runs a command on a terminal of its own, on which `input` is typed; what it prints is all in `stdout`.
    pub fn run_on_terminal(&self, args: &[&str], input: &str) -> Finished {
        let mut child = self.on_terminal(args).spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(input.as_bytes()).unwrap();
        let finished = finished(child.wait_with_output().unwrap());
        Finished { stdout: finished.stdout.replace('\r', ""), ..finished }
    }

    /// The command on a terminal of its own.
    pub fn on_terminal(&self, args: &[&str]) -> Command {
        let mut command = Command::new("script");
        let line = [&[env!("CARGO_BIN_EXE_tokensmith")], args].concat().join(" ");
        command.args(["-qec", &format!("exec {line}"), "/dev/null"]);
        self.set_up(&mut command);
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tokensmith"));
        command.args(args);
        self.set_up(&mut command);
        command
    }

    fn set_up(&self, command: &mut Command) {
        command.env_clear().envs(self.vars.iter().cloned()).current_dir(self.dir.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    }

    /// Runs a command with a variable that need not be text.
    pub fn run_with_variable(&self, args: &[&str], name: &str, value: &OsStr) -> Finished {
        finished(self.command(args).env(name, value).stdin(Stdio::null()).output().unwrap())
    }

    /// Runs a command whose standard output and standard error go elsewhere.
    pub fn run_into(&self, args: &[&str], stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) -> Finished {
        let child = self.command(args).stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().unwrap();
        finished(child.wait_with_output().unwrap())
    }

    pub fn run(&self, args: &[&str]) -> Finished {
        self.run_with_input(args, "")
    }

    pub fn run_with_input(&self, args: &[&str], input: &str) -> Finished {
        let mut child = self.command(args).spawn().unwrap();
        // The command may end without reading.
        let _closed = child.stdin.take().unwrap().write_all(input.as_bytes());
        finished(child.wait_with_output().unwrap())
    }

    /// Starts the service and waits until it serves.
    pub fn serve(&self) -> Serving {
        self.serve_into(Stdio::piped())
    }

    /// The same with its standard output elsewhere.
    pub fn serve_into(&self, stdout: impl Into<Stdio>) -> Serving {
        Self::serving(self.command(&["serve"]), stdout.into())
    }

    /// The same. A file that grows beyond the process's limit is then an error, and does not end the process.
    pub fn serve_with_a_limit_on_files(&self) -> Serving {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "trap '' XFSZ; exec \"$0\" serve", env!("CARGO_BIN_EXE_tokensmith")]);
        shell.env_clear().envs(self.vars.iter().cloned()).current_dir(self.dir.path());
        Self::serving(shell, Stdio::piped())
    }

    fn serving(command: Command, stdout: Stdio) -> Serving {
        let mut serving = Self::starting(command, stdout);
        let line = serving.wait_for_line(|line| line.contains("serving") && line.contains("issuer"));
        let address = line.split("address").nth(1).unwrap().trim_start_matches(['=', '"', ':']);
        let address = address.split([' ', '"']).next().unwrap().replace("0.0.0.0", "127.0.0.1");
        serving.base = format!("http://{address}");
        serving
    }

    /// Starts the service, and waits for nothing.
    pub fn start(&self) -> Serving {
        Self::starting(self.command(&["serve"]), Stdio::piped())
    }

    /// Starts the service, and stops reading its log once it serves; returns the log's pipe.
    pub fn serve_unheard(&self) -> (Serving, BufReader<PipeReader>) {
        let (log, writer) = std::io::pipe().unwrap();
        let mut command = self.command(&["serve"]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(writer).spawn().unwrap();
        // It has the other end of the pipe.
        drop(command);
        let mut log = BufReader::new(log);
        let mut serving =
            Serving { child, logged: channel().1, printed: channel().1, base: String::new(), seen: Vec::new() };
        while serving.base.is_empty() {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "the service has ended");
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            if line["message"] == "serving" {
                serving.base = format!("http://{}", line["address"].as_str().unwrap());
            }
        }
        (serving, log)
    }

    fn starting(mut command: Command, stdout: Stdio) -> Serving {
        command.stdin(Stdio::piped()).stdout(stdout).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (lines, logged) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        let (lines, printed) = channel();
        if let Some(stdout) = child.stdout.take().map(BufReader::new) {
            std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        }
        Serving { child, logged, printed, base: String::new(), seen: Vec::new() }
    }
}

/// A running service; killed when dropped.
pub struct Serving {
    child: Child,
    pub logged: Receiver<String>,
    pub printed: Receiver<String>,
    pub base: String,
    /// What it has logged until it served.
    seen: Vec<String>,
}

impl Serving {
    pub fn client(&self) -> Client {
        Client::new(&self.base)
    }

    fn wait_for_line(&mut self, is_it: impl Fn(&str) -> bool) -> String {
        loop {
            let line = self.logged.recv_timeout(Duration::from_secs(60)).expect("the service logs it in time");
            self.seen.push(line.clone());
            if is_it(&line) {
                return line;
            }
        }
    }

    /// Stops it; returns all that it has logged.
    pub fn stop(mut self) -> Vec<String> {
        self.terminate();
        assert!(self.wait().success());
        let before = std::mem::take(&mut self.seen);
        before.into_iter().chain(self.logged.iter()).collect()
    }

    pub fn wait_for_log(&self, message: &str) -> serde_json::Value {
        loop {
            let line = self.logged.recv_timeout(Duration::from_secs(60)).expect("the service logs it in time");
            let line: serde_json::Value = serde_json::from_str(&line).expect("every line of the log is JSON");
            if line["message"] == message {
                return line;
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, as an operator's supervisor does.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        // The shell's own: a bare machine has no kill command.
        assert!(Command::new("sh").args(["-c", "kill $0 $1", signal, &pid]).status().unwrap().success());
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// As [`Serving::wait`], for a process that has to end by then.
    #[track_caller]
    pub fn wait_for(&mut self, longest: Duration) -> ExitStatus {
        let deadline = Instant::now() + longest;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("still there after {longest:?}");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended before.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

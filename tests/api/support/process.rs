//! The command as a process: what an operator runs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tempfile::TempDir;

use super::client::Client;

/// The command with a folder of its own: no setting of the machine reaches it.
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

impl Tokensmith {
    pub fn new() -> Self {
        Self { dir: TempDir::new().unwrap(), vars: Vec::new() }.env("LISTEN", "127.0.0.1:0").env("LOG_FORMAT", "json")
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.vars.push((name.to_owned(), value.to_owned()));
        self
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tokensmith"));
        command.args(args).env_clear().envs(self.vars.iter().cloned()).current_dir(self.dir.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, args: &[&str]) -> Finished {
        self.run_with_input(args, "")
    }

    pub fn run_with_input(&self, args: &[&str], input: &str) -> Finished {
        let mut child = self.command(args).spawn().unwrap();
        // The command may end without reading.
        let _closed = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Finished { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Starts the service and waits until it serves.
    pub fn serve(&self) -> Serving {
        let mut child = self.command(&["serve"]).spawn().unwrap();
        let (lines, logged) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        let (lines, printed) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        let mut serving = Serving { child, logged, printed, base: String::new() };
        let line = serving.wait_for_log("serving");
        serving.base = format!("http://{}", line["address"].as_str().unwrap());
        serving
    }
}

/// A running service; killed when dropped.
pub struct Serving {
    child: Child,
    pub logged: Receiver<String>,
    pub printed: Receiver<String>,
    pub base: String,
}

impl Serving {
    pub fn client(&self) -> Client {
        Client::new(&self.base)
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

    /// Asks it to stop, as an operator's supervisor does.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
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
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended before.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

//! What packages for an operating system rely on: systemd's notification, completions and man pages.

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::process::Tokensmith;

#[test]
fn systemd_is_told_when_the_service_is_ready_and_not_before() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let told = |message: &mut [u8]| {
        socket.recv(message).map(|length| String::from_utf8_lossy(&message[..length]).into_owned())
    };

    let refused = Tokensmith::new().env("NOTIFY_SOCKET", path.to_str().unwrap()).env("SIGNING_ALG", "HS256");
    assert!(!refused.run(&["serve"]).success());
    let command = Tokensmith::new().env("NOTIFY_SOCKET", path.to_str().unwrap());
    let mut serving = command.serve();
    assert_eq!(told(&mut [0; 64]).unwrap().trim_end(), "READY=1", "the first one that is told is the one that serves");
    assert_eq!(serving.client().get("/readyz").status, 200);
    serving.terminate();
    assert!(serving.wait().success());
}

#[test]
fn a_notify_socket_without_a_reader_does_not_stop_the_service() {
    let command = Tokensmith::new().env("NOTIFY_SOCKET", "/nowhere/notify");
    let mut serving = command.serve();
    assert_eq!(serving.client().get("/readyz").status, 200);
    serving.terminate();
    assert!(serving.wait().success());
    assert!(serving.logged.iter().any(|line| line.contains("cannot tell systemd that the service is ready")));
}

#[test]
fn bash_completes_commands_and_options() {
    let command = Tokensmith::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = command.run(&["completions", shell]);
        assert!(script.success() && script.stdout.contains("set-roles"), "{shell}");
    }
    let script = command.dir.path().join("completions");
    std::fs::write(&script, command.run(&["completions", "bash"]).stdout).unwrap();
    let complete = |words: &str| {
        let line = format!(
            "source {}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _tokensmith tokensmith \"${{COMP_WORDS[COMP_CWORD]}}\" x; echo \"${{COMPREPLY[@]}}\"",
            script.display()
        );
        String::from_utf8(Command::new("bash").args(["-c", &line]).output().unwrap().stdout).unwrap()
    };
    assert_eq!(complete("tokensmith users set-r").trim(), "set-roles");
    assert_eq!(complete("tokensmith keys rotate --em").trim(), "--emergency");
    assert_eq!(command.run(&["completions", "tcsh"]).status.code(), Some(2));
}

#[test]
fn each_command_has_a_man_page() {
    let command = Tokensmith::new();
    assert!(command.run(&["man", "share/man1"]).success());
    for (page, expected) in [
        ("tokensmith.1", "Apply the migrations"),
        ("tokensmith-serve.1", "Serve HTTP"),
        ("tokensmith-users-set-roles.1", "roles"),
        ("tokensmith-keys-rotate.1", "emergency"),
    ] {
        let text = std::fs::read_to_string(command.dir.path().join("share/man1").join(page)).unwrap();
        assert!(text.starts_with(".ie") || text.starts_with(".TH"), "{page} is roff");
        assert!(text.contains(expected), "{page}: {text}");
    }
    let refused = command.run(&["man", "/dev/null"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stderr.contains("/dev/null"), "{}", refused.stderr);
}

//! The password of the first admin: shown on the terminal that the service is started from, or else written to a file.
//! It is never logged, because more people can read the log than may know the password.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{CliError, output};
use crate::app::App;
use crate::secret::{Secret, create_folders, create_private_file, folder_of};
use crate::service::bootstrap::{FIRST_ADMIN, FirstAdminError, first_admin};
use crate::service::queries;

/// Creates the first admin if there is no user, and shows how to log in.
pub(super) fn create(app: &App, mut address: SocketAddr) -> Result<(), CliError> {
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let file = &app.config.first_admin_password_file;
    let has_terminal = io::stdout().is_terminal();
    let (path, is_written) = (file.clone(), Arc::new(AtomicBool::new(false)));
    let written = Arc::clone(&is_written);
    let keep = move |password: &Secret<String>| {
        if !has_terminal {
            write(&path, password)?;
            written.store(true, Ordering::Relaxed);
        }
        Ok(())
    };
    let created = first_admin(app, keep);
    // There is no account with that password. If the database fails, there may be one.
    let is_in_vain = match &created {
        Ok(password) => password.is_none(),
        Err(_) => queries::has_no_users(app).unwrap_or(false),
    };
    if is_in_vain && is_written.load(Ordering::Relaxed) {
        let _stands_in_the_way = fs::remove_file(file);
    }
    let created = created.map_err(|error| match error {
        FirstAdminError::Service(error) => CliError::Service(error),
        FirstAdminError::NotKept(error) => CliError::FirstAdmin(file.display().to_string(), error),
    })?;
    match created {
        None => Ok(()),
        Some(password) if has_terminal => {
            let password = password.expose();
            let about = format!("Password (shown this once): {password}");
            show(&about, &body(password), address, &app.config.issuer)
        }
        Some(_in_the_file) => {
            log::info!(file:% = file.display(); "first admin created; its password is in the file");
            let path = quoted(file);
            let about = format!("Password: in {}; delete that file when you have read it.", file.display());
            // The log names the file, too.
            let _gone = show(&about, &body(&format!("$(cat {path})")), address, &app.config.issuer);
            Ok(())
        }
    }
}

/// The body of a login request, as an argument in a shell's double quotes.
fn body(password: &str) -> String {
    format!(r#""{{\"username\":\"{FIRST_ADMIN}\",\"password\":\"{password}\"}}""#)
}

fn show(about: &str, body: &str, address: SocketAddr, issuer: &str) -> Result<(), CliError> {
    let program = std::env::args().next().unwrap_or("tokensmith".to_owned());
    output::line(format_args!(
        "\n  The database was empty: created the user \"{FIRST_ADMIN}\".\n  \
           {about}\n\n  \
           Get a token pair:\n\n    \
             curl -s http://{address}/v1/tokens -H 'content-type: application/json' -d {body}\n\n  \
           Next:\n    \
             http://{address}/docs describes every endpoint, to read and to try.\n    \
             {program} users create NAME adds a user.\n    \
             {program} help lists the commands.\n\n  \
           Issuer for OpenID Connect clients: {issuer}\n"
    ))
}

/// Writes to a new file that only its owner can read. Removes the file if it could not be written completely.
fn write(path: &Path, password: &Secret<String>) -> io::Result<()> {
    create_folders(folder_of(path))?;
    let mut file = create_private_file(path)?;
    let written = writeln!(file, "{}", password.expose()).and_then(|()| file.sync_all());
    if written.is_err() {
        let _stays_empty = fs::remove_file(path);
    }
    written
}

/// A path as a word of a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b)) && !text.starts_with('-') {
        text
    } else {
        format!("-- '{}'", text.replace('\'', r"'\''"))
    }
}

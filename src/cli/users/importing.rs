//! `tokensmith users import`.

use std::fs::{self, File};
use std::io::{self, BufReader, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use crate::app::App;
use crate::cli::CliError;
use crate::cli::output::{complain, count, line, shown};
use crate::model::audit::Origin;
use crate::secret::create_private_file;
use crate::service::imports::{AT_ONCE, Counts, Format, Import, Input, Mapping, Options, Refusal, RoleMap, Stopped};

#[derive(Args)]
pub(in crate::cli) struct ImportCommand {
    /// The file; - for standard input
    file: PathBuf,
    /// What the file is; without it, its name says so: .json, .csv, .jsonl or .ndjson
    #[arg(long, value_name = "FORM")]
    from: Option<Form>,
    /// The model of Django's that has the accounts
    #[arg(long, value_name = "APP.MODEL", default_value = "auth.user")]
    model: String,
    /// Give a role for a field that is true, as in `is_superuser=admin`, or for a group or role of the file, as in
    /// `group:Editors=editor`; may be given several times. Only so does anybody become admin
    #[arg(long = "map", value_name = "WHAT=ROLE")]
    mappings: Vec<Mapping>,
    /// The field of that model that has the username, as in `USERNAME_FIELD`; without it `username`, or else `email`
    #[arg(long, value_name = "FIELD")]
    username_field: Option<String>,
    /// Let an account follow the file even where both its username and its address differ from those here
    #[arg(long)]
    rename: bool,
    /// Take the addresses for verified, unless the file says that they are not
    #[arg(long)]
    trust_email: bool,
    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Write the rows that are refused to a new file, one JSON object on each line, instead of to standard error
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// JSON as Django's dumpdata writes it
    Django,
    /// CSV; the first line names the fields
    Csv,
    /// One JSON object on each line, as users export writes them
    Jsonl,
}

impl ImportCommand {
    fn format(&self) -> Result<Format, CliError> {
        let extension = self.file.extension().and_then(|extension| extension.to_str());
        Ok(match (self.from, extension) {
            (Some(Form::Django), _) | (None, Some("json")) => Format::Django,
            (Some(Form::Csv), _) | (None, Some("csv")) => Format::Csv,
            (Some(Form::Jsonl), _) | (None, Some("jsonl" | "ndjson")) => Format::Jsonl,
            (None, _) => return Err(CliError::Usage("the name of the file does not say what it is; use --from")),
        })
    }
}

/// The rows that are refused.
enum Report {
    Terminal,
    File(PathBuf, File),
}

impl Report {
    fn open(path: Option<PathBuf>) -> Result<Self, CliError> {
        let Some(path) = path else { return Ok(Self::Terminal) };
        let file = create_private_file(&path).map_err(|error| failed(&path, error))?;
        Ok(Self::File(path, file))
    }

    fn add(&mut self, refused: &[Refusal]) -> Result<(), CliError> {
        match self {
            Self::Terminal => {
                for Refusal { row, model, key, reason } in refused {
                    let number = row.to_string();
                    let named = [&number, model, key].into_iter().filter(|name| !name.is_empty());
                    let named: Vec<String> = named.map(|name| shown(name)).collect();
                    complain(format_args!("row {}: {}", named.join(" "), shown(reason)));
                }
                Ok(())
            }
            Self::File(path, file) => {
                let mut lines = Vec::new();
                for refusal in refused {
                    serde_json::to_writer(&mut lines, refusal).map_err(|error| failed(path, error.into()))?;
                    lines.push(b'\n');
                }
                file.write_all(&lines).map_err(|error| failed(path, error))
            }
        }
    }
}

pub(super) fn run(app: &App, command: ImportCommand, origin: &Origin) -> Result<(), CliError> {
    let format = command.format()?;
    let (input, bar) = open(&command.file)?;
    let mut report = Report::open(command.report)?;
    let options = Options {
        model: command.model.to_ascii_lowercase(),
        roles: RoleMap::new(command.mappings),
        username_field: command.username_field,
        renames: command.rename,
        trust_email: command.trust_email,
        is_rehearsal: command.dry_run,
        at_once: AT_ONCE,
    };
    let broken = |error: crate::service::imports::Broken| of_file(&command.file, &Stopped::from(error));
    let mut import = Import::new(app, input, format, options).map_err(broken)?;
    let all = loop {
        match import.next(origin) {
            Ok(None) => break Ok(()),
            Ok(Some(refused)) => {
                if let Err(error) = bar.suspend(|| report.add(&refused)) {
                    break Err(error);
                }
                bar.set_message(format!("{} accounts", import.counts().accounts()));
            }
            Err(Stopped::Service(error)) => break Err(error.into()),
            Err(stopped) => break Err(of_file(&command.file, &stopped)),
        }
    };
    bar.finish_and_clear();
    let has_known_rows = import.has_known_rows();
    let counts = import.finish(origin)?;
    tell(&counts, command.dry_run)?;
    all?;
    if !has_known_rows && counts.refused == 0 {
        let hint =
            format!("the file has no row of the model {}: name that of the accounts with --model", command.model);
        return Err(CliError::Refused(hint));
    }
    match counts.refused {
        0 => Ok(()),
        refused => Err(CliError::Refused(format!("{} refused; the others are not affected", count(refused, "row")))),
    }
}

fn tell(counts: &Counts, is_rehearsal: bool) -> Result<(), CliError> {
    let Counts { created, admins, changed, unchanged, tokens, left, refused } = *counts;
    let would = if is_rehearsal { "nothing is changed; would be: " } else { "" };
    line(format_args!(
        "{would}{} created, {admins} of them with the role admin; {changed} changed, {unchanged} unchanged; {} taken over; \
         {} left out, {refused} refused",
        count(created, "account"),
        count(tokens, "token"),
        count(left, "row"),
    ))
}

/// The file, and a bar that says how much of it is read, if somebody sees that.
fn open(path: &Path) -> Result<(Input, ProgressBar), CliError> {
    if path == Path::new("-") {
        let bar = ProgressBar::new_spinner();
        return Ok((Box::new(BufReader::new(bar.wrap_read(io::stdin()))), bar));
    }
    let file = File::open(path).map_err(|error| failed(path, error))?;
    let bar = ProgressBar::new(fs::metadata(path).map_or(0, |file| file.len()));
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent}% {msg}, {eta} left") {
        bar.set_style(style);
    }
    Ok((Box::new(BufReader::new(bar.wrap_read(file))), bar))
}

fn failed(path: &Path, error: io::Error) -> CliError {
    CliError::Io(path.display().to_string(), error)
}

fn of_file(path: &Path, stopped: &Stopped) -> CliError {
    CliError::Refused(format!("{}: {stopped}", path.display()))
}

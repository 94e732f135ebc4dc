//! Reading a secret from a file. Whatever is at the path, this never blocks and never reads much.

use std::fs::{Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::process;
use zeroize::Zeroizing;

const MAX_KIB: u64 = 64;

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum FileProblem {
    /// It is missing, or the operating system refuses it.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not a regular file, but a folder, a pipe or a device.
    #[error("not a regular file")]
    NotAFile,
    /// It is too large for a secret.
    #[error("larger than {MAX_KIB} KiB")]
    TooLarge,
}

/// Reads a regular file of a few KiB, following symbolic links; returns its content and its metadata.
pub(crate) fn read(path: &Path) -> Result<(Zeroizing<Vec<u8>>, Metadata), FileProblem> {
    let most = MAX_KIB * 1024;
    let file = without_waiting().read(true).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(FileProblem::NotAFile);
    }
    // Allocated at once, since a vector that grows leaves copies in memory.
    let mut content = Zeroizing::new(Vec::with_capacity(usize::try_from(most + 1).unwrap_or(0)));
    if metadata.len() <= most {
        // The file may grow while it is read.
        file.take(most + 1).read_to_end(&mut content)?;
    }
    if metadata.len() > most || u64::try_from(content.len()).is_ok_and(|read| read > most) {
        return Err(FileProblem::TooLarge);
    }
    Ok((content, metadata))
}

/// Options to open an existing file. A pipe is opened without waiting for its other end, and a terminal does not become
/// the controlling terminal.
pub(crate) fn without_waiting() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
    options
}

/// Whether this process belongs to a group.
pub(crate) fn is_own_group(group: u32) -> bool {
    let others = process::getgroups().unwrap_or_default();
    process::getegid().as_raw() == group || others.iter().any(|other| other.as_raw() == group)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;

    #[test]
    fn only_regular_files_of_a_few_kib_are_read_also_through_links_and_nothing_waits() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("small"), vec![b'a'; 64 * 1024]).unwrap();
        fs::write(path("large"), vec![b'a'; 64 * 1024 + 1]).unwrap();
        File::create(path("sparse")).unwrap().set_len(3 << 30).unwrap();
        fs::create_dir(path("folder")).unwrap();
        assert!(Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
        for (link, to) in [("to-small", "small"), ("to-pipe", "pipe"), ("to-nothing", "nothing"), ("loop", "loop")] {
            symlink(path(to), path(link)).unwrap();
        }
        for name in ["small", "to-small"] {
            assert_eq!(read(&path(name)).unwrap().0.len(), 64 * 1024, "{name}");
        }
        for name in ["large", "sparse"] {
            assert!(matches!(read(&path(name)), Err(FileProblem::TooLarge)), "{name}");
        }
        for name in ["folder", "pipe", "to-pipe"] {
            assert!(matches!(read(&path(name)), Err(FileProblem::NotAFile)), "{name}");
        }
        assert!(matches!(read(Path::new("/dev/zero")), Err(FileProblem::NotAFile)));
        for name in ["nothing", "to-nothing", "loop"] {
            assert!(matches!(read(&path(name)), Err(FileProblem::Io(_))), "{name}");
        }
    }
}

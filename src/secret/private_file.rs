//! Files that only their owner can read, drafts of them, and their folders. A file that an operator creates as root
//! gets the owner of its folder, so that the service, which runs as that user, can read it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use tempfile::{Builder, NamedTempFile, PersistError};

/// Creates a new file with mode 0600; never opens an existing one.
///
/// Fails with [`io::ErrorKind::AlreadyExists`] if anything is at the path, even a broken symbolic link.
pub(crate) fn create_private_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let given = owner_instead_of_root(file.metadata()?.uid(), path)
        .and_then(|owner| owner.map_or(Ok(()), |(user, group)| fchown(&file, Some(user), Some(group))));
    match given {
        Ok(()) => Ok(file),
        Err(error) => {
            // It would make the next attempt fail.
            let _left_behind = fs::remove_file(path);
            Err(error)
        }
    }
}

/// A private file that is still being written, under a temporary name. Dropping it deletes the file.
pub(crate) struct Draft(NamedTempFile);

impl Draft {
    /// Creates it as [`create_private_file`] does. Fails if an old draft exists or another process is writing one.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        Builder::new().prefix(name).rand_bytes(0).make_in(folder_of(path), create_private_file).map(Self)
    }

    /// The path of the draft.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The file to write to.
    pub(crate) fn file(&mut self) -> &mut File {
        self.0.as_file_mut()
    }

    /// Moves it durably to `to`, replacing an existing file.
    pub(crate) fn replace(self, to: &Path) -> io::Result<()> {
        self.0.as_file().sync_all()?;
        self.0.persist(to).map_err(|left| left.error)?;
        File::open(folder_of(to))?.sync_all()
    }

    /// The same, but fails if a file exists there.
    pub(crate) fn place(self, to: &Path) -> io::Result<()> {
        self.place_by(to, |file, to| file.persist_noclobber(to))
    }

    /// With what puts a file where there is none, in one step. Some file systems have none, and say so in various words:
    /// there the place is taken first, which never opens what is there, and then the draft replaces what has taken it.
    fn place_by(
        self,
        to: &Path,
        in_one_step: impl FnOnce(NamedTempFile, &Path) -> Result<File, PersistError>,
    ) -> io::Result<()> {
        self.0.as_file().sync_all()?;
        match in_one_step(self.0, to) {
            Ok(_placed) => {}
            Err(left) if left.error.kind() == io::ErrorKind::AlreadyExists => return Err(left.error),
            Err(left) => {
                create_private_file(to)?;
                if let Err(left) = left.file.persist(to) {
                    let _place = fs::remove_file(to);
                    return Err(left.error);
                }
            }
        }
        File::open(folder_of(to))?.sync_all()
    }
}

/// Creates a folder and its missing parents.
pub(crate) fn create_folders(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    create_folders(folder_of(path))?;
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if path.is_dir() {
                Ok(())
            } else {
                Err(Errno::NOTDIR.into())
            }
        }
        Err(error) => Err(error),
        Ok(()) => {
            // The owner of the parent folder could have replaced it with something else.
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
            let made = File::from(rustix::fs::open(path, flags, Mode::empty())?);
            match owner_instead_of_root(made.metadata()?.uid(), path)? {
                Some((user, group)) => fchown(&made, Some(user), Some(group)),
                None => Ok(()),
            }
        }
    }
}

/// The folder that holds `path`.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn owner_instead_of_root(made_by: u32, path: &Path) -> io::Result<Option<(u32, u32)>> {
    let folder = fs::metadata(folder_of(path))?;
    Ok((made_by == 0 && folder.uid() != 0).then(|| (folder.uid(), folder.gid())))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::{PermissionsExt as _, lchown, symlink};

    use super::*;

    #[test]
    fn a_file_is_made_for_its_owner_only_and_never_opened_when_there_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new");
        create_private_file(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(create_private_file(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let dangling = dir.path().join("link");
        symlink(dir.path().join("nowhere"), &dangling).unwrap();
        assert_eq!(create_private_file(&dangling).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(!dir.path().join("nowhere").exists());
    }

    #[test]
    fn a_draft_is_private_and_goes_unless_it_is_put_in_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let draft = |content: &str| {
            let mut draft = Draft::create(&path("new.draft")).unwrap();
            draft.file().write_all(content.as_bytes()).unwrap();
            draft
        };
        let first = draft("first");
        assert_eq!(first.path(), path("new.draft"));
        assert_eq!(fs::metadata(first.path()).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Draft::create(&path("new.draft")).err().unwrap().kind(), io::ErrorKind::AlreadyExists);
        first.place(&path("new")).unwrap();
        assert_eq!(draft("second").place(&path("new")).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(path("new")).unwrap(), "first");
        draft("third").replace(&path("new")).unwrap();
        assert_eq!(fs::read_to_string(path("new")).unwrap(), "third");
        drop(draft("fourth"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn where_no_step_puts_a_file_in_a_place_that_is_free_the_place_is_taken_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let place = |content: &str, errno: Errno| {
            let mut draft = Draft::create(&path("new.draft")).unwrap();
            draft.file().write_all(content.as_bytes()).unwrap();
            draft.place_by(&path("new"), |file, _to| Err(PersistError { error: errno.into(), file }))
        };
        for errno in [Errno::PERM, Errno::OPNOTSUPP, Errno::INVAL, Errno::NOSYS] {
            place("first", errno).unwrap();
            assert_eq!(fs::metadata(path("new")).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(place("second", errno).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read_to_string(path("new")).unwrap(), "first");
            fs::remove_file(path("new")).unwrap();
            // Also what leads nowhere.
            symlink(path("nowhere"), path("new")).unwrap();
            assert_eq!(place("third", errno).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            fs::remove_file(path("new")).unwrap();
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left");
        }
    }

    #[test]
    fn a_place_that_was_taken_in_vain_is_free_again() {
        let dir = tempfile::tempdir().unwrap();
        let (draft, new) = (dir.path().join("new.draft"), dir.path().join("new"));
        let refused = Draft::create(&draft).unwrap().place_by(&new, |file, _to| {
            fs::remove_file(&draft).unwrap();
            Err(PersistError { error: Errno::PERM.into(), file })
        });
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(!new.exists());
    }

    #[test]
    fn what_root_makes_belongs_to_the_owner_of_the_folder_around_it() {
        let dir = tempfile::tempdir().unwrap();
        // Only root can change the owner of a folder; for other users there is nothing to test.
        if lchown(dir.path(), Some(65_534), Some(65_534)).is_err() {
            return;
        }
        let (folder, file) = (dir.path().join("a/b"), dir.path().join("a/b/file"));
        create_folders(&folder).unwrap();
        create_folders(&folder).unwrap();
        create_private_file(&file).unwrap();
        for made in [&dir.path().join("a"), &folder, &file] {
            let metadata = fs::metadata(made).unwrap();
            assert_eq!((metadata.uid(), metadata.gid()), (65_534, 65_534), "{}", made.display());
        }
    }
}

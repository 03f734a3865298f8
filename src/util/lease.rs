//! Who has a file where the file system has no locks: the file `<path>.owner`, which one process alone can make
//! (`O_EXCL`), and which says every [`BEAT`] that its owner is alive.
//!
//! ```text
//! node-17 4711 8f2c66d1a0b3e957     host, process, a number that no other owner has
//! 12                                beats so far
//! ```
//!
//! No clock of two machines is compared, and no process is asked for by its number, which another machine or container
//! may have, too: who wants the file reads it again and again. If it changes, its owner is alive. If it has not changed
//! in [`LOOKS`] looks, its owner was killed or its machine is gone, and it is taken over: renamed away, which one
//! process alone can do. Looks are counted, and not seconds: while a server does not answer, neither the owner's beats
//! nor the looks go on.
//!
//! An owner that was stopped for longer than that finds itself [lost](Lease::is_lost).

use std::fs::{self, File};
use std::io::{ErrorKind, Result, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::util::stderr::message;

/// How often the owner says that it is alive.
const BEAT: Duration = Duration::from_secs(2);
/// How often others look, and the looks without a change after which the owner is gone: ten beats.
const LOOK: Duration = Duration::from_millis(100);
const LOOKS: u32 = 200;
/// The looks without a change after which a person is told why nothing happens.
const LOOKS_UNTOLD: u32 = 30;

/// A file that this process owns until this is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    path: PathBuf,
    /// The first line of the file.
    owner: String,
    /// Ends when its sender is gone.
    beats: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Lease {
    /// The file of who has `path`.
    pub fn file_of(path: &Path) -> PathBuf {
        path.with_added_extension("owner")
    }

    /// The lease of `path`; `None` where another process has it and is alive.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn try_take(path: &Path) -> Result<Option<Self>> {
        Self::take_with(path, false, LOOKS)
    }

    /// The lease of `path`, when its owner is done with it or gone.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn take(path: &Path) -> Result<Self> {
        loop {
            if let Some(lease) = Self::take_with(path, true, LOOKS)? {
                return Ok(lease);
            }
        }
    }

    fn take_with(path: &Path, waits: bool, looks: u32) -> Result<Option<Self>> {
        let path = Self::file_of(path);
        let host = gethostname::gethostname();
        let (host, process) = (host.to_string_lossy(), std::process::id());
        let owner = format!("{host} {process} {:016x}\n", rand::random::<u64>());
        let (mut seen, mut unchanged) = (None, 0);
        loop {
            match File::options().write(true).create_new(true).open(&path) {
                Ok(file) => return Self::begin(path, owner, file).map(Some),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            let now = match fs::read(&path) {
                Ok(now) => now,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if seen.as_ref() == Some(&now) {
                unchanged += 1;
            } else if seen.replace(now).is_some() && !waits {
                return Ok(None);
            } else {
                unchanged = 0;
            }
            if unchanged == LOOKS_UNTOLD {
                let seconds = (LOOK * looks).as_secs();
                message(&format!(
                    "note: `{}` is another process's; if that is gone, this one goes on in {seconds} seconds",
                    path.display()
                ));
            }
            if unchanged >= looks {
                // Those who have waited together do not strike together.
                thread::sleep(LOOK.mul_f64(rand::random()));
                displace(&path, &owner, seen.as_deref().unwrap_or_default())?;
                (seen, unchanged) = (None, 0);
            } else {
                thread::sleep(LOOK);
            }
        }
    }

    /// Says in the new `file` whose it is, and from now on that it is alive.
    fn begin(path: PathBuf, owner: String, mut file: File) -> Result<Self> {
        let start = owner.len() as u64;
        file.write_all(owner.as_bytes()).and_then(|()| file.sync_data()).inspect_err(|_| {
            // Nobody's.
            let _ = fs::remove_file(&path);
        })?;
        let (sender, stopped) = channel();
        let beat = move || {
            for number in 1_u64.. {
                if stopped.recv_timeout(BEAT) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                // In the file that it has made, which another of this name is not. A disk that is full now may have
                // room for the next.
                let beat = format!("{number}\n");
                let _ = file
                    .seek(std::io::SeekFrom::Start(start))
                    .and_then(|_| file.write_all(beat.as_bytes()))
                    .and_then(|()| file.sync_data());
            }
        };
        let thread = thread::Builder::new().name("lease".to_owned()).spawn(beat)?;
        Ok(Self { path, owner, beats: Some((sender, thread)) })
    }

    /// Whether another process has taken it over, believing that this one is gone.
    pub fn is_lost(&self) -> bool {
        !fs::read(&self.path).is_ok_and(|now| now.starts_with(self.owner.as_bytes()))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.beats.take() {
            drop(sender);
            // A beat does not panic.
            let _ = thread.join();
        }
        if !self.is_lost() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Takes the file `path`, which says `dead`, out of the way of a new `owner`.
fn displace(path: &Path, owner: &str, dead: &[u8]) -> Result<()> {
    if !fs::read(path).is_ok_and(|now| now == dead) {
        return Ok(());
    }
    let number = owner.trim_end().rsplit(' ').next().unwrap_or_default();
    let away = path.with_added_extension(number);
    match fs::rename(path, &away) {
        // Another was faster.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        renamed => renamed?,
    }
    if fs::read(&away)? != dead {
        // Another was faster, and it is that one's: back, unless there is a third. That it is lost is noticed.
        let _ = fs::hard_link(&away, path);
    }
    fs::remove_file(&away)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn an_owner_that_is_alive_keeps_it_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lease = Lease::try_take(&path).unwrap().unwrap();
        assert!(Lease::try_take(&path).unwrap().is_none());
        assert!(!lease.is_lost());
        drop(lease);
        assert!(folder.path().read_dir().unwrap().next().is_none());
        drop(Lease::take(&path).unwrap());
    }

    #[test]
    fn that_of_a_process_that_is_gone_is_taken_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        for text in ["node 12 00\n7\n", "", "torn"] {
            fs::write(folder.path().join("lock.owner"), text).unwrap();
            let (owners, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
            thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        let lease = Lease::take_with(&path, true, 5).unwrap().unwrap();
                        most.fetch_max(owners.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        assert!(!lease.is_lost());
                        thread::sleep(Duration::from_millis(5));
                        owners.fetch_sub(1, Ordering::SeqCst);
                    });
                }
            });
            assert_eq!(most.into_inner(), 1, "{text}");
            assert!(folder.path().read_dir().unwrap().next().is_none(), "{text}");
        }
    }

    #[test]
    fn who_was_stopped_for_too_long_finds_it_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let stopped = Lease::try_take(&path).unwrap().unwrap();
        // Fewer looks than a beat takes.
        let other = Lease::take_with(&path, true, 3).unwrap().unwrap();
        assert!(stopped.is_lost() && !other.is_lost());
        drop(stopped);
        assert!(!other.is_lost());
    }
}

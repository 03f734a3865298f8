//! Images decoded by all threads, into memory or into a file of the store.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Result;

use super::bar::bar;
use super::folder::{Place, free_space};
use super::layout::Layout;
use super::memory::Lease;
use super::source::{ImageSource, MemoryImages, OnDemand};
use super::stored::StoredImages;
use super::stored_writer::StoredWriter;
use crate::error::{Exit, Failure};
use crate::util::atomic_file::sync_folder;
use crate::util::parallel::map_items;
use crate::util::stderr::message;

/// Images that are decoded: what they are in, which of them are there, and why others are not.
pub(super) struct Decoded {
    pub source: ImageSource,
    pub kept: Vec<usize>,
    pub left_out: Vec<(usize, String)>,
}

/// The `count` images of `source` in memory, which `lease` counts; one copy of their bytes is all that is taken.
pub(super) fn into_memory(source: &OnDemand, count: usize, lease: Lease, what: &str) -> Decoded {
    let size = source.size;
    let mut bytes = vec![0; count * size];
    let bar = bar(what, count);
    let done = map_items(bytes.chunks_exact_mut(size), |index, slot| {
        let decoded = source.decode(index).map(|image| slot.copy_from_slice(&image));
        bar.inc(1);
        decoded
    });
    bar.finish_and_clear();
    let kept = (0..count).filter(|&index| done[index].is_ok()).collect();
    let left_out = done.into_iter().enumerate();
    let left_out = left_out.filter_map(|(index, done)| Some((index, done.err()?))).collect();
    let images = MemoryImages { bytes, size, lease: lease.into() };
    Decoded { source: ImageSource::Memory(images), kept, left_out }
}

/// The `count` images of `source` in the file `place`, which is decoded unless it is there.
///
/// # Errors
/// [`Exit::Failed`] where it cannot be written or read.
pub(super) fn into_file(
    source: &OnDemand,
    count: usize,
    place: &Place,
    what: &str,
) -> Result<Decoded> {
    let path = place.whole();
    let _alone = place.lock().map_err(|error| unwritable(&path, &error))?;
    if let Some(images) = opened(&path, &place.key)? {
        return Ok(images.into());
    }
    let layout = Layout { count: count as u64, size: source.size as u64 };
    fill(source, layout, place, what)?;
    opened(&path, &place.key)?.map(Into::into).ok_or_else(|| {
        let what = format!("{} cannot be read back", path.display());
        Failure::new(Exit::Failed, what).why("it was written a moment ago").into()
    })
}

impl From<StoredImages> for Decoded {
    fn from(images: StoredImages) -> Self {
        let (kept, left_out) = (images.kept(), images.left_out().to_vec());
        Self { source: ImageSource::Stored(images), kept, left_out }
    }
}

/// The images in the file at `path`, if it is there and whole.
fn opened(path: &Path, key: &str) -> Result<Option<StoredImages>> {
    match StoredImages::open(path, key) {
        Ok(Some(images)) => Ok(Some(images)),
        Ok(None) => {
            message(&format!("note: {} is damaged; its images are decoded again", path.display()));
            fs::remove_file(path).map_err(|error| unwritable(path, &error))?;
            Ok(None)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unwritable(path, &error).into()),
    }
}

/// Decodes into the file of `place`, and gives it its name.
fn fill(source: &OnDemand, layout: Layout, place: &Place, what: &str) -> Result<()> {
    let (part, whole) = (place.part(), place.whole());
    let bytes = layout.image(layout.count);
    let failed = |error| unwritable(&part, &error);
    let mut writer = StoredWriter::open(&part, layout).map_err(failed)?;
    let begun = writer.begun();
    refuse_full_disk(&part, bytes - begun as u64 * layout.size)?;
    let done = if begun > 0 { format!(", {begun} of them are there") } else { String::new() };
    message(&format!(
        "{what}: decoding {} images once, into {} ({:.1} GB){done}",
        layout.count,
        whole.display(),
        bytes as f64 / 1e9
    ));
    let bar = bar(what, layout.count as usize);
    let left_out = writer.fill(source, || bar.inc(1)).map_err(failed)?;
    bar.finish_and_clear();
    writer.finish(&place.key, &left_out).map_err(failed)?;
    let renamed = fs::rename(&part, &whole).and_then(|()| sync_folder(&whole));
    renamed.map_err(|error| unwritable(&whole, &error).into())
}

/// Fails where the disk of `part` has not `bytes` bytes free: in an hour it would be full.
fn refuse_full_disk(part: &Path, bytes: u64) -> Result<(), Failure> {
    let Some(free) = free_space(part).filter(|free| *free < bytes) else { return Ok(()) };
    let needed = format!("{:.1} GB are needed there, {:.1} GB are free", gb(bytes), gb(free));
    Err(cannot_keep(part, &needed))
}

fn gb(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}

/// The file at `path` cannot be written or read, for this reason.
pub(super) fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    cannot_keep(path, &error.to_string())
}

fn cannot_keep(path: &Path, why: &str) -> Failure {
    Failure::new(Exit::Failed, format!("cannot keep decoded images in `{}`", path.display()))
        .why(why)
        .help(
            "make room or give access there: what is decoded already is kept, and the same command goes on; `dytb data` \
             lists such files, and `dytb data --prune` removes those that nothing uses. XDG_CACHE_HOME names another \
             folder for them, --memory allows more in memory, a smaller --image_size needs less",
        )
}

//! Events to a file of this process's own.

use std::fs::{self, File};
use std::io::{self, BufWriter, Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use protobuf::Message;
use tensorboard_proto::event::{Event, Event_oneof_what, SessionLog, SessionLog_SessionStatus};
use tensorboard_proto::summary::{
    Summary, Summary_Image, Summary_Value, Summary_Value_oneof_value as Value,
};
use tensorboard_rs::record_writer::RecordWriter;

use super::{histogram, names, truncate_after, truncate_at_validation};
use crate::util::atomic_file::sync_folder;
use crate::viz::Picture;

/// Writes events to a new file. Nothing of them need be on the disk before
/// [`flush`](Self::flush).
///
/// Each method gives the errors of writing. After one the file may end in half an event, which
/// readers pass over, but nothing that would follow: every later call fails too. Make a new writer
/// to go on.
pub struct EventWriter {
    records: RecordWriter<BufWriter<File>>,
    /// The file that `records` writes to, for `sync`.
    file: File,
    path: PathBuf,
    failed: bool,
}

impl EventWriter {
    /// Makes a new event file in `dir`, which is made where it is missing. Its name comes after
    /// those that are there.
    ///
    /// # Errors
    /// Those of making and writing it.
    pub fn create(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        Self::begin(names::create_new(dir, "")?)
    }

    /// Makes a new event file in `dir`, which is made where it is missing, in the place of those that are there:
    /// a reader that has seen their events forgets them.
    ///
    /// # Errors
    /// Those of deleting, making and writing it.
    pub fn replace(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let before = names::event_files(dir)?;
        // Made before the others are gone: so its name comes after theirs.
        let writer = Self::create_for(dir, 0)?;
        before.iter().try_for_each(fs::remove_file)?;
        Ok(writer)
    }

    /// Writes the beginning of a new file.
    fn begin((file, path): (File, PathBuf)) -> io::Result<Self> {
        // A checkpoint that is written later finds its events after a power failure too.
        sync_folder(&path)?;
        let records = RecordWriter::new(BufWriter::new(file.try_clone()?));
        let mut writer = Self { records, file, path, failed: false };
        writer.write(0, Event_oneof_what::file_version("brain.Event:2".into()))?;
        writer.flush()?;
        Ok(writer)
    }

    /// For what a run says of itself: a file apart from those of its curves in `dir`, in the place of
    /// those that an earlier process has made. It is to be made before the writer of the curves: a
    /// reader that leaves a file for good when there is a later one goes on to them.
    ///
    /// # Errors
    /// Those of deleting, making and writing it.
    pub fn metadata(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let before = names::metadata(dir)?;
        // Made before the others are gone: so its name comes after theirs.
        let writer = Self::more_metadata(dir)?;
        before.iter().try_for_each(fs::remove_file)?;
        Ok(writer)
    }

    /// One more such file, for what is said at the end, when the curves are written.
    ///
    /// # Errors
    /// Those of making and writing it; the folder has to be there.
    pub fn more_metadata(dir: &Path) -> io::Result<Self> {
        Self::begin(names::create_new(dir, names::METADATA)?)
    }

    /// For a run that goes on at step `next_step`: takes back what the files in `dir` hold from
    /// there on ([`truncate_after`]), makes a new one, and marks it so that a reader that has seen
    /// those events forgets them.
    ///
    /// # Errors
    /// Those of reading and writing event files.
    pub fn resume(dir: &Path, next_step: i64) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        truncate_after(dir, next_step.saturating_sub(1))?;
        Self::create_for(dir, next_step)
    }

    /// The same for a run that goes on with the validation after the step before `next_step`: what came of
    /// a validation then is taken back too, all in a folder of validations and pictures and histograms in
    /// one of steps ([`truncate_at_validation`]).
    ///
    /// # Errors
    /// Those of reading and writing event files.
    pub fn resume_before_validation(dir: &Path, next_step: i64) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        truncate_at_validation(dir, next_step.saturating_sub(1))?;
        Self::create_for(dir, next_step)
    }

    /// A new file of events from `next_step` on.
    fn create_for(dir: &Path, next_step: i64) -> io::Result<Self> {
        let mut writer = Self::create(dir)?;
        writer.session_start(next_step)?;
        writer.flush()?;
        Ok(writer)
    }

    /// The file that it writes.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// One number; NaN and infinities are shown as such.
    ///
    /// # Errors
    /// Those of writing.
    pub fn scalar(&mut self, step: i64, tag: &str, value: f32) -> io::Result<()> {
        self.value(step, tag, Value::simple_value(value))
    }

    /// A picture, as PNG.
    ///
    /// # Errors
    /// Those of writing.
    pub fn image(&mut self, step: i64, tag: &str, picture: &Picture) -> io::Result<()> {
        let size = |pixels: usize| {
            i32::try_from(pixels).map_err(|error| Error::new(ErrorKind::InvalidInput, error))
        };
        let mut image = Summary_Image::new();
        image.set_width(size(picture.width())?);
        image.set_height(size(picture.height())?);
        // 1 is grey and 3 RGB in Summary.Image too.
        image.set_colorspace(size(picture.channels())?);
        image.set_encoded_image_string(picture.png()?);
        self.value(step, tag, Value::image(image))
    }

    /// How `values` are distributed ([`histogram`]); nothing where none is finite.
    ///
    /// # Errors
    /// Those of writing.
    pub fn histogram(&mut self, step: i64, tag: &str, values: &[f32]) -> io::Result<()> {
        match histogram(values) {
            Some(histogram) => self.value(step, tag, Value::histo(histogram)),
            None => Ok(()),
        }
    }

    /// Says that a session starts at `step`: events of that step and later ones in earlier files
    /// are void.
    ///
    /// # Errors
    /// Those of writing.
    pub fn session_start(&mut self, step: i64) -> io::Result<()> {
        let mut session = SessionLog::new();
        session.set_status(SessionLog_SessionStatus::START);
        self.write(step, Event_oneof_what::session_log(session))
    }

    /// One value of a summary.
    fn value(&mut self, step: i64, tag: &str, value: Value) -> io::Result<()> {
        let mut tagged = Summary_Value::new();
        tagged.set_tag(tag.into());
        tagged.value = Some(value);
        let mut summary = Summary::new();
        summary.mut_value().push(tagged);
        self.write(step, Event_oneof_what::summary(summary))
    }

    /// Any event, with the time of now: a graph or a plugin's summary, say.
    ///
    /// # Errors
    /// Those of writing.
    pub fn write(&mut self, step: i64, what: Event_oneof_what) -> io::Result<()> {
        let mut event = Event::new();
        event.set_wall_time(now());
        event.set_step(step);
        event.what = Some(what);
        let bytes = event.write_to_bytes().map_err(Error::other)?;
        self.check()?;
        let written = self.records.write(&bytes);
        self.noted(written)
    }

    /// Hands everything over to the operating system, where readers see it.
    ///
    /// # Errors
    /// Those of writing.
    pub fn flush(&mut self) -> io::Result<()> {
        self.check()?;
        let flushed = self.records.flush();
        self.noted(flushed)
    }

    /// [`flush`](Self::flush), then waits until it is on the disk.
    ///
    /// # Errors
    /// Those of writing.
    pub fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        let synced = self.file.sync_data();
        self.noted(synced)
    }

    /// Lets nothing follow half an event.
    fn check(&self) -> io::Result<()> {
        if self.failed {
            return Err(Error::other(format!(
                "{}: writing has failed before",
                self.path.display()
            )));
        }
        Ok(())
    }

    /// Remembers whether writing has failed; names the file in the error.
    fn noted(&mut self, result: io::Result<()>) -> io::Result<()> {
        result.map_err(|error| {
            self.failed = true;
            Error::new(error.kind(), format!("{}: {error}", self.path.display()))
        })
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensorboard::{event_files, read_records};

    fn events(path: &Path) -> Vec<Event> {
        let records = read_records(path).unwrap();
        records.map(|record| Event::parse_from_bytes(&record.unwrap().data).unwrap()).collect()
    }

    #[test]
    fn every_kind() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(&dir.path().join("a/b")).unwrap();
        let before = now();
        writer.scalar(1, "error", 0.5).unwrap();
        writer.image(2, "filters", &Picture::black(4, 3, true)).unwrap();
        writer.histogram(3, "weights", &[1.0]).unwrap();
        writer.histogram(3, "empty", &[]).unwrap();
        writer.session_start(4).unwrap();
        writer.sync().unwrap();
        let events = events(writer.path());
        assert_eq!(events[0].get_file_version(), "brain.Event:2");
        assert_eq!(events.iter().map(Event::get_step).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        let times: Vec<_> = events[1..].iter().map(Event::get_wall_time).collect();
        assert!(times.is_sorted() && times[0] >= before && times[3] <= now());
        let value = |at: usize| events[at].get_summary().get_value()[0].clone();
        assert_eq!((value(1).get_tag(), value(1).get_simple_value()), ("error", 0.5));
        let image = value(2).get_image().clone();
        assert_eq!((image.get_width(), image.get_height(), image.get_colorspace()), (4, 3, 3));
        assert!(image.get_encoded_image_string().starts_with(b"\x89PNG"));
        assert_eq!(value(3).get_histo().get_num(), 1.0);
        assert_eq!(events[4].get_session_log().get_status(), SessionLog_SessionStatus::START);
    }

    #[test]
    fn two_writers_do_not_meet() {
        let dir = tempfile::tempdir().unwrap();
        let mut writers = [(); 2].map(|()| EventWriter::create(dir.path()).unwrap());
        for (step, writer) in writers.iter_mut().enumerate() {
            writer.scalar(step as i64, "error", 1.0).unwrap();
            writer.flush().unwrap();
        }
        for (step, path) in event_files(dir.path()).unwrap().iter().enumerate() {
            let events = events(path);
            assert_eq!((events.len(), events[1].get_step()), (2, step as i64));
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_an_error_and_stays_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(dir.path()).unwrap();
        let full = File::options().write(true).open("/dev/full").unwrap();
        writer.records = RecordWriter::new(BufWriter::new(full));
        writer.scalar(1, "error", 1.0).unwrap();
        let error = writer.flush().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert!(error.to_string().contains("events.out.tfevents"), "{error}");
        assert!(writer.scalar(2, "error", 1.0).is_err());
        assert!(writer.flush().is_err());
    }
}

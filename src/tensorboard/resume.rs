//! What a stopped run wrote after its last checkpoint is taken back, so that the run that goes on
//! from there shows neither two points a step nor a line back.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

use tensorboard_proto::event::Event;

use super::{event_files, parse, read_records};

/// Cuts each event file of `dir` at its first summary of a step after `last_step`, or where it is
/// torn or damaged. Events that are no summary, as a file's version and the graph, end no file.
///
/// The files must not be written meanwhile. Files that need no cut are not touched.
///
/// # Errors
/// Those of reading and cutting the files.
pub fn truncate_after(dir: &Path, last_step: i64) -> io::Result<()> {
    truncate(dir, |event| event.has_summary() && event.get_step() > last_step)
}

/// The same, but each file is cut also at what a validation after `last_step` itself has left: a step's own
/// summaries are those that come with its learning rate, so all that follows the learning rate of that step,
/// and in a folder without learning rates all of that step.
///
/// # Errors
/// Those of reading and cutting the files.
pub fn truncate_at_validation(dir: &Path, last_step: i64) -> io::Result<()> {
    let mut of_training = false;
    for path in event_files(dir)? {
        for record in read_records(&path)? {
            of_training |= parse(&record?.data).is_some_and(|event| has_learning_rate(&event));
        }
    }
    let mut is_complete = !of_training;
    truncate(dir, |event| {
        if !event.has_summary() || event.get_step() < last_step {
            return false;
        }
        let is_after = event.get_step() > last_step || is_complete;
        is_complete |= has_learning_rate(event);
        is_after
    })
}

fn has_learning_rate(event: &Event) -> bool {
    event.get_summary().get_value().iter().any(|value| value.get_tag() == "learning_rate")
}

/// Cuts each event file of `dir` at its first event that `is_late`, or where it is torn or damaged.
fn truncate(dir: &Path, mut is_late: impl FnMut(&Event) -> bool) -> io::Result<()> {
    for path in event_files(dir)? {
        let mut end = 0;
        for record in read_records(&path)? {
            let record = record?;
            let Some(event) = parse(&record.data).filter(|event| !is_late(event)) else { break };
            drop(event);
            end = record.end();
        }
        let file = OpenOptions::new().write(true).open(&path)?;
        if file.metadata()?.len() > end {
            file.set_len(end)?;
            file.sync_data()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensorboard::EventWriter;
    use std::fs;

    /// The steps of all scalars of `dir`, file by file.
    fn steps(dir: &Path) -> Vec<i64> {
        let mut steps = Vec::new();
        for path in event_files(dir).unwrap() {
            for record in read_records(&path).unwrap() {
                let event = parse(&record.unwrap().data).unwrap();
                if event.has_summary() {
                    steps.push(event.get_step());
                }
            }
        }
        steps
    }

    fn write(mut writer: EventWriter, steps: std::ops::RangeInclusive<i64>) {
        for step in steps {
            writer.scalar(step, "error", step as f32).unwrap();
        }
        writer.flush().unwrap();
    }

    #[test]
    fn a_run_that_went_on_thrice() {
        let dir = tempfile::tempdir().unwrap();
        write(EventWriter::create(dir.path()).unwrap(), 1..=10);
        write(EventWriter::resume(dir.path(), 9).unwrap(), 9..=14);
        assert_eq!(steps(dir.path()), (1..=14).collect::<Vec<_>>());
        // Back into the first file: nothing of the second one's steps is left.
        write(EventWriter::resume(dir.path(), 5).unwrap(), 5..=7);
        assert_eq!(steps(dir.path()), (1..=7).collect::<Vec<_>>());
        write(EventWriter::resume(dir.path(), 8).unwrap(), 8..=9);
        assert_eq!(steps(dir.path()), (1..=9).collect::<Vec<_>>());
        assert_eq!(event_files(dir.path()).unwrap().len(), 4);
    }

    #[test]
    fn a_tail_torn_at_every_byte_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        write(EventWriter::create(dir.path()).unwrap(), 1..=2);
        let path = event_files(dir.path()).unwrap().remove(0);
        let whole = fs::read(&path).unwrap();
        let ends: Vec<_> = read_records(&path).unwrap().map(|r| r.unwrap().end()).collect();
        for size in 0..=whole.len() {
            fs::write(&path, &whole[..size]).unwrap();
            truncate_after(dir.path(), 9).unwrap();
            let end = ends.iter().rfind(|&&end| end <= size as u64).unwrap_or(&0);
            assert_eq!(fs::metadata(&path).unwrap().len(), *end, "torn at {size}");
        }
    }

    #[test]
    fn what_is_no_summary_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(dir.path()).unwrap();
        writer.session_start(50).unwrap();
        write(writer, 50..=51);
        truncate_after(dir.path(), 3).unwrap();
        let path = event_files(dir.path()).unwrap().remove(0);
        assert_eq!(read_records(&path).unwrap().count(), 2);
        assert_eq!(steps(dir.path()), [0; 0]);
    }

    #[test]
    fn foreign_content_is_cut_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.out.tfevents.1000000000.a.1.0");
        fs::write(&path, "no records at all, though long enough").unwrap();
        write(EventWriter::resume(dir.path(), 1).unwrap(), 1..=1);
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
        assert_eq!(steps(dir.path()), [1]);
    }

    /// A run that was stopped before a validation, went on, and was killed before the next checkpoint.
    #[test]
    fn what_a_validation_left_is_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let (train, validation) = (dir.path().join("train"), dir.path().join("validation"));
        let mut steps_of_training = EventWriter::create(&train).unwrap();
        for step in [1, 2] {
            steps_of_training.scalar(step, "error", 0.5).unwrap();
            steps_of_training.scalar(step, "learning_rate", 0.1).unwrap();
        }
        steps_of_training.histogram(2, "weights", &[1.0]).unwrap();
        steps_of_training.scalar(2, "picture", 0.5).unwrap();
        steps_of_training.flush().unwrap();
        write(EventWriter::create(&validation).unwrap(), 1..=2);
        for _ in 0..2 {
            drop(EventWriter::resume_before_validation(&train, 3).unwrap());
            drop(EventWriter::resume_before_validation(&validation, 3).unwrap());
            assert_eq!(steps(&train), [1, 1, 2, 2]);
            assert_eq!(steps(&validation), [1]);
        }
    }

    #[test]
    fn a_folder_that_is_not_there_yet() {
        let dir = tempfile::tempdir().unwrap();
        write(EventWriter::resume(&dir.path().join("train"), 1).unwrap(), 1..=1);
        assert_eq!(steps(&dir.path().join("train")), [1]);
    }
}

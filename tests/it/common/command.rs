//! The programs, run in a folder of their own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A working directory that goes with the test.
pub struct Bench(TempDir);

/// What a program did.
#[derive(Debug)]
pub struct Done {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Bench {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.0.path().read_dir().unwrap().next().is_none()
    }

    /// `train_autoencoder` with the arguments in `line`, as a shell would split it, ready to start.
    pub fn training(&self, line: &str) -> Command {
        self.command(env!("CARGO_BIN_EXE_train_autoencoder"), line)
    }

    pub fn train(&self, line: &str) -> Done {
        run(self.training(line))
    }

    pub fn evaluate(&self, line: &str) -> Done {
        run(self.command(env!("CARGO_BIN_EXE_evaluate_autoencoder"), line))
    }

    /// `train_classifier`, to its end.
    pub fn train_classifier(&self, line: &str) -> Done {
        run(self.command(env!("CARGO_BIN_EXE_train_classifier"), line))
    }

    /// `evaluate_classifier`, to its end.
    pub fn evaluate_classifier(&self, line: &str) -> Done {
        run(self.command(env!("CARGO_BIN_EXE_evaluate_classifier"), line))
    }

    /// `dytb export`, to its end.
    pub fn export(&self, line: &str) -> Done {
        self.dytb(&format!("export {line}"))
    }

    /// `dytb compare`, to its end.
    pub fn compare(&self, line: &str) -> Done {
        self.dytb(&format!("compare {line}"))
    }

    /// `dytb reconstruct`, to its end.
    pub fn reconstruct(&self, line: &str) -> Done {
        self.dytb(&format!("reconstruct {line}"))
    }

    /// `dytb`, to its end.
    pub fn dytb(&self, line: &str) -> Done {
        run(self.command(env!("CARGO_BIN_EXE_dytb"), line))
    }

    /// The lines of a results file.
    pub fn lines(&self, file: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.path(file)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The folder of the run of `train_classifier` with `line`, of so many `threads`, when it is done or paused.
    #[track_caller]
    pub fn folder_of(&self, threads: &str, line: &str) -> String {
        let mut command = self.command(env!("CARGO_BIN_EXE_train_classifier"), line);
        let output = command.arg("--json").env("RAYON_NUM_THREADS", threads).output().unwrap();
        Done::from(output).ended(0).json()["folder"].as_str().unwrap().to_owned()
    }

    /// `program` with the arguments in `line`, ready to start.
    pub fn command(&self, program: &str, line: &str) -> Command {
        let mut command = Command::new(program);
        command.args(split(line)).current_dir(self.0.path());
        // Nothing of a test is left in the user's cache folder.
        command.env("XDG_CACHE_HOME", self.path("cache"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Done {
    /// Fails unless the program ended with `code`.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// What the program printed with `--json`.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).expect(&self.stdout)
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn run(mut command: Command) -> Done {
    command.output().unwrap().into()
}

/// The words of `line`; quotes of both kinds keep one together.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for character in line.chars() {
        match (character, quote) {
            (end, Some(open)) if end == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (' ', None) => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

/// An image of an event file.
pub struct Image {
    pub tag: String,
    pub pixels: usize,
}

/// Every image of the event files in `folder`.
pub fn images(folder: &Path) -> Vec<Image> {
    use protobuf::Message;
    let mut found = Vec::new();
    for file in dytb::tensorboard::event_files(folder).unwrap() {
        for record in dytb::tensorboard::read_records(&file).unwrap() {
            let mut event = tensorboard_proto::event::Event::new();
            event.merge_from_bytes(&record.unwrap().data).unwrap();
            for value in event.get_summary().get_value().iter().filter(|value| value.has_image()) {
                let (image, tag) = (value.get_image(), value.tag.clone());
                let pixels = (image.get_width() * image.get_height()) as usize;
                found.push(Image { tag, pixels });
            }
        }
    }
    found
}

/// Step, tag and value.
pub type Scalar = (i64, String, f32);

/// Every scalar of the event files in `folder`.
pub fn scalars(folder: &Path) -> Vec<Scalar> {
    use protobuf::Message;
    let mut found = Vec::new();
    for file in dytb::tensorboard::event_files(folder).unwrap() {
        for record in dytb::tensorboard::read_records(&file).unwrap() {
            let record = record.unwrap();
            let mut event = tensorboard_proto::event::Event::new();
            event.merge_from_bytes(&record.data).unwrap();
            for value in event.get_summary().get_value() {
                if value.has_simple_value() {
                    let value = (event.step, value.tag.clone(), value.get_simple_value());
                    found.push(value);
                }
            }
        }
    }
    found
}

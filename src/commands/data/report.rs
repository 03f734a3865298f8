//! What `dytb data --dataset` prints: tables for a person, or JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::survey::{Duplicates, PictureSizes, Survey};
use crate::data::duplicates::Copied;
use crate::metrics::fixed;
use crate::util::table::columns;

/// Pairs of duplicates and files that are left out, at the most, in the text; pairs in the JSON.
const SHOWN: usize = 5;
/// See [`SHOWN`].
const IN_JSON: usize = 100;

/// Tables, one below the other.
pub(super) fn as_text(survey: &Survey) -> String {
    let Survey { name, shape: [channels, height, width], class_names, .. } = survey;
    let classes = if class_names.len() == 1 { "class" } else { "classes" };
    let head =
        format!("{name}: images [{channels}, {height}, {width}], {} {classes}", class_names.len());
    let same = "the images for validation are the test images too";
    let same = survey.validation_is_test.then(|| same.to_owned());
    let parts = [
        Some(head),
        same,
        Some(counts(survey)),
        Some(pixels(survey)),
        pictures(survey),
        Some(left_out(survey)),
        Some(duplicates(survey)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}

fn texts(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|&cell| cell.to_owned()).collect()
}

/// Examples by class and split.
fn counts(survey: &Survey) -> String {
    let splits = survey.splits.iter();
    let head: Vec<_> = ["class"].into_iter().chain(splits.map(|part| part.split.name())).collect();
    let line = |name: &str, count: &dyn Fn(&[usize]) -> usize| -> Vec<String> {
        let counts = survey.splits.iter().map(|part| count(&part.per_class).to_string());
        [printable(name)].into_iter().chain(counts).collect()
    };
    let classes = survey.class_names.iter().enumerate();
    let mut lines: Vec<_> = classes.map(|(at, name)| line(name, &|counts| counts[at])).collect();
    lines.push(line("all", &|counts| counts.iter().sum()));
    columns(&head, &lines, &["class"])
}

/// Mean and deviation by channel and split.
fn pixels(survey: &Survey) -> String {
    let mut lines = Vec::new();
    for part in &survey.splits {
        for (channel, (mean, std)) in part.mean.iter().zip(&part.std).enumerate() {
            let numbers =
                [fixed(*mean, 6), fixed(*std, 6), fixed(mean * 255.0, 2), fixed(std * 255.0, 2)];
            let first = texts(&[part.split.name(), &channel.to_string()]);
            lines.push(first.into_iter().chain(numbers).collect());
        }
    }
    let head = ["pixels", "channel", "mean", "deviation", "mean of bytes", "deviation of bytes"];
    columns(&head, &lines, &["pixels"])
}

/// Sizes of the pictures that the images are made of.
fn pictures(survey: &Survey) -> Option<String> {
    let size = |[height, width]: [u32; 2]| format!("{height}x{width}");
    let line = |(split, sizes): (&str, &PictureSizes)| {
        let common = format!("{} ({})", size(sizes.most_common), sizes.most_common_count);
        let cells =
            [size(sizes.smallest), size(sizes.largest), common, sizes.different.to_string()];
        [split.to_owned()].into_iter().chain(cells).collect::<Vec<_>>()
    };
    let sizes = survey.splits.iter();
    let sizes = sizes.filter_map(|part| Some((part.split.name(), part.pictures.as_ref()?)));
    let lines: Vec<_> = sizes.map(line).collect();
    let head = ["pictures, height x width", "smallest", "largest", "most common", "sizes"];
    (!lines.is_empty()).then(|| columns(&head, &lines, &head[..4]))
}

/// How many files are left out for which reason.
fn left_out(survey: &Survey) -> String {
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for left_out in &survey.left_out {
        let path = printable(&left_out.path.display().to_string());
        reasons.entry(&left_out.why).or_default().push(path);
    }
    if reasons.is_empty() {
        return "left out: nothing".to_owned();
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, paths)| std::cmp::Reverse(paths.len()));
    let lines = reasons.iter().take(SHOWN).map(|(why, paths)| {
        let more = if paths.len() > 1 { ", ..." } else { "" };
        format!("\n  {}: {} ({}{more})", paths.len(), printable(why), paths[0])
    });
    let more = match reasons.len() > SHOWN {
        true => format!("\n  and {} other reasons: --json lists all files", reasons.len() - SHOWN),
        false => String::new(),
    };
    format!("left out: {}{}{more}", survey.left_out.len(), lines.collect::<String>())
}

/// What is there twice, with the first pairs.
fn duplicates(survey: &Survey) -> String {
    let found: Vec<_> = survey.duplicates.iter().filter(|found| !found.copies.is_empty()).collect();
    if found.is_empty() {
        return "there twice, byte for byte: nothing".to_owned();
    }
    let mut text = "there twice, byte for byte:".to_owned();
    for found in found {
        let Duplicates { of, among, copies, differ } = found;
        let count = copies.len();
        let images = if count == 1 { "image equals" } else { "images equal" };
        let whose = match of == among {
            true => "an earlier one there".to_owned(),
            false => format!("one of {}", among.name()),
        };
        let others = differ.iter().filter(|&&differs| differs).count();
        text +=
            &format!("\n  {}: {count} {images} {whose}, {others} with another label", of.name());
        for (copied, differs) in copies.iter().zip(differ).take(SHOWN) {
            let [one, other] = pair(survey, found, copied).map(|image| image.text());
            let labels = if *differs { "  <- other labels" } else { "" };
            text += &format!("\n    {one} = {} {other}{labels}", among.name());
        }
        if count > SHOWN {
            text += &format!("\n    and {} more", count - SHOWN);
        }
    }
    text
}

/// An image of a pair.
struct Image<'a> {
    index: usize,
    name: Option<&'a str>,
    class: &'a str,
}

impl Image<'_> {
    fn text(&self) -> String {
        let Self { index, name, class } = self;
        let name = name.map_or(String::new(), |name| format!(" {name}"));
        printable(&format!("{index}{name} ({class})"))
    }

    fn json(&self) -> Value {
        json!({ "index": self.index, "name": self.name, "class": self.class })
    }
}

/// The copy and what it is a copy of.
fn pair<'a>(survey: &'a Survey, found: &Duplicates, copied: &Copied) -> [Image<'a>; 2] {
    [(found.of, copied.index), (found.among, copied.of)].map(|(split, index)| {
        let examples = survey.examples(split);
        let class = &survey.class_names[examples.labels()[index] as usize];
        Image { index, name: examples.name(index), class }
    })
}

/// In one line, whatever the name.
fn printable(text: &str) -> String {
    text.replace(|c: char| c.is_control(), "?")
}

pub(super) fn as_json(survey: &Survey) -> String {
    let splits = survey.splits.iter().map(|part| {
        let in_bytes = |numbers: &[f64]| numbers.iter().map(|x| x * 255.0).collect::<Vec<_>>();
        let pictures = part.pictures.as_ref().map(|sizes| {
            json!({
                "smallest": sizes.smallest, "largest": sizes.largest,
                "most_common": sizes.most_common, "most_common_count": sizes.most_common_count,
                "sizes": sizes.different,
            })
        });
        let survey = json!({
            "examples": part.examples.len(), "per_class": part.per_class,
            "mean": part.mean, "std": part.std,
            "mean_of_bytes": in_bytes(&part.mean), "std_of_bytes": in_bytes(&part.std),
            "pictures": pictures,
        });
        (part.split.name().to_owned(), survey)
    });
    let left_out = survey.left_out.iter();
    let left_out =
        left_out.map(|file| json!({ "path": file.path.display().to_string(), "why": file.why }));
    let duplicates = survey.duplicates.iter().map(|found| {
        let pairs = found.copies.iter().take(IN_JSON);
        let pairs = pairs.map(|copied| pair(survey, found, copied).map(|image| image.json()));
        json!({
            "of": found.of.name(), "among": found.among.name(), "images": found.copies.len(),
            "other_label": found.differ.iter().filter(|&&differs| differs).count(),
            "first": pairs.collect::<Vec<_>>(),
        })
    });
    json!({
        "dataset": survey.name, "shape": survey.shape, "classes": survey.class_names,
        "validation_is_test": survey.validation_is_test,
        "splits": Value::Object(splits.collect()),
        "left_out": left_out.collect::<Vec<_>>(),
        "duplicates": duplicates.collect::<Vec<_>>(),
    })
    .to_string()
}

//! What `latent` prints.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::neighbours::{Among, Found, told};
use super::pictures::{Sight, origin};
use crate::nn::Prior;
use crate::train::Album;

/// What is told.
pub(super) struct Report<'a> {
    pub sight: &'a Sight<'a>,
    pub pairs: &'a [(usize, usize)],
    pub among: &'a Among,
    pub found: &'a [Found],
}

impl Report<'_> {
    pub fn as_text(&self, files: &[PathBuf]) -> String {
        let Sight { explorer, codes, .. } = self.sight;
        let mut lines = vec![
            format!("{}: codes of {} numbers", explorer.model(), codes.numbers()),
            format!("samples: from {}", origin(self.sight)),
        ];
        let name = |at: usize| self.sight.name(at);
        lines.extend(
            self.pairs.iter().map(|(from, to)| format!("from {} to {}", name(*from), name(*to))),
        );
        for Found { image, neighbours } in self.found {
            let told: Vec<_> = neighbours.iter().map(|found| told(self.among, *found)).collect();
            lines.push(format!("nearest to {}: {}", name(*image), told.join(", ")));
        }
        lines.extend(files.iter().map(|file| format!("written: {}", file.display())));
        lines.join("\n")
    }

    pub fn as_json(&self, files: &[PathBuf]) -> String {
        let Sight { explorer, codes, album, split } = self.sight;
        let pairs = self
            .pairs
            .iter()
            .map(|(from, to)| json!({ "from": image(album, *from), "to": image(album, *to) }));
        let neighbours = self.found.iter().map(|found| {
            let of = found.neighbours.iter().map(|(place, distance)| {
                let mut neighbour = image(&self.among.album, *place);
                neighbour["distance"] = json!(distance);
                neighbour
            });
            let mut of_image = image(album, found.image);
            of_image["neighbours"] = of.collect();
            of_image
        });
        json!({
            "model": explorer.model(),
            "numbers": codes.numbers(),
            "split": split.name(),
            "images": codes.count(),
            "samples": match explorer.prior() {
                Prior::StandardNormal => "prior",
                Prior::Unknown => "gaussian",
                Prior::Codebook { .. } => "frequencies",
            },
            "pairs": pairs.collect::<Value>(),
            "among": self.among.split.name(),
            "nearest": neighbours.collect::<Value>(),
            "files": files.iter().map(|file| file.display().to_string()).collect::<Value>(),
        })
        .to_string()
    }
}

/// The image `at` of `album`.
fn image(album: &Album, at: usize) -> Value {
    json!({ "image": album.numbers[at], "class": album.class(at) })
}

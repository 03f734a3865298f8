//! What TensorBoard's Projector reads of a folder: `tensorboard --logdir DIR`.
//!
//! | file | what |
//! |---|---|
//! | `vectors.tsv` | a line for each image, tabs between numbers, no head |
//! | `metadata.tsv` | image and class, below a head |
//! | `sprite.png` | the images, row by row, without gaps; 8192 pixels wide and high at the most |
//! | `projector_config.pbtxt` | the names of the others, and the size of an image in the sprite |

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::train::{Album, Embedding};
use crate::util::atomic_file::write_atomically;
use crate::viz::sprite;

/// Writes the files of `embedding`, whose images are those of `album`, to `folder`, which is made if need be; the
/// files.
pub(super) fn write(folder: &Path, embedding: &Embedding, album: &Album) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    let (sprite, [height, width]) = sprite(&pixels(album)?, album.examples.shape())?;
    let config = format!(
        "embeddings {{\n  tensor_name: \"{}\"\n  tensor_path: \"vectors.tsv\"\n  metadata_path: \"metadata.tsv\"\n  \
         sprite {{\n    image_path: \"sprite.png\"\n    single_image_dim: {width}\n    single_image_dim: {height}\n  \
         }}\n}}\n",
        embedding.layer
    );
    let files: [(&str, Vec<u8>); 4] = [
        ("vectors.tsv", vectors(embedding).into_bytes()),
        ("metadata.tsv", metadata(album).into_bytes()),
        ("sprite.png", sprite.png()?),
        // Last: with it TensorBoard reads the others.
        ("projector_config.pbtxt", config.into_bytes()),
    ];
    let mut written = Vec::new();
    for (name, bytes) in files {
        let path = folder.join(name);
        write_atomically(&path, &bytes)?;
        written.push(path);
    }
    Ok(written)
}

fn vectors(embedding: &Embedding) -> String {
    let values = embedding.shape[1..].iter().product::<usize>().max(1);
    let mut text = String::new();
    for vector in embedding.vectors.chunks_exact(values) {
        for (at, value) in vector.iter().enumerate() {
            let tab = if at > 0 { "\t" } else { "" };
            // A text takes all that is written to it.
            let _ = write!(text, "{tab}{value}");
        }
        text.push('\n');
    }
    text
}

fn metadata(album: &Album) -> String {
    // A tab or an end of a line in a name would be one of the file's.
    let plain = |text: &str| text.replace(|c: char| c.is_control(), " ");
    let lines = album.names.iter().enumerate().map(|(at, name)| {
        let class = album.class_cell(at);
        let class = if class.is_empty() { "-" } else { &class };
        format!("{}\t{}\n", plain(name), plain(class))
    });
    ["image\tclass\n".to_owned()].into_iter().chain(lines).collect()
}

/// The images `[images, channels, height, width]` in -1..=1, as people see them.
fn pixels(album: &Album) -> Result<Vec<f32>> {
    let mut pixels = Vec::new();
    for at in 0..album.examples.len() {
        let bytes = album.examples.image(at)?;
        pixels.extend(bytes.iter().map(|byte| f32::from(*byte) / 127.5 - 1.0));
    }
    Ok(pixels)
}

//! From files to bytes `[examples, channels, height, width]`: what the files of `inputs/` share.
//!
//! [`files`] finds a data set's files or downloads them; [`idx`] and [`cifar`] read two formats,
//! [`mnist`] and [`cifar_files`] the files of two families of data sets; [`image_file`] reads pictures,
//! [`jpeg`] finds the end of one, [`zip`] opens archives of them, and [`class_folders`] finds them in
//! folders, archives and lists ([`pictures`] reads these, [`folder_layout`] says what the folders are, [`names`] which
//! names are one, [`left_out`] tells of what is not used, [`loose_pictures`] are those that a user names). [`store`] keeps their images in memory or in a file,
//! [`duplicates`] finds images that are there twice, [`augment`] changes images at random, [`mix`] makes one of two,
//! [`ClassWeights`] are those of the loss, and [`DataLoader`] brings batches of them to the
//! device. Nothing here trusts a file: a size that a header promises is checked before
//! memory is taken, and what is read never exceeds it.

pub mod archive;
pub mod augment;
mod batch;
pub(crate) mod checked_dataset;
pub mod cifar;
pub mod cifar_files;
pub mod class_folders;
mod class_weights;
mod dataset;
pub mod download;
pub mod duplicates;
mod examples;
pub mod files;
pub mod folder_layout;
mod folder_walk;
#[cfg(feature = "cube")]
mod gather;
pub mod idx;
mod ignored_files;
pub mod image_file;
mod image_format;
pub mod jpeg;
pub mod left_out;
mod loader;
pub mod loose_pictures;
pub mod mix;
pub mod mnist;
pub mod names;
mod normalize;
#[cfg(feature = "cube")]
mod on_device;
#[cfg(not(feature = "cube"))]
#[path = "no_device.rs"]
mod on_device;
pub mod pictures;
mod pixel_sums;
mod read_ahead;
pub mod resplit;
pub mod store;
pub(crate) mod subset;
pub mod zip;

pub use augment::Augmentation;
pub use batch::{Batch, Mixed};
pub use class_weights::{BatchWeights, ClassWeights};
pub use dataset::{Dataset, Identity, Input, Source, Split};
pub use examples::{DecodeImage, Examples};
pub use loader::DataLoader;
pub use mix::Mix;
pub use normalize::{Normalization, Normalize};
pub use pixel_sums::PixelSums;
pub use read_ahead::{BatchBytes, ReadAhead};
pub use resplit::ValidationSplit;
pub use subset::Subset;

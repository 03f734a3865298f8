//! Pictures of tensors: `[images, channels, height, width]` of f32 to bytes
//! `[height, width, channels]`, by `byte = round(255 * (value - min) / (max - min))`.
//!
//! ```
//! use dytb::viz::{Grid, Range};
//!
//! let images = [-1.0, 0.0, 1.0, f32::NAN]; // four images of one pixel
//! let grid = Grid { columns: 2, padding: 0, enlarge: 1 };
//! let picture = grid.draw(&images, [4, 1, 1, 1], Range::SIGNED).unwrap();
//! assert_eq!(picture.bytes(), [0, 128, 255, 0]);
//! ```
//!
//! The kinds that a run writes: [`input_output`], [`inputs`], [`rows`], [`filters`], [`pre_post_activation`],
//! [`confusion`]; what `dytb evaluate --normal` draws are [`roc`] and [`populations`], what `dytb embed` draws is a
//! [`sprite`], and what `dytb data --preview` writes is a [`ContactSheet`].

mod confusion;
mod contact_sheet;
mod figures;
mod grid;
mod limits;
mod picture;
mod range;
mod scores;
mod sprite;
pub(crate) mod text;

pub use confusion::confusion;
pub use contact_sheet::{Apart, ContactSheet};
pub use figures::{filters, input_output, inputs, pre_post_activation, rows};
pub use grid::Grid;
pub use limits::{IMAGES, MAPS, shown};
pub use picture::Picture;
pub use range::Range;
pub use scores::{populations, roc};
pub use sprite::sprite;

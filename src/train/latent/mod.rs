//! What is in the code of an autoencoder: images between two, along each number of the code, from its prior, and those
//! whose codes are the nearest.
//!
//! | file | what it is |
//! |---|---|
//! | `codes` | codes of images as numbers: their spread, draws, distances |
//! | `views` | which codes are decoded, and the images that these are |
//! | `explorer` | the same of a trained model and a data set, for `dytb latent` |
//! | `shown` | the same of a run that is being trained, for TensorBoard |

mod codes;
mod explorer;
mod shown;
mod views;

pub use codes::Codes;
pub use explorer::Explorer;
pub(crate) use shown::{LatentRows, latent_rows};
pub use views::{LatentSpace, Traversal};

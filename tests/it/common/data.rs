//! The real MNIST and CIFAR-10, where this machine has them.
//!
//! The variable `DYTB_DATA` names a folder with `mnist/`, which has MNIST's four `.gz` files, and
//! `cifar-10-subset/`, which has the beginnings of the files of CIFAR-10's binary version: 4,000 images
//! of 3,073 bytes of `data_batch_1.bin`, 1,017 of each other. In the folder of the whole files:
//!
//! ```sh
//! for file in data_batch_[2-5].bin test_batch.bin; do
//!     head -c $((1017 * 3073)) $file > "$DYTB_DATA/cifar-10-subset/$file"
//! done
//! head -c $((4000 * 3073)) data_batch_1.bin > "$DYTB_DATA/cifar-10-subset/data_batch_1.bin"
//! ```

use std::env::var_os;
use std::path::{Path, PathBuf, absolute};

use super::skip::skipped;

/// The folder `DYTB_DATA`/`name`, absolute. Where it is not there, a line on stderr says that the test
/// is skipped.
pub fn real_data(name: &str) -> Option<PathBuf> {
    let root = var_os("DYTB_DATA").map_or_else(beside_the_repository, PathBuf::from);
    let folder = absolute(root.join(name)).unwrap();
    if folder.is_dir() {
        return Some(folder);
    }
    skipped(&format!(
        "what needs real images: there is no {}; DYTB_DATA names the folder that has mnist and \
         cifar-10-subset",
        folder.display()
    ));
    None
}

/// `data` in the folder `DYTB_SHARED`, or in `../shared`.
fn beside_the_repository() -> PathBuf {
    let shared = var_os("DYTB_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    shared.join("data")
}

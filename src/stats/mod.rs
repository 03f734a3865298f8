//! Statistics over seeds, from which a comparison of runs says what is more than luck: pure functions of
//! numbers, the same on every machine and with any number of threads.
//!
//! | what | question | source |
//! |---|---|---|
//! | [`Summary`] | where do a configuration's seeds lie, and how far apart? | NumPy's `mean`, `std(ddof=1)`, `median` |
//! | [`sign_flip()`] | do two configurations differ, over seeds that both ran? | Fisher 1935, section 21 |
//! | [`mcnemar()`] | do two classifiers differ, over the examples that both saw? | McNemar 1947, exact |
//! | [`holm()`] | which of several differences remain when all were looked at? | Holm 1979 |
//! | [`spearman()`] | does a score rise or fall with a number that was varied? | Spearman 1904 |
//!
//! A p value is the probability of data at least as far from "no difference" as these, where there is no
//! difference. It is neither the size of one nor the probability that there is one. With few seeds none can
//! be small: [`SignFlip::least_p`] says how small.
//!
//! `tests/it/statistics.rs` holds them against SciPy, statsmodels and NumPy.

mod holm;
mod mcnemar;
mod rank;
mod sign_flip;
mod summary;

pub use holm::holm;
pub use mcnemar::mcnemar;
pub(crate) use rank::centred_ranks;
pub use rank::spearman;
pub use sign_flip::{SignFlip, sign_flip};
pub use summary::Summary;

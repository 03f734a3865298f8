//! The program of the bench.

dytb::program!(Dytb);

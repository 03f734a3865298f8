#![no_main]

dytb_fuzz::target!("pictures");

#![no_main]

dytb_fuzz::target!("list");

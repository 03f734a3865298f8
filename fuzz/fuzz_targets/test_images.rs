#![no_main]

dytb_fuzz::target!("test_images");

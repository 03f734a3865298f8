#![no_main]

dytb_fuzz::target!("cifar");

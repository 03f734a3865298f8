//! `--model_args`: checked, in the configuration and the name of a run, and kept by all that builds its model again.

use std::fs;

use crate::common::command::{Bench, scalars};
use crate::common::remains::assert_same;
use serde_json::{Value, json};

const LINE: &str = "--dataset Digits --batch_size 64 --seed 7 --optimizer Adam --lr 1e-3";

#[test]
fn a_run_is_built_again_with_its_own() {
    let (bench, through) = (Bench::new(), Bench::new());
    let vae = format!("{LINE} --model VAE --model_args '{{\"code\": 8}}'");
    let run = "log/VAE/Digits_code=8_Adam_lr=0.001";
    bench.train(&format!("{vae} --epochs 2 --stop_after 1")).ended(0);
    let file = fs::read_to_string(bench.path(run).join("config.json")).unwrap();
    let config: Value = serde_json::from_str(&file).unwrap();
    assert_eq!(config["model_args"], json!({"code": 8}));
    let wrong = file.replace("\"code\"", "\"cod\"");
    fs::write(bench.path("wrong.json"), wrong).unwrap();
    let refused = bench.train("--config wrong.json").ended(2).stderr;
    assert!(refused.contains("wrong.json") && refused.contains("no argument `cod`"), "{refused}");
    // What it draws is a function of seed, step and microbatch: interrupted or not.
    let more = bench.train(&format!("--config {run}/config.json")).ended(0);
    assert!(more.stderr.contains("going on after step 21"), "{}", more.stderr);
    through.train(&format!("{vae} --epochs 2")).ended(0);
    assert_same(&bench, &through, run);

    let error = bench.dytb(&format!("evaluate {run}")).ended(0).stdout;
    let history = bench.lines(&format!("{run}/history.csv"));
    let columns: Vec<_> = history[0].split(',').collect();
    let of = |name: &str| {
        let place = columns.iter().position(|column| *column == name).expect(name);
        history[2].split(',').nth(place).unwrap().parse::<f64>().unwrap()
    };
    assert!(error.contains(&format!("{:.6}", of("validation_error"))), "{error}");
    let curve = scalars(&bench.path(run).join("validation"));
    let last = curve.iter().rfind(|(_, tag, _)| tag == "kl").unwrap();
    assert_eq!((last.0, f64::from(last.2)), (42, f64::from(of("validation_kl") as f32)));
    assert!(of("validation_kl") > 0.0);

    let other = format!("{LINE} --model VAE --epochs 2 --json");
    assert_eq!(bench.train(&other).ended(0).json()["folder"], run.replace("=8", "=32"));
    // Another model has its own.
    let quantised = format!("--config {run}/config.json --model VQVAE --epochs 1 --json");
    let folder = bench.train(&quantised).ended(0).json()["folder"].as_str().unwrap().to_owned();
    assert!(folder.contains("_code=16_codes=128_commitment=0.25_"), "{folder}");
    let curve = scalars(&bench.path(&folder).join("validation"));
    let used = curve.iter().find(|(_, tag, _)| tag == "codebook_use").unwrap().2;
    assert!((1.0..=128.0).contains(&used), "{used}");
}

#[test]
fn what_a_model_does_not_take_is_named() {
    let bench = Bench::new();
    for (flags, needles) in [
        ("--model ConvAE --model_args '{\"cod\": 8}'", ["its arguments: code", "`code`"]),
        ("--model ConvAE --model_args '{\"code\": 0}'", ["`code` is 0", "1 to 4096"]),
        ("--model ConvAE --model-args '{\"code\": 1.5}'", ["`code` is 1.5", "a whole number"]),
        ("--model BetaVAE --model_args '{\"beta\": -1}'", ["`beta` is -1", "0 or more"]),
        ("--model BetaVAE --model_kwargs '{\"beta\": \"x\"}'", ["`beta`", "a number"]),
        ("--model LeNetCAE --model_args '{\"code\": 8}'", ["no argument `code`", "none"]),
        ("--model VAE --model_args '[8]'", ["no JSON object", "{\"code\": 32}"]),
    ] {
        let done = bench.train(&format!("{LINE} {flags}")).ended(2);
        for needle in needles {
            assert!(done.stderr.contains(needle), "{flags}: {}", done.stderr);
        }
    }
    assert!(bench.is_empty());
    let help = bench.dytb("train --help").ended(0).stdout;
    assert!(help.contains("BetaVAE {\"beta\":4.0,\"code\":32}"), "{help}");
}

#[test]
fn a_sweep_varies_them() {
    let bench = Bench::new();
    let line = "sweep --model ConvAE --dataset Digits --epochs 1 --search grid --vary code=2,4";
    let done = bench.dytb(line).ended(0);
    assert!(done.stdout.contains("code"), "{}", done.stdout);
    for code in [2, 4] {
        let found = fs::read_dir(bench.path("sweep/ConvAE")).unwrap();
        let names = found.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert_eq!(names.filter(|name| name.contains(&format!("_code={code}_"))).count(), 1);
    }
    let done = bench.dytb(&line.replace("code=2,4", "cod=2,4")).ended(2);
    assert!(done.stderr.contains("and the models': beta, code, codes"), "{}", done.stderr);
    let done = bench.dytb(&line.replace("code=2,4", "code=8.5,16")).ended(2);
    assert!(done.stderr.contains("`--vary code`: `code` is 8.5"), "{}", done.stderr);
}

/// In whatever order they are named, and with what a file says beside them.
#[test]
fn a_sweep_varies_the_model_too() {
    let names = |bench: &Bench, model: &str| -> Vec<String> {
        let found = fs::read_dir(bench.path("sweep").join(model)).unwrap();
        found.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let bench = Bench::new();
    let varied = "--vary code=2,4 --vary model=ConvAE,VAE";
    bench
        .dytb(&format!("sweep {LINE} --model LeNetCAE --epochs 1 --search grid {varied}"))
        .ended(0);
    for (model, code) in [("ConvAE", 2), ("ConvAE", 4), ("VAE", 2), ("VAE", 4)] {
        let found = names(&bench, model);
        let is_it = |name: &&String| name.contains(&format!("_code={code}_"));
        assert_eq!(found.iter().filter(is_it).count(), 1, "{found:?}");
    }
    let bench = Bench::new();
    let beta = "--model BetaVAE --model_args '{\"beta\": 10}'";
    bench.train(&format!("{LINE} --epochs 1 {beta}")).ended(0);
    let file = "log/BetaVAE/Digits_beta=10.0_code=32_Adam_lr=0.001/config.json";
    let line = format!("sweep --model BetaVAE --config {file} --search grid");
    bench.dytb(&format!("{line} --vary code=2,4 --vary beta2=0.9,0.99")).ended(0);
    let found = names(&bench, "BetaVAE");
    assert!(found.len() == 4 && found.iter().all(|name| name.contains("_beta=10.0_")), "{found:?}");
}

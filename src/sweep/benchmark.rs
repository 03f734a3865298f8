//! TPE beside chance on known functions: the least value after [`TRIALS`] trials, over [`SEEDS`] sweeps of each.
//!
//! ```text
//! Branin       (y - 5.1 x² / 4π² + 5 x / π - 6)² + 10 (1 - 1 / 8π) cos x + 10      least 0.398
//! Hartmann6    -Σ_i α_i exp(-Σ_j A_ij (x_j - P_ij)²)                               least -3.322
//! Sphere       Σ (log₁₀ x - c)²          of four logarithmic ranges                least 0
//! Rosenbrock   (1 - a)² + 100 (b - a²)²  of the logarithms of two                  least 0
//! Mixed        (log₁₀ x - c_k)² + ((n - 7) / 8)² + d_k, of a category k, a logarithmic x and a whole number n; least 0
//! ```
//!
//! Branin and Hartmann6: Dixon and Szegő 1978, with the constants of Surjanovic and Bingham's "Virtual Library of
//! Simulation Experiments".
//!
//! `cargo test --lib sweep::benchmark -- --nocapture` prints the table of `docs/sweeps.md`.

use std::f64::consts::PI;

use serde_json::Value;

use super::search::{Search, Tried, draw};
use super::space::Vary;

const TRIALS: usize = 60;
const SEEDS: u64 = 50;

/// A function and the ranges of its flags.
struct Function {
    name: &'static str,
    vary: &'static [&'static str],
    value: fn(&[Value]) -> f64,
}

const FUNCTIONS: [Function; 5] = [
    Function { name: "Branin", vary: &["x=-5..10", "y=0..15"], value: branin },
    Function {
        name: "Hartmann6",
        vary: &["a=0..1", "b=0..1", "c=0..1", "d=0..1", "e=0..1", "f=0..1"],
        value: hartmann6,
    },
    Function {
        name: "sphere of logarithms",
        vary: &["a=log:1e-5..1", "b=log:1e-5..1", "c=log:1e-5..1", "d=log:1e-5..1"],
        value: sphere,
    },
    Function {
        name: "Rosenbrock of logarithms",
        vary: &["a=log:1e-2..1e2", "b=log:1e-1..1e3"],
        value: rosenbrock,
    },
    Function {
        name: "mixed",
        vary: &["optimizer=Momentum,Adam,RMSProp,Ftrl", "rate=log:1e-5..1", "n=int:1..16"],
        value: mixed,
    },
];

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn branin(values: &[Value]) -> f64 {
    let (x, y) = (number(&values[0]), number(&values[1]));
    let curve = y - 5.1 * x * x / (4.0 * PI * PI) + 5.0 * x / PI - 6.0;
    curve * curve + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x.cos() + 10.0
}

fn hartmann6(values: &[Value]) -> f64 {
    const ALPHA: [f64; 4] = [1.0, 1.2, 3.0, 3.2];
    const A: [[f64; 6]; 4] = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    const P: [[f64; 6]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    let peak = |(a, p): (&[f64; 6], &[f64; 6])| {
        let terms = (0..6).map(|at| a[at] * (number(&values[at]) - p[at]).powi(2));
        (-terms.sum::<f64>()).exp()
    };
    -ALPHA.iter().zip(A.iter().zip(&P).map(peak)).map(|(alpha, peak)| alpha * peak).sum::<f64>()
}

fn sphere(values: &[Value]) -> f64 {
    const CENTRES: [f64; 4] = [-3.5, -2.0, -1.0, -4.0];
    let terms = values.iter().zip(CENTRES);
    terms.map(|(value, centre)| (number(value).log10() - centre).powi(2)).sum()
}

fn rosenbrock(values: &[Value]) -> f64 {
    let (a, b) = (number(&values[0]).log10(), number(&values[1]).log10());
    (1.0 - a).powi(2) + 100.0 * (b - a * a).powi(2)
}

fn mixed(values: &[Value]) -> f64 {
    let (offset, centre) = match values[0].as_str().unwrap() {
        "Adam" => (0.0, -3.0),
        "Momentum" => (0.2, -2.0),
        "RMSProp" => (0.5, -3.5),
        _ => (2.0, -1.0),
    };
    let n = number(&values[2]);
    (number(&values[1]).log10() - centre).powi(2) + ((n - 7.0) / 8.0).powi(2) + offset
}

/// The least value after all trials of the sweep of this `seed`.
fn best(search: Search, function: &Function, vary: &[Vary], seed: u64) -> f64 {
    let (mut before, mut tried): (Vec<Vec<Value>>, Vec<Tried>) = (Vec::new(), Vec::new());
    for trial in 0..TRIALS {
        let values = draw(search, vary, seed, trial, &before, &tried).unwrap().unwrap();
        tried.push((values.clone(), (function.value)(&values)));
        before.push(values);
    }
    tried.iter().map(|(_, value)| *value).fold(f64::INFINITY, f64::min)
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2])
}

#[test]
fn the_functions_have_their_least_values() {
    let of = |value: fn(&[Value]) -> f64, at: &[f64]| {
        value(&at.iter().map(|&number| number.into()).collect::<Vec<_>>())
    };
    assert!((of(branin, &[PI, 2.275]) - 0.397_887).abs() < 1e-5);
    assert!((of(branin, &[-PI, 12.275]) - 0.397_887).abs() < 1e-5);
    let least = [0.201_69, 0.150_011, 0.476_874, 0.275_332, 0.311_652, 0.657_3];
    assert!((of(hartmann6, &least) + 3.322_37).abs() < 1e-4);
    assert!(of(sphere, &[10_f64.powf(-3.5), 1e-2, 1e-1, 1e-4]).abs() < 1e-9);
    assert!(of(rosenbrock, &[10.0, 10.0]).abs() < 1e-9);
    assert_eq!(mixed(&["Adam".into(), 1e-3.into(), 7.into()]), 0.0);
}

#[test]
fn tpe_finds_more_than_chance_does() {
    println!("| function | flags | random | TPE | TPE is better in |\n|---|---|---|---|---|");
    for function in &FUNCTIONS {
        let vary: Vec<Vary> = function.vary.iter().map(|text| text.parse().unwrap()).collect();
        let [random, tpe] = [Search::Random, Search::Tpe].map(|search| {
            (0..SEEDS).map(|seed| best(search, function, &vary, seed)).collect::<Vec<_>>()
        });
        let better = tpe.iter().zip(&random).filter(|(tpe, random)| tpe < random).count();
        let (name, flags) = (function.name, vary.len());
        let medians = [&random, &tpe].map(|values| median(values));
        println!(
            "| {name} | {flags} | {:.3} | {:.3} | {better} of {SEEDS} |",
            medians[0], medians[1]
        );
        assert!(medians[1] < medians[0], "{name}: {medians:?}");
    }
}

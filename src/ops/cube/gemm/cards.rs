//! The products, compiled for NVIDIA's cards (see `ops/cube/cards`).

use super::plan::{Plan, Tile};
use super::{Together, kernel};
use crate::ops::Activation;
use crate::ops::cube::cards::{Card, any, assemble, hardware};
use crate::ops::cube::gemm::operand::Operand;
use crate::ops::cube::geometry::Geometry;

/// Of the kernels of one tile: a convolution, the gradient of its weight, and a dense layer.
fn plans(tile: Tile, has_cores: bool) -> [(&'static str, Plan); 3] {
    let matrix = |together| Operand::matrix(together, 64, 64);
    let geometry = Geometry::new([128, 32, 14, 14], [64, 32, 5, 5], [2; 4]);
    let windows = |together| Operand::windows(together, geometry);
    let (inner, rows) = (Together::Inner, Together::Rows);
    let plan = |left, right| Plan {
        left,
        right,
        tile,
        has_cores,
        has_bias: true,
        activation: Activation::Relu,
        pairs: has_cores,
    };
    [
        ("convolution", plan(windows(inner), matrix(inner))),
        ("gradient of its weight", plan(windows(rows), matrix(rows))),
        ("dense", plan(matrix(inner), matrix(rows))),
    ]
}

fn ptx(name: &str, capability: u32, plan: Plan) -> String {
    let units = plan.tile.units / plan.tile.turns;
    let (settings, properties, target) = Card::new(units as u32).given();
    let (left, right) = (plan.left.at_once, plan.right.at_once);
    let written = plan.written_at_once();
    let kernel = kernel::Kernel::new(
        settings,
        properties,
        target,
        any(),
        any(),
        any(),
        any(),
        (),
        (),
        (),
        (),
        (),
        (),
        left,
        right,
        written,
        plan,
    );
    assemble(name, capability, &kernel)
}

/// As many instructions as there are fragments, each twice, and none that rounds.
#[test]
fn cards_with_tensor_cores() {
    for columns in [32, 64, 128] {
        let tile = Tile::of_planes(columns);
        for (name, plan) in plans(tile, true) {
            for capability in [80, 90] {
                let ptx = ptx(&format!("{name}, {columns} columns"), capability, plan);
                let products = ptx.matches("mma.sync.aligned.m16n8k8.row.col.f32.tf32").count();
                assert_eq!(products, 2 * tile.blocks * plan.fragments(), "{name}");
                assert!(!ptx.contains("cvt.rna"), "{name}");
            }
        }
    }
}

#[test]
fn cards_without() {
    for (name, plan) in plans(Tile::of_units(&hardware()), false) {
        let ptx = ptx(&format!("{name}, in 32 bits"), 75, plan);
        assert!(ptx.contains("fma.rn.f32") && !ptx.contains("mma.sync"), "{name}");
    }
}

//! How much a varied flag has to do with the result: of one whose values have an order the absolute rank correlation
//! |ρ| (Spearman), of another the correlation ratio η of the ranks, √(Σ nᵢ (r̄ᵢ - r̄)² / Σ (r - r̄)²) over its values i.
//! Both are 0 where there is nothing to see and 1 where the flag decides the order. It sees one flag at a time, and
//! no dependence that rises and falls.

use serde_json::Value;

use super::space::Vary;
use crate::stats::{centred_ranks, spearman};

/// The importance of each flag of `vary` over trials of these values and objectives; `None` where there are too few,
/// or nothing varies.
pub fn importance(vary: &[Vary], tried: &[(Vec<Value>, f64)]) -> Vec<Option<f64>> {
    let objectives: Vec<_> = tried.iter().map(|(_, objective)| *objective).collect();
    let of = |(number, flag): (usize, &Vary)| {
        let values: Vec<_> = tried.iter().map(|(values, _)| &values[number]).collect();
        match flag.domain.is_ordered() {
            true => {
                let numbers: Option<Vec<_>> = values.iter().map(|value| value.as_f64()).collect();
                spearman(&numbers?, &objectives).map(f64::abs)
            }
            false => correlation_ratio(&values, &objectives),
        }
    };
    vary.iter().enumerate().map(of).collect()
}

fn correlation_ratio(values: &[&Value], objectives: &[f64]) -> Option<f64> {
    // Their mean is 0.
    let ranks = centred_ranks(objectives);
    let total: f64 = ranks.iter().map(|rank| rank.powi(2)).sum();
    let mut kinds: Vec<&Value> = Vec::new();
    for value in values {
        if !kinds.contains(value) {
            kinds.push(value);
        }
    }
    let between = kinds.iter().map(|kind| {
        let own = values.iter().zip(&ranks).filter(|(value, _)| *value == kind);
        let own: Vec<_> = own.map(|(_, rank)| *rank).collect();
        own.iter().sum::<f64>().powi(2) / own.len() as f64
    });
    let between: f64 = between.sum();
    (kinds.len() > 1 && values.len() > 2 && total > 0.0).then(|| (between / total).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_decides_is_important() {
        let vary: Vec<Vary> =
            ["a=0..1", "b=x,y", "c=1,2"].iter().map(|text| text.parse().unwrap()).collect();
        let tried: Vec<_> = (0..20)
            .map(|n| {
                let kind = if n % 2 == 0 { "x" } else { "y" };
                let values = vec![json!(f64::from(n) / 20.0), json!(kind), json!(1)];
                (values, f64::from(n))
            })
            .collect();
        let found = importance(&vary, &tried);
        assert_eq!((found[0], found[2]), (Some(1.0), None));
        assert!(found[1].is_some_and(|eta| eta < 0.2), "{found:?}");
        let by_kind: Vec<_> = tried.iter().map(|(v, n)| (v.clone(), n % 2.0)).collect();
        assert!((importance(&vary, &by_kind)[1].unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(importance(&vary, &[]), [None, None, None]);
    }
}

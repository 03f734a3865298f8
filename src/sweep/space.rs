//! What a sweep varies: flags of training, and the values that each may take.
//!
//! ```text
//! batch_size=32,128              these
//! learning_rate=log:1e-4..1e-1   between the two, as likely in each decade
//! momentum=0.8..0.99             between the two
//! epochs=int:1..10               whole numbers, both ends included
//! augment=none;crop:4,flip       these two: a list of operations has commas itself, and so has a normalisation
//! learning_rate=log:1e-4..1e-1:4 four of them, for a grid
//! ```
//!
//! A number that is drawn between two others is rounded to four digits: it becomes a part of the names of runs.

use std::str::FromStr;

use serde_json::{Number, Value};

/// Digits of a number that is drawn.
const DIGITS: i32 = 4;
/// Whole numbers of a range that a grid takes all of, at the most.
const MOST_OF_A_RANGE: u64 = 1000;

/// A flag and its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Vary {
    /// The flag, without `--`.
    pub name: String,
    /// What it may be.
    pub domain: Domain,
    /// As it was written.
    pub text: String,
}

/// The values of a flag.
#[derive(Clone, Debug, PartialEq)]
pub enum Domain {
    /// One of these.
    List(Vec<Value>),
    /// A number between two, both included.
    Range {
        /// The least.
        low: f64,
        /// The most.
        high: f64,
        /// How they are spread.
        scale: Scale,
        /// How many of them a grid takes, if that was said.
        points: Option<usize>,
    },
}

/// How the numbers of a range are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Evenly.
    Linear,
    /// Evenly in their logarithms.
    Log,
    /// Whole numbers, evenly.
    Integer,
}

impl FromStr for Vary {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, values) = text.split_once('=').ok_or("it has to be NAME=VALUES")?;
        let name = name.trim().trim_start_matches('-').replace('-', "_");
        if name.is_empty() {
            return Err("it has to be NAME=VALUES".into());
        }
        // As `dytb train` takes them.
        let name = match name.as_str() {
            "lr" => "learning_rate".to_owned(),
            "bs" => "batch_size".to_owned(),
            "num_epochs" | "max_epochs" => "epochs".to_owned(),
            "early_stopping" => "patience".to_owned(),
            "arch" => "model".to_owned(),
            "ema_decay" => "ema".to_owned(),
            "clip_grad" | "max_grad_norm" => "clip_norm".to_owned(),
            "sparse" | "activity_regularizer" => "sparsity".to_owned(),
            "lr_min" | "eta_min" => "min_lr".to_owned(),
            _ => name,
        };
        let domain = match separator(&name) {
            ";" => list(values.trim(), ";")?,
            _ => domain(values.trim())?,
        };
        Ok(Self { name, domain, text: text.to_owned() })
    }
}

/// What is between two values of the flag `name`: a comma, and a semicolon where one value has commas itself.
pub fn separator(name: &str) -> &'static str {
    if ["augment", "normalize", "sparsity"].contains(&name) { ";" } else { "," }
}

/// Values by themselves.
fn list(text: &str, separator: &str) -> Result<Domain, String> {
    let values: Vec<_> = text.split(separator).map(str::trim).map(value).collect();
    if text.is_empty() || values.contains(&Value::String(String::new())) {
        return Err(format!("a value is empty; between two values is a `{separator}`"));
    }
    let twice = (1..values.len()).find(|&at| values[..at].contains(&values[at]));
    match twice {
        Some(at) => Err(format!("{} is listed twice", values[at])),
        None => Ok(Domain::List(values)),
    }
}

fn domain(text: &str) -> Result<Domain, String> {
    if !text.contains("..") {
        return list(text, ",");
    }
    let (scale, range) = match text.split_once(':') {
        Some(("log", range)) => (Scale::Log, range),
        Some(("int", range)) => (Scale::Integer, range),
        _ => (Scale::Linear, text),
    };
    let (range, points) = match range.split_once(':') {
        None => (range, None),
        Some((range, points)) => {
            let points = points.parse().ok().filter(|points| *points >= 2);
            (range, Some(points.ok_or("the number of points has to be 2 or more, as 0..1:5")?))
        }
    };
    let (low, high) = range.split_once("..").ok_or("a range is LOW..HIGH")?;
    let number = |text: &str| {
        let number: Option<f64> = text.trim().parse().ok();
        number.filter(|number| number.is_finite()).ok_or(format!("`{text}` is no number"))
    };
    let (low, high) = (number(low)?, number(high)?);
    if low >= high {
        return Err(format!("the range ends before it begins: {low} is not below {high}"));
    }
    if scale == Scale::Log && low <= 0.0 {
        return Err(format!("a logarithmic range has to begin above 0, not at {low}"));
    }
    if scale == Scale::Integer && (low.fract() != 0.0 || high.fract() != 0.0) {
        return Err("a range of whole numbers begins and ends with one".into());
    }
    Ok(Domain::Range { low, high, scale, points })
}

/// A number or a truth value where it is one, else a text.
fn value(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}

impl Domain {
    /// The value at `place`, from 0 to 1.
    pub fn at(&self, place: f64) -> Value {
        match self {
            Self::List(values) => {
                let index = (place * values.len() as f64) as usize;
                values[index.min(values.len() - 1)].clone()
            }
            Self::Range { low, high, scale, .. } => match scale {
                Scale::Linear => float(rounded(low + place * (high - low)).clamp(*low, *high)),
                Scale::Log => {
                    let logarithm = low.ln() + place * (high.ln() - low.ln());
                    float(rounded(logarithm.exp()).clamp(*low, *high))
                }
                Scale::Integer => {
                    let count = high - low + 1.0;
                    whole((low + (place * count).floor()).clamp(*low, *high))
                }
            },
        }
    }

    /// Where `value` is, from 0 to 1; `None` where it is none of the values.
    pub fn place(&self, value: &Value) -> Option<f64> {
        match self {
            Self::List(values) => {
                let index = values.iter().position(|other| other == value)?;
                Some((index as f64 + 0.5) / values.len() as f64)
            }
            Self::Range { low, high, scale, .. } => {
                let value = value.as_f64()?;
                Some(match scale {
                    Scale::Linear => (value - low) / (high - low),
                    Scale::Log => (value.ln() - low.ln()) / (high.ln() - low.ln()),
                    Scale::Integer => (value - low + 0.5) / (high - low + 1.0),
                })
            }
        }
    }

    /// The values of a grid.
    ///
    /// # Errors
    /// Where a range does not say how many.
    pub fn grid(&self) -> Result<Vec<Value>, String> {
        match self {
            Self::List(values) => Ok(values.clone()),
            Self::Range { low, high, scale: Scale::Integer, points: None }
                if high - low < MOST_OF_A_RANGE as f64 =>
            {
                Ok((0..=(high - low) as u64).map(|step| whole(low + step as f64)).collect())
            }
            Self::Range { points: None, .. } => {
                Err("a grid needs to know how many values of the range it takes: add :4, say"
                    .into())
            }
            Self::Range { points: Some(points), scale, .. } => {
                let place = |point: usize| match scale {
                    // The middle of a whole number's share.
                    Scale::Integer => (point as f64 + 0.5) / *points as f64,
                    _ => point as f64 / (points - 1) as f64,
                };
                let mut values: Vec<_> = (0..*points).map(|point| self.at(place(point))).collect();
                values.dedup();
                Ok(values)
            }
        }
    }

    /// Whether its values have an order.
    pub fn is_ordered(&self) -> bool {
        match self {
            Self::List(values) => values.iter().all(Value::is_number),
            Self::Range { .. } => true,
        }
    }
}

/// `value` to four digits.
fn rounded(value: f64) -> f64 {
    // As text: the nearest number of so few decimal digits.
    format!("{value:.*e}", (DIGITS - 1) as usize).parse().unwrap_or(value)
}

fn float(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

fn whole(value: f64) -> Value {
    Value::from(value as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn domain_of(text: &str) -> Domain {
        text.parse::<Vary>().unwrap().domain
    }

    #[test]
    fn values_as_they_are_written() {
        let vary: Vary = "--lr=1".parse().unwrap();
        assert_eq!(vary.name, "learning_rate");
        let vary: Vary = "--batch-size=32,128".parse().unwrap();
        assert_eq!(
            (vary.name.as_str(), &vary.domain),
            ("batch_size", &Domain::List(vec![32.into(), 128.into()]))
        );
        assert_eq!(domain_of("optimizer=Adam,Momentum").grid().unwrap(), ["Adam", "Momentum"]);
        let lists = domain_of("augment=none; crop:4,flip;scale:0.9..1.1").grid().unwrap();
        assert_eq!(lists, ["none", "crop:4,flip", "scale:0.9..1.1"]);
        assert_eq!(domain_of("sparsity=none;kl:0.05,1").grid().unwrap(), ["none", "kl:0.05,1"]);
        assert_eq!(domain_of("normalize=0.1,0.2/0.5").grid().unwrap(), ["0.1,0.2/0.5"]);
        assert_eq!(domain_of("epochs=int:1..3").grid().unwrap(), [1, 2, 3]);
        let rates = domain_of("learning_rate=log:1e-4..1e-1:4").grid().unwrap();
        assert_eq!(rates, [json!(1e-4), json!(1e-3), json!(1e-2), json!(0.1)]);
        assert_eq!(domain_of("momentum=0.8..0.99").at(0.5), json!(0.895));
        for (wrong, needle) in [
            ("x", "NAME=VALUES"),
            ("=1", "NAME=VALUES"),
            ("x=", "empty"),
            ("x=1,,2", "empty"),
            ("x=1,1", "twice"),
            ("x=2..1", "before it begins"),
            ("x=log:0..1", "above 0"),
            ("x=int:1..2.5", "whole"),
            ("x=1..a", "no number"),
            ("x=0..1:1", "2 or more"),
        ] {
            let error = wrong.parse::<Vary>().unwrap_err();
            assert!(error.contains(needle), "{wrong}: {error}");
        }
        assert!(domain_of("x=0..1").grid().unwrap_err().contains(":4"));
    }

    #[test]
    fn places_lead_back() {
        for text in ["a=x,y,z", "a=0.5..2", "a=log:1e-5..1", "a=int:3..9"] {
            let domain = domain_of(text);
            for step in 0..50 {
                let place = (f64::from(step) + 0.5) / 50.0;
                let value = domain.at(place);
                let back = domain.place(&value).unwrap();
                assert_eq!(domain.at(back), value, "{text} {place}");
                assert!((0.0..=1.0).contains(&back), "{text} {place} {back}");
            }
            assert!(domain.place(&json!(domain.at(0.0))).is_some());
        }
    }
}

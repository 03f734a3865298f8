//! Scopes: parts of a model, by the names of its fields.
//!
//! A scope is a whole name or the beginning of one, field by field: `encode` has `encode.weight` and
//! `encode.bias`, not `encoder.weight`.
//!
//! ```
//! use dytb::nn::Scopes;
//!
//! let scopes: Scopes = "encode,conv1.norm".parse().unwrap();
//! assert!(scopes.contains("encode.weight") && !scopes.contains("encoder.weight"));
//! assert!(scopes.contains("conv1.norm.gamma") && !scopes.contains("conv1.conv.weight"));
//! ```

use std::fmt;
use std::str::FromStr;

use burn::module::{Flag, ModuleMapper, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Some scopes, at least one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct Scopes(Vec<String>);

impl TryFrom<Vec<String>> for Scopes {
    type Error = String;

    /// Names, as a file has them.
    fn try_from(scopes: Vec<String>) -> Result<Self, String> {
        match scopes.is_empty() || scopes.iter().any(String::is_empty) {
            true => Err("scopes have to be names of parts of the model, one or more".into()),
            false => Ok(Self(scopes)),
        }
    }
}

impl Scopes {
    /// Whether the parameter `name` is in one of them.
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|scope| is_in(name, scope))
    }

    /// The first of them that has none of `names`.
    pub fn first_without<'a>(&self, names: impl Iterator<Item = &'a str> + Clone) -> Option<&str> {
        self.iter().find(|scope| !names.clone().any(|name| is_in(name, scope)))
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

fn is_in(name: &str, scope: &str) -> bool {
    let rest = name.strip_prefix(scope);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl FromStr for Scopes {
    type Err = String;

    /// Names with a comma between two.
    fn from_str(text: &str) -> Result<Self, String> {
        let scopes: Vec<_> = text.split(',').map(|scope| scope.trim().to_owned()).collect();
        let wrong =
            |_| "it has to be names with commas between them, as encode,conv1.norm".to_owned();
        Self::try_from(scopes).map_err(wrong)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

/// Freezes each parameter outside of some scopes: it has no gradient, and so no step changes it.
pub(crate) struct Freeze<'a> {
    trained: &'a Scopes,
    path: Vec<String>,
    /// The types of the modules on the way.
    modules: Vec<String>,
}

impl<'a> Freeze<'a> {
    /// All but the parameters in `trained`.
    pub fn all_but(trained: &'a Scopes) -> Self {
        Self { trained, path: Vec::new(), modules: Vec::new() }
    }
}

impl ModuleMapper for Freeze<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.push(name.to_owned());
        self.modules.push(container_type.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
        self.modules.pop();
    }

    /// burn's own batch normalisation outside of the scopes keeps its statistics; a dropout goes on.
    fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        let is_norm = self.modules.last().is_some_and(|module| module.ends_with(":BatchNorm"));
        match is_norm && !self.trained.contains(&self.path.join(".")) {
            true => flag.with_value(false),
            false => flag,
        }
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.trained.contains(&self.path.join(".")) {
            true => param,
            false => param.set_require_grad(false),
        }
    }
}

/// Whether `parameter` is one that no training changes: on a device with autodiff, and of no
/// gradient.
pub(crate) fn is_frozen<const D: usize>(parameter: &Tensor<D>) -> bool {
    parameter.is_autodiff() && !parameter.is_tracked()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_whole() {
        let scopes: Scopes = " a.b , c".parse().unwrap();
        for (name, expected) in
            [("a.b", true), ("a.b.w", true), ("a.bc", false), ("a", false), ("c.w", true)]
        {
            assert_eq!(scopes.contains(name), expected, "{name}");
        }
        assert_eq!(scopes.first_without(["a.b.w"].into_iter()), Some("c"));
        assert_eq!(scopes.first_without(["a.b.w", "c"].into_iter()), None);
    }

    #[test]
    fn an_empty_name_is_no_scope() {
        for text in ["", ",", "a,", "a,,b"] {
            assert!(text.parse::<Scopes>().unwrap_err().contains("commas"), "{text}");
        }
        for json in ["[]", r#"[""]"#, r#"["a", ""]"#] {
            assert!(serde_json::from_str::<Scopes>(json).is_err(), "{json}");
        }
        let scopes: Scopes = serde_json::from_str(r#"["a", "b.c"]"#).unwrap();
        assert_eq!(serde_json::to_string(&scopes).unwrap(), r#"["a","b.c"]"#);
    }
}

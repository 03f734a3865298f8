//! burn's visitors and mappers as trait objects.
//!
//! Their methods are generic in the rank of a tensor, which goes over the border as a number beside a `dyn Any`.

use std::any::Any;

use burn::module::{Flag, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Bool, Int, Tensor};

/// A [`ModuleVisitor`] as a trait object. What it is given is a `Param` of a tensor of that rank.
pub(crate) trait ErasedVisitor {
    /// [`ModuleVisitor::visit_float`]
    fn float(&mut self, rank: usize, param: &dyn Any);
    /// [`ModuleVisitor::visit_int`]
    fn int(&mut self, rank: usize, param: &dyn Any);
    /// [`ModuleVisitor::visit_bool`]
    fn boolean(&mut self, rank: usize, param: &dyn Any);
    /// [`ModuleVisitor::visit_flag`]
    fn flag(&mut self, flag: &Param<Flag>);
    /// [`ModuleVisitor::enter_module`]
    fn enter(&mut self, name: &str, container_type: &str);
    /// [`ModuleVisitor::exit_module`]
    fn exit(&mut self, name: &str, container_type: &str);
}

/// A [`ModuleMapper`] as a trait object. What it is given is an `Option` of a `Param` of a tensor of that rank, and is
/// changed in its place.
pub(crate) trait ErasedMapper {
    /// [`ModuleMapper::map_float`]
    fn float(&mut self, rank: usize, param: &mut dyn Any);
    /// [`ModuleMapper::map_int`]
    fn int(&mut self, rank: usize, param: &mut dyn Any);
    /// [`ModuleMapper::map_bool`]
    fn boolean(&mut self, rank: usize, param: &mut dyn Any);
    /// [`ModuleMapper::map_flag`]
    fn flag(&mut self, flag: Param<Flag>) -> Param<Flag>;
    /// [`ModuleMapper::enter_module`]
    fn enter(&mut self, name: &str, container_type: &str);
    /// [`ModuleMapper::exit_module`]
    fn exit(&mut self, name: &str, container_type: &str);
}

/// `$body` with the constant `$d` of a rank that is known when the program runs.
macro_rules! of_rank {
    ($rank:expr, $d:ident => $body:expr) => {
        match $rank {
            0 => {
                const $d: usize = 0;
                $body
            }
            1 => {
                const $d: usize = 1;
                $body
            }
            2 => {
                const $d: usize = 2;
                $body
            }
            3 => {
                const $d: usize = 3;
                $body
            }
            4 => {
                const $d: usize = 4;
                $body
            }
            5 => {
                const $d: usize = 5;
                $body
            }
            6 => {
                const $d: usize = 6;
                $body
            }
            7 => {
                const $d: usize = 7;
                $body
            }
            8 => {
                const $d: usize = 8;
                $body
            }
            rank => panic!("a parameter of {rank} dimensions: burn takes 0 to 8"),
        }
    };
}

/// What it has been given, as what it is.
fn known<T: 'static>(param: &dyn Any) -> &T {
    param.downcast_ref().expect("a parameter of that rank")
}

/// Changes what it has been given, which is of that type.
fn change<T: 'static>(slot: &mut dyn Any, change: impl FnOnce(T) -> T) {
    let slot: &mut Option<T> = slot.downcast_mut().expect("a parameter of that rank");
    *slot = slot.take().map(change);
}

impl<V: ModuleVisitor> ErasedVisitor for V {
    fn float(&mut self, rank: usize, param: &dyn Any) {
        of_rank!(rank, D => self.visit_float::<D>(known(param)));
    }

    fn int(&mut self, rank: usize, param: &dyn Any) {
        of_rank!(rank, D => self.visit_int::<D>(known(param)));
    }

    fn boolean(&mut self, rank: usize, param: &dyn Any) {
        of_rank!(rank, D => self.visit_bool::<D>(known(param)));
    }

    fn flag(&mut self, flag: &Param<Flag>) {
        self.visit_flag(flag);
    }

    fn enter(&mut self, name: &str, container_type: &str) {
        self.enter_module(name, container_type);
    }

    fn exit(&mut self, name: &str, container_type: &str) {
        self.exit_module(name, container_type);
    }
}

impl<M: ModuleMapper> ErasedMapper for M {
    fn float(&mut self, rank: usize, param: &mut dyn Any) {
        of_rank!(rank, D => change(param, |param| self.map_float::<D>(param)));
    }

    fn int(&mut self, rank: usize, param: &mut dyn Any) {
        of_rank!(rank, D => change(param, |param| self.map_int::<D>(param)));
    }

    fn boolean(&mut self, rank: usize, param: &mut dyn Any) {
        of_rank!(rank, D => change(param, |param| self.map_bool::<D>(param)));
    }

    fn flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        self.map_flag(flag)
    }

    fn enter(&mut self, name: &str, container_type: &str) {
        self.enter_module(name, container_type);
    }

    fn exit(&mut self, name: &str, container_type: &str) {
        self.exit_module(name, container_type);
    }
}

/// The trait object as burn's derived walks take it.
pub(crate) struct Static<T>(pub T);

impl ModuleVisitor for Static<&mut dyn ErasedVisitor> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.float(D, param);
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        self.0.int(D, param);
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        self.0.boolean(D, param);
    }

    fn visit_flag(&mut self, flag: &Param<Flag>) {
        self.0.flag(flag);
    }

    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.0.enter(name, container_type);
    }

    fn exit_module(&mut self, name: &str, container_type: &str) {
        self.0.exit(name, container_type);
    }
}

impl ModuleMapper for Static<&mut dyn ErasedMapper> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        changed(param, |slot| self.0.float(D, slot))
    }

    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        changed(param, |slot| self.0.int(D, slot))
    }

    fn map_bool<const D: usize>(
        &mut self,
        param: Param<Tensor<D, Bool>>,
    ) -> Param<Tensor<D, Bool>> {
        changed(param, |slot| self.0.boolean(D, slot))
    }

    fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        self.0.flag(flag)
    }

    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.0.enter(name, container_type);
    }

    fn exit_module(&mut self, name: &str, container_type: &str) {
        self.0.exit(name, container_type);
    }
}

/// `param` after `change` of the slot that it lies in.
fn changed<T: 'static>(param: T, change: impl FnOnce(&mut dyn Any)) -> T {
    let mut slot = Some(param);
    change(&mut slot);
    slot.expect("what a mapper has taken it gives back")
}

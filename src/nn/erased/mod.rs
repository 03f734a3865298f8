//! A module whose type has been erased.
//!
//! burn's [`Module`] cannot be a trait object, as its `visit` and `map` are generic. Through [`Erased`] it is one: each
//! model's own code is its walk for one visitor and one mapper, and what the bench and burn do with parameters is compiled
//! once, for [`Boxed`]. So a new model's file is compiled in seconds. burn does the same for its reparameterizations.
//!
//! ```text
//! &dyn Erased -> visit(&mut V) -> &mut dyn ErasedVisitor -> M::visit(&mut Static) -> V::visit_float::<D>(param)
//! ```

mod walks;

use std::any::Any;
use std::fmt;

use burn::module::{Devices, Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};

use walks::{ErasedMapper, ErasedVisitor, Static};

/// A module of some type. Every burn [`Module`] has it; nobody implements it by hand.
pub(crate) trait Erased: Any + fmt::Debug + Send + Sync {
    /// A copy, which shares the tensors.
    fn copy(&self) -> Box<dyn Erased>;

    /// Becomes `module`.
    ///
    /// # Panics
    /// When it is of another type.
    fn put(&mut self, module: Box<dyn Erased>);

    /// [`Module::visit`].
    fn visit_erased(&self, visitor: &mut dyn ErasedVisitor);

    /// [`Module::map`].
    fn map_erased(self: Box<Self>, mapper: &mut dyn ErasedMapper) -> Box<dyn Erased>;

    /// [`Module::collect_devices`].
    fn devices_erased(&self, devices: Devices) -> Devices;

    /// [`Module::fork`].
    fn fork_erased(self: Box<Self>, device: &Device) -> Box<dyn Erased>;

    /// [`Module::to_device`].
    fn to_device_erased(self: Box<Self>, device: &Device) -> Box<dyn Erased>;

    /// [`Module::train`].
    fn train_erased(self: Box<Self>) -> Box<dyn Erased>;

    /// [`Module::valid`].
    fn valid_erased(&self) -> Box<dyn Erased>;

    /// [`Module::materialize`].
    fn materialize_erased(self: Box<Self>) -> Box<dyn Erased>;
}

impl<M: Module + Sync + 'static> Erased for M {
    fn copy(&self) -> Box<dyn Erased> {
        Box::new(self.clone())
    }

    fn put(&mut self, module: Box<dyn Erased>) {
        let module: Box<dyn Any> = module;
        *self = *module.downcast().expect("a module of the same type");
    }

    fn visit_erased(&self, visitor: &mut dyn ErasedVisitor) {
        self.visit(&mut Static(visitor));
    }

    fn map_erased(self: Box<Self>, mapper: &mut dyn ErasedMapper) -> Box<dyn Erased> {
        Box::new((*self).map(&mut Static(mapper)))
    }

    fn devices_erased(&self, devices: Devices) -> Devices {
        self.collect_devices(devices)
    }

    fn fork_erased(self: Box<Self>, device: &Device) -> Box<dyn Erased> {
        Box::new((*self).fork(device))
    }

    fn to_device_erased(self: Box<Self>, device: &Device) -> Box<dyn Erased> {
        Box::new((*self).to_device(device))
    }

    fn train_erased(self: Box<Self>) -> Box<dyn Erased> {
        Box::new((*self).train())
    }

    fn valid_erased(&self) -> Box<dyn Erased> {
        Box::new(self.valid())
    }

    fn materialize_erased(self: Box<Self>) -> Box<dyn Erased> {
        Box::new((*self).materialize())
    }
}

impl dyn Erased {
    /// [`Module::visit`].
    pub fn visit(&self, visitor: &mut impl ModuleVisitor) {
        self.visit_erased(visitor);
    }

    /// [`Module::map`], in its place. The tensors have two owners meanwhile.
    pub fn map(&mut self, mapper: &mut impl ModuleMapper) {
        let mapped = self.copy().map_erased(mapper);
        self.put(mapped);
    }

    /// What `change` makes of it, in its place, its trained parameters having one owner meanwhile: what shares them would
    /// have to copy them before it changes them.
    pub fn replace(&mut self, change: impl FnOnce(Boxed) -> Boxed) {
        let hollow = self.copy().map_erased(&mut Placeholder);
        let owner = Boxed(self.copy());
        self.put(hollow);
        self.put(change(owner).0);
    }
}

/// The owner of an erased module, which is a module as burn knows them.
#[derive(Debug)]
pub(crate) struct Boxed(pub Box<dyn Erased>);

impl Clone for Boxed {
    fn clone(&self) -> Self {
        // Of the module itself: a box is no module that could be copied in its place.
        Self((*self.0).copy())
    }
}

impl Module for Boxed {
    fn collect_devices(&self, devices: Devices) -> Devices {
        self.0.devices_erased(devices)
    }

    fn fork(self, device: &Device) -> Self {
        Self(self.0.fork_erased(device))
    }

    fn to_device(self, device: &Device) -> Self {
        Self(self.0.to_device_erased(device))
    }

    fn train(self) -> Self {
        Self(self.0.train_erased())
    }

    fn valid(&self) -> Self {
        Self(self.0.valid_erased())
    }

    fn materialize(self) -> Self {
        Self(self.0.materialize_erased())
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        self.0.visit_erased(visitor);
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        Self(self.0.map_erased(mapper))
    }
}

/// Replaces every trained tensor by an empty one.
struct Placeholder;

impl ModuleMapper for Placeholder {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        // A buffer is shared by all copies of its network, and would be taken from the other one.
        match param.is_require_grad() {
            true => param.map(|tensor| Tensor::empty([0; D], &tensor.device())),
            false => param,
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::module::{Flag, ParamId};
    use burn::tensor::{Bool, Int};

    use super::*;

    /// Of all kinds of parameters, on several levels.
    #[derive(Module, Debug)]
    struct Outer {
        first: Param<Tensor<1>>,
        inner: Vec<Inner>,
        last: Option<Param<Tensor<6>>>,
    }

    #[derive(Module, Debug)]
    struct Inner {
        numbers: Param<Tensor<2, Int>>,
        mask: Param<Tensor<3, Bool>>,
        norm: burn::nn::BatchNorm,
    }

    fn module() -> Outer {
        let device = Device::flex().autodiff();
        let inner = |_| Inner {
            numbers: Param::initialized(ParamId::new(), Tensor::ones([2, 3], &device)),
            mask: Param::initialized(
                ParamId::new(),
                Tensor::from_data([[[true], [false]]], &device),
            ),
            norm: burn::nn::BatchNormConfig::new(2).init(&device),
        };
        Outer {
            first: Param::from_tensor(Tensor::ones([5], &device)),
            inner: (0..2).map(inner).collect(),
            last: Some(Param::from_tensor(Tensor::ones([1, 1, 1, 1, 1, 2], &device))),
        }
    }

    /// Notes all that it is told.
    #[derive(Default)]
    struct Notes(Vec<String>);

    impl ModuleVisitor for Notes {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.push(format!("{} float {:?}", param.id, param.val().dims()));
        }
        fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
            self.0.push(format!("{} int {:?}", param.id, param.val().dims()));
        }
        fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
            self.0.push(format!("{} bool {:?}", param.id, param.val().dims()));
        }
        fn visit_flag(&mut self, flag: &Param<Flag>) {
            self.0.push(format!("{} flag", flag.id));
        }
        fn enter_module(&mut self, name: &str, container_type: &str) {
            self.0.push(format!("enter {name} of {container_type}"));
        }
        fn exit_module(&mut self, name: &str, container_type: &str) {
            self.0.push(format!("exit {name} of {container_type}"));
        }
    }

    /// Makes ones zeros, and notes the ways.
    #[derive(Default)]
    struct Zeros(Vec<String>);

    impl ModuleMapper for Zeros {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|tensor| tensor.zeros_like())
        }
        fn map_int<const D: usize>(
            &mut self,
            param: Param<Tensor<D, Int>>,
        ) -> Param<Tensor<D, Int>> {
            param.map(|tensor| tensor.zeros_like())
        }
        fn enter_module(&mut self, name: &str, container_type: &str) {
            self.0.push(format!("enter {name} of {container_type}"));
        }
    }

    #[test]
    fn a_walk_meets_the_same_as_that_of_the_type_itself() {
        let module = module();
        let (mut direct, mut erased) = (Notes::default(), Notes::default());
        module.visit(&mut direct);
        (&module as &dyn Erased).visit(&mut erased);
        assert_eq!(direct.0, erased.0);
        assert!(direct.0.iter().any(|note| note.ends_with("flag")), "{:?}", direct.0);
        assert_eq!(direct.0.iter().filter(|note| note.contains(" int ")).count(), 2);

        let (mut direct, mut erased) = (Zeros::default(), Zeros::default());
        let mut other = module.clone();
        let module = module.map(&mut direct);
        (&mut other as &mut dyn Erased).map(&mut erased);
        assert_eq!(direct.0, erased.0);
        let sums = |module: &Outer| {
            let last = module.last.as_ref().unwrap().val().sum().into_scalar::<f32>();
            let numbers = &module.inner[1].numbers;
            (last, numbers.val().sum().into_scalar::<i32>(), module.first.id, numbers.id)
        };
        assert_eq!(sums(&module), sums(&other));
        assert_eq!((sums(&other).0, sums(&other).1), (0.0, 0));
    }

    #[test]
    fn what_becomes_of_a_module_takes_its_place() {
        let mut module = module();
        let network: &mut dyn Erased = &mut module;
        network.replace(|network| {
            let mut notes = Notes::default();
            network.visit(&mut notes);
            assert!(notes.0[1].ends_with("float [5]"), "{:?}", notes.0);
            network.map(&mut Zeros::default())
        });
        assert_eq!(module.first.val().sum().into_scalar::<f32>(), 0.0);
        assert_eq!(module.inner[0].numbers.val().sum().into_scalar::<i32>(), 0);
    }

    #[test]
    #[should_panic(expected = "a module of the same type")]
    fn a_module_of_another_type_is_refused() {
        let mut module = module();
        let inner: &dyn Erased = &module.inner[0].clone();
        let inner = inner.copy();
        (&mut module as &mut dyn Erased).put(inner);
    }
}

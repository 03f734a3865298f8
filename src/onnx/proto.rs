//! The messages of an ONNX file, in protobuf's encoding: those that are written, and no more.
//!
//! Each function returns the bytes of one message. The numbers of the fields are those of `onnx.proto` of ONNX 1.12
//! (IR version 8), which has never changed one; proto3 leaves out what is 0 or empty.

use protobuf::{CodedOutputStream, ProtobufResult};

/// The bytes that `write` writes.
fn message(write: impl FnOnce(&mut CodedOutputStream) -> ProtobufResult<()>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut stream = CodedOutputStream::vec(&mut bytes);
    write(&mut stream).and_then(|()| stream.flush()).expect("memory takes what is written");
    drop(stream);
    bytes
}

/// `TensorProto.DataType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataType {
    Float = 1,
    Uint8 = 2,
    Int64 = 7,
}

/// A dimension of an input or an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dimension {
    Fixed(usize),
    /// Of any size, by this name.
    Named(&'static str),
}

/// The value of an `AttributeProto`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Attribute {
    Float(f32),
    Int(i64),
    Ints(Vec<i64>),
}

/// `AttributeProto`: name 1, f 2, i 3, ints 8, type 20 (FLOAT 1, INT 2, INTS 7).
fn attribute(name: &str, value: &Attribute) -> Vec<u8> {
    message(|to| {
        to.write_string(1, name)?;
        match value {
            Attribute::Float(value) => {
                to.write_float(2, *value)?;
                to.write_enum(20, 1)
            }
            Attribute::Int(value) => {
                to.write_int64(3, *value)?;
                to.write_enum(20, 2)
            }
            Attribute::Ints(values) => {
                values.iter().try_for_each(|value| to.write_int64(8, *value))?;
                to.write_enum(20, 7)
            }
        }
    })
}

/// `NodeProto`: input 1, output 2, name 3, op_type 4, attribute 5. An input that is left out is called "".
pub(super) fn node(
    kind: &str,
    inputs: &[&str],
    output: &str,
    attributes: &[(&str, Attribute)],
) -> Vec<u8> {
    message(|to| {
        inputs.iter().try_for_each(|input| to.write_string(1, input))?;
        to.write_string(2, output)?;
        to.write_string(3, output)?;
        to.write_string(4, kind)?;
        attributes.iter().try_for_each(|(name, value)| to.write_bytes(5, &attribute(name, value)))
    })
}

/// `TensorProto`: dims 1, data_type 2, name 8, raw_data 9, in little-endian order.
pub(super) fn tensor(name: &str, kind: DataType, shape: &[usize], raw: &[u8]) -> Vec<u8> {
    message(|to| {
        shape.iter().try_for_each(|length| to.write_int64(1, *length as i64))?;
        to.write_int32(2, kind as i32)?;
        to.write_string(8, name)?;
        to.write_bytes(9, raw)
    })
}

/// `ValueInfoProto`: name 1, type 2 (`TypeProto`: tensor_type 1: elem_type 1, shape 2: dim 1: dim_value 1, dim_param 2).
pub(super) fn value_info(name: &str, kind: DataType, shape: &[Dimension]) -> Vec<u8> {
    let dimension = |length: &Dimension| {
        message(|to| match length {
            Dimension::Fixed(length) => to.write_int64(1, *length as i64),
            Dimension::Named(name) => to.write_string(2, name),
        })
    };
    let shape = message(|to| shape.iter().try_for_each(|of| to.write_bytes(1, &dimension(of))));
    let tensor_type = message(|to| {
        to.write_int32(1, kind as i32)?;
        to.write_bytes(2, &shape)
    });
    let of_type = message(|to| to.write_bytes(1, &tensor_type));
    message(|to| {
        to.write_string(1, name)?;
        to.write_bytes(2, &of_type)
    })
}

/// What a `GraphProto` consists of, each the bytes of a message.
#[derive(Default)]
pub(super) struct GraphParts {
    pub nodes: Vec<Vec<u8>>,
    pub initializers: Vec<Vec<u8>>,
    pub inputs: Vec<Vec<u8>>,
    pub outputs: Vec<Vec<u8>>,
}

/// `GraphProto`: node 1, name 2, initializer 5, input 11, output 12.
pub(super) fn graph(name: &str, parts: &GraphParts) -> Vec<u8> {
    message(|to| {
        parts.nodes.iter().try_for_each(|node| to.write_bytes(1, node))?;
        to.write_string(2, name)?;
        parts.initializers.iter().try_for_each(|tensor| to.write_bytes(5, tensor))?;
        parts.inputs.iter().try_for_each(|input| to.write_bytes(11, input))?;
        parts.outputs.iter().try_for_each(|output| to.write_bytes(12, output))
    })
}

/// `ModelProto`: ir_version 1, producer_name 2, producer_version 3, graph 7, opset_import 8 (version 2), metadata_props
/// 14 (key 1, value 2).
pub(super) fn model(
    ir_version: i64,
    opset: i64,
    graph: &[u8],
    metadata: &[(&str, String)],
) -> Vec<u8> {
    message(|to| {
        to.write_int64(1, ir_version)?;
        to.write_string(2, env!("CARGO_PKG_NAME"))?;
        to.write_string(3, env!("CARGO_PKG_VERSION"))?;
        to.write_bytes(7, graph)?;
        to.write_bytes(8, &message(|to| to.write_int64(2, opset)))?;
        metadata.iter().try_for_each(|(key, value)| {
            let property = message(|to| {
                to.write_string(1, key)?;
                to.write_string(2, value)
            });
            to.write_bytes(14, &property)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By onnx 1.23.2: `helper.make_node("Clip", ["x", "", "six"], ["y"], name="y")` and
    /// `helper.make_tensor_value_info("x", 1, ["batch", 3])`, `.SerializeToString()`.
    #[test]
    fn bytes_are_those_of_the_onnx_package() {
        let clip = node("Clip", &["x", "", "six"], "y", &[]);
        assert_eq!(clip, b"\n\x01x\n\x00\n\x03six\x12\x01y\x1a\x01y\"\x04Clip");
        let x = value_info("x", DataType::Float, &[Dimension::Named("batch"), Dimension::Fixed(3)]);
        assert_eq!(x, b"\n\x01x\x12\x13\n\x11\x08\x01\x12\r\n\x07\x12\x05batch\n\x02\x08\x03");
        // onnx 1.23.2: `helper.make_attribute("alpha", 2.0)`, `("axis", 1)` and `("pads", [0, 300])`, which is not packed.
        for (name, value, bytes) in [
            ("alpha", Attribute::Float(2.0), &b"\n\x05alpha\x15\x00\x00\x00@\xa0\x01\x01"[..]),
            ("axis", Attribute::Int(1), b"\n\x04axis\x18\x01\xa0\x01\x02"),
            ("pads", Attribute::Ints(vec![0, 300]), b"\n\x04pads@\x00@\xac\x02\xa0\x01\x07"),
        ] {
            assert_eq!(attribute(name, &value), bytes, "{name}");
        }
    }
}

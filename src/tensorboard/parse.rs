//! An event from bytes that anybody may have written.
//!
//! protobuf 2 takes the memory for a packed field before it looks whether the field is as long as it
//! says: a few bytes could ask for exabytes. So it is looked at here first: a message is a row of
//! `key varint | value`, key = 8 · number + type, where a value of type 0 is a varint, of 1 eight
//! bytes, of 5 four, and of 2 `length varint | bytes`.
//!
//! ```
//! assert_eq!(dytb::tensorboard::parse(&[0x10, 7]).unwrap().step, 7);
//! assert!(dytb::tensorboard::parse(&[0x2a, 9]).is_none()); // nine bytes that are not there
//! ```
//!
//! Source: the protocol buffers' encoding; the numbers are those of TensorFlow's `event.proto`,
//! `summary.proto` and `tensor.proto`.

use protobuf::Message;
use tensorboard_proto::event::Event;

/// The event in `data`, a record of an event file; `None` where it is damaged.
pub fn parse(data: &[u8]) -> Option<Event> {
    fits(data, Kind::Event)?;
    Event::parse_from_bytes(data).ok()
}

/// The messages on the way to packed fields.
#[derive(Clone, Copy)]
enum Kind {
    Event,
    Summary,
    Value,
    Tensor,
    /// One with no other message in it that has packed fields.
    Last,
}

/// Whether all values in `message` are in there whole.
fn fits(mut message: &[u8], kind: Kind) -> Option<()> {
    while !message.is_empty() {
        let key = varint(&mut message)?;
        let length = match key & 7 {
            0 => {
                varint(&mut message)?;
                0
            }
            1 => 8,
            2 => varint(&mut message)?,
            5 => 4,
            // Groups; nobody writes them.
            _ => return None,
        };
        let (value, rest) = message.split_at_checked(usize::try_from(length).ok()?)?;
        match (kind, key >> 3, key & 7) {
            (Kind::Event, 5, 2) => fits(value, Kind::Summary)?,
            (Kind::Summary, 1, 2) => fits(value, Kind::Value)?,
            (Kind::Value, 5, 2) => fits(value, Kind::Last)?,
            (Kind::Value, 8, 2) => fits(value, Kind::Tensor)?,
            // Resources and variants, which may hold tensors of their own.
            (Kind::Tensor, 14 | 15, 2) => return None,
            _ => {}
        }
        message = rest;
    }
    Some(())
}

/// Takes a number off the front of `bytes`: seven bits a byte, the lowest first.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensorboard::{EventWriter, read_records};

    #[test]
    fn what_we_write_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(dir.path()).unwrap();
        writer.scalar(300, "error", 0.5).unwrap();
        writer.histogram(301, "weights", &[1.0, -2.0]).unwrap();
        writer.session_start(302).unwrap();
        writer.flush().unwrap();
        let records = read_records(writer.path()).unwrap();
        let events: Vec<_> = records.map(|record| parse(&record.unwrap().data).unwrap()).collect();
        assert_eq!(events.iter().map(Event::get_step).collect::<Vec<_>>(), [0, 300, 301, 302]);
        assert_eq!(events[1].get_summary().get_value()[0].get_simple_value(), 0.5);
        assert_eq!(events[2].get_summary().get_value()[0].get_histo().get_num(), 2.0);
    }

    /// A packed field of 2^62 numbers, at each level, and groups.
    #[test]
    fn lengths_are_not_believed() {
        let huge = [0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        let mut message = huge.to_vec();
        for key in [0x2a, 0x0a, 0x2a] {
            assert!(parse(&message).is_none());
            message.insert(0, message.len() as u8);
            message.insert(0, key);
        }
        assert!(parse(&message).is_none());
        assert!(parse(&[0x0b; 100_000]).is_none());
        assert!(parse(&[0xff; 30]).is_none());
    }
}

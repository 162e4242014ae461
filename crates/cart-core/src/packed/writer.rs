//! Values to bytes, as postcard 1 writes them, in a format: fields that it does not have are left out.

use std::fmt::Display;

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use unsigned_varint::encode;

use super::changes;

/// Writes a value behind bytes.
pub fn write<T: Serialize>(format: u8, value: &T, out: Vec<u8>) -> Vec<u8> {
    let mut writer = Writer { format, out };
    value.serialize(&mut writer).expect("numbers, texts, bytes and lists of them can be written");
    writer.out
}

struct Writer {
    format: u8,
    out: Vec<u8>,
}

/// A value of a kind that nothing here has.
#[derive(Debug)]
pub struct Unwritten;

impl Display for Unwritten {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a number, a text, bytes or a list")
    }
}

impl std::error::Error for Unwritten {}

impl Error for Unwritten {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

impl Writer {
    fn number(&mut self, number: u64) {
        self.out.extend_from_slice(encode::u64(number, &mut encode::u64_buffer()));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }
}

type Written = Result<(), Unwritten>;

/// The fields of a struct or variant, which it is named by.
struct Fields<'a> {
    writer: &'a mut Writer,
    of: &'static str,
}

impl Fields<'_> {
    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Written {
        if changes::has(self.writer.format, self.of, name) {
            value.serialize(&mut *self.writer)?;
        }
        Ok(())
    }
}

impl<'a> Serializer for &'a mut Writer {
    type Ok = ();
    type Error = Unwritten;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Fields<'a>;
    type SerializeStructVariant = Fields<'a>;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, value: bool) -> Written {
        self.serialize_u8(u8::from(value))
    }

    fn serialize_u8(self, value: u8) -> Written {
        self.out.push(value);
        Ok(())
    }

    fn serialize_u16(self, value: u16) -> Written {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Written {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Written {
        self.number(value);
        Ok(())
    }

    fn serialize_i8(self, _: i8) -> Written {
        Err(Unwritten)
    }

    fn serialize_i16(self, value: i16) -> Written {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Written {
        self.serialize_i64(value.into())
    }

    /// Zigzag: small ones, of either sign, are short.
    fn serialize_i64(self, value: i64) -> Written {
        self.serialize_u64((value << 1 ^ value >> 63) as u64)
    }

    fn serialize_f32(self, _: f32) -> Written {
        Err(Unwritten)
    }

    fn serialize_f64(self, _: f64) -> Written {
        Err(Unwritten)
    }

    fn serialize_char(self, _: char) -> Written {
        Err(Unwritten)
    }

    fn serialize_str(self, value: &str) -> Written {
        self.serialize_bytes(value.as_bytes())
    }

    fn serialize_bytes(self, value: &[u8]) -> Written {
        self.bytes(value);
        Ok(())
    }

    fn serialize_none(self) -> Written {
        self.serialize_u8(0)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        self.out.push(1);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Written {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Written {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, at: u32, _: &'static str) -> Written {
        self.serialize_u32(at)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        at: u32,
        _: &'static str,
        value: &T,
    ) -> Written {
        self.number(at.into());
        value.serialize(self)
    }

    fn serialize_seq(self, count: Option<usize>) -> Result<Self, Unwritten> {
        self.number(count.ok_or(Unwritten)? as u64);
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Unwritten> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Unwritten> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        at: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Unwritten> {
        self.number(at.into());
        Ok(self)
    }

    fn serialize_map(self, count: Option<usize>) -> Result<Self, Unwritten> {
        self.serialize_seq(count)
    }

    fn serialize_struct(self, of: &'static str, _: usize) -> Result<Fields<'a>, Unwritten> {
        Ok(Fields { writer: self, of })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        at: u32,
        of: &'static str,
        _: usize,
    ) -> Result<Fields<'a>, Unwritten> {
        self.number(at.into());
        Ok(Fields { writer: self, of })
    }
}

/// Lists of all kinds: their elements, one after another.
macro_rules! elements {
    ($($list:ident $element:ident,)*) => {$(
        impl $list for &mut Writer {
            type Ok = ();
            type Error = Unwritten;

            fn $element<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
                value.serialize(&mut **self)
            }

            fn end(self) -> Written {
                Ok(())
            }
        }
    )*};
}

elements! {
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field,
}

impl SerializeMap for &mut Writer {
    type Ok = ();
    type Error = Unwritten;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written {
        key.serialize(&mut **self)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        value.serialize(&mut **self)
    }

    fn end(self) -> Written {
        Ok(())
    }
}

impl SerializeStruct for Fields<'_> {
    type Ok = ();
    type Error = Unwritten;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Written {
        self.field(name, value)
    }

    fn end(self) -> Written {
        Ok(())
    }
}

impl SerializeStructVariant for Fields<'_> {
    type Ok = ();
    type Error = Unwritten;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Written {
        self.field(name, value)
    }

    fn end(self) -> Written {
        Ok(())
    }
}

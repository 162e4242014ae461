//! Bytes to values, as postcard 1 has written them, in a format: fields that it does not have are their default.
//! Hostile bytes are `None`, and take no room that they do not have themselves.

use std::fmt::Display;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess,
    Visitor, value::U32Deserializer,
};
use unsigned_varint::decode;

use super::changes;

/// A value, and what follows it.
pub fn read<'de, T: Deserialize<'de>>(format: u8, bytes: &'de [u8]) -> Option<(T, &'de [u8])> {
    let mut reader = Reader { format, rest: bytes };
    let value = T::deserialize(&mut reader).ok()?;
    Some((value, reader.rest))
}

struct Reader<'de> {
    format: u8,
    rest: &'de [u8],
}

/// Cut off, or not of its form.
#[derive(Debug)]
pub struct Unread;

impl Display for Unread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut off or not of its form")
    }
}

impl std::error::Error for Unread {}

impl Error for Unread {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

impl<'de> Reader<'de> {
    fn byte(&mut self) -> Result<u8, Unread> {
        let (first, rest) = self.rest.split_first().ok_or(Unread)?;
        self.rest = rest;
        Ok(*first)
    }

    fn number(&mut self) -> Result<u64, Unread> {
        let (number, rest) = decode::u64(self.rest).map_err(|_| Unread)?;
        self.rest = rest;
        Ok(number)
    }

    fn flag(&mut self) -> Result<bool, Unread> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Unread),
        }
    }

    /// How many elements follow: of at least a byte each.
    fn count(&mut self) -> Result<usize, Unread> {
        let count = usize::try_from(self.number()?).map_err(|_| Unread)?;
        Some(count).filter(|count| *count <= self.rest.len()).ok_or(Unread)
    }

    fn bytes(&mut self) -> Result<&'de [u8], Unread> {
        let count = self.count()?;
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(Unread)?;
        self.rest = rest;
        Ok(bytes)
    }
}

/// Elements one after another.
struct Elements<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Unread;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unread> {
        match self.left.checked_sub(1) {
            None => Ok(None),
            Some(left) => {
                self.left = left;
                seed.deserialize(&mut *self.reader).map(Some)
            }
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> MapAccess<'de> for Elements<'_, 'de> {
    type Error = Unread;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unread> {
        self.next_element_seed(seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unread> {
        seed.deserialize(&mut *self.reader)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// The fields of a struct or variant. One that its format does not have is no element: the type has its default,
/// and asks on for the next.
struct Fields<'a, 'de> {
    reader: &'a mut Reader<'de>,
    of: &'static str,
    names: &'static [&'static str],
}

impl<'de> SeqAccess<'de> for Fields<'_, 'de> {
    type Error = Unread;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unread> {
        let Some((name, names)) = self.names.split_first() else { return Ok(None) };
        self.names = names;
        if !changes::has(self.reader.format, self.of, name) {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

/// One of several variants.
struct Variant<'a, 'de> {
    reader: &'a mut Reader<'de>,
    names: &'static [&'static str],
    at: u32,
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Unread;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(mut self, seed: V) -> Result<(V::Value, Self), Unread> {
        self.at = u32::try_from(self.reader.number()?).map_err(|_| Unread)?;
        let at: U32Deserializer<Unread> = serde::de::IntoDeserializer::into_deserializer(self.at);
        Ok((seed.deserialize(at)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Unread;

    fn unit_variant(self) -> Result<(), Unread> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Unread> {
        seed.deserialize(self.reader)
    }

    fn tuple_variant<V: Visitor<'de>>(self, count: usize, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_seq(Elements { reader: self.reader, left: count })
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        let of = self.names.get(self.at as usize).ok_or(Unread)?;
        visitor.visit_seq(Fields { reader: self.reader, of, names })
    }
}

/// Numbers of all widths are written alike; the type says whether one fits.
macro_rules! numbers {
    ($($read:ident)*) => {$(
        fn $read<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
            visitor.visit_u64(self.number()?)
        }
    )*};
}

macro_rules! signed {
    ($($read:ident)*) => {$(
        fn $read<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
            let zigzag = self.number()?;
            visitor.visit_i64((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
        }
    )*};
}

macro_rules! nothing_has {
    ($($read:ident)*) => {$(
        fn $read<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Unread> {
            Err(Unread)
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Unread;

    numbers! { deserialize_u16 deserialize_u32 deserialize_u64 }
    signed! { deserialize_i16 deserialize_i32 deserialize_i64 }
    nothing_has! {
        deserialize_any deserialize_i8 deserialize_f32 deserialize_f64 deserialize_char
        deserialize_identifier deserialize_ignored_any
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_bool(self.flag()?)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_u8(self.byte()?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_borrowed_str(std::str::from_utf8(self.bytes()?).map_err(|_| Unread)?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_borrowed_bytes(self.bytes()?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        if self.flag()? { visitor.visit_some(self) } else { visitor.visit_none() }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unread> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unread> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        let left = self.count()?;
        visitor.visit_seq(Elements { reader: self, left })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, count: usize, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_seq(Elements { reader: self, left: count })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, Unread> {
        self.deserialize_tuple(count, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        let left = self.count()?;
        visitor.visit_map(Elements { reader: self, left })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        of: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        visitor.visit_seq(Fields { reader: self, of, names })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        visitor.visit_enum(Variant { reader: self, names, at: 0 })
    }
}

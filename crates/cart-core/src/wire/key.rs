//! A line's key as bytes and as text: its `line_id`, of which there is one for each key.

use base64ct::{Base64UrlUnpadded, Encoding as _};

use super::reader::Reader;
use super::writer::Writer;
use crate::line::LineKey;
use crate::reject::Reject;

impl LineKey {
    /// The opaque, URL-safe id shown to programs: the same on every device.
    pub fn line_id(&self) -> String {
        format!("l_{}", Base64UrlUnpadded::encode_string(&key_to_bytes(self)))
    }

    /// Reads [`LineKey::line_id`].
    pub fn from_line_id(text: &str) -> Option<Self> {
        let bytes = Base64UrlUnpadded::decode_vec(text.strip_prefix("l_")?).ok()?;
        key_from_bytes(&bytes).ok()
    }
}

/// The bytes of a line's key, as in LINES.
pub(crate) fn key_to_bytes(key: &LineKey) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.key(key, None);
    writer.out
}

/// Reads [`key_to_bytes`].
pub(crate) fn key_from_bytes(bytes: &[u8]) -> Result<LineKey, Reject> {
    let (key, details) = Reader { rest: bytes }.key()?;
    if details.is_some() || key_to_bytes(&key) != bytes {
        return Err(Reject::Malformed("not a canonical key"));
    }
    Ok(key)
}

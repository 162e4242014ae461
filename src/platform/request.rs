//! A request as it came: all of its head is brought over the border to JavaScript in one piece, since each crossing costs
//! more than looking through it here.

use std::rc::Rc;

use wasm_bindgen::prelude::*;
use worker::web_sys;

#[wasm_bindgen]
extern "C" {
    /// The text of a [`Head`]: see `src/bridge.js`.
    #[wasm_bindgen(js_namespace = evercart, js_name = headOf)]
    fn head_of(request: &web_sys::Request) -> String;
}

/// Method, address and headers.
#[derive(Clone)]
pub struct Head {
    /// The method, the address, then each header's name in lower case and its value: a line each. None of them can have
    /// a line's end in it.
    text: Rc<str>,
}

impl Head {
    /// As it came: not of the crate's methods, which take one that they do not know for GET.
    pub fn method(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    /// The absolute address, encoded.
    pub fn url(&self) -> &str {
        self.text.lines().nth(1).unwrap_or_default()
    }

    /// The value of a header, by its name in any case; of one that came several times all, with commas between.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.text.split('\n').skip(2);
        while let (Some(there), Some(value)) = (lines.next(), lines.next()) {
            if there.eq_ignore_ascii_case(name) {
                return Some(value);
            }
        }
        None
    }
}

/// A request: its head, and what is left of it where it came from.
#[derive(Clone)]
pub struct Request {
    pub head: Head,
    /// With its body, its signal, and what the platform knows of its caller.
    pub raw: web_sys::Request,
}

impl From<web_sys::Request> for Request {
    fn from(raw: web_sys::Request) -> Self {
        Self { head: Head { text: head_of(&raw).into() }, raw }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_line_by_line() {
        let text = "PURGE\nhttps://shop.example/v1?a=b\naccept\n\ncookie\na=b; c=d\nprefer\nreturn=minimal\n";
        let head = Head { text: text.into() };
        assert_eq!((head.method(), head.url()), ("PURGE", "https://shop.example/v1?a=b"));
        assert_eq!(head.header("Cookie"), Some("a=b; c=d"));
        assert_eq!(head.header("Accept"), Some(""));
        // A value is no name.
        assert_eq!(head.header("return=minimal"), None);
        assert_eq!(head.header("purge"), None);
        assert_eq!(Head { text: "GET\nhttps://shop.example/\n".into() }.header("accept"), None);
    }
}

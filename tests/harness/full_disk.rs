//! A disk that has no room for commits as long as a file is there: loaded before the C library (`LD_PRELOAD`),
//! so that no mount and no privilege is needed. What makes one of SQLite's logs below the folder of that file
//! longer fails as the kernel has it fail, with ENOSPC. What is written over bytes that are there succeeds, and so do
//! reading, deleting and bringing a log into its database, for which the log makes room.
//!
//! No part of the crate: `Runtime` compiles it by itself where a test asks for it.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;

const ENOSPC: c_int = 28;
const RTLD_NEXT: *mut c_void = -1_isize as *mut c_void;
/// The variable that names the file.
const VARIABLE: &CStr = c"EVERCART_FULL_DISK";
const PATH_BYTES_MAX: usize = 4_096;

#[repr(C)]
pub struct Part {
    base: *const c_void,
    length: usize,
}

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    fn getenv(name: *const c_char) -> *const c_char;
    fn access(path: *const c_char, mode: c_int) -> c_int;
    fn readlink(path: *const c_char, to: *mut c_char, bytes: usize) -> isize;
    fn lseek64(file: c_int, offset: i64, whence: c_int) -> i64;
    fn __errno_location() -> *mut c_int;
}

/// The file, and the folder it is in, as bytes.
fn marker() -> Option<&'static CStr> {
    static MARKER: OnceLock<Option<&'static CStr>> = OnceLock::new();
    *MARKER.get_or_init(|| {
        let text = unsafe { getenv(VARIABLE.as_ptr()) };
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
    })
}

/// Whether there is no room to bring an open file to so many bytes.
fn is_full(file: c_int, length: i64) -> bool {
    let Some(marker) = marker() else { return false };
    if unsafe { access(marker.as_ptr(), 0) } != 0 {
        return false;
    }
    let folder = marker.to_bytes().rsplitn(2, |byte| *byte == b'/').last().unwrap_or_default();
    let link = std::ffi::CString::new(format!("/proc/self/fd/{file}")).unwrap_or_default();
    let mut path = [0_u8; PATH_BYTES_MAX];
    let read = unsafe { readlink(link.as_ptr(), path.as_mut_ptr().cast(), path.len()) };
    let path = path.get(..usize::try_from(read).unwrap_or(0)).unwrap_or_default();
    let inside = path.starts_with(folder) && path.get(folder.len()) == Some(&b'/');
    inside && path.ends_with(b"-wal") && length > end_of(file)
}

/// The length of an open file; more than any where it has none.
fn end_of(file: c_int) -> i64 {
    let at = position(file);
    let end = unsafe { lseek64(file, 0, 2) };
    unsafe { lseek64(file, at, 0) };
    if end < 0 { i64::MAX } else { end }
}

fn position(file: c_int) -> i64 {
    unsafe { lseek64(file, 0, 1) }
}

/// What a call that fails for want of room returns.
fn no_room() -> isize {
    unsafe { *__errno_location() = ENOSPC };
    -1
}

/// The C library's own function of a name.
macro_rules! own {
    ($name:literal, $type:ty) => {{
        static OWN: OnceLock<usize> = OnceLock::new();
        let own = OWN.get_or_init(|| unsafe { dlsym(RTLD_NEXT, $name.as_ptr()) } as usize);
        unsafe { std::mem::transmute::<usize, $type>(*own) }
    }};
}

fn bytes_of(parts: *const Part, count: c_int) -> i64 {
    let parts = unsafe { std::slice::from_raw_parts(parts, usize::try_from(count).unwrap_or(0)) };
    parts.iter().map(|part| part.length as i64).sum()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(file: c_int, from: *const c_void, bytes: usize) -> isize {
    if is_full(file, position(file).saturating_add(bytes as i64)) {
        return no_room();
    }
    own!(c"write", extern "C" fn(c_int, *const c_void, usize) -> isize)(file, from, bytes)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(file: c_int, parts: *const Part, count: c_int) -> isize {
    if is_full(file, position(file).saturating_add(bytes_of(parts, count))) {
        return no_room();
    }
    own!(c"writev", extern "C" fn(c_int, *const Part, c_int) -> isize)(file, parts, count)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(file: c_int, from: *const c_void, bytes: usize, at: i64) -> isize {
    if is_full(file, at.saturating_add(bytes as i64)) {
        return no_room();
    }
    own!(c"pwrite64", extern "C" fn(c_int, *const c_void, usize, i64) -> isize)(file, from, bytes, at)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwritev64(file: c_int, parts: *const Part, count: c_int, at: i64) -> isize {
    if is_full(file, at.saturating_add(bytes_of(parts, count))) {
        return no_room();
    }
    own!(c"pwritev64", extern "C" fn(c_int, *const Part, c_int, i64) -> isize)(file, parts, count, at)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fallocate64(file: c_int, mode: c_int, at: i64, bytes: i64) -> c_int {
    if is_full(file, at.saturating_add(bytes)) {
        return no_room() as c_int;
    }
    own!(c"fallocate64", extern "C" fn(c_int, c_int, i64, i64) -> c_int)(file, mode, at, bytes)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate64(file: c_int, length: i64) -> c_int {
    if is_full(file, length) {
        return no_room() as c_int;
    }
    own!(c"ftruncate64", extern "C" fn(c_int, i64) -> c_int)(file, length)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate(file: c_int, length: i64) -> c_int {
    if is_full(file, length) {
        return no_room() as c_int;
    }
    own!(c"ftruncate", extern "C" fn(c_int, i64) -> c_int)(file, length)
}

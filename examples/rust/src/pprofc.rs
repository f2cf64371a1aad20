//! libpprofc, declared by hand from pprofc/pprofc.h: what this program needs of it.
use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::marker::PhantomData;
use std::ptr;

#[repr(C)]
pub struct Error {
    pub code: c_int,
    pub offset_bytes: u64,
    pub message: [c_char; 512],
}

#[repr(C)]
pub struct Options {
    pub struct_bytes: usize,
    pub kinds: u32,
    pub frequency_hz: f64,
    pub block_libraries: *const c_char,
    pub block_drops: c_int,
    pub heap_interval_bytes: u64,
    pub heap_peak: c_int,
    pub heap_mmap: c_int,
    pub heap_usable: c_int,
    pub heap_lifetimes: c_int,
}

#[repr(C)]
pub struct Context {
    pub words: [u64; 2],
}

extern "C" {
    fn pprofc_label_scope_begin(key: *const c_char, value: *const c_char) -> Context;
    fn pprofc_label_scope_end(before: *mut Context);
    fn pprofc_start(options: *const Options, err: *mut Error) -> c_int;
    fn pprofc_stop(recording_out: *mut *mut c_void, err: *mut Error) -> c_int;
    fn pprofc_recording_write(recording: *const c_void, path: *const c_char, err: *mut Error) -> c_int;
    fn pprofc_recording_free(recording: *mut c_void);
}

/// Makes a call that can fail, and a message of its failure.
fn check(call: impl FnOnce(*mut Error) -> c_int) -> Result<(), String> {
    let mut err = Error { code: 0, offset_bytes: 0, message: [0; 512] };
    if call(&mut err) >= 0 {
        return Ok(());
    }
    // SAFETY: a failed call has filled in a message that ends in a NUL.
    Err(unsafe { CStr::from_ptr(err.message.as_ptr()) }.to_string_lossy().into_owned())
}

/// The process's session: from start() to write(), or to its end.
pub struct Session {
    runs: bool,
}

impl Session {
    pub fn start(frequency_hz: f64) -> Result<Session, String> {
        let options = Options {
            struct_bytes: std::mem::size_of::<Options>(),
            kinds: 0,
            frequency_hz,
            block_libraries: ptr::null(),
            block_drops: 0,
            heap_interval_bytes: 0,
            heap_peak: 0,
            heap_mmap: 0,
            heap_usable: 0,
            heap_lifetimes: 0,
        };
        // SAFETY: both structs are laid out as the header has them, and live long enough.
        check(|err| unsafe { pprofc_start(&options, err) })?;
        Ok(Session { runs: true })
    }

    /// Ends the session and writes its profile; the name's extension is the format.
    pub fn write(mut self, path: &str) -> Result<(), String> {
        let path = CString::new(path).map_err(|_| "a NUL in the name".to_string())?;
        let mut recording = ptr::null_mut();
        self.runs = false;
        // SAFETY: pprofc_stop() gives a recording that is ours to free.
        check(|err| unsafe { pprofc_stop(&mut recording, err) })?;
        let written = check(|err| unsafe { pprofc_recording_write(recording, path.as_ptr(), err) });
        unsafe { pprofc_recording_free(recording) };
        written
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.runs {
            // SAFETY: both may be NULL: the recording is thrown away.
            unsafe { pprofc_stop(ptr::null_mut(), ptr::null_mut()) };
        }
    }
}

/// A label on this thread's samples until it is dropped.
pub struct Label {
    before: Context,
    _of_this_thread: PhantomData<*const ()>,
}

impl Label {
    pub fn new(key: &str, value: &str) -> Result<Label, String> {
        let nul = |_| "a NUL in a label".to_string();
        let (key, value) = (CString::new(key).map_err(nul)?, CString::new(value).map_err(nul)?);
        // SAFETY: both texts live until the call is over; the library keeps copies.
        let before = unsafe { pprofc_label_scope_begin(key.as_ptr(), value.as_ptr()) };
        Ok(Label { before, _of_this_thread: PhantomData })
    }
}

impl Drop for Label {
    fn drop(&mut self) {
        // SAFETY: the label was made by this thread, which it cannot leave.
        unsafe { pprofc_label_scope_end(&mut self.before) };
    }
}

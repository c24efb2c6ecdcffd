//! The VST3 as hosts find it: the factory, and a guard around what nice-plug makes.
//!
//! Hosts call these from their main thread, but for `process`. Nothing here is a room of its own: it
//! hands every call on.
//!
//! nice-plug 0.4.2 knows no bus that is off: it refuses when a host switches the slots' outputs off, as
//! many do with all but the main one, and in `process` it writes to every channel of every output,
//! whether the host gave memory for it or not. Nor does it know what a host that is paused sets until
//! the next block comes, and it can panic at an instance's end. The guard ([`Guard`]) takes these on
//! itself (see [`arrangements`], [`buses`], [`waiting`] and [`ending`]).
#![allow(unsafe_code)]

mod arrangements;
mod buses;
mod ending;
mod guard;
mod waiting;

use std::ffi::c_void;

use nice_plug::wrapper::setup_logger;
use nice_plug::wrapper::vst3::PluginInfo;
use nice_plug::wrapper::vst3::vst3::Steinberg::{
    FIDString, FUnknown, IPluginFactory, IPluginFactory2, IPluginFactory2Trait, IPluginFactory3,
    IPluginFactory3Trait, IPluginFactoryTrait, PClassInfo, PClassInfo2, PClassInfoW, PFactoryInfo,
    TUID, int32, kInvalidArgument, kResultOk, tresult,
};
use nice_plug::wrapper::vst3::vst3::{Class, ComWrapper};

use self::guard::Guard;
use crate::Barline;

/// Makes instances of the one plugin in this library.
struct Factory {
    info: PluginInfo,
}

impl Class for Factory {
    type Interfaces = (IPluginFactory, IPluginFactory2, IPluginFactory3);
}

/// Puts what is asked for where the host wants it.
///
/// # Safety
/// `place` is null or fit for a `T`.
unsafe fn put<T>(place: *mut T, known: bool, what: impl FnOnce() -> T) -> tresult {
    if place.is_null() || !known {
        return kInvalidArgument;
    }
    // SAFETY: as the caller says, and it is not null.
    unsafe { place.write(what()) };
    kResultOk
}

impl IPluginFactoryTrait for Factory {
    unsafe fn getFactoryInfo(&self, info: *mut PFactoryInfo) -> tresult {
        // SAFETY: the host's pointer.
        unsafe { put(info, true, || self.info.create_factory_info()) }
    }

    unsafe fn countClasses(&self) -> int32 {
        1
    }

    unsafe fn getClassInfo(&self, index: int32, info: *mut PClassInfo) -> tresult {
        // SAFETY: the host's pointer.
        unsafe { put(info, index == 0, || self.info.create_class_info()) }
    }

    unsafe fn createInstance(
        &self,
        cid: FIDString,
        iid: FIDString,
        obj: *mut *mut c_void,
    ) -> tresult {
        if cid.is_null() || iid.is_null() || obj.is_null() {
            return kInvalidArgument;
        }
        // SAFETY: the host's pointer to the sixteen bytes of an id.
        if unsafe { *cid.cast::<[u8; 16]>() } != *self.info.cid {
            return kInvalidArgument;
        }
        let Some(unknown) = ComWrapper::new(Guard::new()).to_com_ptr::<FUnknown>() else {
            return kInvalidArgument;
        };
        let object = unknown.as_ptr();
        // SAFETY: `object` lives, since `unknown` holds it; the host's pointers were checked. What it
        // asks for is held once more by it.
        unsafe { ((*(*object).vtbl).queryInterface)(object, iid.cast::<TUID>(), obj) }
    }
}

impl IPluginFactory2Trait for Factory {
    unsafe fn getClassInfo2(&self, index: int32, info: *mut PClassInfo2) -> tresult {
        // SAFETY: the host's pointer.
        unsafe { put(info, index == 0, || self.info.create_class_info_2()) }
    }
}

impl IPluginFactory3Trait for Factory {
    unsafe fn getClassInfoUnicode(&self, index: int32, info: *mut PClassInfoW) -> tresult {
        // SAFETY: the host's pointer.
        unsafe { put(info, index == 0, || self.info.create_class_info_unicode()) }
    }

    unsafe fn setHostContext(&self, _context: *mut FUnknown) -> tresult {
        kResultOk
    }
}

/// Where a host begins.
#[unsafe(no_mangle)]
extern "system" fn GetPluginFactory() -> *mut c_void {
    let info = PluginInfo::for_plugin::<Barline>();
    let factory = ComWrapper::new(Factory { info }).to_com_ptr::<IPluginFactory>();
    // The host lets go of it.
    factory.map_or(std::ptr::null_mut(), |factory| factory.into_raw().cast())
}

/// The library was loaded.
#[cfg(all(target_family = "unix", not(target_os = "macos")))]
#[unsafe(no_mangle)]
extern "C" fn ModuleEntry(_library: *mut c_void) -> bool {
    setup_logger::<Barline>();
    true
}

/// It goes.
#[cfg(all(target_family = "unix", not(target_os = "macos")))]
#[unsafe(no_mangle)]
extern "C" fn ModuleExit() -> bool {
    true
}

/// The library was loaded.
#[cfg(target_os = "macos")]
#[unsafe(no_mangle)]
extern "C" fn bundleEntry(_bundle: *mut c_void) -> bool {
    setup_logger::<Barline>();
    true
}

/// It goes.
#[cfg(target_os = "macos")]
#[unsafe(no_mangle)]
extern "C" fn bundleExit() -> bool {
    true
}

/// The library was loaded.
#[cfg(target_os = "windows")]
#[unsafe(no_mangle)]
extern "system" fn InitDll() -> bool {
    setup_logger::<Barline>();
    true
}

/// It goes.
#[cfg(target_os = "windows")]
#[unsafe(no_mangle)]
extern "system" fn ExitDll() -> bool {
    true
}

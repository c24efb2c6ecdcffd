//! A host that does what the panel asks and nothing else.
//!
//! Test threads.

use nice_plug::context::PluginApi;
use nice_plug::context::gui::GuiContextInner;
use nice_plug::params::internals::ParamPtr;
use nice_plug::plugin::PluginState;

/// Sets parameters at once, as hosts do.
pub(super) struct Host;

#[allow(unsafe_code)]
impl GuiContextInner for Host {
    fn plugin_api(&self) -> PluginApi {
        PluginApi::Clap
    }

    unsafe fn raw_begin_set_parameter(&self, _param: ParamPtr) {}

    unsafe fn raw_set_parameter_normalized(&self, param: ParamPtr, normalized: f32) {
        // SAFETY: the rig keeps the parameters for as long as it draws.
        unsafe { param._internal_set_normalized_value(normalized) };
    }

    unsafe fn raw_end_set_parameter(&self, _param: ParamPtr) {}

    fn get_state(&self) -> PluginState {
        unreachable!("the panel saves no state")
    }

    fn set_state(&self, _state: PluginState) {
        unreachable!("the panel loads no state")
    }

    fn request_restart(&self) {
        unreachable!("the panel restarts nothing")
    }
}

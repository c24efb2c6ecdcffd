//! What the host holds: nice-plug's object, with every call handed on but those about buses and about
//! parameters that are set between blocks.
//!
//! Whatever thread the host calls on; `process` on the audio thread, where nothing is allocated and no
//! lock is waited for.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nice_plug::wrapper::vst3::Wrapper;
use nice_plug::wrapper::vst3::vst3::Class;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::{
    BusDirection, BusDirections_, BusInfo, CString, ChannelContext::IInfoListener,
    ChannelContext::IInfoListenerTrait, CtrlNumber, IAttributeList, IAudioProcessor,
    IAudioProcessorTrait, IComponent, IComponentHandler, IComponentTrait, IEditController,
    IEditControllerTrait, IMidiMapping, IMidiMappingTrait, INoteExpressionController,
    INoteExpressionControllerTrait, IProcessContextRequirements, IProcessContextRequirementsTrait,
    IUnitInfo, IUnitInfoTrait, IoMode, MediaType, MediaTypes_, NoteExpressionTypeID,
    NoteExpressionTypeInfo, NoteExpressionValue, ParamID, ParamValue, ParameterInfo, ProcessData,
    ProcessModes_, ProcessSetup, ProgramListID, ProgramListInfo, RoutingInfo, SpeakerArrangement,
    String128, SymbolicSampleSizes_, TChar, UnitID, UnitInfo,
};
use nice_plug::wrapper::vst3::vst3::Steinberg::{
    FIDString, FUnknown, IBStream, IPlugView, IPluginBaseTrait, TBool, TUID, int16, int32,
    kResultFalse, kResultOk, tresult, uint32,
};

use super::arrangements::{Arrangements, NO_SPEAKERS, bit_of};
use super::buses::Buses;
use super::ending::Ending;
use super::waiting::{self, Waiting};
use crate::Barline;

/// After so long without a block a host is paused: longer than the longest blocks are.
const PAUSE_MS: u64 = 100;

/// An instance as the host sees it.
pub(super) struct Guard {
    inner: Ending<Wrapper<Barline>>,
    /// Buses that the host switched off, one a bit (see [`bit_of`]).
    off: AtomicU32,
    /// Written while nothing is processed, used by `process`; a host that does both at once loses a
    /// block.
    buses: Mutex<Buses>,
    /// The host said that blocks will come.
    processing: AtomicBool,
    /// How many have begun, and when the last one did, in milliseconds since this was made.
    blocks: AtomicU32,
    block_at_ms: AtomicU64,
    made: Instant,
    waiting: Mutex<Waiting>,
}

impl Guard {
    pub(super) fn new() -> Self {
        Self {
            inner: Ending::new(Wrapper::new()),
            off: AtomicU32::new(0),
            buses: Mutex::default(),
            processing: AtomicBool::new(false),
            blocks: AtomicU32::new(0),
            block_at_ms: AtomicU64::new(0),
            made: Instant::now(),
            waiting: Mutex::default(),
        }
    }
}

impl Class for Guard {
    type Interfaces = (
        IComponent,
        IEditController,
        IAudioProcessor,
        IMidiMapping,
        INoteExpressionController,
        IProcessContextRequirements,
        IUnitInfo,
        IInfoListener,
    );
}

/// Methods that hand their arguments on.
macro_rules! hand_on {
    ($interface:ident: $($name:ident($($arg:ident: $type:ty),*) -> $out:ty;)*) => {
        $(unsafe fn $name(&self, $($arg: $type),*) -> $out {
            // SAFETY: what the host promised us holds for whom it is handed on to.
            unsafe { $interface::$name(&*self.inner, $($arg),*) }
        })*
    };
}

impl IPluginBaseTrait for Guard {
    hand_on! { IPluginBaseTrait:
        initialize(context: *mut FUnknown) -> tresult;
        terminate() -> tresult;
    }
}

impl IComponentTrait for Guard {
    unsafe fn getBusInfo(
        &self,
        kind: MediaType,
        dir: BusDirection,
        index: int32,
        bus: *mut BusInfo,
    ) -> tresult {
        // SAFETY: what the host promised us holds for whom it is handed on to.
        let result = unsafe { self.inner.getBusInfo(kind, dir, index, bus) };
        let audio = kind == MediaTypes_::kAudio as MediaType;
        if result == kResultOk && audio && self.is_off(dir, index) {
            // SAFETY: it was written to just now.
            unsafe { (*bus).channelCount = 0 };
        }
        result
    }

    hand_on! { IComponentTrait:
        getControllerClassId(id: *mut TUID) -> tresult;
        setIoMode(mode: IoMode) -> tresult;
        getBusCount(kind: MediaType, dir: BusDirection) -> int32;
        getRoutingInfo(input: *mut RoutingInfo, output: *mut RoutingInfo) -> tresult;
        activateBus(kind: MediaType, dir: BusDirection, index: int32, on: TBool) -> tresult;
        setActive(on: TBool) -> tresult;
    }

    unsafe fn setState(&self, state: *mut IBStream) -> tresult {
        // What was set before is over.
        self.take_waiting();
        // SAFETY: what the host promised us holds for whom it is handed on to.
        unsafe { IComponentTrait::setState(&*self.inner, state) }
    }

    unsafe fn getState(&self, state: *mut IBStream) -> tresult {
        self.hand_over();
        // SAFETY: what the host promised us holds for whom it is handed on to.
        unsafe { IComponentTrait::getState(&*self.inner, state) }
    }
}

impl Guard {
    /// The host switched that bus off.
    fn is_off(&self, dir: BusDirection, index: int32) -> bool {
        let bit = bit_of(dir == BusDirections_::kInput as BusDirection, index);
        bit.is_some_and(|bit| self.off.load(Ordering::Acquire) & bit != 0)
    }

    fn blocks(&self) -> u32 {
        self.blocks.load(Ordering::Acquire)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_waiting(&self) -> Vec<(ParamID, ParamValue)> {
        self.waiting().take(self.blocks())
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Blocks come.
    fn plays(&self) -> bool {
        let last_ms = self.block_at_ms.load(Ordering::Acquire);
        self.blocks() > 0 && self.now_ms().saturating_sub(last_ms) < PAUSE_MS
    }

    /// Sees to it that the plugin has what waits for a block. A host that plays brings it with the next
    /// one, so near that it is waited for: done here at the same time, that block would be lost.
    fn hand_over(&self) {
        let begun = self.blocks();
        if self.waiting().is_empty(begun) {
            return;
        }
        while self.plays() && self.blocks() == begun {
            std::thread::sleep(Duration::from_millis(1));
        }
        let buses = self.buses.lock().unwrap_or_else(PoisonError::into_inner);
        let values = self.take_waiting();
        if values.is_empty() {
            return;
        }
        let Some(changes) = waiting::changes(values) else {
            return;
        };
        if !buses.has_room() {
            return;
        }
        let mut flush = no_frames();
        flush.inputParameterChanges = changes.as_ptr();
        // SAFETY: a block without frames and buses, whose changes live as long as the call; no other
        // block is on its way, since `buses` is held.
        unsafe { self.inner.process(&raw mut flush) };
    }
}

/// A block that only brings parameters.
fn no_frames() -> ProcessData {
    ProcessData {
        processMode: ProcessModes_::kRealtime as int32,
        symbolicSampleSize: SymbolicSampleSizes_::kSample32 as int32,
        numSamples: 0,
        numInputs: 0,
        numOutputs: 0,
        inputs: null_mut(),
        outputs: null_mut(),
        inputParameterChanges: null_mut(),
        outputParameterChanges: null_mut(),
        inputEvents: null_mut(),
        outputEvents: null_mut(),
        processContext: null_mut(),
    }
}

impl IAudioProcessorTrait for Guard {
    hand_on! { IAudioProcessorTrait:
        canProcessSampleSize(size: int32) -> tresult;
        getLatencySamples() -> uint32;
        getTailSamples() -> uint32;
    }

    unsafe fn setProcessing(&self, on: TBool) -> tresult {
        // SAFETY: what the host promised us holds for whom it is handed on to.
        let result = unsafe { self.inner.setProcessing(on) };
        self.processing.store(on != 0, Ordering::Release);
        if on == 0 {
            for (id, value) in self.take_waiting() {
                // SAFETY: plain values.
                unsafe { self.inner.setParamNormalized(id, value) };
            }
        }
        result
    }

    unsafe fn setBusArrangements(
        &self,
        inputs: *mut SpeakerArrangement,
        num_ins: int32,
        outputs: *mut SpeakerArrangement,
        num_outs: int32,
    ) -> tresult {
        // SAFETY: the host's lists and how long they are.
        let wanted = unsafe { Arrangements::read([(inputs, num_ins), (outputs, num_outs)]) };
        let Some(mut wanted) = wanted else {
            return kResultFalse;
        };
        let off = wanted.switch_on();
        let [inputs, outputs] = wanted.pointers();
        let inner = &self.inner;
        // SAFETY: lists of ours, at least as long as is said.
        let result = unsafe { inner.setBusArrangements(inputs, num_ins, outputs, num_outs) };
        if result == kResultOk {
            self.off.store(off, Ordering::Release);
        }
        result
    }

    unsafe fn getBusArrangement(
        &self,
        dir: BusDirection,
        index: int32,
        arrangement: *mut SpeakerArrangement,
    ) -> tresult {
        // SAFETY: what the host promised us holds for whom it is handed on to.
        let result = unsafe { self.inner.getBusArrangement(dir, index, arrangement) };
        if result == kResultOk && self.is_off(dir, index) {
            // SAFETY: it was written to just now.
            unsafe { *arrangement = NO_SPEAKERS };
        }
        result
    }

    unsafe fn setupProcessing(&self, setup: *mut ProcessSetup) -> tresult {
        if !setup.is_null() {
            // SAFETY: the host's pointer, which is not null.
            let max_frames = unsafe { (*setup).maxSamplesPerBlock };
            let mut buses = self.buses.lock().unwrap_or_else(PoisonError::into_inner);
            buses.make_room(usize::try_from(max_frames).unwrap_or(0));
        }
        // SAFETY: what the host promised us holds for whom it is handed on to.
        unsafe { self.inner.setupProcessing(setup) }
    }

    unsafe fn process(&self, data: *mut ProcessData) -> tresult {
        self.block_at_ms.store(self.now_ms(), Ordering::Release);
        self.blocks.fetch_add(1, Ordering::AcqRel);
        let Ok(mut buses) = self.buses.try_lock() else {
            return kResultFalse;
        };
        // SAFETY: the host's data for this call, whose outputs live as long as it.
        let Some(mut whole) = (unsafe { buses.complete(data) }) else {
            return kResultFalse;
        };
        // SAFETY: as above; what was put in place of missing channels lives in `buses`, which is held.
        unsafe { self.inner.process(&raw mut whole) }
    }
}

impl IEditControllerTrait for Guard {
    hand_on! { IEditControllerTrait:
        setComponentState(state: *mut IBStream) -> tresult;
        setState(state: *mut IBStream) -> tresult;
        getState(state: *mut IBStream) -> tresult;
        getParameterCount() -> int32;
        getParameterInfo(index: int32, info: *mut ParameterInfo) -> tresult;
        getParamStringByValue(id: ParamID, value: ParamValue, text: *mut String128) -> tresult;
        getParamValueByString(id: ParamID, text: *mut TChar, value: *mut ParamValue) -> tresult;
        normalizedParamToPlain(id: ParamID, value: ParamValue) -> ParamValue;
        plainParamToNormalized(id: ParamID, value: ParamValue) -> ParamValue;
        setComponentHandler(handler: *mut IComponentHandler) -> tresult;
        createView(name: FIDString) -> *mut IPlugView;
    }

    unsafe fn getParamNormalized(&self, id: ParamID) -> ParamValue {
        let waits = self.waiting().value(id, self.blocks());
        // SAFETY: a plain value.
        waits.unwrap_or_else(|| unsafe { self.inner.getParamNormalized(id) })
    }

    unsafe fn setParamNormalized(&self, id: ParamID, value: ParamValue) -> tresult {
        if self.processing.load(Ordering::Acquire) && value.is_finite() {
            self.waiting().set(id, value, self.blocks());
        }
        // SAFETY: plain values.
        unsafe { self.inner.setParamNormalized(id, value) }
    }
}

impl IMidiMappingTrait for Guard {
    hand_on! { IMidiMappingTrait:
        getMidiControllerAssignment(
            bus: int32, channel: int16, controller: CtrlNumber, id: *mut ParamID
        ) -> tresult;
    }
}

impl INoteExpressionControllerTrait for Guard {
    hand_on! { INoteExpressionControllerTrait:
        getNoteExpressionCount(bus: int32, channel: int16) -> int32;
        getNoteExpressionInfo(
            bus: int32, channel: int16, index: int32, info: *mut NoteExpressionTypeInfo
        ) -> tresult;
        getNoteExpressionStringByValue(
            bus: int32, channel: int16, id: NoteExpressionTypeID,
            value: NoteExpressionValue, text: *mut String128
        ) -> tresult;
        getNoteExpressionValueByString(
            bus: int32, channel: int16, id: NoteExpressionTypeID,
            text: *const TChar, value: *mut NoteExpressionValue
        ) -> tresult;
    }
}

impl IProcessContextRequirementsTrait for Guard {
    hand_on! { IProcessContextRequirementsTrait:
        getProcessContextRequirements() -> uint32;
    }
}

impl IUnitInfoTrait for Guard {
    hand_on! { IUnitInfoTrait:
        getUnitCount() -> int32;
        getUnitInfo(index: int32, info: *mut UnitInfo) -> tresult;
        getProgramListCount() -> int32;
        getProgramListInfo(index: int32, info: *mut ProgramListInfo) -> tresult;
        getProgramName(list: ProgramListID, index: int32, name: *mut String128) -> tresult;
        getProgramInfo(
            list: ProgramListID, index: int32, attribute: CString, value: *mut String128
        ) -> tresult;
        hasProgramPitchNames(list: ProgramListID, index: int32) -> tresult;
        getProgramPitchName(
            list: ProgramListID, index: int32, pitch: int16, name: *mut String128
        ) -> tresult;
        getSelectedUnit() -> UnitID;
        selectUnit(id: UnitID) -> tresult;
        getUnitByBus(
            kind: MediaType, dir: BusDirection, bus: int32, channel: int32, id: *mut UnitID
        ) -> tresult;
        setUnitProgramData(list: int32, index: int32, data: *mut IBStream) -> tresult;
    }
}

impl IInfoListenerTrait for Guard {
    hand_on! { IInfoListenerTrait:
        setChannelContextInfos(list: *mut IAttributeList) -> tresult;
    }
}

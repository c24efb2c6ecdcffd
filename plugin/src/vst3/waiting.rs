//! Parameters that a host set between two blocks, until a block came that brings them.
//!
//! nice-plug 0.4.2 leaves a value that is set while it processes to the next block. A host that sends
//! none, being paused, would be shown the old value and save it. Here the value is kept; it can be
//! handed over as a block of no frames. Main thread; allocates.

use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::{
    IParamValueQueue, IParamValueQueueTrait, IParameterChanges, IParameterChangesTrait, ParamID,
    ParamValue,
};
use nice_plug::wrapper::vst3::vst3::Steinberg::{
    int32, kInvalidArgument, kResultFalse, kResultOk, tresult,
};
use nice_plug::wrapper::vst3::vst3::{Class, ComPtr, ComWrapper};

/// Values since the last block.
#[derive(Default)]
pub(super) struct Waiting {
    values: Vec<(ParamID, ParamValue)>,
    /// How many blocks had begun when they were set.
    blocks: u32,
}

impl Waiting {
    /// A value that was set when so many blocks had begun.
    pub(super) fn set(&mut self, id: ParamID, value: ParamValue, blocks: u32) {
        if self.blocks != blocks {
            self.values.clear();
            self.blocks = blocks;
        }
        match self.values.iter_mut().find(|(known, _)| *known == id) {
            Some((_, old)) => *old = value,
            None => self.values.push((id, value)),
        }
    }

    /// What is set, if no block has begun since.
    pub(super) fn value(&self, id: ParamID, blocks: u32) -> Option<ParamValue> {
        let since = (self.blocks == blocks).then_some(&self.values)?;
        since.iter().find(|set| set.0 == id).map(|set| set.1)
    }

    /// Nothing was set since a block has begun.
    pub(super) fn is_empty(&self, blocks: u32) -> bool {
        self.blocks != blocks || self.values.is_empty()
    }

    /// All of them, which wait no more.
    pub(super) fn take(&mut self, blocks: u32) -> Vec<(ParamID, ParamValue)> {
        let values = std::mem::take(&mut self.values);
        if self.blocks == blocks {
            values
        } else {
            Vec::new()
        }
    }
}

/// Values as a block has them, each from its first frame on.
pub(super) fn changes(values: Vec<(ParamID, ParamValue)>) -> Option<ComPtr<IParameterChanges>> {
    let queue = |(id, value)| ComWrapper::new(Queue { id, value }).to_com_ptr();
    let queues = values.into_iter().map(queue).collect::<Option<Vec<_>>>()?;
    ComWrapper::new(Changes { queues }).to_com_ptr()
}

struct Changes {
    queues: Vec<ComPtr<IParamValueQueue>>,
}

impl Class for Changes {
    type Interfaces = (IParameterChanges,);
}

impl IParameterChangesTrait for Changes {
    unsafe fn getParameterCount(&self) -> int32 {
        self.queues.len() as int32
    }

    unsafe fn getParameterData(&self, index: int32) -> *mut IParamValueQueue {
        let queue = usize::try_from(index).ok().and_then(|i| self.queues.get(i));
        queue.map_or(std::ptr::null_mut(), ComPtr::as_ptr)
    }

    unsafe fn addParameterData(
        &self,
        _id: *const ParamID,
        _index: *mut int32,
    ) -> *mut IParamValueQueue {
        std::ptr::null_mut()
    }
}

struct Queue {
    id: ParamID,
    value: ParamValue,
}

impl Class for Queue {
    type Interfaces = (IParamValueQueue,);
}

impl IParamValueQueueTrait for Queue {
    unsafe fn getParameterId(&self) -> ParamID {
        self.id
    }

    unsafe fn getPointCount(&self) -> int32 {
        1
    }

    unsafe fn getPoint(
        &self,
        index: int32,
        offset_frames: *mut int32,
        value: *mut ParamValue,
    ) -> tresult {
        if index != 0 || offset_frames.is_null() || value.is_null() {
            return kInvalidArgument;
        }
        // SAFETY: the caller's pointers, which are not null.
        unsafe {
            offset_frames.write(0);
            value.write(self.value);
        }
        kResultOk
    }

    unsafe fn addPoint(
        &self,
        _offset_frames: int32,
        _value: ParamValue,
        _index: *mut int32,
    ) -> tresult {
        kResultFalse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_waits_until_a_block_begins() {
        let mut waiting = Waiting::default();
        waiting.set(7, 0.5, 3);
        waiting.set(8, 0.25, 3);
        waiting.set(7, 0.75, 3);
        assert_eq!(waiting.value(7, 3), Some(0.75));
        assert_eq!((waiting.value(7, 4), waiting.value(9, 3)), (None, None));
        // The block brought what was set before it.
        waiting.set(9, 1.0, 4);
        assert_eq!(waiting.value(7, 4), None);
        assert_eq!(waiting.take(4), [(9, 1.0)]);
        assert!(waiting.value(9, 4).is_none() && waiting.is_empty(4));
        waiting.set(9, 1.0, 4);
        assert!(waiting.is_empty(5) && !waiting.is_empty(4));
        assert_eq!(waiting.take(5), []);
        assert_eq!(waiting.take(4), []);
    }

    #[test]
    fn a_block_is_told_each_value_once() {
        let all = changes(vec![(7, 0.75), (8, 0.25)]).unwrap();
        // SAFETY: objects of ours, places of the right types.
        unsafe {
            assert_eq!(all.getParameterCount(), 2);
            assert!(all.getParameterData(2).is_null() && all.getParameterData(-1).is_null());
            let (id, mut index) = (9, 0);
            assert!(
                all.addParameterData(&raw const id, &raw mut index)
                    .is_null()
            );
            for (index, wanted) in [(7, 0.75), (8, 0.25)].into_iter().enumerate() {
                let queue = all.getParameterData(index as int32);
                let queue = nice_plug::wrapper::vst3::vst3::ComRef::from_raw(queue).unwrap();
                let (mut offset_frames, mut value) = (-1, 0.0);
                let (place, number) = (&raw mut offset_frames, &raw mut value);
                assert_eq!(queue.getPoint(0, place, number), kResultOk);
                assert_eq!(
                    (queue.getParameterId(), value, offset_frames),
                    (wanted.0, wanted.1, 0)
                );
                assert_eq!(
                    (queue.getPointCount(), queue.getPoint(1, place, number)),
                    (1, kInvalidArgument)
                );
            }
        }
    }
}

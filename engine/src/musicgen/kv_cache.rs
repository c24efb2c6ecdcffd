//! Keys and values of the steps so far, for one layer's self-attention.
//!
//! Worker thread. The room for all steps is made at the start: a step writes its own keys
//! and values in place and copies no others.

use candle_core::{DType, Device, Result, Tensor};

/// The cache of one layer.
#[derive(Debug)]
pub struct KvCache {
    keys: Tensor,   // [rows, heads, capacity_steps, head_width]
    values: Tensor, // [rows, heads, capacity_steps, head_width]
    steps: usize,
}

impl KvCache {
    /// Room for `capacity_steps` steps.
    ///
    /// # Errors
    /// When the memory cannot be had.
    pub fn new(
        rows: usize,
        heads: usize,
        capacity_steps: usize,
        head_width: usize,
    ) -> Result<Self> {
        let shape = (rows, heads, capacity_steps, head_width);
        let zeros = || Tensor::zeros(shape, DType::F32, &Device::Cpu);
        Ok(Self {
            keys: zeros()?,
            values: zeros()?,
            steps: 0,
        })
    }

    /// Adds a step's key and value, `[rows, heads, 1, head_width]`, and gives views of all
    /// keys and values so far, `[rows, heads, steps, head_width]`.
    ///
    /// # Errors
    /// When the cache is full or the shapes do not fit.
    pub fn append(&mut self, key: &Tensor, value: &Tensor) -> Result<(Tensor, Tensor)> {
        self.keys.slice_set(key, 2, self.steps)?;
        self.values.slice_set(value, 2, self.steps)?;
        self.steps += 1;
        Ok((
            self.keys.narrow(2, 0, self.steps)?,
            self.values.narrow(2, 0, self.steps)?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_come_back_in_order_until_it_is_full() {
        let mut cache = KvCache::new(2, 1, 3, 2).unwrap();
        for step in 0..3_u8 {
            let base = f32::from(step) * 10.0;
            let key = Tensor::new(
                &[[[[base, base + 1.0]]], [[[base + 2.0, base + 3.0]]]],
                &Device::Cpu,
            )
            .unwrap();
            let value = (&key * -1.0).unwrap();
            let (keys, values) = cache.append(&key, &value).unwrap();
            assert_eq!(keys.dims(), [2, 1, usize::from(step) + 1, 2]);
            let last = keys.narrow(2, usize::from(step), 1).unwrap();
            assert_eq!(
                last.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
                [base, base + 1.0, base + 2.0, base + 3.0]
            );
            assert_eq!(
                (keys + values)
                    .unwrap()
                    .abs()
                    .unwrap()
                    .sum_all()
                    .unwrap()
                    .to_scalar::<f32>()
                    .unwrap(),
                0.0
            );
        }
        let extra = Tensor::zeros((2, 1, 1, 2), DType::F32, &Device::Cpu).unwrap();
        assert!(cache.append(&extra, &extra).is_err());
    }
}

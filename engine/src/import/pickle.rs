//! What a pickle says, without doing it.
//!
//! Any thread. A pickle is a program for a small machine that makes objects. This one knows the
//! instructions that PyTorch writes, and of all classes only what a tensor is made of: an object of
//! any other class is opaque, whatever its arguments are, and nothing is ever called.
//!
//! Values lie in one list and are numbers in it, so that what a program remembers costs nothing to
//! use again, nothing is deeper than a number, and memory grows by a little for each instruction:
//! a file of a few bytes cannot become a large one.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

/// More than any model's: the largest published one has some thousands of tensors.
const MOST_VALUES: usize = 4 << 20;
/// Dimensions of a tensor.
const MOST_DIMENSIONS: usize = 8;

/// Why a pickle is not read, in words.
pub(super) type Fault = String;

/// A value by its place in the list.
pub(super) type Place = usize;

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Whatever is no model's business.
    Opaque,
    Mark,
    Bool,
    Int(i64),
    Text(String),
    Tuple(Vec<Place>),
    List(Vec<Place>),
    Dict(Vec<(Place, Place)>),
    /// Module and name of a class or function.
    Class(String),
    Storage(Storage),
    Tensor(Tensor),
}

/// A run of numbers in a file of its own.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Storage {
    /// PyTorch's name of the type of its numbers, such as `FloatStorage`.
    pub(super) class: String,
    /// The file's name.
    pub(super) key: String,
}

/// A tensor over a storage.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tensor {
    pub(super) storage: Storage,
    /// Numbers of the storage before its first.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    /// Numbers of the storage from one to the next, by dimension.
    pub(super) strides: Vec<usize>,
}

/// All values of a pickle that was read.
#[derive(Debug)]
pub(super) struct Pickle {
    values: Vec<Value>,
    root: Place,
}

impl Pickle {
    /// Reads a pickle.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let mut machine = Machine {
            bytes,
            at: 0,
            values: Vec::new(),
            stack: Vec::new(),
            memo: HashMap::new(),
        };
        while machine.step()? {}
        let root = machine.pop()?;
        Ok(Self {
            values: machine.values,
            root,
        })
    }

    /// The value that the whole is.
    pub(super) fn root(&self) -> Place {
        self.root
    }

    /// What is at a place.
    pub(super) fn at(&self, place: Place) -> &Value {
        &self.values[place]
    }

    /// A text at a place.
    pub(super) fn text(&self, place: Place) -> Option<&str> {
        match self.at(place) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The last entry of a dictionary by its name.
    pub(super) fn get(&self, dict: Place, name: &str) -> Option<Place> {
        let entries = self.entries(dict).rev();
        entries
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value)
            .next()
    }

    /// The entries of a dictionary whose keys are texts; none where there is no dictionary.
    pub(super) fn entries(
        &self,
        dict: Place,
    ) -> impl DoubleEndedIterator<Item = (&str, Place)> + '_ {
        let entries: &[(Place, Place)] = match self.at(dict) {
            Value::Dict(entries) => entries,
            _ => &[],
        };
        entries
            .iter()
            .filter_map(|&(key, value)| Some((self.text(key)?, value)))
    }
}

struct Machine<'b> {
    bytes: &'b [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<Place>,
    memo: HashMap<u32, Place>,
}

impl<'b> Machine<'b> {
    fn take(&mut self, count: usize) -> Result<&'b [u8], Fault> {
        let end = self.at.checked_add(count);
        let part = end.and_then(|end| self.bytes.get(self.at..end));
        let part = part.ok_or("the pickle ends early")?;
        self.at += count;
        Ok(part)
    }

    fn number<const N: usize>(&mut self) -> Result<usize, Fault> {
        let part = self.take(N)?;
        let number = part
            .iter()
            .rev()
            .fold(0_u64, |sum, &b| sum << 8 | u64::from(b));
        usize::try_from(number).map_err(|_| "a length that no file has".into())
    }

    fn line(&mut self) -> Result<&'b str, Fault> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|&byte| byte == b'\n');
        let line = self.take(end.ok_or("the pickle ends early")?)?;
        self.at += 1;
        std::str::from_utf8(line).map_err(|_| "a name that is no text".into())
    }

    fn push(&mut self, value: Value) -> Result<(), Fault> {
        if self.values.len() >= MOST_VALUES {
            return Err("it has more objects than any model".into());
        }
        self.stack.push(self.values.len());
        self.values.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<Place, Fault> {
        self.stack
            .pop()
            .ok_or_else(|| "it takes from an empty stack".into())
    }

    fn top(&self) -> Result<Place, Fault> {
        let top = self.stack.last().copied();
        top.ok_or_else(|| "it looks at an empty stack".into())
    }

    /// What lies above the last mark, which goes too.
    fn above_mark(&mut self) -> Result<Vec<Place>, Fault> {
        let mark = self
            .stack
            .iter()
            .rposition(|&place| self.values[place] == Value::Mark)
            .ok_or("a mark is missing")?;
        let above = self.stack.split_off(mark + 1);
        self.stack.pop();
        Ok(above)
    }

    fn text(&mut self, length: usize) -> Result<(), Fault> {
        let text = self.take(length)?;
        let text = std::str::from_utf8(text).map_err(|_| "a text that is none")?;
        self.push(Value::Text(text.to_owned()))
    }

    fn remember(&mut self, as_number: usize) -> Result<(), Fault> {
        let top = self.top()?;
        let number = u32::try_from(as_number).map_err(|_| "too large a memo")?;
        self.memo.insert(number, top);
        Ok(())
    }

    fn recall(&mut self, number: usize) -> Result<(), Fault> {
        let number = u32::try_from(number).map_err(|_| "too large a memo")?;
        let known = self.memo.get(&number).copied();
        self.push_again(known.ok_or("it remembers what it never saw")?)
    }

    fn push_again(&mut self, place: Place) -> Result<(), Fault> {
        if self.stack.len() >= MOST_VALUES {
            return Err("it has more objects than any model".into());
        }
        self.stack.push(place);
        Ok(())
    }

    fn add(&mut self, to: Place, items: Vec<Place>) {
        if let Value::List(list) = &mut self.values[to] {
            list.extend(items);
        }
    }

    /// Entries of anything but a dictionary are an opaque object's own.
    fn set(&mut self, of: Place, items: &[Place]) {
        if let Value::Dict(entries) = &mut self.values[of] {
            let pairs = items.as_chunks::<2>().0.iter();
            entries.extend(pairs.map(|&[key, value]| (key, value)));
        }
    }

    /// One instruction; `false` after the last.
    fn step(&mut self) -> Result<bool, Fault> {
        let code = self.take(1)?[0];
        match code {
            b'.' => return Ok(false),
            0x80 => drop(self.take(1)?), // protocol
            0x95 => drop(self.take(8)?), // frame
            b'(' => self.push(Value::Mark)?,
            b'0' => drop(self.pop()?),
            b'1' => drop(self.above_mark()?),
            b'2' => {
                let top = self.top()?;
                self.push_again(top)?;
            }
            b'N' => self.push(Value::Opaque)?,
            0x88 | 0x89 => self.push(Value::Bool)?,
            b'J' => {
                let value = self.number::<4>()? as u32 as i32;
                self.push(Value::Int(value.into()))?;
            }
            b'K' => {
                let value = self.number::<1>()? as i64;
                self.push(Value::Int(value))?;
            }
            b'M' => {
                let value = self.number::<2>()? as i64;
                self.push(Value::Int(value))?;
            }
            0x8a => self.long()?,
            b'G' => {
                self.take(8)?;
                self.push(Value::Opaque)?;
            }
            b'X' => {
                let length = self.number::<4>()?;
                self.text(length)?;
            }
            0x8c => {
                let length = self.number::<1>()?;
                self.text(length)?;
            }
            0x8d => {
                let length = self.number::<8>()?;
                self.text(length)?;
            }
            b'B' | b'T' | b'C' | b'U' | 0x8e => {
                let length = match code {
                    b'B' | b'T' => self.number::<4>()?,
                    0x8e => self.number::<8>()?,
                    _ => self.number::<1>()?,
                };
                self.take(length)?;
                self.push(Value::Opaque)?;
            }
            b')' => self.push(Value::Tuple(Vec::new()))?,
            b']' => self.push(Value::List(Vec::new()))?,
            b'}' => self.push(Value::Dict(Vec::new()))?,
            0x8f => self.push(Value::Opaque)?, // set
            0x85..=0x87 => {
                let count = usize::from(code - 0x84);
                let start = self.stack.len().checked_sub(count);
                let items = self.stack.split_off(start.ok_or("a tuple of nothing")?);
                self.push(Value::Tuple(items))?;
            }
            b't' => {
                let items = self.above_mark()?;
                self.push(Value::Tuple(items))?;
            }
            b'l' => {
                let items = self.above_mark()?;
                self.push(Value::List(items))?;
            }
            b'd' => {
                let items = self.above_mark()?;
                self.push(Value::Dict(Vec::new()))?;
                let dict = self.top()?;
                self.set(dict, &items);
            }
            0x91 => {
                self.above_mark()?;
                self.push(Value::Opaque)?;
            }
            b'a' => {
                let item = self.pop()?;
                let list = self.top()?;
                self.add(list, vec![item]);
            }
            b'e' | 0x90 => {
                let items = self.above_mark()?;
                let list = self.top()?;
                self.add(list, items);
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                let dict = self.top()?;
                self.set(dict, &[key, value]);
            }
            b'u' => {
                let items = self.above_mark()?;
                let dict = self.top()?;
                self.set(dict, &items);
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Value::Class(format!("{module} {name}")))?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let class = match (&self.values[module], &self.values[name]) {
                    (Value::Text(module), Value::Text(name)) => format!("{module} {name}"),
                    _ => return Err("a class without a name".into()),
                };
                self.push(Value::Class(class))?;
            }
            b'R' | 0x81 => {
                let (arguments, class) = (self.pop()?, self.pop()?);
                let made = self.made(class, arguments);
                self.push(made)?;
            }
            0x92 => {
                for _ in 0..3 {
                    self.pop()?;
                }
                self.push(Value::Opaque)?;
            }
            // The state of an object: of a dictionary it is none of its entries.
            b'b' => drop(self.pop()?),
            b'Q' => {
                let id = self.pop()?;
                let storage = self.storage(id).ok_or("a storage that is none")?;
                self.push(Value::Storage(storage))?;
            }
            b'h' => {
                let number = self.number::<1>()?;
                self.recall(number)?;
            }
            b'j' => {
                let number = self.number::<4>()?;
                self.recall(number)?;
            }
            b'q' => {
                let number = self.number::<1>()?;
                self.remember(number)?;
            }
            b'r' => {
                let number = self.number::<4>()?;
                self.remember(number)?;
            }
            0x94 => self.remember(self.memo.len())?,
            other => {
                return Err(format!(
                    "an instruction {other:#04x} that PyTorch does not write"
                ));
            }
        }
        Ok(true)
    }

    /// A whole number of up to eight bytes; longer ones mean nothing here.
    fn long(&mut self) -> Result<(), Fault> {
        let length = self.number::<1>()?;
        let bytes = self.take(length)?;
        let value = if length > 8 {
            Value::Opaque
        } else {
            let negative = bytes.last().is_some_and(|&top| top & 0x80 != 0);
            let start = if negative { -1_i64 } else { 0 };
            let number = bytes.iter().rev();
            Value::Int(number.fold(start, |sum, &byte| sum << 8 | i64::from(byte)))
        };
        self.push(value)
    }

    /// What calling a class would make, as far as tensors need it.
    fn made(&self, class: Place, arguments: Place) -> Value {
        let (Value::Class(class), Value::Tuple(arguments)) =
            (&self.values[class], &self.values[arguments])
        else {
            return Value::Opaque;
        };
        let first = |index: usize| arguments.get(index).map(|&place| &self.values[place]);
        match class.as_str() {
            "collections OrderedDict" => Value::Dict(Vec::new()),
            "torch._utils _rebuild_tensor_v2" => {
                self.tensor(arguments).map_or(Value::Opaque, Value::Tensor)
            }
            "torch._utils _rebuild_parameter" => match first(0) {
                Some(Value::Tensor(tensor)) => Value::Tensor(tensor.clone()),
                _ => Value::Opaque,
            },
            "torch._tensor _rebuild_from_type_v2" => match (arguments.first(), arguments.get(2)) {
                (Some(&class), Some(&arguments)) if !self.is_from_type(class) => {
                    self.made(class, arguments)
                }
                _ => Value::Opaque,
            },
            _ => Value::Opaque,
        }
    }

    /// A detour through a detour is nothing that PyTorch writes, and could be as deep as a file.
    fn is_from_type(&self, class: Place) -> bool {
        matches!(&self.values[class], Value::Class(class) if class == "torch._tensor _rebuild_from_type_v2")
    }

    /// Storage, offset, size, strides, and more that a model does not need.
    fn tensor(&self, arguments: &[Place]) -> Option<Tensor> {
        let [storage, offset, shape, strides, ..] = arguments else {
            return None;
        };
        let Value::Storage(storage) = &self.values[*storage] else {
            return None;
        };
        let (shape, strides) = (self.sizes(*shape)?, self.sizes(*strides)?);
        let offset = self.size(*offset)?;
        (shape.len() == strides.len()).then(|| Tensor {
            storage: storage.clone(),
            offset,
            shape,
            strides,
        })
    }

    /// `("storage", class, key, device, count)`.
    fn storage(&self, id: Place) -> Option<Storage> {
        let Value::Tuple(id) = &self.values[id] else {
            return None;
        };
        let [_, class, key, ..] = id[..] else {
            return None;
        };
        match (&self.values[class], &self.values[key]) {
            (Value::Class(class), Value::Text(key)) => Some(Storage {
                class: class.rsplit(' ').next()?.to_owned(),
                key: key.clone(),
            }),
            _ => None,
        }
    }

    fn sizes(&self, place: Place) -> Option<Vec<usize>> {
        let Value::Tuple(sizes) = &self.values[place] else {
            return None;
        };
        let few = sizes.len() <= MOST_DIMENSIONS;
        let sizes = sizes.iter().map(|&size| self.size(size));
        few.then(|| sizes.collect())?
    }

    fn size(&self, place: Place) -> Option<usize> {
        match self.values[place] {
            Value::Int(size) => usize::try_from(size).ok(),
            _ => None,
        }
    }
}

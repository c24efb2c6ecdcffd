//! Clips in the making: a packed decoder with its memory of the steps so far.
//!
//! Worker thread and the team. [`PackedRun::step`] allocates nothing.
//!
//! A layer takes six phases, with a meeting of the team after each. Heads are shared out among
//! the members, and so are the outputs of every other matrix; what all of a phase's inputs need
//! first (a norm, the rounding) every member computes for itself, which is quicker than another
//! meeting.
#![allow(unsafe_code)] // members write their parts of shared buffers

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::PackedDecoder;
use super::lanes::{Isa, LANES};
use super::matrix::{Inputs, Matrix, Out, Take, Write};
use super::memory::{HeadShape, Memory};
use super::plan::{LayerPlan, NormPlan, Shape};
use super::pointwise::{Activate, Norm};
use super::shared::Shared;
use super::team::{Member, Team};
use crate::error::EngineError;
use crate::musicgen::decoder::place;
use crate::musicgen::rows::Rows;

/// One prompt, one or several takes, step by step. Rows lie as `[row of a take][take]`.
#[derive(Debug)]
pub struct PackedRun<'d> {
    decoder: &'d PackedDecoder,
    team: Arc<Team>,
    /// Members that take part in a step.
    threads: AtomicUsize,
    takes: usize,
    /// Of all takes.
    rows: usize,
    /// Of all takes, those with a text; they come first.
    with_text: usize,
    steps: usize,
    x: Shared<f32>,               // [row][width_padded]
    qkv: Shared<f32>,             // [row][head][query, key, value][head_padded]
    heard: Shared<f32>,           // [row][head][head_padded]
    inner: Shared<f32>,           // [row][inner_padded]
    logits: Shared<f32>,          // [row][codebooks × vocabulary, filled up]
    past: Vec<Memory>,            // by layer, for [row][head]
    text: Vec<Memory>,            // by layer, for [text][head]
    tokens: Vec<usize>,           // by text
    scratch: Vec<Mutex<Scratch>>, // by member
}

/// What a member works with.
#[derive(Debug)]
struct Scratch {
    inputs: Inputs,
    scores: Vec<f32>,
}

impl<'d> PackedRun<'d> {
    pub(super) fn new(
        decoder: &'d PackedDecoder,
        team: Arc<Team>,
        rows: &Rows,
        takes: usize,
        steps: usize,
    ) -> Result<Self, EngineError> {
        let shape = decoder.plan.shape;
        let texts = rows.texts();
        let tokens = texts.iter().map(|states| states.dim(0));
        let tokens: Vec<usize> = tokens.collect::<Result<_, _>>()?;
        let longest = tokens.iter().copied().max().unwrap_or(0);
        let rows = takes * rows.count();
        let past = HeadShape::new(shape.head_padded, steps);
        let text = HeadShape::new(shape.head_padded, longest);
        // Beside rounded weights the loss is no more than theirs.
        let in_bytes = decoder.plan.layer.qkv.rounds();
        let widest = shape.inner.max(shape.heads_padded()).max(shape.width);
        let scratch = |_| {
            Mutex::new(Scratch {
                inputs: Inputs::new(rows, widest),
                scores: vec![0.0; past.capacity_steps.max(text.capacity_steps)],
            })
        };
        let run = Self {
            threads: AtomicUsize::new(team.members()),
            takes,
            rows,
            with_text: takes * texts.len(),
            steps: 0,
            x: Shared::new(rows * shape.width_padded),
            qkv: Shared::new(rows * 3 * shape.heads_padded()),
            heard: Shared::new(rows * shape.heads_padded()),
            inner: Shared::new(rows * shape.inner_padded),
            logits: Shared::new(rows * shape.logits().next_multiple_of(LANES)),
            past: (0..shape.layers)
                .map(|_| Memory::new(past, rows * shape.heads, in_bytes))
                .collect(),
            text: (0..shape.layers)
                .map(|_| Memory::new(text, texts.len() * shape.heads, false))
                .collect(),
            tokens,
            scratch: (0..team.members()).map(scratch).collect(),
            decoder,
            team,
        };
        for (text, states) in texts.iter().enumerate() {
            run.read_text(text, &states.flatten_all()?.to_vec1()?);
        }
        Ok(run)
    }

    /// How many members of the team work on the steps from now on.
    pub fn set_threads(&self, threads: usize) {
        self.threads.store(threads, Ordering::Relaxed);
    }

    /// Keys and values of a text, `[tokens][width]`, for all layers, which are shared out
    /// among the members.
    fn read_text(&self, text: usize, states: &[f32]) {
        let tokens = self.tokens[text];
        let (decoder, shape) = (self.decoder, &self.decoder.plan.shape);
        let heads = shape.heads_padded();
        self.team
            .run(self.threads.load(Ordering::Relaxed), &|member| {
                let layers = member.part(shape.layers);
                let mut inputs = Inputs::new(tokens, shape.width);
                let (keys, values) = (Shared::new(tokens * heads), Shared::new(tokens * heads));
                for layer in layers {
                    let (plan, packed) = decoder.layer(layer);
                    decoder.isa.run(Take {
                        inputs: &mut inputs,
                        matrix: &plan.cross_key,
                        rows: tokens,
                        from: states,
                        stride: shape.width,
                    });
                    for (matrix, out) in [(plan.cross_key, &keys), (plan.cross_value, &values)] {
                        let (tiles, isa) = (0..matrix.tiles(), decoder.isa);
                        // SAFETY: the buffers are this member's own.
                        unsafe {
                            matrix.multiply(isa, packed, &inputs, tiles, Out::new(out, heads))
                        }
                    }
                    for token in 0..tokens {
                        for head in 0..shape.heads {
                            let start = token * heads + head * shape.head_padded;
                            let part = start..start + shape.head_padded;
                            // SAFETY: the buffers are this member's own, and so is the layer.
                            unsafe {
                                let (key, value) = (keys.read(part.clone()), values.read(part));
                                let of = text * shape.heads + head;
                                self.text[layer].store(decoder.isa, of, token, key, value);
                            }
                        }
                    }
                }
            });
    }

    /// Goes on at a step as if those before had been made, of silence: for measuring.
    pub fn skip_to(&mut self, step: usize) {
        self.steps = step;
    }

    /// Bytes of keys and values that a step reads after so many.
    #[must_use]
    pub fn past_bytes(&self, steps: usize) -> usize {
        let heads = self.rows * self.decoder.plan.shape.heads;
        let layers = self.past.iter();
        layers.map(|memory| heads * memory.bytes(steps)).sum()
    }

    /// Runs one step on `[take][codebook]` tokens. Must not be called for more steps than the
    /// run was begun with.
    pub fn step(&mut self, tokens: &[u32]) {
        self.look_up(tokens);
        let threads = *self.threads.get_mut();
        let this = &*self;
        self.team.run(threads, &|member| this.work(member));
        self.steps += 1;
    }

    /// The logits of the last step, `[codebook × vocabulary]`, of a row: the first rows of all takes
    /// come first, then the second ones, and so on.
    #[must_use]
    pub fn logits(&mut self, row: usize) -> &[f32] {
        let logits = self.decoder.plan.shape.logits();
        let padded = logits.next_multiple_of(LANES);
        &self.logits.all()[row * padded..][..logits]
    }

    /// The decoder's input: the tokens' embeddings and the step's place.
    fn look_up(&mut self, tokens: &[u32]) {
        let decoder = self.decoder;
        let Shape {
            width,
            width_padded,
            codebooks,
            ..
        } = decoder.plan.shape;
        let x = self.x.all();
        let (first, others) = x.split_at_mut(self.takes * width_padded);
        for (x, tokens) in first
            .chunks_exact_mut(width_padded)
            .zip(tokens.chunks_exact(codebooks))
        {
            let x = &mut x[..width];
            x.fill(0.0);
            for (table, &token) in decoder.plan.embeddings.iter().zip(tokens) {
                let row = &table.of(&decoder.packed)[token as usize * width..][..width];
                x.iter_mut().zip(row).for_each(|(x, value)| *x += value);
            }
            x.iter_mut()
                .zip(place(self.steps, width))
                .for_each(|(x, value)| *x += value);
        }
        for row in others.chunks_exact_mut(first.len()) {
            row.copy_from_slice(first);
        }
    }

    /// A member's part of a step.
    fn work(&self, member: Member<'_>) {
        let mut scratch = self.scratch[member.index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut hand = Hand {
            run: self,
            member,
            isa: self.decoder.isa,
            shape: self.decoder.plan.shape,
            scratch: &mut scratch,
        };
        for layer in 0..hand.shape.layers {
            let (plan, packed) = self.decoder.layer(layer);
            hand.attend_to_past(plan, packed, &self.past[layer]);
            hand.attend_to_text(plan, packed, &self.text[layer]);
            hand.feed_forward(plan, packed);
        }
        let plan = &self.decoder.plan;
        hand.norm(self.rows, &plan.heads, plan.norm, &self.decoder.packed);
        let tiles = member.part(plan.heads.tiles());
        let stride = plan.shape.logits().next_multiple_of(LANES);
        hand.multiply(
            &plan.heads,
            &self.decoder.packed,
            tiles,
            Out::new(&self.logits, stride),
        );
    }
}

impl PackedDecoder {
    fn layer(&self, layer: usize) -> (&LayerPlan, &[u8]) {
        let bytes = self.plan.layer_bytes;
        let packed = &self.packed[self.plan.layers()][layer * bytes..][..bytes];
        (&self.plan.layer, packed)
    }
}

/// A member at work on a step. In every phase it writes to its own parts of the shared buffers:
/// its heads, or its tiles of a matrix; what a phase reads was written before the last meeting.
/// That is what makes the accesses sound.
struct Hand<'r> {
    run: &'r PackedRun<'r>,
    member: Member<'r>,
    isa: Isa,
    shape: Shape,
    scratch: &'r mut Scratch,
}

impl Hand<'_> {
    fn attend_to_past(&mut self, plan: &LayerPlan, packed: &[u8], past: &Memory) {
        let (run, shape) = (self.run, self.shape);
        let (heads, vectors) = (self.member.part(shape.heads), shape.head_padded / LANES);
        self.norm(run.rows, &plan.qkv, plan.self_norm, packed);
        let tiles = heads.start * 3 * vectors..heads.end * 3 * vectors;
        let stride = 3 * shape.heads_padded();
        self.multiply(&plan.qkv, packed, tiles, Out::new(&run.qkv, stride));
        for row in 0..run.rows {
            for head in heads.clone() {
                let at = row * stride + head * 3 * shape.head_padded;
                // SAFETY: this member wrote this head's queries, keys and values just now, and
                // nobody else touches them or the head's memory.
                unsafe {
                    let qkv = run.qkv.read(at..at + 3 * shape.head_padded);
                    let (query, rest) = qkv.split_at(shape.head_padded);
                    let (key, value) = rest.split_at(shape.head_padded);
                    past.store(self.isa, row * shape.heads + head, run.steps, key, value);
                    self.attend(
                        row,
                        head,
                        past,
                        row * shape.heads + head,
                        run.steps + 1,
                        query,
                    );
                }
            }
        }
        self.member.meet();
        self.project(
            run.rows,
            &plan.self_out,
            packed,
            &run.heard,
            shape.heads_padded(),
        );
    }

    /// Only rows with a text: attending to no text adds exactly zero (see `decoder`).
    fn attend_to_text(&mut self, plan: &LayerPlan, packed: &[u8], text: &Memory) {
        let (run, shape) = (self.run, self.shape);
        let (heads, vectors) = (self.member.part(shape.heads), shape.head_padded / LANES);
        self.norm(run.with_text, &plan.cross_query, plan.cross_norm, packed);
        let (tiles, stride) = (
            heads.start * vectors..heads.end * vectors,
            shape.heads_padded(),
        );
        self.multiply(&plan.cross_query, packed, tiles, Out::new(&run.qkv, stride));
        for row in 0..run.with_text {
            for head in heads.clone() {
                let at = row * stride + head * shape.head_padded;
                // SAFETY: this member wrote this head's queries just now, nobody else touches
                // them, and nobody writes to the text's memory any more.
                unsafe {
                    let query = run.qkv.read(at..at + shape.head_padded);
                    let heard = row / run.takes;
                    let of = heard * shape.heads + head;
                    self.attend(row, head, text, of, run.tokens[heard], query);
                }
            }
        }
        self.member.meet();
        self.project(
            run.with_text,
            &plan.cross_out,
            packed,
            &run.heard,
            shape.heads_padded(),
        );
    }

    fn feed_forward(&mut self, plan: &LayerPlan, packed: &[u8]) {
        let (run, stride) = (self.run, self.shape.inner_padded);
        self.norm(run.rows, &plan.forward_in, plan.forward_norm, packed);
        let tiles = self.member.part(plan.forward_in.tiles());
        self.multiply(
            &plan.forward_in,
            packed,
            tiles.clone(),
            Out::new(&run.inner, stride),
        );
        for row in 0..run.rows {
            let part = row * stride + tiles.start * LANES..row * stride + tiles.end * LANES;
            // SAFETY: this member's tiles.
            let values = unsafe { run.inner.write(part) };
            self.isa.run(Activate {
                activation: self.shape.activation,
                values,
            });
        }
        self.member.meet();
        self.project(run.rows, &plan.forward_out, packed, &run.inner, stride);
    }

    /// Adds a matrix times the first rows of a buffer to the states.
    fn project(
        &mut self,
        rows: usize,
        matrix: &Matrix,
        packed: &[u8],
        from: &Shared<f32>,
        stride: usize,
    ) {
        // SAFETY: written before the last meeting, and to be written only after the next.
        let from = unsafe { from.read(0..rows * stride) };
        self.isa.run(Take {
            inputs: &mut self.scratch.inputs,
            matrix,
            rows,
            from,
            stride,
        });
        let tiles = self.member.part(matrix.tiles());
        let (x, stride) = (&self.run.x, self.shape.width_padded);
        let out = Out {
            write: Write::Add,
            ..Out::new(x, stride)
        };
        self.multiply(matrix, packed, tiles, out);
        self.member.meet();
    }

    /// Takes the norm of the first rows of the states as inputs.
    fn norm(&mut self, rows: usize, matrix: &Matrix, norm: NormPlan, packed: &[u8]) {
        let stride = self.shape.width_padded;
        // SAFETY: written before the last meeting, and to be written only after the next.
        let from = unsafe { self.run.x.read(0..rows * stride) };
        self.isa.run(Norm {
            inputs: &mut self.scratch.inputs,
            matrix,
            rows,
            from,
            stride,
            width: self.shape.width,
            weight: norm.weight.of(packed),
            bias: norm.bias.of(packed),
        });
    }

    /// Multiplies the inputs with this member's tiles of a matrix.
    fn multiply(
        &self,
        matrix: &Matrix,
        packed: &[u8],
        tiles: std::ops::Range<usize>,
        out: Out<'_>,
    ) {
        let inputs = &self.scratch.inputs;
        // SAFETY: this member's tiles.
        unsafe { matrix.multiply(self.isa, packed, inputs, tiles, out) }
    }

    /// Lets a head of a row attend to a memory.
    ///
    /// # Safety
    /// The head is this member's, and nobody writes to its memory.
    unsafe fn attend(
        &mut self,
        row: usize,
        head: usize,
        memory: &Memory,
        of: usize,
        steps: usize,
        query: &[f32],
    ) {
        let start = (row * self.shape.heads + head) * self.shape.head_padded;
        // SAFETY: the caller's.
        unsafe {
            let out = self.run.heard.write(start..start + self.shape.head_padded);
            memory.attend(self.isa, of, steps, query, &mut self.scratch.scores, out);
        }
    }
}

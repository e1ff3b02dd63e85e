//! Layout of a program: which instructions matter, which adjoints are needed, and which storage
//! each value and adjoint occupies.
//!
//! A value that the reverse sweep does not read is overwritten after its last use, and so is every
//! adjoint; a first contribution to an adjoint is a write instead of a sum, or takes over the
//! storage of the adjoint it comes from. Nothing is zeroed.

use super::rules::{Rule, Target, terms};
use super::{Op, Program, ProgramError, Registers};
use crate::Isa;
use crate::table::Table;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Instruction of the forward sweep; the registers of `op` are value slots.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) op: Op,
    pub(super) to: u32,
}

/// Term of the reverse sweep; the registers of `rule` are value slots.
#[derive(Clone, Copy, Debug)]
pub(super) struct Back {
    pub(super) rule: Rule,
    /// Adjoint slot of the result.
    pub(super) from: u32,
    /// Adjoint slot of the operand.
    pub(super) to: u32,
    /// Whether to add to the slot instead of writing it.
    pub(super) add: bool,
}

/// A checked program with its storage laid out, for derivatives by chosen inputs.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Differs between plans; registers remember it.
    pub(super) id: u64,
    isa: Isa,
    inputs: usize,
    pub(super) outputs: Vec<u32>,
    pub(super) constants: Vec<(u32, f64)>,
    pub(super) values: usize,
    pub(super) adjoints: usize,
    pub(super) steps: Vec<Step>,
    pub(super) backs: Vec<Back>,
    pub(super) polynomials: Vec<Arc<[f64]>>,
    pub(super) polynomial_slopes: Vec<Vec<f64>>,
    pub(super) tables: Vec<Arc<Table>>,
    pub(super) table_slopes: Vec<Table>,
}

impl Program {
    /// Lays the program out, for the reverse sweep to the inputs that are `wanted`, `[input]`.
    ///
    /// # Errors
    /// If the program fails [`Program::check`] or `wanted` has the wrong length.
    pub fn prepare(&self, wanted: &[bool]) -> Result<Plan, ProgramError> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        self.check()?;
        if wanted.len() != self.inputs {
            let (expected, found) = (self.inputs, wanted.len());
            return Err(ProgramError::WantedLength { expected, found });
        }
        let live = self.live();
        let sweep = ReverseLayout::of(self, &live, wanted);
        let mut kept = vec![false; self.ops.len()];
        for register in &self.outputs {
            kept[*register as usize] = true;
        }
        for back in &sweep.backs {
            back.rule.map(|r| {
                kept[r as usize] = true;
                r
            });
        }
        let layout = ForwardLayout::of(self, &live, &kept);
        let slot = |r: u32| layout.slots[r as usize];
        let backs = sweep.backs.iter().map(|b| Back { rule: b.rule.map(slot), ..*b }).collect();
        let slopes = |p: &Arc<[f64]>| {
            let degree = p.len() - 1;
            #[allow(clippy::cast_precision_loss)]
            let slope: Vec<f64> = (0..degree).map(|k| (degree - k) as f64 * p[k]).collect();
            if slope.is_empty() { vec![0.0] } else { slope }
        };
        Ok(Plan {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            isa: Isa::detect(),
            inputs: self.inputs,
            outputs: self.outputs.iter().map(|r| slot(*r)).collect(),
            constants: layout.constants,
            values: layout.pool.count,
            adjoints: sweep.pool.count,
            steps: layout.steps,
            backs,
            polynomials: self.polynomials.clone(),
            polynomial_slopes: self.polynomials.iter().map(slopes).collect(),
            tables: self.tables.clone(),
            table_slopes: self.tables.iter().map(|t| t.derivative()).collect(),
        })
    }

    /// Whether an output depends on each register.
    fn live(&self) -> Vec<bool> {
        let mut live = vec![false; self.ops.len()];
        for register in &self.outputs {
            live[*register as usize] = true;
        }
        for (r, op) in self.ops.iter().enumerate().rev() {
            if live[r] {
                op.for_each_operand(|operand| live[operand as usize] = true);
            }
        }
        live
    }
}

impl Plan {
    /// The same plan with another instruction set, or nothing where this machine lacks it.
    #[must_use]
    pub fn on(mut self, isa: Isa) -> Option<Self> {
        self.isa = isa;
        isa.is_available().then_some(self)
    }

    /// Instruction set of the sweeps.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Number of input columns.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Number of output columns.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs.len()
    }

    /// Columns of storage for values and for adjoints.
    #[must_use]
    pub fn storage(&self) -> (usize, usize) {
        (self.values, self.adjoints)
    }

    /// Evaluates the outputs, readable as [`Registers::output`].
    ///
    /// Shapes: `inputs` `[input][tile]`. Cost: one pass per instruction, no allocation after the
    /// first call with the same plan and tile.
    ///
    /// # Panics
    /// If `tile` is not a positive multiple of 8 or the length of `inputs` is wrong.
    pub fn forward(&self, inputs: &[f64], tile: usize, registers: &mut Registers) {
        assert!(tile > 0 && tile.is_multiple_of(8), "the tile must be a positive multiple of 8");
        assert_eq!(inputs.len(), self.inputs * tile, "inputs are [input][tile]");
        registers.fit(self, tile);
        super::forward::sweep(self, self.isa, inputs, tile, &mut registers.values);
    }

    /// Adds to `input_adjoint` the derivatives by the wanted inputs of the sum over outputs of
    /// output times `output_adjoint`; rows of other inputs are not touched.
    ///
    /// Shapes: `output_adjoint` `[output][tile]`, `input_adjoint` `[input][tile]`, with the tile of
    /// the last [`Plan::forward`] on the same registers. May be called repeatedly after one
    /// forward sweep.
    ///
    /// # Panics
    /// If the lengths are wrong or the last forward sweep of the registers was of another plan.
    pub fn reverse(
        &self,
        output_adjoint: &[f64],
        registers: &mut Registers,
        input_adjoint: &mut [f64],
    ) {
        let tile = registers.tile();
        assert!(registers.holds(self), "forward must precede reverse on the same registers");
        assert_eq!(output_adjoint.len(), self.outputs.len() * tile, "[output][tile]");
        assert_eq!(input_adjoint.len(), self.inputs * tile, "[input][tile]");
        super::reverse::sweep(self, self.isa, output_adjoint, registers, input_adjoint);
    }
}

/// Numbers of free storage columns.
#[derive(Default)]
struct Pool {
    free: Vec<u32>,
    count: usize,
}

impl Pool {
    fn take(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.count += 1;
            u32::try_from(self.count - 1).expect("fewer columns than registers, which are u32")
        })
    }
}

#[derive(Default)]
struct ForwardLayout {
    slots: Vec<u32>,
    constants: Vec<(u32, f64)>,
    steps: Vec<Step>,
    pool: Pool,
}

impl ForwardLayout {
    fn of(program: &Program, live: &[bool], kept: &[bool]) -> Self {
        let mut last_use = vec![0; program.ops.len()];
        for (r, op) in program.ops.iter().enumerate().filter(|(r, _)| live[*r]) {
            op.for_each_operand(|operand| last_use[operand as usize] = r);
        }
        let mut layout = Self { slots: vec![0; program.ops.len()], ..Self::default() };
        for (r, op) in program.ops.iter().enumerate().filter(|(r, _)| live[*r]) {
            if let Op::Const(c) = op {
                layout.slots[r] = layout.pool.take();
                layout.constants.push((layout.slots[r], *c));
            }
        }
        for (r, op) in program.ops.iter().enumerate().filter(|(r, _)| live[*r]) {
            if matches!(op, Op::Const(_)) {
                continue;
            }
            let op_in_slots = op.map(|operand| layout.slots[operand as usize]);
            // The result may take the place of an operand: each lane is read before it is written.
            op.for_each_operand(|operand| {
                let o = operand as usize;
                let constant = matches!(program.ops[o], Op::Const(_));
                if last_use[o] == r && !kept[o] && !constant {
                    layout.pool.free.push(layout.slots[o]);
                    last_use[o] = 0; // an operand that is read twice is freed once
                }
            });
            layout.slots[r] = layout.pool.take();
            layout.steps.push(Step { op: op_in_slots, to: layout.slots[r] });
        }
        layout
    }
}

#[derive(Default)]
struct ReverseLayout {
    /// Adjoint slot of each register that has received a contribution.
    slots: Vec<Option<u32>>,
    backs: Vec<Back>,
    pool: Pool,
}

impl ReverseLayout {
    fn of(program: &Program, live: &[bool], wanted: &[bool]) -> Self {
        let active = active(program, wanted);
        let mut layout = Self { slots: vec![None; program.ops.len()], ..Self::default() };
        for (r, op) in program.ops.iter().enumerate().rev() {
            if !live[r] || !active[r] {
                continue;
            }
            let register = u32::try_from(r).expect("registers are u32");
            for (k, output) in program.outputs.iter().enumerate() {
                if *output == register {
                    let k = u32::try_from(k).expect("outputs are registers");
                    layout.contribute(Rule::Seed(k), register, 0);
                }
            }
            let Some(own) = layout.slots[r] else { continue };
            if let Op::Input(k) = op {
                layout.backs.push(Back { rule: Rule::Input(*k), from: own, to: own, add: false });
            }
            let terms = terms(*op, register, |operand| active[operand as usize]);
            let mut taken = false;
            for (i, (rule, target)) in terms.iter().enumerate() {
                match target {
                    Target::Itself => {
                        layout.backs.push(Back { rule: *rule, from: own, to: own, add: false });
                    }
                    Target::Register(operand) => {
                        let slot = &mut layout.slots[*operand as usize];
                        if i + 1 == terms.len() && slot.is_none() {
                            *slot = Some(own);
                            taken = true;
                            if *rule != Rule::Plus {
                                let (from, to, add) = (own, own, false);
                                layout.backs.push(Back { rule: *rule, from, to, add });
                            }
                        } else {
                            layout.contribute(*rule, *operand, own);
                        }
                    }
                }
            }
            if !taken {
                layout.pool.free.push(own);
            }
        }
        layout
    }

    fn contribute(&mut self, rule: Rule, operand: u32, from: u32) {
        let slot = &mut self.slots[operand as usize];
        let add = slot.is_some();
        let to = *slot.get_or_insert_with(|| self.pool.take());
        self.backs.push(Back { rule, from, to, add });
    }
}

/// Whether each register depends differentiably on a wanted input.
fn active(program: &Program, wanted: &[bool]) -> Vec<bool> {
    let mut active: Vec<bool> = Vec::with_capacity(program.ops.len());
    for (r, op) in program.ops.iter().enumerate() {
        let depends = match op {
            Op::Input(k) => wanted[*k as usize],
            _ => {
                let register = u32::try_from(r).expect("registers are u32");
                !terms(*op, register, |operand| active[operand as usize]).is_empty()
            }
        };
        active.push(depends);
    }
    active
}

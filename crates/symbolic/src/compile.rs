//! From expressions to straight-line programs over columns of points.

use std::collections::HashMap;
use std::fmt;

use surrogate_jet::Function;
use surrogate_jet::tape::{Op, Program, Reg};

use crate::expr::{Call, Expr, Node};
use crate::graph::Graph;

/// Why an expression cannot be compiled: it still contains something that is not an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError {
    /// What is left, by name.
    pub leaf: String,
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is neither an input nor computable from the inputs", self.leaf)
    }
}

impl std::error::Error for CompileError {}

/// Compiles `outputs` to a program whose input column `k` is `inputs[k]`. Inputs may be any nodes:
/// a compound expression given as an input is read, not computed.
///
/// # Errors
/// [`CompileError`] if a symbol, jet or integral remains that is not an input.
pub fn compile(graph: &Graph, outputs: &[Node], inputs: &[Node]) -> Result<Program, CompileError> {
    let mut compiler = Compiler {
        graph,
        ops: Vec::new(),
        registers: HashMap::new(),
        polynomials: HashMap::new(),
        tables: HashMap::new(),
        program: Program::default(),
    };
    for (k, &node) in inputs.iter().enumerate() {
        if !compiler.registers.contains_key(&node) {
            let register = compiler.push(Op::Input(k as u32));
            compiler.registers.insert(node, register);
        }
    }
    for node in compiler.needed(outputs) {
        let register = compiler.emit(node)?;
        compiler.registers.insert(node, register);
    }
    let mut program = compiler.program;
    program.outputs = outputs.iter().map(|n| compiler.registers[n]).collect();
    program.ops = compiler.ops;
    program.inputs = inputs.len();
    Ok(program)
}

struct Compiler<'a> {
    graph: &'a Graph,
    ops: Vec<Op>,
    registers: HashMap<Node, Reg>,
    polynomials: HashMap<u32, u32>,
    tables: HashMap<u32, u32>,
    program: Program,
}

impl Compiler<'_> {
    fn push(&mut self, op: Op) -> Reg {
        self.ops.push(op);
        (self.ops.len() - 1) as Reg
    }

    /// Nodes to compute, arguments first; stops at inputs.
    fn needed(&self, outputs: &[Node]) -> Vec<Node> {
        let mut seen = vec![false; self.graph.len()];
        let mut stack = outputs.to_vec();
        let mut found = Vec::new();
        while let Some(node) = stack.pop() {
            if self.registers.contains_key(&node)
                || std::mem::replace(&mut seen[node.index()], true)
            {
                continue;
            }
            found.push(node);
            if !matches!(self.graph.expr(node), Expr::Jet(_) | Expr::Integral(_)) {
                self.graph.for_each_argument(node, |n| stack.push(n));
            }
        }
        found.sort_unstable();
        found
    }

    fn reg(&self, node: Node) -> Reg {
        self.registers[&node]
    }

    fn emit(&mut self, node: Node) -> Result<Reg, CompileError> {
        let graph = self.graph;
        Ok(match graph.expr(node) {
            Expr::Constant(bits) => self.push(Op::Const(f64::from_bits(*bits))),
            Expr::Symbol(s) => {
                return Err(CompileError { leaf: graph.symbol_name(*s).to_string() });
            }
            Expr::Jet(id) => {
                let jet = graph.jet(*id);
                let mut leaf = graph.function_name(jet.function).to_string();
                for &(s, k) in &jet.order.0 {
                    leaf.push_str(&format!("_{}{k}", graph.symbol_name(s)));
                }
                return Err(CompileError { leaf });
            }
            Expr::Integral(_) => {
                return Err(CompileError { leaf: "integral".to_string() });
            }
            Expr::Sum(k, terms) => self.emit_sum(f64::from_bits(*k), terms),
            Expr::Product(factors) => self.emit_product(factors),
            Expr::Call(call, a) => {
                let a = self.reg(*a);
                self.push(Op::Unary(function(*call), a))
            }
            Expr::Min(a, b) => self.push(Op::Min(self.reg(*a), self.reg(*b))),
            Expr::Max(a, b) => self.push(Op::Max(self.reg(*a), self.reg(*b))),
            Expr::Select(c, a, b) => {
                self.push(Op::Select(self.reg(*c), self.reg(*a), self.reg(*b)))
            }
            Expr::Clip(a, low, high) => {
                self.push(Op::Clip(self.reg(*a), f64::from_bits(*low), f64::from_bits(*high)))
            }
            Expr::Polynomial(a, p) => {
                let list = &mut self.program.polynomials;
                let index = *self.polynomials.entry(p.0).or_insert_with(|| {
                    list.push(graph.polynomials[p.index()].clone());
                    (list.len() - 1) as u32
                });
                let a = self.reg(*a);
                self.push(Op::Poly(a, index))
            }
            Expr::Table(a, t) => {
                let list = &mut self.program.tables;
                let index = *self.tables.entry(t.0).or_insert_with(|| {
                    list.push(graph.tables[t.index()].table.clone());
                    (list.len() - 1) as u32
                });
                let a = self.reg(*a);
                self.push(Op::Table(a, index))
            }
        })
    }

    fn emit_sum(&mut self, constant: f64, terms: &[(Node, u64)]) -> Reg {
        let mut terms: Vec<(Reg, f64)> =
            terms.iter().map(|&(n, c)| (self.reg(n), f64::from_bits(c))).collect();
        // a term with coefficient one first, if any: it needs no operation
        if let Some(k) = terms.iter().position(|&(_, c)| c == 1.0) {
            terms.swap(0, k);
        }
        let (first, c) = terms[0];
        let mut sum = if c == 1.0 { first } else { self.push(Op::Scale(first, c)) };
        for &(r, c) in &terms[1..] {
            sum = match c {
                1.0 => self.push(Op::Add(sum, r)),
                -1.0 => self.push(Op::Sub(sum, r)),
                _ => self.push(Op::Axpy(r, c, sum)),
            };
        }
        if constant != 0.0 {
            sum = self.push(Op::Shift(sum, constant));
        }
        sum
    }

    fn emit_product(&mut self, factors: &[(Node, u64)]) -> Reg {
        let mut numerator: Option<Reg> = None;
        let mut denominator: Option<Reg> = None;
        for &(n, e) in factors {
            let e = f64::from_bits(e);
            let power = self.emit_power(n, e.abs());
            let side = if e > 0.0 { &mut numerator } else { &mut denominator };
            *side = Some(match *side {
                None => power,
                Some(so_far) => {
                    self.ops.push(Op::Mul(so_far, power));
                    (self.ops.len() - 1) as Reg
                }
            });
        }
        match (numerator, denominator) {
            (Some(a), Some(b)) => self.push(Op::Div(a, b)),
            (None, Some(b)) => self.push(Op::Recip(b)),
            (Some(a), None) => a,
            (None, None) => self.push(Op::Const(1.0)),
        }
    }

    fn emit_power(&mut self, base: Node, exponent: f64) -> Reg {
        let base = self.reg(base);
        if exponent == 1.0 {
            base
        } else if exponent == 2.0 {
            self.push(Op::Mul(base, base))
        } else if exponent.fract() == 0.0 && exponent < 64.0 {
            self.push(Op::Powi(base, exponent as i32))
        } else if exponent == 0.5 {
            self.push(Op::Sqrt(base))
        } else if exponent == 1.5 {
            let root = self.push(Op::Sqrt(base));
            self.push(Op::Mul(root, base))
        } else {
            self.push(Op::Powf(base, exponent))
        }
    }
}

fn function(call: Call) -> Function {
    match call {
        Call::Exp => Function::Exp,
        Call::Ln => Function::Ln,
        Call::Sin => Function::Sin,
        Call::Cos => Function::Cos,
        Call::Tan => Function::Tan,
        Call::Sinh => Function::Sinh,
        Call::Cosh => Function::Cosh,
        Call::Tanh => Function::Tanh,
        Call::Asinh => Function::Asinh,
        Call::Atan => Function::Atan,
        Call::Erf => Function::Erf,
        Call::Abs => Function::Abs,
        Call::Sign => Function::Sign,
        Call::Step => Function::Step,
    }
}

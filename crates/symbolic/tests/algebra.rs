//! The algebra against plain numbers: normal form, derivatives, substitution, integrals.

use proptest::prelude::*;
use surrogate_symbolic::{Call, Environment, Graph, IntegralSpec, Jet, Node, SymbolId};

/// An expression of x, y and an unknown function u(x, y), smooth everywhere.
#[derive(Clone, Debug)]
enum Tree {
    X,
    Y,
    U,
    Number(f64),
    Add(Box<Tree>, Box<Tree>),
    Subtract(Box<Tree>, Box<Tree>),
    Multiply(Box<Tree>, Box<Tree>),
    /// a / (2 + b^2)
    Divide(Box<Tree>, Box<Tree>),
    /// (1 + a^2)^p
    Power(Box<Tree>, f64),
    Function(Call, Box<Tree>),
}

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::X),
        Just(Tree::Y),
        Just(Tree::U),
        (-2.0..2.0f64).prop_map(Tree::Number),
        Just(Tree::Number(1.0)),
    ];
    leaf.prop_recursive(4, 24, 2, |inner| {
        let pair = (inner.clone(), inner.clone()).prop_map(|(a, b)| (Box::new(a), Box::new(b)));
        let power = prop_oneof![Just(-1.0), Just(0.5), Just(2.0), Just(1.5)];
        let function = prop_oneof![
            Just(Call::Sin),
            Just(Call::Cos),
            Just(Call::Tanh),
            Just(Call::Atan),
            Just(Call::Asinh),
            Just(Call::Erf),
        ];
        prop_oneof![
            pair.clone().prop_map(|(a, b)| Tree::Add(a, b)),
            pair.clone().prop_map(|(a, b)| Tree::Subtract(a, b)),
            pair.clone().prop_map(|(a, b)| Tree::Multiply(a, b)),
            pair.prop_map(|(a, b)| Tree::Divide(a, b)),
            (inner.clone(), power).prop_map(|(a, p)| Tree::Power(Box::new(a), p)),
            (function, inner).prop_map(|(f, a)| Tree::Function(f, Box::new(a))),
        ]
    })
}

/// u(x, y) = sin(x + 2y), with all its derivatives.
fn u(jet: &Jet, x: f64, y: f64) -> f64 {
    let (by_x, by_y) = (jet.order.of(SymbolId(0)), jet.order.of(SymbolId(1)));
    let quarter_turns = f64::from(by_x + by_y);
    2f64.powi(i32::from(by_y)) * (x + 2.0 * y + quarter_turns * std::f64::consts::FRAC_PI_2).sin()
}

struct Algebra {
    graph: Graph,
    x: SymbolId,
    y: SymbolId,
    u: Node,
}

impl Algebra {
    fn new() -> Self {
        let mut graph = Graph::new();
        let (x, y) = (graph.add_symbol("x"), graph.add_symbol("y"));
        let function = graph.add_function("u", &[x, y]);
        let u = graph.function_value(function);
        Self { graph, x, y, u }
    }

    fn node(&mut self, tree: &Tree) -> Node {
        match tree {
            Tree::X => self.graph.symbol(self.x),
            Tree::Y => self.graph.symbol(self.y),
            Tree::U => self.u,
            Tree::Number(v) => self.graph.constant(*v),
            Tree::Add(a, b) => {
                let (a, b) = (self.node(a), self.node(b));
                self.graph.add(a, b)
            }
            Tree::Subtract(a, b) => {
                let (a, b) = (self.node(a), self.node(b));
                self.graph.sub(a, b)
            }
            Tree::Multiply(a, b) => {
                let (a, b) = (self.node(a), self.node(b));
                self.graph.mul(a, b)
            }
            Tree::Divide(a, b) => {
                let (a, b) = (self.node(a), self.node(b));
                let square = self.graph.powf(b, 2.0);
                let below = self.graph.linear(2.0, &[(square, 1.0)]);
                self.graph.div(a, below)
            }
            Tree::Power(a, p) => {
                let a = self.node(a);
                let square = self.graph.powf(a, 2.0);
                let base = self.graph.linear(1.0, &[(square, 1.0)]);
                self.graph.powf(base, *p)
            }
            Tree::Function(f, a) => {
                let a = self.node(a);
                self.graph.call(*f, a)
            }
        }
    }

    fn value(&self, node: Node, x: f64, y: f64) -> f64 {
        let symbols = |s: SymbolId| if s == self.x { x } else { y };
        let jets = |jet: &Jet, places: &[f64]| {
            let at = |s: SymbolId, running: f64| {
                let found = jet.at.iter().position(|(t, _)| *t == s);
                found.map_or(running, |k| places[k])
            };
            u(jet, at(self.x, x), at(self.y, y))
        };
        self.graph.evaluate(node, &Environment { symbols: &symbols, jets: &jets })
    }
}

fn plain(tree: &Tree, x: f64, y: f64) -> f64 {
    let go = |t: &Tree| plain(t, x, y);
    match tree {
        Tree::X => x,
        Tree::Y => y,
        Tree::U => (x + 2.0 * y).sin(),
        Tree::Number(v) => *v,
        Tree::Add(a, b) => go(a) + go(b),
        Tree::Subtract(a, b) => go(a) - go(b),
        Tree::Multiply(a, b) => go(a) * go(b),
        Tree::Divide(a, b) => go(a) / (2.0 + go(b).powi(2)),
        Tree::Power(a, p) => (1.0 + go(a).powi(2)).powf(*p),
        Tree::Function(f, a) => match f {
            Call::Sin => go(a).sin(),
            Call::Cos => go(a).cos(),
            Call::Tanh => go(a).tanh(),
            Call::Atan => go(a).atan(),
            Call::Asinh => go(a).asinh(),
            _ => surrogate_jet::Function::Erf.value(go(a)),
        },
    }
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * (1.0 + a.abs().max(b.abs()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_normal_form_has_the_value_that_was_written(
        tree in trees(), x in -1.5..1.5f64, y in -1.5..1.5f64,
    ) {
        let mut algebra = Algebra::new();
        let node = algebra.node(&tree);
        let (found, wanted) = (algebra.value(node, x, y), plain(&tree, x, y));
        prop_assert!(close(found, wanted, 1e-9), "{found} {wanted}");
    }

    #[test]
    fn derivatives_agree_with_finite_differences(
        tree in trees(), x in -1.0..1.0f64, y in -1.0..1.0f64,
    ) {
        let mut algebra = Algebra::new();
        let node = algebra.node(&tree);
        let h = 1e-4;
        for (symbol, dx, dy) in [(algebra.x, h, 0.0), (algebra.y, 0.0, h)] {
            let slope = algebra.graph.diff(node, symbol);
            let at = |k: f64| algebra.value(node, x + k * dx, y + k * dy);
            let wanted = (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * h);
            let found = algebra.value(slope, x, y);
            // differences of a function with large higher derivatives are no judge
            let rough = (at(1.0) - at(-1.0)) / (2.0 * h);
            prop_assume!(close(rough, wanted, 1e-5));
            prop_assert!(close(found, wanted, 1e-6), "{found} {wanted}");
        }
    }

    #[test]
    fn mixed_derivatives_do_not_depend_on_the_order(
        tree in trees(), x in -1.0..1.0f64, y in -1.0..1.0f64,
    ) {
        let mut algebra = Algebra::new();
        let node = algebra.node(&tree);
        let (by_x, by_y) = (algebra.graph.diff(node, algebra.x), algebra.graph.diff(node, algebra.y));
        let (xy, yx) = (algebra.graph.diff(by_x, algebra.y), algebra.graph.diff(by_y, algebra.x));
        let (xy, yx) = (algebra.value(xy, x, y), algebra.value(yx, x, y));
        prop_assert!(close(xy, yx, 1e-7), "{xy} {yx}");
    }

    #[test]
    fn a_substituted_symbol_has_the_value_of_its_expression(
        tree in trees(), inner in trees(), x in -1.0..1.0f64, y in -1.0..1.0f64,
    ) {
        let mut algebra = Algebra::new();
        let (node, replacement) = (algebra.node(&tree), algebra.node(&inner));
        let replaced = algebra.graph.substitute(node, &[(algebra.x, replacement)]);
        let place = algebra.value(replacement, x, y);
        let (found, wanted) = (algebra.value(replaced, x, y), algebra.value(node, place, y));
        prop_assert!(close(found, wanted, 1e-7), "{found} {wanted}");
    }

    #[test]
    fn a_derivative_commutes_with_substituting_the_other_symbol(
        tree in trees(), place in -1.0..1.0f64, x in -1.0..1.0f64,
    ) {
        let mut algebra = Algebra::new();
        let node = algebra.node(&tree);
        let constant = algebra.graph.constant(place);
        let map = [(algebra.y, constant)];
        let first = algebra.graph.diff(node, algebra.x);
        let first = algebra.graph.substitute(first, &map);
        let second = algebra.graph.substitute(node, &map);
        let second = algebra.graph.diff(second, algebra.x);
        let (a, b) = (algebra.value(first, x, 9.0), algebra.value(second, x, 9.0));
        prop_assert!(close(a, b, 1e-8), "{a} {b}");
    }
}

#[test]
fn equal_expressions_are_one_node() {
    let mut algebra = Algebra::new();
    let (x, y, u) = (algebra.graph.symbol(algebra.x), algebra.graph.symbol(algebra.y), algebra.u);
    let g = &mut algebra.graph;
    let (xy, yx) = (g.mul(x, y), g.mul(y, x));
    assert_eq!(xy, yx);
    assert_eq!(g.div(xy, y), x, "a common factor cancels");
    let (a, b) = (g.add(x, y), g.add(y, x));
    assert_eq!(a, b);
    let difference = g.sub(a, b);
    assert!(g.is_zero(difference));
    let (twice, six) = (g.scale(2.0, u), g.scale(6.0, u));
    assert_eq!(g.scale(3.0, twice), six);
    let (left, right) = (g.mul(twice, x), g.mul(u, x));
    assert_eq!(left, g.scale(2.0, right), "constants are pulled out of products");
    let (root, half) = (g.sqrt(x), g.powf(x, -0.5));
    assert_eq!(g.powf(root, 2.0), x);
    let product = g.mul(root, half);
    assert_eq!(g.as_constant(product), Some(1.0));
}

#[test]
fn the_root_of_a_square_is_not_its_base() {
    let mut algebra = Algebra::new();
    let x = algebra.graph.symbol(algebra.x);
    let square = algebra.graph.powf(x, 2.0);
    let root = algebra.graph.sqrt(square);
    assert_eq!(algebra.value(root, -3.0, 0.0), 3.0);
    let negative = algebra.graph.scale(-2.0, x);
    let root = algebra.graph.sqrt(negative);
    assert_eq!(algebra.value(root, -8.0, 0.0), 4.0);
}

#[test]
fn a_place_is_taken_after_the_derivative() {
    let mut algebra = Algebra::new();
    let slope = algebra.graph.diff(algebra.u, algebra.x);
    let half = algebra.graph.constant(0.5);
    let there = algebra.graph.substitute(slope, &[(algebra.x, half)]);
    assert!(close(algebra.value(there, 9.0, 0.25), 1f64.cos(), 1e-14));
    let by_x = algebra.graph.diff(there, algebra.x);
    assert!(algebra.graph.is_zero(by_x), "nothing depends on x at a fixed x");
    assert_eq!(algebra.graph.free_symbols(&[there]), vec![algebra.y]);
}

#[test]
fn an_integral_binds_its_symbol() {
    let mut algebra = Algebra::new();
    let (x, y) = (algebra.graph.symbol(algebra.x), algebra.graph.symbol(algebra.y));
    let (zero, two) = (algebra.graph.constant(0.0), algebra.graph.constant(2.0));
    let cube = algebra.graph.powf(x, 3.0);
    let body = algebra.graph.mul(cube, y);
    let spec = IntegralSpec { body, symbol: algebra.x, lower: zero, upper: two };
    let integral = algebra.graph.integral(spec);
    assert!(close(algebra.value(integral, 77.0, 3.0), 12.0, 1e-13));
    assert_eq!(algebra.graph.free_symbols(&[integral]), vec![algebra.y]);
    let by_y = algebra.graph.diff(integral, algebra.y);
    assert!(close(algebra.value(by_y, 77.0, 3.0), 4.0, 1e-13));
    let by_x = algebra.graph.diff(integral, algebra.x);
    assert!(algebra.graph.is_zero(by_x));
    let outside = algebra.graph.substitute(integral, &[(algebra.x, y)]);
    assert_eq!(outside, integral, "the bound symbol is left alone");
    let inside = algebra.graph.substitute(integral, &[(algebra.y, two)]);
    assert!(close(algebra.value(inside, 77.0, 99.0), 8.0, 1e-13));
}

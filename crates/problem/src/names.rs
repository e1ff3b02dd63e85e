//! Names worked out: constants, definitions, cycles, and names that mean nothing.

use crate::diagnose::{ErrorKind, Mistake, closest};
use crate::lower::Context;
use crate::scope::{ConstantBody, Entity, Mode, Session, Typed};
use crate::source::Span;

impl Session {
    /// An unknown name, with what was probably meant.
    pub(crate) fn unknown_symbol(&mut self, name: &str, span: Span, context: Context<'_>) {
        let mut known = self.known_names();
        let locals: Vec<&str> = context.locals.iter().map(|(n, _)| n.as_str()).collect();
        known.retain(|n| !locals.contains(n));
        known.splice(0..0, locals);
        let help = if let Some(near) = closest(name, &known) {
            let about = match self.names.get(near) {
                Some((Entity::Field(i), _)) => {
                    let field = &self.fields[*i];
                    let unit = field.unit.map_or(String::new(), |u| u.to_string());
                    let words = [field.description.as_str(), unit.as_str()];
                    let words: Vec<&str> = words.into_iter().filter(|w| !w.is_empty()).collect();
                    format!(" ({})", words.join(", "))
                }
                Some((entity, _)) => format!(" ({})", entity.words()),
                None => String::new(),
            };
            format!("did you mean `{near}`{about}?")
        } else {
            let list: Vec<&str> = known.iter().copied().take(16).collect();
            let more = if known.len() > list.len() { ", …" } else { "" };
            format!("defined here: {}{more}", list.join(", "))
        };
        let message = format!("`{name}` is not defined");
        self.report(Mistake::new(ErrorKind::UnknownSymbol, message).at(span, "unknown").help(help));
    }

    /// Notes that a name is being worked out; reports a cycle.
    pub(crate) fn enter(&mut self, name: &str, span: Span) -> Option<()> {
        if let Some(from) = self.stack.iter().position(|n| n == name) {
            let mut round: Vec<&str> = self.stack[from..].iter().map(String::as_str).collect();
            round.push(name);
            let label = round.join(" → ");
            let message = format!("`{name}` is defined by itself");
            // one report for the whole round, at its alphabetically first member
            let first = self.stack[from..].iter().min().cloned().unwrap_or_default();
            let at = self.names.get(&first).map_or(span, |n| n.1);
            let message =
                if first == name { message } else { format!("`{first}` is defined by itself") };
            self.report(Mistake::new(ErrorKind::Cycle, message).at(at, label));
            return None;
        }
        self.stack.push(name.to_string());
        Some(())
    }

    /// A definition in a mode; worked out once for each.
    pub(crate) fn lower_definition(
        &mut self,
        index: usize,
        span: Span,
        mode: Mode,
    ) -> Option<Typed> {
        let name = self.definitions[index].name.clone();
        if let Some(&known) = self.memo.get(&(name.clone(), mode)) {
            return self.recalled(known, span);
        }
        let body = self.definitions[index].body.clone()?;
        self.enter(&name, span)?;
        let known = self.measured(|s| s.lower(&body, Context::global(mode)));
        self.stack.pop();
        self.memo.insert((name, mode), known);
        known.0
    }

    /// The value of a constant as a node.
    pub(crate) fn constant_value(&mut self, index: usize) -> Option<Typed> {
        if let Some(known) = self.constants[index].value {
            return known;
        }
        let name = self.constants[index].name.clone();
        let span = self.constants[index].span;
        let typed = match self.constants[index].body.clone() {
            ConstantBody::Broken => None,
            ConstantBody::Quantity(q) => {
                let unit = if q.plain && q.value == 0.0 { None } else { Some(q.unit.dimension) };
                Some(Typed { node: self.graph.constant(q.value), unit })
            }
            ConstantBody::Expression(expr) => {
                self.enter(&name, span)?;
                let typed = self.lower(&expr, Context::global(Mode::Constant));
                self.stack.pop();
                typed.filter(|t| {
                    let finite = self.graph.as_constant(t.node).is_some_and(f64::is_finite);
                    if !finite {
                        let message = format!("the constant `{name}` is not a finite number");
                        self.report(Mistake::new(ErrorKind::Range, message).at(expr.span, ""));
                    }
                    finite
                })
            }
        };
        self.constants[index].value = Some(typed);
        typed
    }
}

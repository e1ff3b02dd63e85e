//! Which names an expression rests on, through definitions and functions, and from that which
//! parameters each field depends on.

use std::collections::HashSet;

use crate::ast::{Expr, Kind};
use crate::functions::Function;
use crate::scope::{Entity, Session};

impl Session {
    /// All things that the expressions mention, directly or through what they mention.
    pub(crate) fn mentions<'a>(
        &self,
        roots: impl IntoIterator<Item = &'a Expr>,
    ) -> HashSet<Entity> {
        let mut found = HashSet::new();
        for expr in roots {
            self.collect(expr, &[], &mut found);
        }
        found
    }

    fn collect(&self, expr: &Expr, locals: &[String], found: &mut HashSet<Entity>) {
        let mut names: Vec<&str> = Vec::new();
        expr.walk(&mut |e| match &e.kind {
            Kind::Name(name) => names.push(name),
            Kind::Call(name, _) => names.push(name),
            Kind::At(_, places) => names.extend(places.iter().map(|p| p.name.as_str())),
            _ => {}
        });
        for name in names {
            if locals.iter().any(|l| l == name) {
                continue;
            }
            let Some(&(entity, _)) = self.names.get(name) else {
                continue;
            };
            if !found.insert(entity) {
                continue;
            }
            match entity {
                Entity::Definition(i) => {
                    if let Some(body) = &self.definitions[i].body {
                        self.collect(body, &[], found);
                    }
                }
                Entity::Function(i) => {
                    if let Some(Function::Expression { arguments, body, .. }) =
                        &self.functions[i].body
                    {
                        self.collect(body, arguments, found);
                    }
                }
                _ => {}
            }
        }
    }

    /// Parameters of each field, by position: those in statements that hold the field, and those
    /// of fields that share a statement with it.
    pub(crate) fn field_parameters(&self, statements: &[HashSet<Entity>]) -> Vec<Vec<usize>> {
        let mut sets: Vec<HashSet<usize>> = vec![HashSet::new(); self.fields.len()];
        loop {
            let mut grown = false;
            for mentions in statements {
                let fields: Vec<usize> = mentions
                    .iter()
                    .filter_map(|e| if let Entity::Field(i) = e { Some(*i) } else { None })
                    .collect();
                let mut union: HashSet<usize> = mentions
                    .iter()
                    .filter_map(|e| if let Entity::Parameter(i) = e { Some(*i) } else { None })
                    .collect();
                fields.iter().for_each(|&f| union.extend(&sets[f]));
                for &f in &fields {
                    let before = sets[f].len();
                    sets[f].extend(&union);
                    grown |= sets[f].len() > before;
                }
            }
            if !grown {
                break;
            }
        }
        sets.into_iter()
            .map(|set| {
                let mut list: Vec<usize> = set.into_iter().collect();
                list.sort_unstable();
                list
            })
            .collect()
    }
}

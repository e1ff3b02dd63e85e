//! Stage energies and the unattributed rest add up exactly, whatever happens.

use proptest::prelude::*;
use surrogate_meter::{Amount, Ledger, StageId};

const CHANNELS: usize = 3;

#[derive(Debug, Clone)]
enum Event {
    /// An interval of time with these energies, and the CPU time of each thread in it.
    Pass(Amount, Vec<u64>),
    /// A stage opens on a thread, inside that thread's innermost stage.
    Open { thread: usize, name: u8 },
    /// A stage opens on a thread, inside a stage of any thread.
    OpenInside { thread: usize, of: usize, name: u8 },
    /// A thread closes its innermost stage.
    Close { thread: usize },
    /// A thread closes its outermost stage first.
    CloseOutOfOrder { thread: usize },
    /// A panic unwinds all of a thread's stages at one moment.
    Unwind { thread: usize },
}

fn quantity() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0..10_u64, any::<u32>().prop_map(u64::from), any::<u64>()]
}

fn event() -> impl Strategy<Value = Event> {
    let thread = 0..4_usize;
    let amount = (prop::collection::vec(quantity(), CHANNELS), quantity(), quantity())
        .prop_map(|(energy_uj, wall_ns, cpu_ns)| Amount { energy_uj, wall_ns, cpu_ns });
    prop_oneof![
        5 => (amount, prop::collection::vec(quantity(), 4))
            .prop_map(|(amount, cpu)| Event::Pass(amount, cpu)),
        3 => (thread.clone(), 0..5_u8).prop_map(|(thread, name)| Event::Open { thread, name }),
        1 => (thread.clone(), 0..4_usize, 0..5_u8)
            .prop_map(|(thread, of, name)| Event::OpenInside { thread, of, name }),
        2 => thread.clone().prop_map(|thread| Event::Close { thread }),
        1 => thread.clone().prop_map(|thread| Event::CloseOutOfOrder { thread }),
        1 => thread.prop_map(|thread| Event::Unwind { thread }),
    ]
}

fn apply(ledger: &mut Ledger, stacks: &mut [Vec<StageId>], event: &Event) {
    match event {
        Event::Pass(amount, cpu) => {
            let innermost = |stack: &Vec<StageId>| stack.last().copied();
            let cpu = stacks.iter().zip(cpu).filter_map(|(s, &ns)| Some((innermost(s)?, ns)));
            ledger.advance_by(amount, &cpu.collect::<Vec<_>>());
        }
        Event::Open { thread, name } => {
            let parent = stacks[*thread].last().copied();
            stacks[*thread].push(ledger.open(parent, &format!("s{name}")));
        }
        Event::OpenInside { thread, of, name } => {
            let parent = stacks[*of].last().copied();
            stacks[*thread].push(ledger.open(parent, &format!("s{name}")));
        }
        Event::Close { thread } => {
            if let Some(id) = stacks[*thread].pop() {
                ledger.close(id);
            }
        }
        Event::CloseOutOfOrder { thread } => {
            if !stacks[*thread].is_empty() {
                ledger.close(stacks[*thread].remove(0));
            }
        }
        Event::Unwind { thread } => {
            while let Some(id) = stacks[*thread].pop() {
                ledger.close(id);
            }
        }
    }
}

/// For each quantity: sum over stages and unattributed, and the ledger's own total.
fn sums(ledger: &Ledger) -> Vec<(u128, u128)> {
    let quantities = |amount: &Amount| -> Vec<u128> {
        let times = [amount.wall_ns, amount.cpu_ns];
        amount.energy_uj.iter().chain(&times).map(|&q| u128::from(q)).collect()
    };
    let mut parts = quantities(ledger.unattributed());
    for stage in ledger.stages() {
        for (sum, q) in parts.iter_mut().zip(quantities(&stage.own)) {
            *sum += q;
        }
    }
    parts.into_iter().zip(quantities(ledger.total())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn stages_and_rest_add_up(events in prop::collection::vec(event(), 0..60)) {
        let mut ledger = Ledger::new(CHANNELS);
        let mut stacks = vec![Vec::new(); 4];
        for event in &events {
            apply(&mut ledger, &mut stacks, event);
            for (parts, total) in sums(&ledger) {
                prop_assert_eq!(parts, total);
            }
        }
        let opened = events
            .iter()
            .filter(|e| matches!(e, Event::Open { .. } | Event::OpenInside { .. }))
            .count() as u64;
        prop_assert_eq!(ledger.stages().iter().map(|s| s.calls).sum::<u64>(), opened);
    }

}

proptest! {
    #[test]
    fn a_resumed_ledger_goes_on_as_if_never_stopped(
        first in prop::collection::vec(event(), 0..40),
        second in prop::collection::vec(event(), 0..40),
    ) {
        let run = |ledger: &mut Ledger, events: &[Event]| {
            let mut stacks = vec![Vec::new(); 4];
            for event in events {
                apply(ledger, &mut stacks, event);
            }
            ledger.close_all();
        };
        let mut whole = Ledger::new(CHANNELS);
        run(&mut whole, &first);
        let mut resumed =
            Ledger::resume(CHANNELS, whole.stages().to_vec(), whole.unattributed().clone());
        run(&mut whole, &second);
        run(&mut resumed, &second);
        prop_assert_eq!(whole.stages(), resumed.stages());
        prop_assert_eq!(whole.unattributed(), resumed.unattributed());
        prop_assert_eq!(whole.total(), resumed.total());
    }

    #[test]
    fn concurrent_stages_differ_by_at_most_one_unit(q in any::<u64>(), count in 1..9_u64) {
        let mut ledger = Ledger::new(1);
        for i in 0..count {
            ledger.open(None, &format!("s{i}"));
        }
        ledger.advance(&Amount { energy_uj: vec![q], wall_ns: 0, cpu_ns: 0 });
        let shares: Vec<u64> = ledger.stages().iter().map(|s| s.own.total_uj()).collect();
        prop_assert!(shares.is_sorted_by(|a, b| a >= b));
        prop_assert!(shares[0] - shares[shares.len() - 1] <= 1);
    }
}

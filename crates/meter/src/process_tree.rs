//! CPU time of a process and everything it has started, while it runs.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// Kernel ticks of the process files are 10 ms on every Linux that shows them to programs.
const TICK_NS: u64 = 10_000_000;

/// CPU time (user and system) of process `pid`, of its descendants, and of their children that
/// have ended and been waited for, ns; resolution 10 ms. `None` if there is no such process.
///
/// Cost: about 10 µs a process where the kernel lists children, else a walk over all processes.
#[must_use]
pub fn tree_cpu_ns(proc_root: &Path, pid: u32) -> Option<u64> {
    let mut sum = ticks(proc_root, pid)?.used;
    let lists = proc_root.join(format!("{pid}/task/{pid}/children")).exists();
    let map = if lists { HashMap::new() } else { by_parent(proc_root) };
    let mut open = children(proc_root, pid, lists, &map);
    let mut seen = vec![pid];
    while let Some(child) = open.pop() {
        if seen.contains(&child) {
            continue;
        }
        seen.push(child);
        // a process that has just ended is counted by its parent at the next reading
        if let Some(record) = ticks(proc_root, child) {
            sum = sum.saturating_add(record.used);
            open.extend(children(proc_root, child, lists, &map));
        }
    }
    Some(sum.saturating_mul(TICK_NS))
}

struct Ticks {
    parent: u32,
    /// Own time and that of children waited for.
    used: u64,
}

fn ticks(proc_root: &Path, pid: u32) -> Option<Ticks> {
    let stat = fs::read_to_string(proc_root.join(format!("{pid}/stat"))).ok()?;
    // the name, in parentheses, may hold anything
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let parent = fields.nth(1)?.parse().ok()?;
    let times: Vec<u64> = fields.skip(9).take(4).filter_map(|f| f.parse().ok()).collect();
    (times.len() == 4).then(|| Ticks { parent, used: times.iter().sum() })
}

fn children(proc_root: &Path, pid: u32, lists: bool, map: &HashMap<u32, Vec<u32>>) -> Vec<u32> {
    if !lists {
        return map.get(&pid).cloned().unwrap_or_default();
    }
    let threads = fs::read_dir(proc_root.join(format!("{pid}/task"))).into_iter().flatten();
    let lists = threads
        .filter_map(Result::ok)
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|text| text.split_whitespace().filter_map(|n| n.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// All processes by their parent.
fn by_parent(proc_root: &Path) -> HashMap<u32, Vec<u32>> {
    let mut map: HashMap<u32, Vec<u32>> = HashMap::new();
    let entries = fs::read_dir(proc_root).into_iter().flatten().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    for pid in pids {
        if let Some(record) = ticks(proc_root, pid) {
            map.entry(record.parent).or_default().push(pid);
        }
    }
    map
}

/// Makes orphans of this process's descendants its own children instead of init's, so that their
/// CPU time stays in the tree. Linux only; elsewhere it does nothing.
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    #[allow(unsafe_code)]
    // SAFETY: the call takes numbers only and changes nothing but an attribute of this process.
    unsafe {
        libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(root: &Path, pid: u32, parent: u32, times: [u64; 4], children: Option<&str>) {
        let folder = root.join(format!("{pid}/task/{pid}"));
        fs::create_dir_all(&folder).unwrap();
        let [u, s, cu, cs] = times;
        let stat =
            format!("{pid} (a (b) c) S {parent} 1 1 0 -1 0 0 0 0 0 {u} {s} {cu} {cs} 20 0\n");
        fs::write(root.join(format!("{pid}/stat")), stat).unwrap();
        if let Some(children) = children {
            fs::write(folder.join("children"), children).unwrap();
        }
    }

    #[test]
    fn a_tree_is_summed_with_its_ended_children() {
        for lists in [true, false] {
            let root = tempfile::tempdir().unwrap();
            let list = |text| lists.then_some(text);
            process(root.path(), 10, 1, [5, 1, 2, 0], list("11 12 "));
            process(root.path(), 11, 10, [7, 0, 0, 0], list("13 "));
            process(root.path(), 12, 10, [0, 4, 0, 0], list(""));
            process(root.path(), 13, 11, [100, 0, 0, 0], list(""));
            process(root.path(), 14, 1, [9_999, 0, 0, 0], list(""));
            let ns = tree_cpu_ns(root.path(), 10);
            assert_eq!(ns, Some(119 * TICK_NS), "lists: {lists}");
        }
    }

    #[test]
    fn a_missing_process_is_none_and_a_loop_ends() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(tree_cpu_ns(root.path(), 3), None);
        process(root.path(), 3, 4, [1, 0, 0, 0], Some("4"));
        process(root.path(), 4, 3, [1, 0, 0, 0], Some("3"));
        assert_eq!(tree_cpu_ns(root.path(), 3), Some(2 * TICK_NS));
    }

    #[test]
    fn the_tree_of_this_process_holds_its_own_time() {
        let root = Path::new("/proc");
        if !root.join("self/stat").exists() {
            return;
        }
        let pid = std::process::id();
        let before = tree_cpu_ns(root, pid).unwrap();
        let mut child = std::process::Command::new("sh")
            .args(["-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"])
            .spawn()
            .unwrap();
        let mut most = 0;
        while child.try_wait().unwrap().is_none() {
            most = most.max(tree_cpu_ns(root, pid).unwrap());
        }
        assert!(most > before, "the running child is seen");
        assert!(tree_cpu_ns(root, pid).unwrap() >= most, "and kept when it has ended");
    }
}

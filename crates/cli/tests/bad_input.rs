//! Bad input: the exit code is 1, stderr says what, where and what to do, and nothing is lost.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use support::{files, problem, rod, rod_with, surrogate};
use tempfile::tempdir;

/// `check` and `train` refuse the rod with one text replaced, with the same words, and no run is
/// made.
#[track_caller]
fn refused(from: &str, to: &str, words: &[&str]) {
    let folder = tempdir().unwrap();
    let file = rod_with(folder.path(), from, to);
    surrogate(folder.path(), &["check", &file]).expect(1, words).expect(1, &["rod.toml"]);
    surrogate(folder.path(), &["train", &file]).expect(1, words).expect(1, &["rod.toml"]);
    assert_eq!(files(folder.path()).len(), 1, "something was written");
}

#[test]
fn a_misspelt_key_is_refused_with_a_suggestion() {
    refused("width = 8", "widht = 6", &["widht", "did you mean `width`?"]);
}

#[test]
fn a_misspelt_value_is_refused_with_a_suggestion() {
    refused("\"ssbroyden\"", "\"ssbroydn\"", &["ssbroydn", "did you mean `ssbroyden`?"]);
}

#[test]
fn an_unknown_symbol_is_refused_with_what_is_known() {
    refused("alpha * d(u, x, 2)", "alhpa * d(u, x, 2)", &["alhpa", "alpha"]);
}

#[test]
fn units_that_do_not_match_are_refused_with_both_units() {
    refused("alpha * d(u, x, 2)", "alpha * d(u, x)", &["different units", "K s^-1", "K m s^-1"]);
}

#[test]
fn a_parameter_range_of_zero_width_is_refused() {
    refused("\"0.01 .. 0.1 m^2/s\"", "\"0.1 .. 0.1 m^2/s\"", &["alpha", "range"]);
}

#[test]
fn a_reversed_parameter_range_is_refused() {
    refused("\"0.01 .. 0.1 m^2/s\"", "\"0.1 .. 0.01 m^2/s\"", &["alpha", "range"]);
}

#[test]
fn a_derivative_by_a_missing_coordinate_is_refused_and_named() {
    let folder = tempdir().unwrap();
    let file = rod_with(folder.path(), "alpha * d(u, x, 2)", "alpha * d(u, y, 2)");
    let text = fs::read_to_string(folder.path().join(&file)).unwrap();
    let text = text.replacen("x = \"0 m .. 1 m\"", "x = \"0 m .. 1 m\"\ny = \"0 m .. 1 m\"", 1);
    fs::write(folder.path().join(&file), text).unwrap();
    surrogate(folder.path(), &["check", &file]).expect(1, &["does not depend on `y`", "t, x"]);
}

#[test]
fn all_errors_of_a_file_come_at_once() {
    let folder = tempdir().unwrap();
    let file = rod_with(folder.path(), "alpha * d(u, x, 2)", "alhpa * d(u, x, 2)");
    let text = fs::read_to_string(folder.path().join(&file)).unwrap();
    fs::write(folder.path().join(&file), text.replacen("width = 8", "widht = 6", 1)).unwrap();
    surrogate(folder.path(), &["check", &file]).expect(1, &["alhpa", "widht"]);
}

#[test]
fn text_that_is_not_toml_is_refused_with_the_line() {
    refused("[fields.u]", "[fields.u", &["rod.toml:"]);
}

#[test]
fn a_file_that_does_not_exist_is_named() {
    let folder = tempdir().unwrap();
    surrogate(folder.path(), &["train", "no.toml"]).expect(1, &["no.toml", "does not exist"]);
    surrogate(folder.path(), &["check", "no.toml"]).expect(1, &["no.toml", "does not exist"]);
    surrogate(folder.path(), &["solve", "no.toml"]).expect(1, &["no.toml", "does not exist"]);
}

#[test]
fn a_file_that_is_not_text_is_refused() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("x.toml"), [0xff, 0xfe, 0x00, 0x80]).unwrap();
    surrogate(folder.path(), &["check", "x.toml"]).expect(1, &["x.toml", "UTF-8"]);
}

#[test]
fn a_misspelt_override_is_refused_with_a_suggestion() {
    let folder = tempdir().unwrap();
    let file = rod(folder.path());
    surrogate(folder.path(), &["train", &file, "--set", "network.widht=8"])
        .expect(1, &["widht", "width"]);
    surrogate(folder.path(), &["train", &file, "--set", "network.width"])
        .expect(1, &["network.width"]);
    surrogate(folder.path(), &["train", &file, "--set", "constants.T1=3 K"]).expect(1, &["T1"]);
    assert_eq!(files(folder.path()).len(), 1);
}

#[test]
fn wrong_flags_are_mistakes_of_the_user() {
    let folder = tempdir().unwrap();
    let file = rod(folder.path());
    let at = folder.path();
    surrogate(at, &["train", &file, "--sede", "1"]).expect(1, &["--sede", "--seed"]);
    surrogate(at, &["trian", &file]).expect(1, &["trian", "train"]);
    surrogate(at, &["train"]).expect(1, &["PROBLEM"]);
    surrogate(at, &["train", &file, "--threads", "0"]).expect(1, &["--threads"]);
    surrogate(at, &["train", &file, "--max-time", "fast"]).expect(1, &["fast", "30m"]);
    surrogate(at, &["train", &file, "--max-time", "-5"]).expect(1, &["-5", "30m"]);
    surrogate(at, &["train", &file, "--max-energy", "5"]).expect(1, &["`5`", "Wh"]);
    surrogate(at, &["train", &file, "--device", "gpu"]).expect(1, &["gpu", "cuda"]);
    assert_eq!(files(folder.path()).len(), 1);
}

#[test]
fn a_gpu_that_is_not_there_is_an_error_only_when_asked_for() {
    let folder = tempdir().unwrap();
    let file = rod(folder.path());
    let cuda = ["train", &file, "--device", "cuda:99", "--dry-run"];
    surrogate(folder.path(), &cuda).expect(1, &["cuda:99"]);
    surrogate(folder.path(), &["train", &file, "--device", "auto", "--dry-run"]).expect(0, &[]);
}

#[test]
fn help_and_version_are_no_errors() {
    let folder = tempdir().unwrap();
    for arguments in [&["--help"][..], &["--version"], &["train", "--help"]] {
        let said = surrogate(folder.path(), arguments);
        said.expect(0, &[]);
        assert!(said.stdout.contains("surrogate"), "{}", said.stdout);
    }
}

#[test]
fn an_existing_run_directory_is_not_touched() {
    let folder = tempdir().unwrap();
    let file = rod(folder.path());
    fs::create_dir_all(folder.path().join("runs/mine")).unwrap();
    fs::write(folder.path().join("runs/mine/notes.txt"), "kept").unwrap();
    let before = files(folder.path());
    surrogate(folder.path(), &["train", &file, "--name", "mine"])
        .expect(1, &["mine exists already", "--resume"]);
    assert_eq!(files(folder.path()), before);
}

#[test]
fn a_run_name_with_a_separator_is_refused() {
    let folder = tempdir().unwrap();
    let file = rod(folder.path());
    surrogate(folder.path(), &["train", &file, "--name", "../x"]).expect(1, &["../x"]);
    assert_eq!(files(folder.path()).len(), 1);
}

#[test]
fn an_output_folder_below_a_file_is_named() {
    let folder = tempdir().unwrap();
    let file = rod(folder.path());
    surrogate(folder.path(), &["train", &file, "--out", "rod.toml/runs"])
        .expect(1, &["rod.toml/runs", "--out"]);
    assert_eq!(files(folder.path()).len(), 1);
    let solve = ["solve", &file, "--out", "rod.toml/a.csv"];
    surrogate(folder.path(), &solve).expect(1, &["rod.toml/a.csv"]);
}

#[cfg(unix)]
#[test]
fn an_output_folder_without_the_right_to_write_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().unwrap();
    let file = rod(folder.path());
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(closed.join("probe"), "").is_ok() {
        eprintln!("skipped: this user may write everywhere (root)");
        return;
    }
    surrogate(folder.path(), &["train", &file, "--out", "closed"])
        .expect(1, &["cannot write", "closed", "--out"]);
    surrogate(folder.path(), &["solve", &file, "--out", "closed/a.csv"])
        .expect(1, &["cannot write", "closed/a.csv"]);
}

/// Runs the command with a tmpfs of `size` mounted at `disk`; `None` if none can be mounted.
#[cfg(target_os = "linux")]
fn on_small_disk(folder: &Path, size: &str, arguments: &str) -> Option<(i32, String)> {
    let mount = format!("mkdir -p disk && mount -t tmpfs -o size={size} tmpfs disk");
    let run = |script: &str| {
        Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
            .current_dir(folder)
            .env_remove("SURROGATE_RUNS")
            .stdin(Stdio::null())
            .output()
    };
    if !run(&mount).is_ok_and(|o| o.status.success()) {
        eprintln!("skipped: no small file system can be mounted here");
        return None;
    }
    let binary = env!("CARGO_BIN_EXE_surrogate");
    let script =
        format!("{mount} && {{ '{binary}' {arguments}; }}; code=$?; find disk >&2; exit $code");
    let output = run(&script).unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Some((output.status.code().unwrap_or(-1), text))
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named_and_leaves_no_half_file() {
    let folder = tempdir().unwrap();
    rod(folder.path());
    for size in ["4k", "16k", "64k", "128k"] {
        let train = "train rod.toml --out disk";
        let Some((code, text)) = on_small_disk(folder.path(), size, train) else { return };
        assert_eq!(code, 1, "{size}: {text}");
        assert!(text.contains("no space left"), "{size}: {text}");
        assert!(!text.contains(".writing-"), "{size}: {text}");
        assert!(!text.contains("panicked"), "{size}: {text}");
    }
}

/// The last whole checkpoint stays when the disk fills up, and with more room the run goes on.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_fills_up_while_training_leaves_a_run_that_can_be_resumed() {
    let folder = tempdir().unwrap();
    rod(folder.path());
    let fill = "head -c 100000000 /dev/zero > disk/filler 2>/dev/null";
    let train = "train rod.toml --out disk --name rod --threads 1 \
                 --set 'train.stages=[{optimizer=\"ssbroyden\", iterations=20000}]'";
    let script = format!(
        "{train} & pid=$!; while [ ! -s disk/rod/metrics.jsonl ]; do sleep 0.01; done; {fill}; \
         wait $pid; code=$?; cp disk/rod/checkpoints/last.ckpt .; rm disk/filler; \
         '{binary}' train --resume disk/rod --max-time 1s >&2 || code=9; (exit $code)",
        binary = env!("CARGO_BIN_EXE_surrogate")
    );
    let Some((code, text)) = on_small_disk(folder.path(), "32m", &script) else { return };
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("no space left") && text.contains("train --resume disk/rod"), "{text}");
    assert!(folder.path().join("last.ckpt").exists());
}

#[test]
fn parameters_of_predict_and_solve_are_checked_by_name_and_value() {
    let folder = tempdir().unwrap();
    let spm = problem("spm.toml");
    let solve = |params: &str| surrogate(folder.path(), &["solve", &spm, "--params", params]);
    solve("deg_i0=1").expect(1, &["deg_i0", "deg_i0_a"]);
    solve("deg_i0_a").expect(1, &["deg_i0_a", "NAME=VALUE"]);
    solve("deg_i0_a=one").expect(1, &["one", "deg_i0_a"]);
    solve("deg_i0_a=1,deg_i0_a=2").expect(1, &["deg_i0_a", "twice"]);
    solve("deg_i0_a=nan").expect(1, &["deg_i0_a", "finite"]);
    let times = |t: &str| surrogate(folder.path(), &["solve", &spm, "--times", t]);
    times("0,x").expect(1, &["`x`", "--times"]);
    times("0:10").expect(1, &["0:10"]);
    times("0:10:1").expect(1, &["two times"]);
    times("0:10:0").expect(1, &["two times"]);
    times("0:10:many").expect(1, &["`many`", "number of times"]);
    times("0:10:1000000000000").expect(1, &["at most"]);
    times("-5,0,10").expect(1, &["1 of 3 points", "0 .. 1350 s for t"]);
    times("0,1e9").expect(1, &["1 of 2 points", "0 .. 1350 s for t"]);
}

#[test]
fn points_of_predict_and_solve_are_checked_by_column_and_value() {
    let folder = tempdir().unwrap();
    let file = rod(folder.path());
    let solve = |text: &str| {
        fs::write(folder.path().join("p.csv"), text).unwrap();
        surrogate(folder.path(), &["solve", &file, "--points", "p.csv"])
    };
    solve("t,x\n1,0.5\n").expect(0, &[]);
    solve("t,z\n1,0.5\n").expect(1, &["p.csv", "`z`"]);
    solve("t,t,x\n1,2,0.5\n").expect(1, &["p.csv", "two columns `t`"]);
    solve("t,x,alpha\n1,0.5,0.05\n").expect(1, &["p.csv", "`alpha` is a parameter"]);
    solve("t,x\n").expect(1, &["p.csv", "no points"]);
    solve("t,x\n1,hot\n").expect(1, &["p.csv", "`x`"]);
    solve("t,x\n1,\n").expect(1, &["p.csv", "`x`"]);
    solve("").expect(1, &["p.csv"]);
    surrogate(folder.path(), &["solve", &file, "--points", "none.csv"])
        .expect(1, &["none.csv", "does not exist"]);
}

#[test]
fn a_problem_that_the_solver_does_not_cover_is_said_before_anything_is_asked() {
    let folder = tempdir().unwrap();
    let plate = "[coordinates]\nx = \"0 .. 1\"\ny = \"0 .. 1\"\n[fields.u]\n[[equations]]\n\
                 equation = \"lap(u) = 1\"\n[[conditions]]\nat = [\"x = 0\", \"x = 1\"]\n\
                 equation = \"u = 0\"\n";
    fs::write(folder.path().join("plate.toml"), plate).unwrap();
    surrogate(folder.path(), &["solve", "plate.toml"])
        .expect(1, &["the reference solver cannot treat this problem", "surrogate predict"]);
}

#[test]
fn an_unknown_scalar_is_told_from_a_parameter_and_can_be_set() {
    let folder = tempdir().unwrap();
    let file = rod_with(folder.path(), "[constants]", "[unknowns]\nk = \"0.5\"\n[constants]");
    let text = fs::read_to_string(folder.path().join(&file)).unwrap();
    fs::write(folder.path().join(&file), text.replace("= alpha *", "= k * alpha *")).unwrap();
    let solve = |more: &[&str]| {
        let all = ["solve", &file, "--times", "0,10"];
        surrogate(folder.path(), &[&all, more].concat())
    };
    solve(&["--params", "k=2"]).expect(1, &["unknown scalar", "--set unknowns.k="]);
    let (one, two) = (solve(&[]), solve(&["--set", "unknowns.k=2"]));
    one.expect(0, &[]);
    two.expect(0, &[]);
    assert_ne!(one.stdout, two.stdout);
}

#[test]
fn a_network_too_large_for_the_dense_optimiser_is_refused_with_a_way_out() {
    let folder = tempdir().unwrap();
    let file = rod_with(folder.path(), "width = 8", "width = 1024");
    surrogate(folder.path(), &["train", &file]).expect(1, &["ssbroyden needs", "lbfgs or adam"]);
    assert_eq!(files(folder.path()).len(), 1, "something was written");
}

#[test]
fn a_folder_in_place_of_a_file_is_named() {
    let folder = tempdir().unwrap();
    let file = rod(folder.path());
    let at = folder.path();
    fs::create_dir(at.join("sub")).unwrap();
    surrogate(at, &["check", "sub"]).expect(1, &["sub", "it is a folder"]);
    surrogate(at, &["solve", &file, "--params-file", "sub"]).expect(1, &["sub", "it is a folder"]);
    surrogate(at, &["solve", &file, "--out", "sub"]).expect(1, &["sub", "it is a folder"]);
    surrogate(at, &["solve", &file, "--out", "no/a.csv"]).expect(1, &["no/a.csv", "its folder"]);
}

#[test]
fn a_parameter_file_is_checked_by_column_and_value_and_read_as_spreadsheets_write_it() {
    let folder = tempdir().unwrap();
    let file = rod(folder.path());
    let solve = |text: &str| {
        fs::write(folder.path().join("a.csv"), text).unwrap();
        surrogate(folder.path(), &["solve", &file, "--params-file", "a.csv", "--times", "0,10"])
    };
    let plain = solve("alpha\n0.05\n0.02\n");
    plain.expect(0, &[]);
    assert_eq!(solve("\u{feff}alpha\r\n0.05\r\n\r\n0.02\r\n").stdout, plain.stdout);
    solve("alpha\nnan\n").expect(1, &["a.csv", "`alpha`", "finite"]);
    solve("alpha\n").expect(1, &["a.csv", "no rows"]);
    solve("alpha,alpha\n0.05,0.02\n").expect(1, &["a.csv", "two columns `alpha`"]);
    solve("beta\n1\n").expect(1, &["a.csv", "`beta`", "alpha"]);
    solve("alpha\n0,05\n").expect(1, &["a.csv", "line 2", "2 cells"]);
}

#[test]
fn a_derivative_beyond_what_networks_carry_is_refused() {
    let by = "alpha * d(u, x, 2) + L^4 * alpha * d(u, x, 6)";
    let folder = tempdir().unwrap();
    let file = rod_with(folder.path(), "alpha * d(u, x, 2)", by);
    surrogate(folder.path(), &["check", &file]).expect(1, &["order 6", "highest is 4"]);
    surrogate(folder.path(), &["train", &file]).expect(1, &["order 6", "highest is 4"]);
    assert_eq!(files(folder.path()).len(), 1, "something was written");
}

#[test]
fn a_run_that_does_not_exist_is_named() {
    let folder = tempdir().unwrap();
    for command in ["predict", "evaluate", "report"] {
        surrogate(folder.path(), &[command, "nowhere"]).expect(1, &["nowhere"]);
    }
    surrogate(folder.path(), &["train", "--resume", "nowhere"]).expect(1, &["nowhere"]);
    fs::create_dir(folder.path().join("plain")).unwrap();
    surrogate(folder.path(), &["predict", "plain"]).expect(1, &["plain", "not a run"]);
    surrogate(folder.path(), &["evaluate", "nowhere", "--points", "0"]).expect(1, &["--points"]);
    let many = ["evaluate", "nowhere", "--points", "1000000000"];
    surrogate(folder.path(), &many).expect(1, &["--points must be at most"]);
    surrogate(folder.path(), &["train", "--resume", ""]).expect(1, &["does not exist"]);
}

#[test]
fn runs_of_an_empty_folder_is_an_empty_list() {
    let folder = tempdir().unwrap();
    let said = surrogate(folder.path(), &["--json", "runs"]);
    said.expect(0, &["no runs"]);
    assert_eq!(said.json()["runs"].as_array().unwrap().len(), 0);
}

#[test]
fn errors_are_json_too_when_asked_for() {
    let folder = tempdir().unwrap();
    let file = rod_with(folder.path(), "width = 8", "widht = 6");
    for arguments in [&["--json", "train", &file][..], &["--json", "check", &file]] {
        let said = surrogate(folder.path(), arguments);
        said.expect(1, &["widht"]);
        assert!(said.json().to_string().contains("widht"), "{}", said.stdout);
        assert_eq!(said.stdout.lines().count(), 1);
    }
}

#[test]
fn solve_names_the_outputs_that_it_leaves_out() {
    let folder = tempdir().unwrap();
    let file = rod_with(folder.path(), "[outputs]\n", "[outputs]\nslope = \"d(u, x)\"\n");
    fs::write(folder.path().join("p.csv"), "t,x\n1,0.5\n").unwrap();
    let table = surrogate(folder.path(), &["solve", &file, "--points", "p.csv"]);
    table.expect(0, &["left out", "`slope`"]);
    assert!(!table.stdout.contains("slope"), "{}", table.stdout);
}

#[test]
fn a_forgotten_condition_is_warned_of() {
    let folder = tempdir().unwrap();
    let last = "[[conditions]]\nat = \"x = L\"\nequation = \"u = 0\"\n";
    let file = rod_with(folder.path(), last, "");
    surrogate(folder.path(), &["check", &file]).expect(0, &["`u`", "order 2 in x", "there is 1"]);
}

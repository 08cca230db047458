//! The end of a process: whatever is leaked or at work, it ends, at once and in order.

mod support;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::*;

use martlet_engine::*;

const CHILD: &str = "MARTLET_TEST_END";

/// What the child does when it is started by the other test; by itself it is nothing.
#[test]
fn child() {
    let Ok(how) = std::env::var(CHILD) else {
        return;
    };
    let (engine, _) = house_with(|it| it.max_threads = 2);
    let [f, g, h] = ["f", "g", "h"].map(|it| function(&engine, it));
    now(&engine, &f, answer(1)).unwrap();
    let endless = Work::new(answer(2).how(How::Endless));
    engine.request(&g, endless).unwrap();
    engine.request(&h, Work::new(answer(3))).unwrap();
    let finished = await_finished(&engine);
    assert_eq!(call(f.entry()), 1);
    std::mem::forget((f.clone(), h));
    match how.as_str() {
        "leak" => std::mem::forget((engine, f, g, finished)),
        "drop" => drop((finished, g, f, engine)),
        "shut down" => assert_eq!(engine.shut_down(), 1),
        _ => drop((engine, f, g, finished)),
    }
    std::process::exit(77);
}

#[test]
fn a_process_ends_with_functions_leaked_and_compiles_at_work() {
    for how in ["leak", "drop", "shut down", "engine first"] {
        let start = Instant::now();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(CHILD, how)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&child.stderr);
        assert_eq!(child.status.code(), Some(77), "{how}: {stderr}");
        // Nobody waits for the compile that never ends, but for the bound of `shut_down`.
        assert!(start.elapsed() < PATIENCE - Duration::from_secs(5), "{how}");
    }
}

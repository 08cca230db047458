//! A process beside this one, from its start to its end; and that this one does not notice. The process is this very
//! file, executed with the name of its first test.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use martlet_sidecar::{
    Beginning, Error, Service, Sidecar, Spec, answer_at_once, is_possible, serve,
};

/// By this the process knows what it is; its value is the milliseconds after which it ends.
const IDLE: &str = "SIDECAR_TEST_IDLE";
const VERSION: u64 = 3;
const LONG: Duration = Duration::from_secs(60);

/// What is looked at belongs to the whole process: children, descriptors.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Not a test, but what the process does. As a test it has nothing to do.
#[test]
fn process() {
    if let Some(idle) = std::env::var_os(IDLE) {
        let idle = idle.to_str().unwrap().parse().unwrap();
        serve(VERSION, Duration::from_millis(idle), Words).unwrap();
        std::process::exit(0);
    }
}

/// Orders are words.
struct Words;

static FORGOTTEN: AtomicUsize = AtomicUsize::new(0);

impl Service for Words {
    fn answer(&self, client: u64, order: &[u8]) -> Vec<u8> {
        let Ok(order) = std::str::from_utf8(order) else {
            return order.to_vec();
        };
        let (word, rest) = order.split_once(' ').unwrap_or((order, ""));
        let text = match word {
            "echo" => rest.to_owned(),
            "process" => std::process::id().to_string(),
            "client" => client.to_string(),
            "forgotten" => FORGOTTEN.load(Ordering::SeqCst).to_string(),
            "sleep" => {
                sleep(Duration::from_millis(rest.parse().unwrap()));
                "slept".to_owned()
            }
            "descriptors" => descriptors("self").join("\n"),
            "folder" => std::env::current_dir().unwrap().display().to_string(),
            "environment" => format!("{:?}", std::env::vars().collect::<Vec<_>>()),
            "panic" => panic!("as it was told"),
            "die" => {
                answer_at_once(rest.as_bytes());
                std::process::abort()
            }
            _ => unreachable!("{order}"),
        };
        text.into_bytes()
    }

    fn forget(&self, _client: u64) {
        FORGOTTEN.fetch_add(1, Ordering::SeqCst);
    }
}

fn spec(idle: Duration) -> Spec {
    Spec {
        program: std::env::current_exe().unwrap(),
        arguments: ["--exact", "process", "--nocapture"]
            .map(OsString::from)
            .to_vec(),
        environment: vec![(IDLE.into(), idle.as_millis().to_string().into())],
        version: VERSION,
    }
}

fn sidecar() -> Sidecar {
    is_possible().unwrap();
    Sidecar::new(spec(LONG))
}

fn ask(sidecar: &Sidecar, order: &str) -> Result<String, Error> {
    let answer = sidecar.exchange(order.as_bytes(), Beginning::IfNeeded)?;
    Ok(String::from_utf8(answer).unwrap())
}

fn process_of(sidecar: &Sidecar) -> i32 {
    let process = ask(sidecar, "process").unwrap().parse().unwrap();
    assert_eq!(sidecar.process(), Some(process as u32));
    process
}

/// Whether a process is there, and not only its status.
fn is_there(process: i32) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| {
        let state = stat.rsplit_once(") ").unwrap().1;
        !state.starts_with(['Z', 'X'])
    })
}

fn ends_within(process: i32, limit: Duration) -> bool {
    let until = Instant::now() + limit;
    while is_there(process) {
        if Instant::now() > until {
            return false;
        }
        sleep(Duration::from_millis(5));
    }
    true
}

fn kill(process: i32) {
    // SAFETY: a process that this test had started.
    assert_eq!(unsafe { libc::kill(process, libc::SIGKILL) }, 0);
}

/// What the descriptors of a process are.
fn descriptors(process: &str) -> Vec<String> {
    let folder = PathBuf::from(format!("/proc/{process}/fd"));
    let numbers = fs::read_dir(folder).unwrap();
    let described = numbers.filter_map(|it| {
        let path = it.unwrap().path();
        let what = fs::read_link(&path).ok()?;
        // Not that of the list itself.
        (!what.ends_with("fd")).then(|| format!("{}: {}", path.display(), what.display()))
    });
    let mut described: Vec<_> = described.collect();
    described.sort();
    described
}

/// Runs `work` in a child; answers the child's status.
fn in_child(work: impl FnOnce()) -> i32 {
    // SAFETY: the child does what it is told, and ends.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // SAFETY: always.
        unsafe { libc::_exit(i32::from(done.is_err())) };
    }
    let mut status = -1;
    // SAFETY: a child of this process.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    status
}

#[test]
fn what_is_asked_is_answered() {
    let _alone = alone();
    let sidecar = sidecar();
    assert_eq!(ask(&sidecar, "echo hello").unwrap(), "hello");
    assert_eq!(ask(&sidecar, "echo ").unwrap(), "");
    let much: Vec<u8> = (0..3_000_000_u32)
        .map(|it| (it % 251) as u8 | 0x80)
        .collect();
    let answer = sidecar.exchange(&much, Beginning::Never).unwrap();
    assert!(answer == much);
    assert_eq!(ask(&sidecar, "folder").unwrap(), "/");
    let environment = ask(&sidecar, "environment").unwrap();
    assert_eq!(environment, format!("[({IDLE:?}, \"60000\")]"));
    // One process answers them all, several at the same time, and knows this one.
    let process = process_of(&sidecar);
    scope(|scope| {
        for i in 0..8 {
            let sidecar = &sidecar;
            scope.spawn(move || {
                for j in 0..20 {
                    let order = format!("echo {i} {j}");
                    assert_eq!(ask(sidecar, &order).unwrap(), order[5..]);
                    assert_eq!(ask(sidecar, "client").unwrap(), "1");
                }
            });
        }
    });
    assert_eq!(process_of(&sidecar), process);
}

#[test]
fn nobody_is_started_who_is_not_wanted() {
    let _alone = alone();
    let sidecar = sidecar();
    let answer = sidecar.exchange(b"process", Beginning::Never);
    assert!(matches!(answer, Err(Error::Absent)), "{answer:?}");
    assert_eq!(sidecar.process(), None);
    process_of(&sidecar);
}

#[test]
fn threads_that_begin_together_start_one() {
    let _alone = alone();
    let sidecar = sidecar();
    let processes = Mutex::new(Vec::new());
    scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let process = ask(&sidecar, "process").unwrap();
                processes.lock().unwrap().push(process);
            });
        }
    });
    let mut processes = processes.into_inner().unwrap();
    processes.dedup();
    assert_eq!(processes.len(), 1, "{processes:?}");
}

static CHILDREN_THAT_ENDED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn child_ended(_signal: libc::c_int) {
    CHILDREN_THAT_ENDED.fetch_add(1, Ordering::SeqCst);
}

#[test]
fn it_is_nobodys_child() {
    let _alone = alone();
    // SAFETY: the handler only counts.
    let before = unsafe { libc::signal(libc::SIGCHLD, child_ended as *const () as usize) };
    let seen = CHILDREN_THAT_ENDED.load(Ordering::SeqCst);
    let sidecar = sidecar();
    let is_over = AtomicUsize::new(0);
    let waits = scope(|scope| {
        let waiting = scope.spawn(|| {
            let mut waits = 0;
            while is_over.load(Ordering::SeqCst) == 0 {
                // SAFETY: no status is wanted.
                let found = unsafe { libc::waitpid(-1, std::ptr::null_mut(), 0) };
                let error = std::io::Error::last_os_error().raw_os_error();
                assert_eq!((found, error), (-1, Some(libc::ECHILD)));
                waits += 1;
            }
            waits
        });
        for _ in 0..5 {
            let process = process_of(&sidecar);
            kill(process);
            assert!(ends_within(process, LONG));
        }
        is_over.store(1, Ordering::SeqCst);
        waiting.join().unwrap()
    });
    assert!(waits > 10, "{waits}");
    assert_eq!(CHILDREN_THAT_ENDED.load(Ordering::SeqCst), seen);
    // SAFETY: what was there before.
    unsafe { libc::signal(libc::SIGCHLD, before) };
}

#[test]
fn descriptors_are_not_seen_not_lost_and_not_inherited() {
    let _alone = alone();
    let mut ends = [0; 2];
    // SAFETY: room for two. Both would be inherited by whatever is executed.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    let before = descriptors("self");
    let sidecar = sidecar();
    let of_process = ask(&sidecar, "descriptors").unwrap();
    assert_eq!(of_process.matches("/dev/null").count(), 3, "{of_process}");
    assert_eq!(of_process.matches("pipe:").count(), 0, "{of_process}");
    assert_eq!(of_process.matches("socket:").count(), 2, "{of_process}");
    let number = scope(|scope| {
        let answer = scope.spawn(|| ask(&sidecar, "sleep 500"));
        sleep(Duration::from_millis(200));
        assert!(!answer.is_finished());
        // There is nothing of it here; and what is closed is not what it uses.
        assert_eq!(descriptors("self"), before);
        // SAFETY: tests that use descriptors are alone, and the standard streams stay.
        unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) };
        // Whatever gets the numbers now is not written to.
        let file = tempfile();
        assert_eq!(answer.join().unwrap().unwrap(), "slept");
        assert_eq!(file.metadata().unwrap().len(), 0);
        ask(&sidecar, "client").unwrap()
    });
    assert_eq!(number, "1");
}

fn tempfile() -> fs::File {
    let path = std::env::temp_dir().join(format!("sidecar-test-{}", std::process::id()));
    let file = fs::File::create_new(&path).unwrap();
    fs::remove_file(&path).unwrap();
    file
}

#[test]
fn children_share_it_and_are_told_apart() {
    let _alone = alone();
    // The parent has not asked yet: the name alone is shared.
    let sidecar = sidecar();
    let folder = std::env::temp_dir().join(format!("sidecar-family-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    for child in 0..4 {
        let file = folder.join(child.to_string());
        let status = in_child(|| {
            let answers = ["process", "client"].map(|it| ask(&sidecar, it).unwrap());
            // It stays until all have asked.
            fs::write(&file, answers.join(" ")).unwrap();
            assert_eq!(
                in_child(|| {
                    let answers = ["process", "client"].map(|it| ask(&sidecar, it).unwrap());
                    fs::write(file.with_extension("child"), answers.join(" ")).unwrap();
                }),
                0
            );
        });
        assert_eq!(status, 0);
        // As long as somebody is there it is the same process.
        process_of(&sidecar);
    }
    let process = process_of(&sidecar).to_string();
    let mut clients = Vec::new();
    for child in 1..4 {
        for name in [child.to_string(), format!("{child}.child")] {
            let text = fs::read_to_string(folder.join(name)).unwrap();
            let (its, client) = text.split_once(' ').unwrap();
            assert_eq!(its, process);
            clients.push(client.to_owned());
        }
    }
    fs::remove_dir_all(&folder).unwrap();
    let n_clients = clients.len();
    clients.sort();
    clients.dedup();
    assert_eq!(clients.len(), n_clients);
    // Those that are gone are forgotten.
    let until = Instant::now() + LONG;
    while ask(&sidecar, "forgotten")
        .unwrap()
        .parse::<usize>()
        .unwrap()
        < n_clients
    {
        assert!(Instant::now() < until);
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn it_ends_with_the_last_that_asked() {
    let _alone = alone();
    let sidecar = sidecar();
    let file = std::env::temp_dir().join(format!("sidecar-last-{}", std::process::id()));
    let status = in_child(|| fs::write(&file, ask(&sidecar, "process").unwrap()).unwrap());
    assert_eq!(status, 0);
    let process = fs::read_to_string(&file).unwrap().parse().unwrap();
    fs::remove_file(&file).unwrap();
    // Long before it would be idle.
    assert!(ends_within(process, LONG / 4));
    assert_ne!(process_of(&sidecar), process);
}

#[test]
fn it_ends_when_idle_and_begins_again() {
    let _alone = alone();
    let sidecar = Sidecar::new(spec(Duration::from_millis(300)));
    let process = process_of(&sidecar);
    for _ in 0..5 {
        sleep(Duration::from_millis(100));
        assert_eq!(process_of(&sidecar), process);
    }
    // An order that takes longer is no idleness.
    assert_eq!(ask(&sidecar, "sleep 700").unwrap(), "slept");
    assert_eq!(process_of(&sidecar), process);
    assert!(ends_within(process, LONG / 4));
    assert_ne!(process_of(&sidecar), process);
}

#[test]
fn killed_over_an_order_it_costs_that_order() {
    let _alone = alone();
    let sidecar = sidecar();
    let process = process_of(&sidecar);
    scope(|scope| {
        let answer = scope.spawn(|| ask(&sidecar, "sleep 60000"));
        sleep(Duration::from_millis(100));
        kill(process);
        let answer = answer.join().unwrap();
        assert!(matches!(answer, Err(Error::Ended)), "{answer:?}");
    });
    assert_eq!(sidecar.process(), None);
    assert_ne!(process_of(&sidecar), process);
    // Killed while nobody asks, it costs nothing.
    let process = process_of(&sidecar);
    kill(process);
    assert!(ends_within(process, LONG));
    assert_ne!(process_of(&sidecar), process);
}

#[test]
fn a_panic_costs_the_order_alone() {
    let _alone = alone();
    let sidecar = sidecar();
    let process = process_of(&sidecar);
    let answer = ask(&sidecar, "panic");
    assert!(matches!(answer, Err(Error::Ended)), "{answer:?}");
    assert_eq!(process_of(&sidecar), process);
}

#[test]
fn last_words_are_heard() {
    let _alone = alone();
    let sidecar = sidecar();
    let process = process_of(&sidecar);
    assert_eq!(ask(&sidecar, "die of old age").unwrap(), "of old age");
    assert!(ends_within(process, LONG / 4));
    assert_ne!(process_of(&sidecar), process);
}

#[test]
fn what_fails_again_rests() {
    let _alone = alone();
    let sidecar = Sidecar::new(Spec {
        program: "/bin/false".into(),
        ..spec(LONG)
    });
    for _ in 0..2 {
        let answer = ask(&sidecar, "process");
        assert!(matches!(answer, Err(Error::Mute(_))), "{answer:?}");
    }
    let resting = ask(&sidecar, "process").unwrap_err();
    let Error::Resting { failures: 2, left } = resting else {
        panic!("{resting:?}");
    };
    assert!(resting.to_string().contains("failed 2 times"));
    sleep(left);
    let answer = ask(&sidecar, "process");
    assert!(matches!(answer, Err(Error::Mute(_))), "{answer:?}");
}

#[test]
fn what_cannot_be_executed_is_said() {
    let _alone = alone();
    for (program, kind) in [
        ("/nowhere/program", std::io::ErrorKind::NotFound),
        ("/etc/passwd", std::io::ErrorKind::PermissionDenied),
    ] {
        let sidecar = Sidecar::new(Spec {
            program: program.into(),
            ..spec(LONG)
        });
        match ask(&sidecar, "process") {
            Err(Error::NotExecuted { program: of, error }) => {
                assert_eq!((of, error.kind()), (program.into(), kind));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn another_version_is_not_asked() {
    let _alone = alone();
    let sidecar = Sidecar::new(Spec {
        version: VERSION + 1,
        ..spec(LONG)
    });
    let answer = ask(&sidecar, "die");
    let Err(Error::WrongVersion { found, wanted, .. }) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!((found, wanted), (VERSION, VERSION + 1));
}

//! Draws the life of versions: which one was current when, and how long each waited for those inside.
//!
//! Run it with `cargo run --release -p martlet-machine-code --example timeline > timeline.svg`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use martlet_machine_code::{
    Bytes, Code, CodeId, DefaultTarget, Entry, EntryKey, Error, Event, EventKind, Object, Runtime,
    Source, Strategy,
};

/// Stays inside for so many milliseconds.
type Stay = extern "C" fn(u64, extern "C" fn(u64)) -> u64;

const IDENTITIES: u64 = 3;
const VERSIONS: u32 = 6;

extern "C" fn not_compiled(milliseconds: u64, sleep: extern "C" fn(u64)) -> u64 {
    sleep(milliseconds);
    0
}

extern "C" fn sleep(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

/// push rbp; mov rbp, rsp; call rsi; mov eax, 1; pop rbp; ret
const BODY: [u8; 13] = [
    0x55, 0x48, 0x89, 0xe5, 0xff, 0xd6, 0xb8, 1, 0, 0, 0, 0x5d, 0xc3,
];

fn entry(runtime: &Runtime, identity: u64) -> Result<Entry, Error> {
    // SAFETY: a function of this program, called as `Stay`.
    let default = unsafe { DefaultTarget::new(not_compiled as *const ()) };
    let key = EntryKey {
        identity,
        signature: 0,
    };
    runtime.entry(key, Strategy::IndirectCell, default)
}

fn replace(runtime: &Runtime, entry: &Entry, version: u32) -> Result<Code, Error> {
    let bytes = Bytes {
        code: &BODY,
        ..Bytes::default()
    };
    let id = CodeId {
        identity: entry.key().identity,
        version,
    };
    let code = runtime.publish(&Object::new(id, Source::Bytes(bytes), "stay"))?;
    entry.relink(&code)?;
    Ok(code)
}

fn main() -> Result<(), Error> {
    let runtime = Runtime::builder().events(10_000).build()?;
    let entries: Vec<_> = (1..=IDENTITIES)
        .map(|identity| entry(&runtime, identity))
        .collect::<Result<_, _>>()?;
    std::thread::scope(|scope| -> Result<(), Error> {
        for (entry, pause) in entries.iter().zip([3, 11, 29]) {
            let runtime = &runtime;
            scope.spawn(move || {
                let thread = runtime.attach();
                for _ in 0..120 / pause {
                    let activation = thread.enter(entry);
                    // SAFETY: the default target and all versions are `Stay`.
                    let stay = unsafe { activation.as_fn::<Stay>() };
                    stay(pause, sleep);
                }
            });
        }
        let mut current: Vec<Option<Code>> = entries.iter().map(|_| None).collect();
        for version in 1..=VERSIONS {
            for (at, entry) in entries.iter().enumerate() {
                current[at] = Some(replace(&runtime, entry, version)?);
                sleep(5);
                runtime.collect(&|_| false);
            }
        }
        Ok(())
    })?;
    runtime.collect(&|_| false);
    print!("{}", draw(&lives(&runtime.take_events())));
    Ok(())
}

/// When what became of a version.
#[derive(Default, Clone, Copy)]
struct Life {
    published: Option<Duration>,
    current: Option<Duration>,
    replaced: Option<Duration>,
    freed: Option<Duration>,
}

fn lives(events: &[Event]) -> BTreeMap<CodeId, Life> {
    let mut lives = BTreeMap::<CodeId, Life>::new();
    let mut life = |id: CodeId, set: &dyn Fn(&mut Life)| set(lives.entry(id).or_default());
    for event in events {
        let at = Some(event.at);
        match event.kind {
            EventKind::Published(id) => life(id, &|it| it.published = at),
            EventKind::Relinked { from, to, .. } => {
                if let Some(id) = from {
                    life(id, &|it| it.replaced = at);
                }
                if let Some(id) = to {
                    life(id, &|it| it.current = at);
                }
            }
            EventKind::Freed(id) => life(id, &|it| it.freed = at),
            _ => {}
        }
    }
    lives
}

const WIDTH: f64 = 800.0;
const LEFT: f64 = 60.0;
const ROW: f64 = 18.0;

/// A row a version: green while it is current, orange while somebody is still inside.
fn draw(lives: &BTreeMap<CodeId, Life>) -> String {
    let end = lives.values().filter_map(|life| life.freed).max();
    let scale = (WIDTH - LEFT - 10.0) / end.unwrap_or(Duration::from_secs(1)).as_secs_f64();
    let height = ROW * (lives.len() as f64 + 2.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n"
    );
    let mut line = |text: std::fmt::Arguments<'_>| {
        // Writing to a string does not fail.
        let _ = writeln!(svg, "{text}");
    };
    for (row, (id, life)) in lives.iter().enumerate() {
        let y = ROW * (row as f64 + 0.5);
        line(format_args!("<text x=\"4\" y=\"{}\">{id}</text>", y + 11.0));
        for (from, to, colour) in [
            (life.published, life.current, "#bbb"),
            (life.current, life.replaced, "#4a9"),
            (life.replaced, life.freed, "#e95"),
        ] {
            if let (Some(from), Some(to)) = (from, to) {
                let x = LEFT + from.as_secs_f64() * scale;
                let width = (to - from).as_secs_f64() * scale;
                line(format_args!(
                    "<rect x=\"{x:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"13\" fill=\"{colour}\"/>",
                    width.max(0.5)
                ));
            }
        }
    }
    let y = height - 8.0;
    for (x, colour, text) in [
        (LEFT, "#4a9", "current"),
        (
            160.0,
            "#e95",
            "retired: somebody is still inside, or it was not collected yet",
        ),
    ] {
        line(format_args!(
            "<rect x=\"{x}\" y=\"{}\" width=\"13\" height=\"13\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"{y}\">{text}</text>",
            y - 11.0,
            x + 18.0
        ));
    }
    svg + "</svg>\n"
}

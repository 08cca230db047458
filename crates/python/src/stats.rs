//! What was done, as a table for people and as JSON for programs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use martlet_engine::{Engine, timeline};
use serde_json::{Value, json};

use crate::compiler::{Meta, Remote};
use crate::options::Options;
use crate::raw::Gil;
use crate::state::{State, header_of, unavailable, with};

/// So many places where machine code was left most often are told.
const MAX_PLACES: usize = 50;

/// Where machine code is left, and why.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    reason: String,
    function: Arc<str>,
    /// The loop at whose header the version is entered; none at the function's start.
    header: Option<u32>,
    /// Offset of the bytecode, in code units, and whether it is one of an inlined function.
    offset: u32,
    inlined: bool,
    /// Number of the function, and offset in its own code.
    owner: u64,
    root: u32,
}

/// Exits of versions that are gone.
static EXITS: Mutex<BTreeMap<Place, u64>> = Mutex::new(BTreeMap::new());

/// A version goes: its exits stay in the sum.
pub(crate) fn remember_exits(meta: &Meta) {
    add_exits(
        meta,
        &mut EXITS.lock().unwrap_or_else(PoisonError::into_inner),
    );
}

fn add_exits(meta: &Meta, sums: &mut BTreeMap<Place, u64>) {
    let sites = meta.exit_sites.iter().zip(&meta.exit_roots);
    let exits = meta.exit_reasons.iter().zip(sites);
    for ((reason, ((code, offset), root)), count) in exits.zip(meta.header.counts()) {
        if count > 0 {
            let place = Place {
                reason: reason.clone(),
                function: meta.name.clone(),
                header: meta.entered_at,
                offset: *offset,
                inlined: code.is_some(),
                owner: meta.function,
                root: *root,
            };
            *sums.entry(place).or_default() += count;
        }
    }
}

/// Exits by reason, and the places where most of them happen.
fn exits_of(sums: BTreeMap<Place, u64>) -> (BTreeMap<String, u64>, Vec<Value>) {
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    for (place, count) in &sums {
        *reasons.entry(place.reason.clone()).or_default() += count;
    }
    let mut places: Vec<(Place, u64)> = sums.into_iter().collect();
    places.sort_by_key(|it| std::cmp::Reverse(it.1));
    places.truncate(MAX_PLACES);
    let places = places.into_iter().map(|(place, count)| {
        json!({
            "function": &*place.function,
            "loop": place.header,
            "offset": place.offset,
            "inlined": place.inlined,
            "reason": place.reason,
            "count": count,
        })
    });
    (reasons, places.collect())
}

/// Every exit of all versions so far.
fn all_exits(state: &State) -> BTreeMap<Place, u64> {
    let mut exits = EXITS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for version in state.tables.versions() {
        add_exits(version.meta(), &mut exits);
    }
    exits
}

/// The exits of all versions of one function.
pub(crate) fn exits_of_function(state: &State, function: u64) -> Vec<Value> {
    let exits = all_exits(state).into_iter();
    let its = exits.filter(|(place, _)| place.owner == function);
    let described = its.map(|(place, count)| {
        json!({
            "loop": place.header,
            "offset": place.root,
            "inlined": place.inlined,
            "reason": place.reason,
            "count": count,
        })
    });
    described.collect()
}

/// The statistics.
pub(crate) fn collect(gil: Gil<'_>) -> Value {
    with(gil, |state| gather(gil, state)).unwrap_or_else(|| nothing_but(unavailable()))
}

/// The statistics of a process in which nothing was compiled so far, or can be, for this reason.
fn nothing_but(reason: Option<String>) -> Value {
    let none = json!({});
    let refused: BTreeMap<String, u64> = reason.into_iter().map(|it| (it, 1)).collect();
    let tally = json!({"live": 0, "retired": 0, "freed": 0});
    let versions = json!({"live": 0, "suspended": 0, "retired": 0, "freed": 0});
    json!({
        "compiled": [],
        "compiles": 0,
        "refused": refused,
        "relinks": 0,
        "invalidated": none,
        "exits": none,
        "exit_places": [],
        "storms": 0,
        "storm_places": [],
        "versions": versions,
        "code_bytes": tally,
        "data_bytes": 0,
        "exit_table_words": 0,
        "functions": 0,
        "evicted": 0,
        "merged": 0,
        "compiler_process": null,
        "ir_functions_live": 0,
        "machine_share": 0.0,
        "samples": 0,
        "interpreted": none,
        "asked": {"functions": 0, "compiled": 0},
        "queued": 0,
        "under_way": 0,
        "compile": {"bytecodes": 0, "frontend_ns": 0, "optimise_ns": 0, "emit_ns": 0, "link_ns": 0},
    })
}

fn gather(gil: Gil<'_>, state: &mut State) -> Value {
    crate::install::drain(gil, state);
    state.collect(gil);
    state.engine.drain_released();
    let stats = state.engine.stats();
    let versions = state.tables.versions();
    let exit_words: usize = versions.map(|it| it.meta().header.table_words()).sum();
    let (exits, exit_places) = exits_of(all_exits(state));
    let mut refused: BTreeMap<String, u64> = state
        .refused
        .iter()
        .map(|(reason, n)| ((*reason).to_owned(), *n))
        .collect();
    for (reason, n) in &stats.refused {
        *refused.entry(reason.to_string()).or_default() += n;
    }
    let (machine, all) = state.samples;
    let share = if all == 0 {
        0.0
    } else {
        machine as f64 / all as f64
    };
    let ledger = &stats.ledger;
    let storm_places = stats.exit_sites.iter().filter(|it| it.1.storms > 0);
    let storm_places = storm_places.map(|(site, counts)| {
        json!({
            "function": &*counts.name,
            "loop": header_of(site.point),
            "offset": site.place.0,
            "count": counts.storms,
        })
    });
    json!({
        "compiled": stats.compiled.iter().map(|it| it.to_string()).collect::<Vec<_>>(),
        "compiles": stats.compiles,
        "refused": refused,
        "relinks": ledger.relinks,
        "invalidated": stats.invalidated.iter().map(|(it, n)| (it.to_string(), *n)).collect::<BTreeMap<_, _>>(),
        "exits": exits,
        "exit_places": exit_places,
        "storms": stats.storms,
        "storm_places": storm_places.collect::<Vec<_>>(),
        "versions": {
            "live": stats.versions.live,
            "suspended": stats.versions.suspended,
            "retired": stats.versions.retired,
            "freed": stats.versions.freed,
        },
        "code_bytes": {
            "live": ledger.live.text_bytes,
            "retired": ledger.retired.text_bytes,
            "freed": ledger.freed.text_bytes,
        },
        "data_bytes": ledger.data_bytes,
        "exit_table_words": exit_words,
        "functions": stats.functions,
        "evicted": stats.evicted,
        "merged": stats.merged,
        "ir_functions_live": Remote::live_functions(),
        "compiler_process": Remote::process(),
        "machine_share": share,
        "samples": all,
        "interpreted": state.outside,
        "asked": {"functions": state.tally.0, "compiled": state.tally.1},
        "queued": stats.queued,
        "under_way": stats.queued + stats.finished + stats.threads,
        "compile": {
            "bytecodes": stats.timings.bytecodes,
            "frontend_ns": stats.timings.frontend_ns,
            "optimise_ns": stats.timings.optimise_ns,
            "emit_ns": stats.timings.emit_ns,
            "link_ns": stats.timings.link_ns,
        },
    })
}

/// The statistics as a table.
pub(crate) fn table(stats: &Value) -> String {
    let mut out = String::from("martlet: statistics\n");
    let compiled = stats["compiled"].as_array().map_or(0, Vec::len);
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "  {name:<22} {value}");
    };
    line("functions compiled", compiled.to_string());
    let share = stats["machine_share"].as_f64().unwrap_or(0.0);
    line(
        "time in machine code",
        format!("{:.1} % of {} samples", share * 100.0, stats["samples"]),
    );
    for name in ["versions", "code_bytes"] {
        let of = &stats[name];
        line(
            &name.replace('_', " "),
            format!(
                "{} live, {} retired, {} freed",
                of["live"], of["retired"], of["freed"]
            ),
        );
    }
    line("relinks", stats["relinks"].to_string());
    line("IR functions live", stats["ir_functions_live"].to_string());
    if let Some(process) = stats["compiler_process"].as_u64() {
        line("compiler's process", process.to_string());
    }
    for name in ["interpreted", "refused", "invalidated", "exits"] {
        let Some(reasons) = stats[name].as_object().filter(|it| !it.is_empty()) else {
            line(name, "none".to_owned());
            continue;
        };
        for (reason, n) in reasons {
            line(name, format!("{n:>8} {reason}"));
        }
    }
    line("exit storms", stats["storms"].to_string());
    let compile = &stats["compile"];
    let ms = |key: &str| compile[key].as_f64().unwrap_or(0.0) / 1e6;
    line(
        "compiling",
        format!(
            "{} bytecodes: {:.1} ms frontend, {:.1} ms optimise, {:.1} ms emit, {:.1} ms link",
            compile["bytecodes"],
            ms("frontend_ns"),
            ms("optimise_ns"),
            ms("emit_ns"),
            ms("link_ns"),
        ),
    );
    out
}

/// Where the statistics go at the end, if the command line has said so.
static TARGET: Mutex<Option<String>> = Mutex::new(None);

/// Sets where the statistics go at the end: "1" or a path.
pub(crate) fn report_to(target: String) {
    *TARGET.lock().unwrap_or_else(PoisonError::into_inner) = Some(target);
}

/// At the end of the program: the statistics go where the command line or the options want them.
pub(crate) fn report(gil: Gil<'_>) {
    let asked = TARGET
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let optional = || {
        let wanted = with(gil, |state| state.options.stats.clone());
        wanted.unwrap_or_else(|| Options::from_env().stats)
    };
    write_timeline(gil);
    let Some(target) = asked.or_else(optional) else {
        return;
    };
    let stats = collect(gil);
    if target.ends_with(".json") {
        let target = target.replace("%p", &std::process::id().to_string());
        if let Err(error) = std::fs::write(&target, format!("{stats:#}\n")) {
            eprintln!("martlet: {target}: {error}");
        }
    } else {
        eprint!("{}", table(&stats));
    }
}

/// Where events go, if the options want them.
fn events_path(options: &Options) -> Option<String> {
    let path = options.events.as_ref()?;
    Some(path.replace("%p", &std::process::id().to_string()))
}

/// From now on events are written as lines of JSON, unless a page is wanted.
pub(crate) fn write_events(options: &Options, engine: &Engine<Remote>) {
    let Some(path) = events_path(options).filter(|it| !it.ends_with(".html")) else {
        return;
    };
    match File::options().create(true).append(true).open(&path) {
        Ok(file) => engine.write_events_to(file),
        Err(error) => eprintln!("martlet: {path}: {error}"),
    }
}

/// At the end of the program: the page of events.
fn write_timeline(gil: Gil<'_>) {
    let path = with(gil, |state| events_path(&state.options)).flatten();
    let Some(path) = path.filter(|it| it.ends_with(".html")) else {
        return;
    };
    let events = with(gil, |state| state.engine.events()).unwrap_or_default();
    if let Err(error) = std::fs::write(&path, timeline(&events)) {
        eprintln!("martlet: {path}: {error}");
    }
}

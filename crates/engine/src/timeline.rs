//! The events of a while as a page that a person can read: every function a row, every version a bar,
//! and the bytes of machine code over time.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use crate::{EntryPoint, Event, FunctionId, State, Tier, VersionId, What};

const LEFT: f64 = 190.0;
const WIDTH: f64 = 1_000.0;
const BAR: f64 = 13.0;
const CHART: f64 = 90.0;

/// A page of HTML, with nothing outside of it, that draws `events`, which are in order of time: those
/// of [`Engine::events`](crate::Engine::events), or read back from the lines that
/// [`Engine::write_events_to`](crate::Engine::write_events_to) wrote.
pub fn timeline(events: &[Event]) -> String {
    let begin = events.first().map_or(Duration::ZERO, |it| it.at);
    let end = events.last().map_or(begin, |it| it.at);
    let scale = Scale {
        begin: begin.as_secs_f64(),
        length: (end - begin).as_secs_f64().max(1e-6),
    };
    let functions = functions(events, end);
    let mut svg = String::new();
    bytes_over_time(&mut svg, events, &scale);
    let mut y = CHART + 34.0;
    for (id, function) in &functions {
        y = draw(&mut svg, *id, function, &scale, y);
    }
    let n_versions: usize = functions.values().map(|it| it.spans.len()).sum();
    let title = format!(
        "{} events, {} functions, {n_versions} versions, {:.3} s",
        events.len(),
        functions.len(),
        scale.length
    );
    page(&title, &svg, y + 10.0)
}

/// From seconds to pixels.
struct Scale {
    begin: f64,
    length: f64,
}

impl Scale {
    fn x(&self, at: Duration) -> f64 {
        LEFT + (at.as_secs_f64() - self.begin) / self.length * WIDTH
    }
}

#[derive(Default)]
struct Row {
    name: String,
    spans: Vec<Span>,
    marks: Vec<Mark>,
}

/// A version in one state, from then to then.
struct Span {
    version: VersionId,
    point: EntryPoint,
    tier: Tier,
    steps: Vec<(Duration, State, String)>,
    end: Duration,
}

struct Mark {
    at: Duration,
    sign: char,
    text: String,
}

fn functions(events: &[Event], end: Duration) -> BTreeMap<FunctionId, Row> {
    let mut rows: BTreeMap<FunctionId, Row> = BTreeMap::new();
    for event in events {
        let row = rows.entry(event.what.function()).or_default();
        row.name = event.name.to_string();
        match event.what {
            What::Version(version, point, tier, state) => {
                let at = row.spans.iter().position(|it| it.version == version);
                let at = at.unwrap_or_else(|| {
                    row.spans.push(Span {
                        version,
                        point,
                        tier,
                        steps: Vec::new(),
                        end,
                    });
                    row.spans.len() - 1
                });
                let span = &mut row.spans[at];
                if matches!(state, State::Freed | State::Refused) {
                    span.end = event.at;
                }
                span.steps.push((event.at, state, event.reason.to_string()));
            }
            what => {
                let sign = match what {
                    What::Invalidated(_) => '✕',
                    What::Doubted(_) => '?',
                    What::Revived(_) => '↺',
                    What::Storm(..) => '⚡',
                    _ => '†',
                };
                row.marks.push(Mark {
                    at: event.at,
                    sign,
                    text: event.to_string(),
                });
            }
        }
    }
    rows
}

/// One row; answers where the next one begins.
fn draw(svg: &mut String, id: FunctionId, row: &Row, scale: &Scale, top: f64) -> f64 {
    let text = top + BAR - 3.0;
    let label = escape(&format!("{id} {}", row.name));
    // Writing to a string does not fail, here and below.
    let _ = writeln!(
        svg,
        "<text class=\"name\" x=\"4\" y=\"{text:.0}\">{label}</text>"
    );
    let mut lanes: Vec<Duration> = Vec::new();
    for span in &row.spans {
        let begin = span.steps.first().map_or(Duration::ZERO, |it| it.0);
        // Versions that are there at the same time lie below each other.
        let lane = lanes.iter().position(|it| *it <= begin);
        let lane = lane.unwrap_or_else(|| {
            lanes.push(begin);
            lanes.len() - 1
        });
        lanes[lane] = span.end;
        draw_version(svg, span, scale, top + lane as f64 * (BAR + 2.0));
    }
    for mark in &row.marks {
        let (x, y) = (scale.x(mark.at), top + BAR - 2.0);
        let (sign, tip) = (mark.sign, escape(&mark.text));
        let _ = writeln!(
            svg,
            "<text class=\"mark\" x=\"{x:.1}\" y=\"{y:.0}\">{sign}<title>{tip}</title></text>"
        );
    }
    top + lanes.len().max(1) as f64 * (BAR + 2.0) + 6.0
}

fn draw_version(svg: &mut String, span: &Span, scale: &Scale, y: f64) {
    let mut tip = format!("{}{} {:?}", span.version, span.point, span.tier);
    for (at, state, reason) in &span.steps {
        let _ = write!(tip, "\n{:.6} {state:?}: {reason}", at.as_secs_f64());
    }
    let tip = escape(&tip);
    let _ = write!(svg, "<g><title>{tip}</title>");
    for (no, (at, state, _)) in span.steps.iter().enumerate() {
        let until = span.steps.get(no + 1).map_or(span.end, |it| it.0);
        let class = match (state, span.tier) {
            (State::Queued, _) => "queued",
            (State::Compiling, _) => "compiling",
            (State::Compiled, _) => "compiled",
            (State::Published, Tier::Best) => "best",
            (State::Published, _) => "quick",
            (State::Suspended, _) => "suspended",
            (State::Retired, _) => "retired",
            (State::Refused, _) => "refused",
            (State::Freed, _) => continue,
        };
        let x = scale.x(*at);
        let width = (scale.x(until) - x).max(1.5);
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.0}\" width=\"{width:.1}\" height=\"{BAR}\"/>"
        );
        if matches!(state, State::Published) && width > 40.0 {
            let (x, y) = (x + 3.0, y + BAR - 3.0);
            let _ = write!(
                svg,
                "<text class=\"version\" x=\"{x:.1}\" y=\"{y:.0}\">v{}{}</text>",
                span.version.number, span.point
            );
        }
    }
    svg.push_str("</g>\n");
}

fn bytes_over_time(svg: &mut String, events: &[Event], scale: &Scale) {
    let most = events.iter().map(|it| it.bytes).max().unwrap_or(0).max(1);
    let y = |bytes: u64| 16.0 + CHART * (1.0 - bytes as f64 / most as f64);
    let mut points = String::new();
    let mut before = 0;
    for event in events {
        let x = scale.x(event.at);
        if event.bytes != before {
            let _ = write!(points, "{x:.1},{:.1} ", y(before));
            before = event.bytes;
        }
        let _ = write!(points, "{x:.1},{:.1} ", y(event.bytes));
    }
    let (left, right, bottom) = (LEFT, LEFT + WIDTH, 16.0 + CHART);
    let _ = writeln!(
        svg,
        "<text class=\"name\" x=\"4\" y=\"26\">machine code, {most} bytes</text>\
         <polygon class=\"bytes\" points=\"{left},{bottom} {points}{right},{:.1} {right},{bottom}\"/>\
         <line class=\"axis\" x1=\"{left}\" y1=\"{bottom}\" x2=\"{right}\" y2=\"{bottom}\"/>",
        y(before)
    );
    for part in 0..=10 {
        let x = LEFT + WIDTH * f64::from(part) / 10.0;
        let seconds = scale.begin + scale.length * f64::from(part) / 10.0;
        let below = bottom + 12.0;
        let _ = writeln!(
            svg,
            "<text class=\"tick\" x=\"{x:.0}\" y=\"{below:.0}\">{seconds:.4} s</text>"
        );
    }
}

fn page(title: &str, svg: &str, height: f64) -> String {
    let legend: String = [
        ("queued", "queued"),
        ("compiling", "compiling"),
        ("compiled", "waits to be installed"),
        ("quick", "published, quick"),
        ("best", "published, best"),
        ("suspended", "suspended"),
        ("retired", "retired, until nobody is inside"),
        ("refused", "refused"),
    ]
    .iter()
    .map(|(class, text)| {
        format!("<svg width=\"14\" height=\"12\"><rect class=\"{class}\" width=\"14\" height=\"12\"/></svg> {text} &#160; ")
    })
    .collect();
    let width = LEFT + WIDTH + 60.0;
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\n<style>{STYLE}</style></head>\n\
         <body><h1>{title}</h1>\n<p>{legend}<br>✕ invalidated &#160; ? in doubt &#160; ↺ revived &#160; ⚡ exit storm &#160; \
         † function dropped. Point at a bar for its history.</p>\n\
         <svg width=\"{width}\" height=\"{height:.0}\">\n{svg}</svg>\n</body></html>\n"
    )
}

const STYLE: &str = "\
body{font:13px sans-serif;margin:16px;background:#fff;color:#222}h1{font-size:16px}svg{vertical-align:middle}
text{font-size:11px}.tick{fill:#777;text-anchor:middle}.version{fill:#fff;font-size:10px}.mark{fill:#c00;font-size:12px;text-anchor:middle}
.axis{stroke:#999}.bytes{fill:#cde}.queued{fill:#ddd}.compiling{fill:#e6a532}.compiled{fill:#f3d9a0}.quick{fill:#4a9}.best{fill:#276}
.suspended{fill:#97c}.retired{fill:#aaa}.refused{fill:#d55}g:hover rect{stroke:#000}";

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_the_page_and_nothing_is_outside_of_it() {
        let id = VersionId {
            function: FunctionId(1),
            number: 1,
        };
        let at = |ms, what| Event {
            at: Duration::from_millis(ms),
            what,
            name: "<script>".into(),
            reason: "a & b".into(),
            bytes: ms,
        };
        let version = |state| What::Version(id, EntryPoint::GENERIC, Tier::Best, state);
        let page = timeline(&[
            at(0, version(State::Queued)),
            at(5, version(State::Published)),
            at(9, What::Invalidated(id)),
            at(9, version(State::Retired)),
        ]);
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script"));
        assert!(page.contains("a &amp; b") && page.contains("class=\"best\""));
        assert!(!page.contains("http") && !page.contains("src="));
    }

    #[test]
    fn a_page_of_nothing_is_a_page() {
        assert!(timeline(&[]).contains("0 events, 0 functions"));
    }
}

//! The table of `bench pyperformance`, printed row by row, and the same as JSON.

use serde_json::{Map, Value, json};

use super::figures::{Figures, SHOWN};
use super::programs::{Group, Program};

/// What was measured of one program.
pub(super) struct Row {
    pub(super) program: Program,
    pub(super) plain: Figures,
    /// For each other interpreter its figures and its ratios, or why there are none.
    pub(super) others: Vec<Result<Compared, String>>,
}

/// An interpreter's figures for one program, and how they compare with the plain interpreter's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compared {
    pub(super) figures: Figures,
    pub(super) ratios: Figures,
}

/// All rows until now. Means are of what all interpreters can run.
pub(super) struct Table {
    interpreters: Vec<String>,
    rows: Vec<Row>,
    skipped: Vec<(String, String)>,
}

impl Table {
    /// An empty table for these interpreters beside the plain one; prints the heading.
    pub(super) fn new(interpreters: Vec<String>) -> Self {
        let (mut names, mut heading) = (
            format!("{:<34}", ""),
            format!("{:<26}{:>8}", "program", "plain ms"),
        );
        for name in &interpreters {
            names += &format!(" |{name:^45}");
            heading += " |";
            for (_, column) in SHOWN {
                heading += &format!("{column:>9}");
            }
        }
        println!("{names}\n{heading}");
        Self {
            interpreters,
            rows: Vec::new(),
            skipped: Vec::new(),
        }
    }

    /// Adds and prints a row.
    pub(super) fn add(&mut self, row: Row) {
        let plain = row.plain.0[0] * 1e3;
        let mut line = format!("{:<26}{plain:>8.2}", row.program.name);
        for other in &row.others {
            line += &match other {
                Ok(compared) => cells(&compared.ratios),
                Err(_) => format!(" |{:^45}", "failed"),
            };
        }
        println!("{line}");
        self.rows.push(row);
    }

    /// Notes a program that the plain interpreter cannot run.
    pub(super) fn skip(&mut self, name: &str, reason: String) {
        println!("{name:<26} skipped");
        self.skipped.push((name.to_owned(), reason));
    }

    /// Prints the means of one group.
    pub(super) fn end_group(&self, group: Group) {
        self.print_means(group.name(), |it| it == group);
    }

    /// Prints the means of all pure programs, what was skipped, and what failed.
    pub(super) fn end(&self) {
        self.print_means("pure", Group::is_pure);
        for (name, reason) in &self.skipped {
            println!("skipped {name}: {reason}");
        }
        for (name, interpreter, reason) in self.failures() {
            println!("FAILED {name} under {interpreter}: {reason}");
        }
    }

    /// Whether a program failed under an interpreter other than the plain one.
    pub(super) fn has_failures(&self) -> bool {
        self.failures().next().is_some()
    }

    fn failures(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.rows.iter().flat_map(|row| {
            let others = row.others.iter().zip(&self.interpreters);
            others.filter_map(|(other, interpreter)| {
                let reason = other.as_ref().err()?;
                Some((
                    row.program.name.as_str(),
                    interpreter.as_str(),
                    reason.as_str(),
                ))
            })
        })
    }

    /// How many programs of these groups all interpreters ran, and each one's mean ratios.
    fn means(&self, of: impl Fn(Group) -> bool) -> Option<(usize, Vec<Figures>)> {
        let ratios: Vec<Vec<Figures>> = self
            .rows
            .iter()
            .filter(|row| of(row.program.group))
            .filter_map(|row| {
                let ratios = row.others.iter().map(|it| it.as_ref().map(|it| it.ratios));
                ratios.collect::<Result<_, _>>().ok()
            })
            .collect();
        let column = |i: usize| ratios.iter().map(|row| row[i]).collect::<Vec<_>>();
        let means = (0..self.interpreters.len()).map(|i| Figures::mean(&column(i)));
        (!ratios.is_empty()).then(|| (ratios.len(), means.collect()))
    }

    fn print_means(&self, name: &str, of: impl Fn(Group) -> bool) {
        if let Some((count, means)) = self.means(of) {
            let title = format!("= {name} ({count})");
            let cells: String = means.iter().map(cells).collect();
            println!("{title:<34}{cells}\n");
        }
    }

    /// Everything measured.
    pub(super) fn json(&self, rounds: u16) -> Value {
        let programs: Map<_, _> = self.rows.iter().map(|row| self.json_row(row)).collect();
        let mut means = Map::new();
        let mut add = |name: &str, of: &dyn Fn(Group) -> bool| {
            if let Some((count, figures)) = self.means(of) {
                let mut entry = Map::from_iter([("programs".to_owned(), json!(count))]);
                for (interpreter, figures) in self.interpreters.iter().zip(figures) {
                    entry.insert(interpreter.clone(), figures.json(true));
                }
                means.insert(name.to_owned(), entry.into());
            }
        };
        for row in &self.rows {
            add(row.program.group.name(), &|it| it == row.program.group);
        }
        add("pure", &Group::is_pure);
        let skipped: Map<_, _> = self
            .skipped
            .iter()
            .map(|(name, reason)| (name.clone(), json!(reason)))
            .collect();
        json!({"rounds": rounds, "means": means, "programs": programs, "skipped": skipped})
    }

    fn json_row(&self, row: &Row) -> (String, Value) {
        let mut entry = Map::new();
        entry.insert("group".to_owned(), json!(row.program.group.name()));
        entry.insert("plain".to_owned(), row.plain.json(false));
        for (interpreter, other) in self.interpreters.iter().zip(&row.others) {
            let value = match other {
                Ok(it) => {
                    json!({"ratios": it.ratios.json(true), "figures": it.figures.json(false)})
                }
                Err(reason) => json!({"failed": reason}),
            };
            entry.insert(interpreter.clone(), value);
        }
        (row.program.name.clone(), entry.into())
    }
}

fn cells(ratios: &Figures) -> String {
    let cells = SHOWN.map(|(i, _)| format!("{:>8.2}x", ratios.0[i]));
    format!(" |{}", cells.concat())
}

#[cfg(test)]
mod tests {
    use super::super::programs::Source;
    use super::*;

    fn row(name: &str, group: Group, others: Vec<Result<f64, &str>>) -> Row {
        let compared = |ratio| Compared {
            figures: Figures([1.0; 6]),
            ratios: Figures([ratio; 6]),
        };
        Row {
            program: Program {
                name: name.to_owned(),
                group,
                source: Source::Own(name.into()),
            },
            plain: Figures([1.0; 6]),
            others: others
                .into_iter()
                .map(|it| it.map(compared).map_err(str::to_owned))
                .collect(),
        }
    }

    #[test]
    fn means_are_of_what_all_interpreters_ran() {
        let mut table = Table::new(vec!["a".to_owned(), "b".to_owned()]);
        table.add(row("x", Group::Objects, vec![Ok(2.0), Ok(1.0)]));
        table.add(row("y", Group::Objects, vec![Ok(9.0), Err("died")]));
        table.add(row("z", Group::Async, vec![Ok(8.0), Ok(1.0)]));
        table.skip("w", "not there".to_owned());
        let json = table.json(1);
        assert_eq!(json["means"]["objects"]["a"]["steady"], 2.0);
        assert_eq!(json["means"]["objects"]["programs"], 1);
        assert!((json["means"]["pure"]["a"]["first"].as_f64().unwrap() - 4.0).abs() < 1e-9);
        assert_eq!(json["programs"]["y"]["b"]["failed"], "died");
        assert_eq!(json["skipped"]["w"], "not there");
        assert_eq!(table.failures().collect::<Vec<_>>(), [("y", "b", "died")]);
    }

    #[test]
    fn a_group_without_programs_has_no_mean() {
        let table = Table::new(vec!["a".to_owned()]);
        assert!(table.means(Group::is_pure).is_none() && !table.has_failures());
    }
}

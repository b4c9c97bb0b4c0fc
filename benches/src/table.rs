// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The results of all runs, and the table of their medians.

use std::collections::BTreeMap;
use std::fmt;

use crate::cases::Case;
use crate::measure::Run;

/// The runs of each case, in order.
#[derive(Default)]
pub struct Results(BTreeMap<&'static str, Vec<Result<Run, String>>>);

impl Results {
    pub fn add(&mut self, case: &Case, run: Result<Run, String>) {
        self.0.entry(case.name).or_default().push(run);
    }

    /// The median of the successful runs.
    pub fn median(&self, name: &str, of: impl Fn(&Run) -> Option<f64>) -> Option<f64> {
        let values = self.values(name, of);
        let middle = values.len() / 2;
        match (values.get(middle), values.len() % 2) {
            (Some(upper), 0) => Some(f64::midpoint(*upper, *values.get(middle - 1)?)),
            (value, _) => value.copied(),
        }
    }

    /// In ascending order.
    fn values(&self, name: &str, of: impl Fn(&Run) -> Option<f64>) -> Vec<f64> {
        let mut values: Vec<_> = self.successful(name).filter_map(of).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    fn successful(&self, name: &str) -> impl Iterator<Item = &Run> {
        let runs = self.0.get(name).into_iter().flatten();
        runs.filter_map(|run| run.as_ref().ok())
    }

    pub fn cpu(&self, name: &str) -> Option<f64> {
        self.median(name, |run| Some(run.cpu))
    }

    /// The CPU time without that of the decoded source.
    pub fn net(&self, name: &str) -> Option<f64> {
        Some(self.cpu(name)? - self.cpu("source")?)
    }

    /// The first failure of a case, and how many runs failed.
    fn failure(&self, name: &str) -> Option<(&str, usize)> {
        let runs = self.0.get(name)?;
        let mut failures = runs.iter().filter_map(|run| run.as_ref().err());
        let first = failures.next()?;
        Some((first, 1 + failures.count()))
    }

    /// Whether no run failed.
    pub fn complete(&self) -> bool {
        self.0.values().flatten().all(Result::is_ok)
    }

    /// The settings of the encoder in a case.
    pub fn encoder(&self, name: &str) -> Option<&str> {
        self.successful(name).find_map(|run| run.encoder.as_deref())
    }
}

/// The table in Markdown.
pub struct Table<'a>(pub &'a [Case], pub &'a Results);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(cases, results) = self;
        writeln!(
            f,
            "| case | CPU s/s | (least–most) | less source | peak MiB | threads | first RTP ms \
             | first frame ms | delay ms | frames/s | lost |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|---|---|")?;
        for case in *cases {
            write!(f, "| {}: {}", case.name, case.title)?;
            let cpu = results.values(case.name, |run| Some(run.cpu));
            let (Some(least), Some(most)) = (cpu.first(), cpu.last()) else {
                let (why, _) = results.failure(case.name).unwrap_or(("not run", 0));
                writeln!(f, " | failed: {} | | | | | | | | | |", one_line(why))?;
                continue;
            };
            let net = results.net(case.name).filter(|_| {
                // With several streams, the source is decoded several times.
                case.decoded && case.streams == 1 && case.name != "source"
            });
            let of = |of: fn(&Run) -> Option<f64>| results.median(case.name, of);
            writeln!(
                f,
                " | {} | {least:.3}–{most:.3} | {} | {} | {} | {} | {} | {} | {} | {} |",
                cell(results.cpu(case.name), 3),
                cell(net, 3),
                cell(of(|run| Some(run.peak)), 0),
                cell(of(|run| Some(run.threads)), 0),
                cell(of(|run| run.first_packet), 0),
                cell(of(|run| run.first_frame), 0),
                cell(of(|run| run.delay), 1),
                cell(of(|run| run.rate), 1),
                cell(of(|run| run.lost), 0),
            )?;
        }
        for case in *cases {
            if let Some((why, count)) = results.failure(case.name) {
                let why = one_line(why);
                writeln!(f, "\n{count} runs of {} failed: {why}", case.name)?;
            }
        }
        let mut encoders = BTreeMap::<_, Vec<_>>::new();
        for case in *cases {
            if let Some(encoder) = results.encoder(case.name) {
                encoders.entry(encoder).or_default().push(case.name);
            }
        }
        if !encoders.is_empty() {
            writeln!(
                f,
                "\nThe encoders, with all properties that are not at their defaults:\n"
            )?;
        }
        for (encoder, cases) in encoders {
            writeln!(f, "- {}: `{encoder}`", cases.join(", "))?;
        }
        Ok(())
    }
}

fn cell(value: Option<f64>, digits: usize) -> String {
    value.map_or(String::new(), |value| format!("{value:.digits$}"))
}

/// Shortened to one line that fits a cell.
fn one_line(text: &str) -> String {
    let line: Vec<_> = text.split_whitespace().collect();
    let line = line.join(" ").replace('|', "/");
    match line.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(runs: &[Result<f64, &str>]) -> Results {
        let run = |run: &Result<f64, &str>| match run {
            Ok(cpu) => Ok(Run {
                cpu: *cpu,
                ..Run::default()
            }),
            Err(why) => Err((*why).to_owned()),
        };
        Results([("one", runs.iter().map(run).collect())].into())
    }

    #[test]
    fn the_median_uses_only_successful_runs() {
        assert_eq!(results(&[Ok(3.0), Ok(1.0), Ok(2.0)]).cpu("one"), Some(2.0));
        assert_eq!(
            results(&[Ok(3.0), Err("no"), Ok(1.0)]).cpu("one"),
            Some(2.0)
        );
        assert_eq!(results(&[Err("no")]).cpu("one"), None);
        assert_eq!(results(&[Ok(1.0)]).cpu("other"), None);
        assert_eq!(results(&[Ok(1.0)]).net("one"), None, "without the source");
    }

    #[test]
    fn failures_are_kept_and_fit_into_a_cell() {
        let failed = results(&[Ok(1.0), Err("no\n| way"), Err("again")]);
        assert!(!failed.complete());
        assert_eq!(failed.failure("one"), Some(("no\n| way", 2)));
        assert_eq!(one_line("no\n| way"), "no / way");
        assert!(results(&[Ok(1.0)]).complete());
    }
}

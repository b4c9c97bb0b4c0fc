// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::process::ProcessOptions;

/// Asks a vision-language model about many cameras at once.
///
/// Answers are JSON Lines on stdout, and also go to the brokers and webhooks in the file. API keys come from
/// the environment: from OVERSHOOT_API_KEY, or from the variables that the file names. OVERSHOOT_API_URL is the
/// address of the service; without it, the public service is asked.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Options {
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  OVERSHOOT_API_KEY=… overshoot-cameras run cameras.toml > answers.jsonl
  overshoot-cameras run --emulator cameras.toml    # try it without a service

examples/cameras/cameras.toml shows each field of the file. Ctrl-C and SIGTERM end the program in order.";

/// Options of `run` and `work`.
#[derive(Clone, Copy, Debug, Args)]
pub struct ProcessArguments {
    /// Print log lines instead of the table, even if stderr is a terminal
    #[arg(long)]
    no_table: bool,
    /// Let an emulator in this process invent the answers, to try the program without a service
    #[arg(long)]
    emulator: bool,
}

impl From<ProcessArguments> for ProcessOptions {
    fn from(arguments: ProcessArguments) -> Self {
        Self {
            table: !arguments.no_table,
            emulator: arguments.emulator,
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the cameras of a file in this process
    Run {
        /// The TOML file with the cameras; see examples/cameras/cameras.toml
        file: PathBuf,
        #[command(flatten)]
        process: ProcessArguments,
    },
    /// Connect to the cameras of a file, without the service, and print what they send
    ///
    /// Nothing is billed. The exit code is 1 if a camera brings no video.
    Check {
        /// The TOML file with the cameras, as for run
        file: PathBuf,
        /// Print JSON Lines
        #[arg(long)]
        json: bool,
    },
    /// Make the work queue hold exactly the cameras of a file
    Enqueue {
        /// The TOML file with the cameras, as for run
        file: PathBuf,
        /// The URL of a NATS server with JetStream: nats://host:4222
        #[arg(long, env = "NATS_URL", hide_env_values = true)]
        nats: String,
    },
    /// Run cameras from the work queue, as one of several replicas
    Work {
        /// A TOML file with keys, metrics and deliver, as for run, but without cameras
        settings: Option<PathBuf>,
        /// The URL of a NATS server with JetStream; answers go there too, unless the settings name another server
        #[arg(long, env = "NATS_URL", hide_env_values = true)]
        nats: String,
        /// How many cameras to run at the same time [default: five for each key]
        #[arg(long)]
        capacity: Option<NonZeroUsize>,
        /// Other replicas take the cameras of this one after it is silent for this long
        #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u64).range(3..=3600))]
        ack_wait_seconds: u64,
        #[command(flatten)]
        process: ProcessArguments,
    },
}

#[cfg(test)]
#[path = "../../common/man_pages.rs"]
mod man_pages;

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::config::Settings;

    const COMPOSE: &str = include_str!("../compose.yaml");
    const KUBERNETES: &str = include_str!("../kubernetes.yaml");

    #[test]
    fn the_manual_pages_are_current() {
        man_pages::check(Options::command(), env!("CARGO_MANIFEST_DIR"));
    }

    /// Fails if the program does not accept these arguments.
    fn assert_accepted<'a>(arguments: impl Iterator<Item = &'a str>) {
        let nats = ["--nats", "nats://nats"];
        let all = ["overshoot-cameras"]
            .into_iter()
            .chain(arguments)
            .chain(nats);
        Options::try_parse_from(all).expect("the arguments are accepted");
    }

    /// The JSON lists after a key, each on one line.
    fn lists<'a>(text: &'a str, key: &str) -> Vec<Vec<&'a str>> {
        let lists = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix(key));
        lists
            .map(|list| serde_json::from_str(list).expect("a list"))
            .collect()
    }

    #[test]
    fn the_help_says_how_to_begin() {
        use clap::CommandFactory;
        let mut command = Options::command();
        command.clone().debug_assert();
        let help = command.render_help().to_string();
        for part in [
            "OVERSHOOT_API_KEY",
            "run --emulator cameras.toml",
            "cameras.toml shows each field",
        ] {
            assert!(help.contains(part), "{help}");
        }
    }

    #[test]
    fn the_container_files_use_valid_arguments() {
        let commands = lists(COMPOSE, "command: ");
        let own = commands
            .iter()
            .filter(|command| !command[0].starts_with("--"));
        let counted = own
            .map(|command| assert_accepted(command.iter().copied()))
            .count();
        assert_eq!(counted, 2, "replicas and enqueue: {commands:?}");
        let job = "args: [\"enqueue\", \"/cameras/cameras.toml\"]";
        assert!(KUBERNETES.contains(job));
        assert_accepted(lists(job, "args: ")[0].iter().copied());
        let scripts = KUBERNETES
            .lines()
            .filter_map(|line| line.trim().strip_prefix("exec overshoot-cameras "));
        let counted = scripts
            .map(|script| assert_accepted(script.split_whitespace()))
            .count();
        assert_eq!(counted, 1);
    }

    #[test]
    fn the_settings_in_kubernetes_yaml_are_valid() {
        let lines = KUBERNETES
            .lines()
            .skip_while(|line| line.trim() != "settings.toml: |");
        let lines = lines.skip(1).take_while(|line| line.starts_with("    "));
        let text = lines.collect::<Vec<_>>().join("\n");
        let settings: Settings = toml::from_str(&text).expect("settings");
        let port = settings.metrics.expect("metrics").port();
        assert!(KUBERNETES.contains(&format!("containerPort: {port}")));
    }
}

//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Asks a vision-language model about many RTSP cameras at once.
///
/// Answers are JSON Lines on stdout, and go to brokers and webhooks that the file names. Keys come from the
/// environment, OVERSHOOT_API_KEY or those that the file names; without any, an emulator in this process
/// answers. OVERSHOOT_API_URL is the address of the service.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Options {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the cameras of a file in this process
    Run {
        /// The cameras, as in examples/cameras/cameras.toml
        file: PathBuf,
        /// Log lines, also where stderr is a terminal
        #[arg(long)]
        no_table: bool,
    },
    /// Make the work queue hold the cameras of a file, and no others
    Enqueue {
        /// The cameras, as for run
        file: PathBuf,
        /// A NATS server with JetStream: nats://host:4222
        #[arg(long, env = "NATS_URL", hide_env_values = true)]
        nats: String,
    },
    /// Take cameras from the work queue, as a replica, and run them
    Work {
        /// Keys, metrics and ways of answers, as in a file for run, without cameras
        settings: Option<PathBuf>,
        /// A NATS server with JetStream; answers go there, too, unless the settings say otherwise
        #[arg(long, env = "NATS_URL", hide_env_values = true)]
        nats: String,
        /// Cameras at a time; unset: five for each key
        #[arg(long)]
        capacity: Option<NonZeroUsize>,
        /// After so long without a word of this replica, others take its cameras
        #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u64).range(3..=3600))]
        ack_wait_seconds: u64,
        /// Log lines, also where stderr is a terminal
        #[arg(long)]
        no_table: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    const COMPOSE: &str = include_str!("../compose.yaml");
    const KUBERNETES: &str = include_str!("../kubernetes.yaml");

    /// That the program takes these arguments.
    fn takes<'a>(arguments: impl Iterator<Item = &'a str>) {
        let nats = ["--nats", "nats://nats"];
        let all = ["overshoot-cameras"]
            .into_iter()
            .chain(arguments)
            .chain(nats);
        Options::try_parse_from(all).expect("it takes them");
    }

    /// The lists that stand in one line after a key.
    fn lists<'a>(text: &'a str, key: &str) -> Vec<Vec<&'a str>> {
        let lists = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix(key));
        lists
            .map(|list| serde_json::from_str(list).expect("a list"))
            .collect()
    }

    #[test]
    fn the_files_for_containers_run_the_program_as_it_is() {
        let commands = lists(COMPOSE, "command: ");
        let own = commands
            .iter()
            .filter(|command| !command[0].starts_with("--"));
        let counted = own.map(|command| takes(command.iter().copied())).count();
        assert_eq!(counted, 2, "replicas and enqueue: {commands:?}");
        let job = "args: [\"enqueue\", \"/cameras/cameras.toml\"]";
        assert!(KUBERNETES.contains(job));
        takes(lists(job, "args: ")[0].iter().copied());
        let scripts = KUBERNETES
            .lines()
            .filter_map(|line| line.trim().strip_prefix("exec overshoot-cameras "));
        let counted = scripts
            .map(|script| takes(script.split_whitespace()))
            .count();
        assert_eq!(counted, 1);
    }

    #[test]
    fn the_settings_for_kubernetes_are_right() {
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
